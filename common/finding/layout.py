"""Puts boxes into reading order: lines from top to bottom, each from left to right."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

MAX_TILT = 0.7  # slope (35 degrees); steeper neighbours are on different lines
MAX_DISTANCE = 3.0  # digit heights between neighbours that determine the tilt


class Placed(Protocol):
    """Anything with a box on a page, in pixels."""

    @property
    def x(self) -> float: ...  # noqa: D102

    @property
    def y(self) -> float: ...  # noqa: D102

    @property
    def width(self) -> float: ...  # noqa: D102

    @property
    def height(self) -> float: ...  # noqa: D102


def lines_of(places: Sequence[Placed]) -> list[list[int]]:
    """Groups boxes into lines of writing.

    First, the tilt of the lines is removed, estimated as the median slope between neighbours. Then,
    from left to right, each box joins the line whose last box shares the most rows with it.

    Args:
        places: Boxes in any order.

    Returns:
        One list of indices into `places` for each line, in reading order.
    """
    if not places:
        return []
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


def _tilt(centers: np.ndarray, heights: np.ndarray) -> float:
    """Returns the median slope from each box to its nearest neighbour on the right; 0 if none."""
    slopes = []
    for center, height in zip(centers, heights, strict=True):
        dx, dy = (centers - center).T
        beside = (dx > 0.2 * height) & (np.abs(dy) < MAX_TILT * dx) & (dx < MAX_DISTANCE * height)
        if beside.any():
            nearest = np.argmin(np.where(beside, np.hypot(dx, 2 * dy), np.inf))
            slopes.append(dy[nearest] / dx[nearest])
    return float(np.median(slopes)) if slopes else 0.0
