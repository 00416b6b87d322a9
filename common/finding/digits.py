"""What the finder says of a page: which marks are digits, and the digits cut out."""

import math

import numpy as np

from common.finding.finder import Detection
from common.finding.inks import digit_ink
from common.finding.overlap import overlaps
from common.reading import Box, Glyph

MIN_SCORE = 0.4  # of the finder's own digit that confirms a mark
MIN_OVERLAP = 0.3  # intersection over union of a mark's box and the finder's box of the same digit
MIN_INSIDE = 0.7  # or share of the smaller of the two boxes that lies inside the other


def is_seen(box: Box, found: list[Detection]) -> bool:
    """Whether the finder also detects a digit in a box."""
    sure = [(d.x, d.y, d.width, d.height) for d in found if d.score >= MIN_SCORE]
    mark = np.array([(box.x, box.y, box.width, box.height)], float)
    shares, inside = overlaps(mark, np.array(sure).reshape(-1, 4))
    return bool(((shares > MIN_OVERLAP) | (inside > MIN_INSIDE)).any())


def cut_out(page: np.ndarray, found: list[Detection]) -> list[Glyph]:
    """Cuts the digits out of a page.

    All are on line 0: their lines are known when it is known which of them are digits.

    Args:
        page: uint8 (height, width), upright; ink darker or lighter than the paper.
        found: What the finder found on it.

    Returns:
        The digits in the order of `found`, with their boxes in whole pixels inside the page.
    """
    return [
        Glyph(_box(digit, page), 0, digit_ink(page, digit, found), digit.score) for digit in found
    ]


def _box(digit: Detection, page: np.ndarray) -> Box:
    height, width = page.shape
    left = min(max(math.floor(digit.x), 0), width - 1)
    top = min(max(math.floor(digit.y), 0), height - 1)
    right = min(max(math.ceil(digit.x + digit.width), left + 1), width)
    bottom = min(max(math.ceil(digit.y + digit.height), top + 1), height)
    return Box(left, top, right - left, bottom - top)
