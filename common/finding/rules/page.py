"""From the ink of a page to the digits on it: which ink belongs together, in reading order."""

import warnings

import numpy as np

from common.finding.rules.marks import InkOnPage, Mark, digit_height, join_parts
from common.finding.rules.paper import ink_map
from common.finding.rules.segmentation import Judge, regrouped
from common.images.decoding import failures_named
from common.preprocessing import resized, stroke_width
from common.reading import Box, Glyph

LARGEST_SIDE = 2000  # pixels; larger pages are reduced before digits are looked for
MOST_FRAMES = 20  # only so many of the largest marks are looked at for frames
SPECK = 0.2  # a mark is a speck if both its sides are shorter than this share of the digits' height
SPECK_STROKES = 5  # ... and than so many stroke widths
SAME_LINE = 0.2  # least share of rows in common with the mark before on the same line


def digits_on(
    image: np.ndarray, judge: Judge | None = None, name: str = "The image"
) -> list[Glyph]:
    """Finds the digits on an image.

    Args:
        image: uint8 (height, width), upright; dark ink on light paper or the other way round.
        judge: as of `find_digits`.
        name: What warnings and errors call the image.

    Returns:
        The digits in reading order, with their boxes in pixels of `image`.

    Raises:
        ImageError: there is not enough memory to look for them.
    """
    factor = max(1.0, max(image.shape) / LARGEST_SIDE)
    with failures_named(name):
        small = image if factor == 1 else resized(image, 1 / factor)
        glyphs = find_digits(ink_map(small), judge, name)
    if factor == 1:
        return glyphs
    return [Glyph(glyph.box.enlarged(factor), glyph.line, glyph.ink) for glyph in glyphs]


def find_digits(
    ink: np.ndarray, judge: Judge | None = None, name: str = "The image"
) -> list[Glyph]:
    """Finds the digits on a page and puts them into reading order.

    Connected ink is a mark; specks and frames are dropped; marks above one another are joined
    where they are near (the bar of a 5); marks side by side make a line. Where their places leave
    a doubt, a network decides which marks to join, to part and to cut, see `segmentation`.

    The work per page is limited (`MAX_MARKS`, `MAX_COVER`, `segmentation.MAX_JUDGED`). A
    page that exceeds a limit is read in part, and a warning says so.

    Args:
        ink: float32 (height, width), 0 is paper, 1 is full ink.
        judge: the network's word; without it, places alone decide and nothing is cut.
        name: What the warning calls the page.

    Returns:
        The digits line by line, from left to right; empty where there is no ink.
    """
    page = InkOnPage(ink)
    frames = {mark for mark in page.marks[:MOST_FRAMES] if page.is_frame(mark)}
    digits = marks = [mark for mark in page.marks if mark not in frames]
    if not marks:
        return []
    height = digit_height(marks)
    if len(marks) > 1:
        stroke = stroke_width(ink)
        least = SPECK * height if judge is None else min(SPECK * height, SPECK_STROKES * stroke)
        marks = [m for m in marks if max(m.box.width, m.box.height) >= least]
        digits = join_parts(marks, height, stroke)
    # Where even the smallest mark is no speck, those that were left out may be digits.
    crowded = page.omitted > 0 and page.marks[-1] in marks
    if judge is not None:
        digits, complete = regrouped(page, digits, height, judge)
        crowded = crowded or not complete
    if crowded:
        warnings.warn(f"{name} is too crowded; only a part of it is read.", stacklevel=2)
    return [
        Glyph(mark.box, number, page.cut_out(mark))
        for number, line in enumerate(_lines(digits))
        for mark in line
    ]


def _lines(marks: list[Mark]) -> list[list[Mark]]:
    """Groups marks into lines from top to bottom, each sorted from left to right.

    From left to right, each mark continues the line whose last mark shares the most rows with it,
    so that a line may climb or fall.
    """
    lines: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda mark: mark.box.x):
        best = max(lines, key=lambda line: _shared_rows(line[-1].box, mark.box), default=None)
        if best is not None and _shared_rows(best[-1].box, mark.box) > SAME_LINE:
            best.append(mark)
        else:
            lines.append([mark])
    return sorted(lines, key=lambda line: sum(m.box.y + m.box.bottom for m in line) / len(line))


def _shared_rows(one: Box, other: Box) -> float:
    """Rows that both boxes cover, as a share of the lower one's height."""
    shared = min(one.bottom, other.bottom) - max(one.y, other.y)
    return shared / min(one.height, other.height)
