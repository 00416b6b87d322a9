"""From a grey page to its digits: found and cut out."""

import math

import numpy as np

from common.finding.finder import Detection, find
from common.finding.inks import digit_ink
from common.reading import Box, Glyph
from common.storage.loading import Finder


def found_digits(page: np.ndarray, finder: Finder) -> list[Glyph]:
    """The digits of a page, the likeliest first.

    All are on line 0: their lines are known when it is known which of them are digits.

    Args:
        page: uint8 (height, width), upright; ink darker or lighter than the paper.
        finder: The network that finds them.

    Returns:
        The digits with their boxes in pixels of `page`.
    """
    found = find(page, finder)
    return [
        Glyph(_box(digit, page), 0, digit_ink(page, digit, found), digit.score) for digit in found
    ]


def _box(digit: Detection, page: np.ndarray) -> Box:
    """The box in whole pixels, inside the page."""
    height, width = page.shape
    left = min(max(math.floor(digit.x), 0), width - 1)
    top = min(max(math.floor(digit.y), 0), height - 1)
    right = min(max(math.ceil(digit.x + digit.width), left + 1), width)
    bottom = min(max(math.ceil(digit.y + digit.height), top + 1), height)
    return Box(left, top, right - left, bottom - top)
