"""Which way up a page lies: the finder is surest of digits that stand upright."""

from dataclasses import dataclass

import numpy as np

from common.finding.finder import Detection, FindingSettings, find
from common.preprocessing import resized
from common.reading import Box
from common.storage.loading import Finder


@dataclass(frozen=True)
class OrientationSettings:
    """What decides whether a page is turned.

    Attributes:
        min_score: Median score of the digits on an upright page. On generated pages and real images
            without digits, it is 0.74 or more on pages that were turned upright, else at most 0.68.
        min_digits: Digits on a page that is turned; one digit alone may be a 6 or a 9.
        min_ratio: How many times the evidence for the page as it is another rotation needs.
        max_side: Longer side in pixels of the reduced page on which rotations are compared.
    """

    min_score: float = 0.7
    min_digits: int = 2
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
    if _median_score(found) >= settings.min_score:
        return 0
    small = resized(page, min(1.0, settings.max_side / max(page.shape)))
    scales = FindingSettings(max_side=settings.max_side)  # else small would be enlarged again
    digits = {angle: find(turned(small, angle), finder, scales) for angle in (0, 90, 180, 270)}
    best = max(digits, key=lambda angle: evidence(digits[angle]))
    is_clear = (
        len(digits[best]) >= settings.min_digits
        and _median_score(digits[best]) >= settings.min_score
        and evidence(digits[best]) >= settings.min_ratio * evidence(digits[0])
    )
    return best if is_clear else 0


def _median_score(found: list[Detection]) -> float:
    return float(np.median([digit.score for digit in found])) if found else 0.0


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
