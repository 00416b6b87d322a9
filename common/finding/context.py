"""Measures how strongly the neighbours of a detection suggest that it is a digit."""

import numpy as np

from common.finding.settings import SETTINGS, Settings


def line_support(
    boxes: np.ndarray, scores: np.ndarray, settings: Settings = SETTINGS
) -> np.ndarray:
    """Measures whether the neighbours of each detection look like digits.

    A 1 is a mere stroke, and many letters and scribbles look like digits. The neighbours help to
    distinguish them, because most neighbours of a digit are digits, and most neighbours of a letter
    are letters. A neighbour counts most if it has the same size and is at the same height on the
    page. The horizontal distance does not matter.

    Args:
        boxes: Boxes of the detections, float (N, 4): x, y, width, height in pixels.
        scores: Scores of the detections, float (N,), 0 to 1.
        settings: Parameters `size_spread` and `support_damping`.

    Returns:
        The support for each detection, float (N,), -1 to 1. It is positive if most neighbours are
        probably digits, negative if most are not, and 0 without neighbours. The more neighbours
        there are, the larger its absolute value.
    """
    size = boxes[:, 2:].max(axis=1, initial=1e-6)
    middle = boxes[:, 1] + boxes[:, 3] / 2
    ratio = np.log(size[None] / size[:, None]) / settings.size_spread
    # Vertical distance between detections, in multiples of the size of the first one.
    offset = (middle[None] - middle[:, None]) / size[:, None]
    weight = np.exp(-(ratio**2) / 2 - offset**2)
    np.fill_diagonal(weight, 0)
    digits, others = weight @ scores, weight @ (1 - scores)
    return np.asarray((digits - others) / (digits + others + settings.support_damping))
