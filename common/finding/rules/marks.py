"""Splits the ink of a page into marks, and joins marks that belong together by position."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np

from common.reading import Box

FAINT_INK, STRONG_INK = 0.2, 0.5  # a mark is connected faint ink that is strong in places
MAX_GAP = 0.35  # between parts of one digit, as a share of the height of the digits
MIN_OVERLAP = 0.5  # share of the narrower part's width that lies above or below the other part
FRAME_EDGE = 0.08  # width of a frame's edges as a share of the box's sides
MIN_ENCLOSED = 0.3  # total height of the enclosed marks as a share of the frame's height
SOFT_EDGE = 2  # pixels; width of the soft edge around a stroke
MAX_MARKS = 1000  # per page; more are specks rather than digits
MAX_COVER = 4  # total area of the boxes of all marks, in areas of the page; boxes may be nested
_SOFT_KERNEL = np.ones((2 * SOFT_EDGE + 1, 2 * SOFT_EDGE + 1), np.uint8)


@dataclass(frozen=True)
class Mark:
    """A connected component of ink, or several that belong together."""

    box: Box
    parts: tuple[int, ...]

    def joined(self, other: "Mark") -> "Mark":
        """Joins both marks into one."""
        return Mark(self.box.joined(other.box), self.parts + other.parts)


class InkOnPage:
    """The ink of a page and its marks.

    Args:
        ink: float32 (height, width), 0 is paper, 1 is full ink.

    Attributes:
        marks: The connected components, largest boxes first, within `MAX_MARKS` and `MAX_COVER`.
        omitted: Number of smaller components beyond these limits.
    """

    def __init__(self, ink: np.ndarray) -> None:
        mask = (ink > FAINT_INK).view(np.uint8)
        count, self.labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        self.ink = ink
        # Hysteresis, as in Canny's edge detector (1986): a stroke may be faint in places only.
        strong = np.bincount(self.labels[ink > STRONG_INK]).nonzero()[0]
        areas = stats[strong, cv2.CC_STAT_WIDTH] * stats[strong, cv2.CC_STAT_HEIGHT]
        largest = np.argsort(-areas, kind="stable")[:MAX_MARKS]
        # Apply the limits before creating Python objects: noise has millions of components.
        largest = largest[np.cumsum(areas[largest], dtype=np.int64) <= MAX_COVER * ink.size]
        self.marks = [Mark(Box(*stats[i, :4].tolist()), (i,)) for i in strong[largest].tolist()]
        self.omitted = len(strong) - len(largest)
        self._next = count

    def cut_out(self, mark: Mark) -> np.ndarray:
        """Cuts out the ink of one mark, float32, with a margin of `SOFT_EDGE` around its box."""
        rows, columns = self._around(mark)
        nearby = self.labels[rows, columns]
        own = nearby == mark.parts[0] if len(mark.parts) == 1 else np.isin(nearby, mark.parts)
        near = cv2.dilate(own.view(np.uint8), _SOFT_KERNEL).view(bool)
        return np.where(near & (own | (nearby == 0)), self.ink[rows, columns], np.float32(0))

    def is_frame(self, mark: Mark) -> bool:
        """Whether a mark is a frame drawn around other marks.

        The ink of a frame lies along all four edges of its box and almost nowhere else, and it
        encloses more than specks.
        """
        box = mark.box
        enclosed = [
            other.box.height
            for other in self.marks
            if box.x < other.box.x
            and other.box.right < box.right
            and box.y < other.box.y
            and other.box.bottom < box.bottom
        ]
        if sum(high for high in enclosed if high >= 0.05 * box.height) < MIN_ENCLOSED * box.height:
            return False
        own = self.labels[box.y : box.bottom, box.x : box.right] == mark.parts[0]
        wide, high = (max(1, round(FRAME_EDGE * side)) for side in (box.width, box.height))
        edges = own[:, :wide].any(1), own[:, -wide:].any(1), own[:high].any(0), own[-high:].any(0)
        inner = own[high:-high, wide:-wide].sum()
        return bool(min(edge.mean() for edge in edges) > 0.6 and inner < 0.1 * own.sum())

    def split(self, mark: Mark, piece: np.ndarray) -> list[Mark]:
        """Splits a mark into pieces, each of which becomes a mark of its own.

        Args:
            mark: The mark to split.
            piece: int, same shape as `cut_out(mark)`: the index of the piece of each pixel.
        """
        rows, columns = self._around(mark)
        nearby = self.labels[rows, columns]
        own = np.isin(nearby, mark.parts)
        pieces = []
        for number in np.unique(piece[own]):
            ys, xs = np.nonzero(own & (piece == number))
            nearby[ys, xs] = self._next
            box = Box(
                columns.start + int(xs.min()),
                rows.start + int(ys.min()),
                int(np.ptp(xs)) + 1,
                int(np.ptp(ys)) + 1,
            )
            pieces.append(Mark(box, (self._next,)))
            self._next += 1
        return pieces

    def _around(self, mark: Mark) -> tuple[slice, slice]:
        box = mark.box
        return (
            slice(max(box.y - SOFT_EDGE, 0), box.bottom + SOFT_EDGE),
            slice(max(box.x - SOFT_EDGE, 0), box.right + SOFT_EDGE),
        )


def digit_height(marks: list[Mark]) -> float:
    """Estimates the height of the digits in pixels: the median height weighted by box area.

    Specks or a single tall stroke hardly change it.
    """
    marks = sorted(marks, key=lambda mark: mark.box.height)
    areas = list(accumulate(mark.box.width * mark.box.height for mark in marks))
    return float(marks[bisect_left(areas, areas[-1] / 2)].box.height)


def join_parts(marks: list[Mark], height: float, stroke: float) -> list[Mark]:
    """Joins marks that are parts of one digit, smallest first.

    Args:
        marks: The marks of a page.
        height: Height of the page's digits in pixels.
        stroke: Width of the page's strokes in pixels.
    """
    marks = sorted(marks, key=lambda mark: mark.box.width * mark.box.height)
    boxes = [mark.box for mark in marks]
    sides = np.array([(box.x, box.y, box.right, box.bottom) for box in boxes]).reshape(-1, 4)
    joined = []
    for place, mark in enumerate(marks):
        larger = sides[place + 1 :]
        fits = _belong_together(sides[place], larger, height, stroke)
        if not fits.any():
            joined.append(mark)
            continue
        other = place + 1 + int(fits.argmax())
        marks[other] = mark.joined(marks[other])
        box = marks[other].box
        sides[other] = box.x, box.y, box.right, box.bottom
    return joined


def _belong_together(
    small: np.ndarray, large: np.ndarray, height: float, stroke: float
) -> np.ndarray:
    """Tells for each of several marks whether another mark is a part of it.

    Args:
        small: int (4,): left, top, right and bottom of the other mark in pixels.
        large: int (N, 4): the same for the marks, none of which is smaller.
        height: Height of the page's digits in pixels.
        stroke: Width of the page's strokes in pixels.

    Returns:
        bool (N,).
    """
    first, last = np.maximum(small[:2], large[:, :2]), np.minimum(small[2:], large[:, 2:])
    shared, gap = last[:, 0] - first[:, 0], first[:, 1] - last[:, 1]
    whole = np.maximum(small[2:], large[:, 2:]) - np.minimum(small[:2], large[:, :2])
    width, high = small[2:] - small[:2]
    widths, heights = (large[:, 2:] - large[:, :2]).T
    # One mark is in the corner of the other, like the strokes of an open 4. So are slanted
    # neighbours, but these have the same height.
    in_corner = (shared > 0) & (gap <= -MIN_OVERLAP * high)
    lower, higher = np.minimum(high, heights), np.maximum(high, heights)
    of_a_four = (lower <= 0.8 * higher) & (whole[:, 0] <= 0.9 * whole[:, 1])
    # A gap no wider than the pen is a break in a stroke, whatever the height of the parts.
    near = (gap <= stroke) | ((gap <= MAX_GAP * height) & (whole[:, 1] <= 1.5 * height))
    above = shared >= MIN_OVERLAP * np.minimum(width, widths)
    return np.where(in_corner, of_a_four, above & near)
