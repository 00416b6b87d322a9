"""Measures what the neighbours of a detection say about it: digits stand in lines."""

import numpy as np

from common.finding.settings import SETTINGS, Settings


def line_support(
    boxes: np.ndarray, scores: np.ndarray, settings: Settings = SETTINGS
) -> np.ndarray:
    """Measures how much the marks on the line of each detection look like digits.

    A 1 is a mere stroke, and many letters and scribbles look like a digit. A number around it, or
    a word, tells which it is. Marks of the same size at the same level count most, at any distance.

    Args:
        boxes: Boxes of the detections, float (N, 4): x, y, width, height in pixels.
        scores: Scores of the detections, float (N,), 0 to 1.
        settings: How much neighbours count.

    Returns:
        float (N,), between -1 and 1: positive if most marks on its line are probably digits,
        negative if not; the more marks, the larger the absolute value; 0 without neighbours.
    """
    size = boxes[:, 2:].max(axis=1, initial=1e-6)
    middle = boxes[:, 1] + boxes[:, 3] / 2
    ratio = np.log(size[None] / size[:, None]) / settings.size_spread
    offset = (middle[None] - middle[:, None]) / size[:, None]  # in sizes of the detection
    weight = np.exp(-(ratio**2) / 2 - offset**2)
    np.fill_diagonal(weight, 0)
    digits, others = weight @ scores, weight @ (1 - scores)
    return np.asarray((digits - others) / (digits + others + settings.alone))
