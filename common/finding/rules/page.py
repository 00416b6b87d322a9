"""Finds the digits on a page by rules, and puts them in reading order."""

import warnings

import numpy as np

from common.finding.rules.marks import InkOnPage, Mark, digit_height, join_parts
from common.finding.rules.paper import ink_map
from common.finding.rules.segmentation import Judge, regrouped
from common.images.decoding import failures_named
from common.preprocessing import resized, stroke_width
from common.reading import Box, Glyph

MAX_SIDE = 2000  # pixels; larger pages are reduced first
MAX_FRAME_CANDIDATES = 20  # only this many of the largest marks are tested for being frames
SPECK = 0.2  # a speck has both sides below this share of the digits' height ...
SPECK_STROKES = 5  # ... and below this many stroke widths
MIN_SHARED_ROWS = 0.2  # share of rows that neighbours on a line have in common


def digits_on(
    image: np.ndarray, judge: Judge | None = None, name: str = "The image"
) -> list[Glyph]:
    """Finds the digits on an image.

    Args:
        image: uint8 (height, width), upright; dark ink on light paper or the reverse.
        judge: The same as for `find_digits`.
        name: Name of the image in warnings and errors.

    Returns:
        The digits in reading order, with their boxes in pixels of `image`.

    Raises:
        ImageError: There is not enough memory.
    """
    factor = max(1.0, max(image.shape) / MAX_SIDE)
    with failures_named(name):
        small = image if factor == 1 else resized(image, 1 / factor)
        glyphs = find_digits(ink_map(small), judge, name)
    if factor == 1:
        return glyphs
    return [Glyph(glyph.box.enlarged(factor), glyph.line, glyph.ink) for glyph in glyphs]


def find_digits(
    ink: np.ndarray, judge: Judge | None = None, name: str = "The image"
) -> list[Glyph]:
    """Finds the digits on a page and puts them in reading order.

    A mark is a connected component of ink. Specks and frames are dropped, marks close above one
    another are joined (such as the bar of a 5), and marks side by side form a line. Where positions
    are ambiguous, a network decides which marks to join, separate or cut, see `segmentation`.

    The work per page is limited by `MAX_MARKS`, `MAX_COVER` and `segmentation.MAX_JUDGED`. A page
    that exceeds a limit is read only in part, with a warning.

    Args:
        ink: float32 (height, width), 0 is paper, 1 is full ink.
        judge: Rates how sure the network is of each ink. Without it, only positions count, and
            nothing is cut.
        name: Name of the page in the warning.

    Returns:
        The digits line by line, from left to right; empty if there is no ink.
    """
    page = InkOnPage(ink)
    frames = {mark for mark in page.marks[:MAX_FRAME_CANDIDATES] if page.is_frame(mark)}
    digits = marks = [mark for mark in page.marks if mark not in frames]
    if not marks:
        return []
    height = digit_height(marks)
    if len(marks) > 1:
        stroke = stroke_width(ink)
        speck = SPECK * height if judge is None else min(SPECK * height, SPECK_STROKES * stroke)
        marks = [m for m in marks if max(m.box.width, m.box.height) >= speck]
        digits = join_parts(marks, height, stroke)
    # If even the smallest mark is not a speck, the omitted ones may be digits.
    crowded = page.omitted > 0 and page.marks[-1] in marks
    if judge is not None:
        digits, complete = regrouped(page, digits, height, judge)
        crowded = crowded or not complete
    if crowded:
        warnings.warn(f"{name} is too crowded; only part of it is read.", stacklevel=2)
    return [
        Glyph(mark.box, number, page.cut_out(mark))
        for number, line in enumerate(_lines(digits))
        for mark in line
    ]


def _lines(marks: list[Mark]) -> list[list[Mark]]:
    """Groups marks into lines from top to bottom, each sorted from left to right.

    Going from left to right, each mark joins the line whose last mark shares the most rows with it.
    Lines may therefore slope.
    """
    lines: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda mark: mark.box.x):
        best = max(lines, key=lambda line: _shared_rows(line[-1].box, mark.box), default=None)
        if best is not None and _shared_rows(best[-1].box, mark.box) > MIN_SHARED_ROWS:
            best.append(mark)
        else:
            lines.append([mark])
    return sorted(lines, key=lambda line: sum(m.box.y + m.box.bottom for m in line) / len(line))


def _shared_rows(one: Box, other: Box) -> float:
    """Number of rows that both boxes cover, as a share of the smaller height."""
    shared = min(one.bottom, other.bottom) - max(one.y, other.y)
    return shared / min(one.height, other.height)
