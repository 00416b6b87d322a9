"""Measures what the neighbours of a detection say about it: digits stand in lines."""

import numpy as np

from common.finding.settings import SETTINGS, Settings


def line_support(
    boxes: np.ndarray, scores: np.ndarray, settings: Settings = SETTINGS
) -> np.ndarray:
    """Measures how much the marks on the line of each detection look like digits.

    A 1 is a mere stroke, and many letters and scribbles look like a digit. A number around it, or
    a word, tells which it is. Marks count in proportion to how well they match the height and the
    size of the detection.

    Args:
        boxes: Boxes of the detections, float (N, 4): x, y, width, height in pixels.
        scores: Scores of the detections, float (N,), 0 to 1.
        settings: How much neighbours count.

    Returns:
        float (N,), from -1, if all neighbours are unlikely to be digits, to 1, if all are certain;
        0 without neighbours.
    """
    size = boxes[:, 2:].max(axis=1)
    middle = boxes[:, 1] + boxes[:, 3] / 2
    ratio = np.log(size[None] / size[:, None]) / settings.size_spread
    offset = (middle[None] - middle[:, None]) / size[:, None]
    weight = np.exp(-(ratio**2) / 2 - offset**2)
    np.fill_diagonal(weight, 0)
    digits, others = weight @ scores, weight @ (1 - scores)
    return np.asarray((digits - others) / (digits + others + settings.alone))
