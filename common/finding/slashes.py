"""Distinguishes slashes from 1s.

A slash and a 1 both consist of a single stroke, and both networks judge each mark on its own.
Compared with the digits beside it, however, a slash leans more and is often longer.
"""

from collections.abc import Sequence

import numpy as np

from common.calibration import sigmoid
from common.finding.layout import lines_of
from common.finding.signs import ink_mask
from common.reading import Box, DigitReading

ABOVE_WEIGHT, BELOW_WEIGHT, LEAN_WEIGHT, BIAS = 9.22, 12.67, 7.25, -4.68
"""Coefficients of the logistic regression in `slash_probabilities`, fitted on 1,008 marks on
generated lines. `python -m benchmarks.fit_slashes` fits them again."""


def slash_probabilities(
    page: np.ndarray, marks: Sequence[DigitReading], digits: Sequence[DigitReading]
) -> np.ndarray:
    """Returns the probability that each mark is a slash.

    Args:
        page: The upright page, uint8 (height, width).
        marks: Marks in any order; some or all of them may be among the digits.
        digits: The digits on the page, in any order.

    Returns:
        The probabilities, float (N,). The probability of a mark is 0 unless it was read as a 1 and
        stands between two digits of a line.
    """
    probabilities = np.zeros(len(marks))
    for index, comparison in comparisons(page, marks, digits).items():
        log_odds = comparison @ (ABOVE_WEIGHT, BELOW_WEIGHT, LEAN_WEIGHT) + BIAS
        probabilities[index] = sigmoid(log_odds)
    return probabilities


def comparisons(
    page: np.ndarray, marks: Sequence[DigitReading], digits: Sequence[DigitReading]
) -> dict[int, np.ndarray]:
    """Compares each mark that may be a slash with the digits of its line.

    Args:
        page: The upright page, uint8 (height, width).
        marks: Marks in any order; some or all of them may be among the digits.
        digits: The digits on the page, in any order.

    Returns:
        A dict with an entry for each mark that was read as a 1 and stands between two digits. The
        key is the index of the mark. The value, float (3,), states how far the mark extends above
        and below its two neighbours, as shares of the median digit height on the line, and how much
        more it leans to the right than the digits of the line.
    """
    if len(digits) < 2:  # nothing stands between two digits
        return {}
    ones = {index: mark.box for index, mark in enumerate(marks) if mark.digit == 1}
    found: dict[int, np.ndarray] = {}
    for places in lines_of([digit.box for digit in digits]) if ones else []:
        line = [digits[place].box for place in places]
        top, bottom = min(box.y for box in line), max(box.bottom for box in line)
        near = {i: box for i, box in ones.items() if top < box.y + box.height / 2 < bottom}
        leans = np.array([_lean(page, box) for box in line]) if near else np.zeros(0)
        for index, box in near.items():
            comparison = _comparison(box, _lean(page, box), line, leans)
            if comparison is not None:
                found[index] = comparison
    return found


def _comparison(box: Box, lean: float, line: Sequence[Box], leans: np.ndarray) -> np.ndarray | None:
    """Compares one mark with a line; None unless it stands between two digits of the line."""
    middle = box.x + box.width / 2
    others = np.array([other != box for other in line])
    centers = np.array([other.x + other.width / 2 for other in line])
    left = np.flatnonzero(others & (centers < middle))
    right = np.flatnonzero(others & (centers > middle))
    if not len(left) or not len(right):
        return None
    beside = [line[left[-1]], line[right[0]]]
    top = np.mean([digit.y for digit in beside])
    bottom = np.mean([digit.bottom for digit in beside])
    if not top < box.y + box.height / 2 < bottom:
        return None
    height = np.median([digit.height for digit in line])
    above, below = (top - box.y) / height, (box.bottom - bottom) / height
    return np.array([above, below, lean - np.median(leans[others])])


def _lean(page: np.ndarray, box: Box) -> float:
    """Returns the lean of the ink in a box, in columns to the right per row upwards."""
    mask = ink_mask(page[max(box.y, 0) : box.bottom, max(box.x, 0) : box.right])
    rows, columns = np.nonzero(mask)
    if len(rows) < 2 or np.ptp(rows) == 0:
        return 0.0
    covariance = np.cov(rows, columns)
    return float(-covariance[0, 1] / covariance[0, 0])
