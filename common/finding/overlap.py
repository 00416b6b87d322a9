"""Measures how much boxes overlap."""

import numpy as np

from common.finding.settings import Settings


def overlaps(boxes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measures the overlap of each pair of boxes.

    Args:
        boxes: Boxes, float (N, 4): x, y, width, height.
        others: Boxes in the same format, float (M, 4).

    Returns:
        Two float arrays (N, M) with values from 0 to 1: the intersection over union, and the share
        of the smaller box that lies inside the other.
    """
    shared, areas, other_areas = _areas(boxes, others)
    union = areas + other_areas - shared
    smaller = np.minimum(areas, other_areas)
    return shared / np.maximum(union, 1e-9), shared / np.maximum(smaller, 1e-9)


def best_matches(marks: np.ndarray, digits: np.ndarray, settings: Settings) -> np.ndarray | None:
    """Finds the digit that each mark matches best.

    A digit matches a mark if it overlaps the mark and covers most of it. A mark that consists of
    two touching digits matches neither of them, because each covers only a part of it.

    Args:
        marks: Boxes of marks, float (N, 4): x, y, width, height.
        digits: Boxes of digits in the same format, float (M, 4).
        settings: Parameters `max_overlap` and `max_inside`.

    Returns:
        Indices into `digits`, int (N,). None unless each mark matches a different digit.
    """
    shared, areas, other_areas = _areas(marks, digits)
    shares = shared / (areas + other_areas - shared)
    is_match = (shares > settings.max_overlap) & (shared > settings.max_inside * areas)
    if not is_match.size or not is_match.any(axis=1).all():
        return None
    best = np.where(is_match, shares, 0).argmax(axis=1)
    return best if len(set(best)) == len(marks) else None


def _areas(boxes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the areas of the intersections (N, M), of the boxes (N, 1) and the others (1, M)."""
    one, other = boxes[:, None], others[None]
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    shared = (high - low).clip(0).prod(axis=-1)
    return shared, one[..., 2:].prod(axis=-1), other[..., 2:].prod(axis=-1)
