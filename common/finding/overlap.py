"""Measures how much boxes overlap."""

import numpy as np


def overlaps(boxes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measures the overlap of each pair of boxes.

    Args:
        boxes: Boxes, float (N, 4): x, y, width, height.
        others: Boxes in the same format, float (M, 4).

    Returns:
        Two float arrays (N, M) with values from 0 to 1: the intersection over union, and the share
        of the smaller box that lies inside the other.
    """
    one, other = boxes[:, None], others[None]
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    shared = (high - low).clip(0).prod(axis=-1)
    area, other_area = one[..., 2:].prod(axis=-1), other[..., 2:].prod(axis=-1)
    union = area + other_area - shared
    smaller = np.minimum(area, other_area)
    return shared / np.maximum(union, 1e-9), shared / np.maximum(smaller, 1e-9)
