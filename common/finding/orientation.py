"""Finds the orientation of a page in which its digits are upright.

If the digits on a page have low scores, the finder runs on it in all four orientations. Upright
digits have the highest scores.
"""

import numpy as np

from common.finding.finder import Detection, find
from common.finding.settings import SETTINGS, Settings
from common.preprocessing import resized
from common.reading import Box
from common.storage.loading import Finder

MAX_SIDE = 768  # pixels; maximum longer side of the page when orientations are compared


def evidence(found: list[Detection]) -> float:
    """Returns the evidence for upright digits: the sum of `score - 0.5` of all detections.

    On a page that lies on its side, letters may be detected as digits. Their scores are low, so
    they reduce the sum.
    """
    return sum(digit.score - 0.5 for digit in found)


def rotation_of(
    page: np.ndarray, finder: Finder, found: list[Detection], settings: Settings = SETTINGS
) -> int:
    """Returns the clockwise rotation in degrees that makes the digits on a page upright.

    Args:
        page: The page, uint8 (height, width).
        finder: The network.
        found: The detections on the page in its current orientation.
        settings: Thresholds for turning the page.

    Returns:
        0, 90, 180 or 270; 0 unless another orientation is clearly better.
    """
    if _median_score(found) >= settings.min_upright_score:
        return 0
    small = resized(page, min(1.0, MAX_SIDE / max(page.shape)))
    digits = {
        angle: find(turned(small, angle), finder, settings, MAX_SIDE) for angle in (0, 90, 180, 270)
    }
    found_evidence = {angle: evidence(found) for angle, found in digits.items()}
    best = max(found_evidence, key=lambda angle: found_evidence[angle])
    more = found_evidence[best] - max(0.0, found_evidence[0])
    return best if more >= settings.turned_evidence else 0


def _median_score(found: list[Detection]) -> float:
    return float(np.median([digit.score for digit in found])) if found else 0.0


def turned(page: np.ndarray, angle: int) -> np.ndarray:
    """Returns a page turned clockwise by `angle` degrees, a multiple of 90."""
    return np.ascontiguousarray(np.rot90(page, -angle // 90))


def turned_back(box: Box, angle: int, height: int, width: int) -> Box:
    """Converts a box on the turned page to a box on the original page.

    Args:
        box: The box in pixels of the turned page.
        angle: Clockwise angle in degrees by which the page was turned: 0, 90, 180 or 270.
        height: Height of the original page in pixels.
        width: Width of the original page in pixels.
    """
    if angle == 90:
        return Box(box.y, height - box.right, box.height, box.width)
    if angle == 180:
        return Box(width - box.right, height - box.bottom, box.width, box.height)
    if angle == 270:
        return Box(width - box.bottom, box.x, box.height, box.width)
    return box
