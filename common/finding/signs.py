"""Recognises the signs . , - + : / between the digits of a line.

The finder detects only digits, so signs are recognised by rules. A mark between two digits is a
sign if it belongs to neither digit and has the shape and the position of the sign. The networks
read a slash as a 1; `slashes` distinguishes the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from common.preprocessing import resized
from common.reading import DOUBTFUL, Box

SIGNS = ".,-+:/"

# Lengths are in digit heights. Tuned on 500 generated lines of MNIST training digits; see
# `benchmarks/signs.py`.
MIN_HEIGHT = 16  # pixels; between smaller digits, signs have too few pixels
CROP_HEIGHT = 64  # pixels; larger digits are reduced to this height
MAX_SIDE = 1.0  # width and height of a sign other than a slash
MIN_DOT, MAX_DOT = 0.1, 0.33  # sides of a dot; smaller marks are dirt
MAX_DOT_BELOW, MIN_COMMA_BELOW = 0.04, 0.11  # length of the part of the mark below the digits
MAX_COMMA = 0.4, 0.65  # width and height of a comma
MIN_LEAN = 0.15  # negative correlation between the rows and the columns of a comma's pixels
MIN_DASH = 0.3  # width of a dash
MAX_FLAT = 0.6  # height of a dash, as a share of its width
MIN_FILLED = 0.55  # share of the bounding box that a dash or dot fills
MIN_PLUS, MAX_PLUS = 0.3, 0.85  # sides of a plus
MAX_ASPECT = 1.5  # longer side of a dot or plus, divided by the shorter side
MAX_CORNER = 0.12  # share of ink in each corner of the bounding box of a plus

# Vertical positions of the centres of signs: 0 is the top of the digits, and 1 is their bottom.
MIDDLE = (0.1, 0.7)  # dashes and pluses
BASE = (0.75, 1.1)  # dots; commas may be lower
LINE = (0.0, 1.25)  # all signs except slashes

SURE_SLASH = 0.7  # minimum probability of a slash; a mark with less is doubtful


@dataclass(frozen=True)
class Slash:
    """A mark that may be a slash.

    Attributes:
        box: Its bounding box, in pixels of the upright page.
        probability: Probability that it is a slash and not a 1, 0 to 1.
    """

    box: Box
    probability: float


@dataclass(frozen=True)
class _Mark:
    """A connected component between two digits. Lengths are in digit heights.

    Attributes:
        width, height: Sides of the bounding box.
        x: Horizontal distance of the centre from the left edge of the digit before the mark.
        level: Vertical position of the centre; 0 is the top of the digits, and 1 is their bottom.
        below: Distance that the mark extends below the digits; negative if it does not.
        mask: Pixels of the component, bool (rows, columns).
    """

    width: float
    height: float
    x: float
    level: float
    below: float
    mask: np.ndarray


def signs_after(page: np.ndarray, boxes: Sequence[Box], slashes: Sequence[Slash] = ()) -> list[str]:
    """Returns the sign after each digit of a line.

    Args:
        page: The upright page, uint8 (height, width).
        boxes: The bounding boxes of the digits, from left to right.
        slashes: All marks on the page that may be slashes.

    Returns:
        For each digit, one of `SIGNS`, `DOUBTFUL` for a mark that may not be a sign, or "" for no
        sign. The last digit has no sign.
    """
    height = float(np.median([box.height for box in boxes]))
    signs = []
    for pair in pairwise(boxes):
        sign = _slash(*pair, slashes)
        signs.append(sign or ("" if height < MIN_HEIGHT else _sign(page, *pair, height)))
    return [*signs, ""]


def ink_mask(page: np.ndarray) -> np.ndarray:
    """Separates ink from paper. Paper must cover more than half of the pixels.

    Args:
        page: A small part of a page, uint8 (height, width); ink darker or lighter than the paper.

    Returns:
        The ink, uint8 (height, width), 0 or 1.
    """
    _, mask = cv2.threshold(page, 0, 1, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    return np.asarray(1 - mask if mask.mean() > 0.5 else mask)


def _slash(left: Box, right: Box, slashes: Sequence[Slash]) -> str:
    """Returns the slash between two digits, `DOUBTFUL`, or "" if there is none."""
    start, end = left.x + left.width / 2, right.x + right.width / 2
    top, bottom = min(left.y, right.y), max(left.bottom, right.bottom)
    between = [
        slash
        for slash in slashes
        if start < slash.box.x + slash.box.width / 2 < end
        and top < slash.box.y + slash.box.height / 2 < bottom
    ]
    if not between:
        return ""
    return "/" if len(between) == 1 and between[0].probability >= SURE_SLASH else DOUBTFUL


def _sign(page: np.ndarray, left: Box, right: Box, height: float) -> str:
    marks = _marks(page, left, right, height)
    if not marks:
        return ""
    if len(marks) > 2 or any(mark.height > MAX_SIDE for mark in marks):
        return ""  # the marks are other writing or a shadow
    if len(marks) == 1:
        tests = {".": _is_dot, ",": _is_comma, "-": _is_dash, "+": _is_plus}
        return next((sign for sign, test in tests.items() if test(marks[0])), DOUBTFUL)
    return ":" if _is_colon(*marks) else DOUBTFUL


def _marks(page: np.ndarray, left: Box, right: Box, height: float) -> list[_Mark]:
    """Finds the marks between two digits that belong to neither, sorted from top to bottom."""
    top, bottom = (left.y + right.y) / 2, (left.bottom + right.bottom) / 2
    y, x = max(0, round(top - 0.4 * height)), left.x
    crop = page[y : round(bottom + 0.6 * height), x : right.right]
    if min(crop.shape) < 2:
        return []
    scale = min(1.0, CROP_HEIGHT / height)
    crop = resized(crop, scale)
    mask = ink_mask(crop)
    digits = np.zeros(mask.shape, bool)
    for box in (left, right):
        corners = (box.y - y, box.bottom - y, box.x - x, box.right - x)
        first_row, end_row, first, end = (max(0, round(scale * place)) for place in corners)
        digits[first_row:end_row, first:end] = True
    count, labels, stats, centers = cv2.connectedComponentsWithStats(mask, connectivity=8)
    inside = np.bincount(labels.ravel(), digits.ravel(), count)
    start, stop = (scale * (box.x + box.width / 2 - x) for box in (left, right))
    unit = scale * height
    marks = []
    for index in np.flatnonzero(stats[1:, 2:4].max(axis=1, initial=0) >= MIN_DOT * unit) + 1:
        across, down, wide, high, area = stats[index].tolist()
        mark = _Mark(
            wide / unit,
            high / unit,
            (across + wide / 2) / unit,
            (y + (down + high / 2) / scale - top) / (bottom - top),
            (y + (down + high) / scale - bottom) / height,
            labels[down : down + high, across : across + wide] == index,
        )
        is_between = start < centers[index][0] < stop and inside[index] <= 0.5 * area
        if is_between and mark.width <= MAX_SIDE and LINE[0] <= mark.level <= LINE[1]:
            marks.append(mark)
    return sorted(marks, key=lambda mark: mark.level)


def _is_round(mark: _Mark) -> bool:
    sides = sorted((mark.width, mark.height))
    is_round = sides[0] >= MIN_DOT and sides[1] <= min(MAX_DOT, MAX_ASPECT * sides[0])
    return is_round and float(mark.mask.mean()) >= MIN_FILLED


def _is_dot(mark: _Mark) -> bool:
    return _is_round(mark) and mark.below <= MAX_DOT_BELOW and BASE[0] <= mark.level <= BASE[1]


def _is_comma(mark: _Mark) -> bool:
    long = mark.width <= min(mark.height, MAX_COMMA[0]) and mark.height <= MAX_COMMA[1]
    # A mark that is too tall for a dot may be a comma even if little of it is below the digits.
    low = mark.below >= (MIN_COMMA_BELOW if mark.height <= MAX_DOT else MAX_DOT_BELOW)
    rows, columns = np.nonzero(mark.mask)
    leans = rows.std() * columns.std() > 0 and np.corrcoef(rows, columns)[0, 1] <= -MIN_LEAN
    return bool(long and low and leans and mark.level >= BASE[0])


def _is_dash(mark: _Mark) -> bool:
    flat = mark.width >= MIN_DASH and mark.height <= MAX_FLAT * mark.width
    in_middle = MIDDLE[0] <= mark.level <= MIDDLE[1]
    return bool(flat and in_middle and mark.mask.mean() >= MIN_FILLED)


def _is_plus(mark: _Mark) -> bool:
    sides = sorted((mark.width, mark.height))
    square = sides[0] >= MIN_PLUS and sides[1] <= min(MAX_PLUS, MAX_ASPECT * sides[0])
    if not square or not MIDDLE[0] <= mark.level <= MIDDLE[1]:
        return False
    rows, columns = (max(1, round(side / 5)) for side in mark.mask.shape)
    ends = [(slice(None, size), slice(-size, None)) for size in (rows, columns)]
    corners = [mark.mask[down, across].mean() for down in ends[0] for across in ends[1]]
    crossing = mark.mask[mark.mask.shape[0] // 2, mark.mask.shape[1] // 2]
    return bool(crossing and max(corners) <= MAX_CORNER)


def _is_colon(upper: _Mark, lower: _Mark) -> bool:
    return _is_round(upper) and _is_round(lower) and abs(upper.x - lower.x) <= MAX_DOT
