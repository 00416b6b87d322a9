"""Sorts digits into reading order and groups them into lines and numbers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from common.finding.signs import Slash, signs_after
from common.reading import DigitReading, Placed

MAX_TILT = 0.7  # slope, 35 degrees; steeper slopes between digits are not those of a line
MAX_DISTANCE = 3.0  # digit heights; neighbours farther away are not used to estimate the tilt

# Gaps between digits, in digit heights. Tuned on 3,000 generated lines of MNIST training digits;
# see `benchmarks/numbers.py`.
MIN_GAP = 0.8  # smaller gaps never separate numbers
MIN_EXCESS = 0.4  # a gap between numbers exceeds the usual gap inside numbers by at least this
MIN_WIDTH = 0.5  # minimum width of digits when gaps are measured; 1s are written as if wider


def in_lines(
    digits: list[DigitReading], page: np.ndarray, slashes: Sequence[Slash]
) -> tuple[DigitReading, ...]:
    """Sorts digits into reading order, and sets their lines, numbers and signs.

    Args:
        digits: The digits in any order.
        page: The upright page, uint8 (height, width), for finding signs other than slashes.
        slashes: Marks on the page that may be slashes.
    """
    sorted_digits: list[DigitReading] = []
    for count, line in enumerate(lines_of([digit.box for digit in digits])):
        boxes = [digits[i].box for i in line]
        sorted_digits += (
            replace(digits[i], line=count, number=number, sign=sign)
            for i, number, sign in zip(
                line, numbers_of(boxes), signs_after(page, boxes, slashes), strict=True
            )
        )
    return tuple(sorted_digits)


def lines_of(places: Sequence[Placed]) -> list[list[int]]:
    """Groups boxes into lines of writing.

    First, the tilt of the lines is estimated as the median slope between neighbours, and removed.
    Then, from left to right, each box joins the line whose last box shares the most rows with it. A
    box that shares no rows with the last box of any line starts a new line.

    Args:
        places: Boxes in any order.

    Returns:
        One list of indices into `places` for each line, in reading order.
    """
    if len(places) < 2:
        return [[index] for index in range(len(places))]
    centers = np.array([(p.x + p.width / 2, p.y + p.height / 2) for p in places])
    heights = np.array([p.height for p in places])
    level = centers[:, 1] - _tilt(centers, heights) * centers[:, 0]
    lines: list[list[int]] = []
    for index in np.argsort(centers[:, 0], kind="stable"):
        best, most = None, 0.0
        for line in lines:
            last = line[-1]
            half = (heights[last] + heights[index]) / 2
            shared = (half - abs(level[last] - level[index])) / min(heights[last], heights[index])
            if shared > most:
                best, most = line, shared
        if best is None:
            lines.append([int(index)])
        else:
            best.append(int(index))
    return sorted(lines, key=lambda line: float(np.mean(level[line])))


def numbers_of(places: Sequence[Placed]) -> list[int]:
    """Groups the boxes of a line into numbers.

    A gap separates two numbers if it is wide compared to both the digits and the usual gap inside
    numbers. The usual gap is the lower quartile of the narrow gaps on the line or, without narrow
    gaps, of all gaps. Digits that are far apart but evenly spaced, such as those in the boxes of a
    form, are therefore one number.

    Args:
        places: The boxes from left to right; at least one.

    Returns:
        For each box, the index of its number on the line, counted from 0.
    """
    if len(places) == 1:
        return [0]
    height = float(np.median([place.height for place in places]))
    centers = np.array([place.x + place.width / 2 for place in places])
    widths = np.maximum([place.width for place in places], MIN_WIDTH * height)
    gaps = np.diff(centers) - (widths[1:] + widths[:-1]) / 2
    narrow = gaps[gaps < MIN_GAP * height]  # certainly inside numbers
    usual = float(np.quantile(narrow if narrow.size else gaps, 0.25)) if len(gaps) > 1 else 0.0
    apart = gaps > max(MIN_GAP * height, usual + MIN_EXCESS * height)
    return [0, *np.cumsum(apart).tolist()]


def _tilt(centers: np.ndarray, heights: np.ndarray) -> float:
    """Returns the median slope between boxes and their nearest neighbours on the right, or 0."""
    slopes = []
    for center, height in zip(centers, heights, strict=True):
        dx, dy = (centers - center).T
        beside = (dx > 0.2 * height) & (np.abs(dy) < MAX_TILT * dx) & (dx < MAX_DISTANCE * height)
        if beside.any():
            nearest = np.argmin(np.where(beside, np.hypot(dx, 2 * dy), np.inf))
            slopes.append(dy[nearest] / dx[nearest])
    return float(np.median(slopes)) if slopes else 0.0
