"""Which way up a page lies: the finder is surest of digits that stand upright."""

from dataclasses import dataclass

import numpy as np

from common.finding.finder import Detection, find
from common.preprocessing import resized
from common.reading import Box
from common.storage.loading import Finder


@dataclass(frozen=True)
class OrientationSettings:
    """What decides whether a page is turned.

    Attributes:
        upright: Median score of the digits found from which on other rotations are not tried.
        min_evidence: Evidence that another rotation needs.
        min_ratio: How many times the evidence for the page as it is another rotation needs.
        max_side: Longer side in pixels of the reduced page on which rotations are compared.
    """

    upright: float = 0.75
    min_evidence: float = 0.6
    min_ratio: float = 1.5
    max_side: int = 768


def evidence(found: list[Detection]) -> float:
    """How much speaks for upright digits: 0 for doubtful ones, at most 0.5 for each sure one."""
    return sum(max(0.0, digit.score - 0.5) for digit in found)


def rotation_of(page: np.ndarray, finder: Finder, found: list[Detection]) -> int:
    """Degrees clockwise by which a page must be turned so that its digits stand upright.

    Args:
        page: uint8 (height, width).
        finder: The network.
        found: What it found on the page as it is.

    Returns:
        0, 90, 180 or 270; 0 unless another rotation is clearly better.
    """
    settings = OrientationSettings()
    if found and np.median([digit.score for digit in found]) >= settings.upright:
        return 0
    small = resized(page, min(1.0, settings.max_side / max(page.shape)))
    scores = {angle: evidence(find(turned(small, angle), finder)) for angle in (0, 90, 180, 270)}
    best = max(scores, key=lambda angle: scores[angle])
    needed = max(settings.min_evidence, settings.min_ratio * scores[0])
    return best if scores[best] >= needed else 0


def turned(page: np.ndarray, angle: int) -> np.ndarray:
    """A page turned clockwise by `angle` degrees, a multiple of 90."""
    return np.ascontiguousarray(np.rot90(page, -angle // 90))


def turned_back(box: Box, angle: int, height: int, width: int) -> Box:
    """Where a box of the turned page lies on the page as it was.

    Args:
        box: In pixels of the turned page.
        angle: Degrees clockwise by which the page was turned.
        height: Height of the page as it was, in pixels.
        width: Its width.
    """
    if angle == 90:
        return Box(box.y, height - box.right, box.height, box.width)
    if angle == 180:
        return Box(width - box.right, height - box.bottom, box.width, box.height)
    if angle == 270:
        return Box(width - box.bottom, box.x, box.height, box.width)
    return box
