"""From the ink of a page to the digits on it: which ink belongs together, in reading order."""

from dataclasses import dataclass

import cv2
import numpy as np

from common.preprocessing import INK_THRESHOLD, ink_map, resized, stroke_width

LARGEST_SIDE = 2000  # pixels; larger pages are reduced before digits are looked for
MOST_MARKS = 1000  # only the largest are looked at: a page full of specks is no page of digits
SPECK = 0.2  # a mark is a speck if both its sides are shorter than this share of the digits' height
NEAR = 0.35  # parts of one digit lie no further apart than this share of the digits' height
OVERLAP = 0.5  # share of the narrower mark that must lie below or above the other to be its part
SOFT_EDGE = 2  # pixels around a stroke that belong to it


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: left, top, width and height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.y + self.height

    def enlarged(self, factor: float) -> "Box":
        """The same place on an image `factor` times as large."""
        return Box(*(round(side * factor) for side in (self.x, self.y, self.width, self.height)))

    def joined(self, other: "Box") -> "Box":
        """The smallest box around both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right, bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        return Box(x, y, right - x, bottom - y)


@dataclass(frozen=True)
class Glyph:
    """One digit on the page, not yet read.

    Attributes:
        box: where its ink lies.
        line: its line of writing, counted from 0 at the top.
        ink: float32 (height, width) as in `ink_map`, with a small margin and nothing of its
            neighbours.
    """

    box: Box
    line: int
    ink: np.ndarray


@dataclass(frozen=True)
class _Mark:
    """Connected ink, or several pieces of it that belong together."""

    box: Box
    parts: tuple[int, ...]


def digits_on(image: np.ndarray) -> list[Glyph]:
    """Finds the digits on an image.

    Args:
        image: uint8 (height, width), upright; dark ink on light paper or the other way round.

    Returns:
        The digits in reading order, with their boxes in pixels of `image`.
    """
    factor = max(1.0, max(image.shape) / LARGEST_SIDE)
    if factor == 1:
        return find_digits(ink_map(image))
    return [
        Glyph(glyph.box.enlarged(factor), glyph.line, glyph.ink)
        for glyph in find_digits(ink_map(resized(image, 1 / factor)))
    ]


def find_digits(ink: np.ndarray) -> list[Glyph]:
    """Finds the digits on a page and puts them into reading order.

    Connected ink is a mark; specks are dropped; marks above one another are joined where they are
    near (the bar of a 5); marks side by side make a line.

    Args:
        ink: float32 (height, width), 0 is paper, 1 is full ink.

    Returns:
        The digits line by line, from left to right; empty where there is no ink.
    """
    mask = (ink > INK_THRESHOLD).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    marks = [_Mark(Box(*map(int, stats[i, :4])), (i,)) for i in range(1, count)]
    if not marks:
        return []
    height = _digit_height(marks)
    marks = [m for m in marks if max(m.box.width, m.box.height) >= SPECK * height]
    marks = sorted(marks, key=lambda m: -m.box.width * m.box.height)[:MOST_MARKS]
    lines = _lines(_join_parts(marks, height, stroke_width(ink)))
    return [
        Glyph(mark.box, number, _cut_out(ink, labels, mark))
        for number, line in enumerate(lines)
        for mark in line
    ]


def _digit_height(marks: list[_Mark]) -> float:
    """Height in pixels of the digits: the median of the marks not lower than half the highest."""
    heights = np.array([mark.box.height for mark in marks])
    return float(np.median(heights[heights >= heights.max() / 2]))


def _join_parts(marks: list[_Mark], height: float, stroke: float) -> list[_Mark]:
    """Joins marks that are parts of one digit, the smallest first; sizes in pixels."""
    waiting = sorted(marks, key=lambda mark: mark.box.width * mark.box.height)
    joined = []
    while waiting:
        mark = waiting.pop(0)
        other = next(
            (o for o in waiting if _belong_together(mark.box, o.box, height, stroke)), None
        )
        if other is None:
            joined.append(mark)
        else:
            whole = _Mark(mark.box.joined(other.box), mark.parts + other.parts)
            waiting[waiting.index(other)] = whole
    return joined


def _belong_together(small: Box, large: Box, height: float, stroke: float) -> bool:
    shared = min(small.right, large.right) - max(small.x, large.x)
    gap = max(small.y, large.y) - min(small.bottom, large.bottom)
    whole = small.joined(large)
    if shared > 0 and gap <= -OVERLAP * small.height:
        # One stands in the other's corner, as the strokes of an open 4. Leaning neighbours do so
        # too, but those have the same height.
        lower, higher = sorted((small.height, large.height))
        return lower <= 0.8 * higher and whole.width <= 0.9 * whole.height
    if shared < OVERLAP * min(small.width, large.width):
        return False
    # A gap no wider than the pen is a break in a stroke, however high the parts are.
    return gap <= stroke or (gap <= NEAR * height and whole.height <= 1.5 * height)


def _lines(marks: list[_Mark]) -> list[list[_Mark]]:
    """Groups marks into lines from top to bottom, each sorted from left to right.

    From left to right, each mark continues the line whose last mark shares the most rows with it,
    so that a line may climb or fall.
    """
    lines: list[list[_Mark]] = []
    for mark in sorted(marks, key=lambda mark: mark.box.x):
        best = max(lines, key=lambda line: _shared_rows(line[-1].box, mark.box), default=None)
        if best is not None and _shared_rows(best[-1].box, mark.box) > 0.3:
            best.append(mark)
        else:
            lines.append([mark])
    return sorted(lines, key=lambda line: np.mean([m.box.y + m.box.height / 2 for m in line]))


def _shared_rows(one: Box, other: Box) -> float:
    """Rows that both boxes cover, as a share of the lower one's height."""
    shared = min(one.bottom, other.bottom) - max(one.y, other.y)
    return shared / min(one.height, other.height)


def _cut_out(ink: np.ndarray, labels: np.ndarray, mark: _Mark) -> np.ndarray:
    """The ink of one mark alone, with its soft edges."""
    box = mark.box
    rows = slice(max(box.y - SOFT_EDGE, 0), box.bottom + SOFT_EDGE)
    columns = slice(max(box.x - SOFT_EDGE, 0), box.right + SOFT_EDGE)
    nearby = labels[rows, columns]
    own = np.isin(nearby, mark.parts)
    kernel = np.ones((2 * SOFT_EDGE + 1, 2 * SOFT_EDGE + 1), np.uint8)
    edge = (nearby == 0) & (cv2.dilate(own.astype(np.uint8), kernel) > 0)
    return np.where(own | edge, ink[rows, columns], np.float32(0))
