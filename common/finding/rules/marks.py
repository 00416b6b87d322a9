"""Ink on a page in pieces: what is connected, and what its place alone says belongs together."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np

from common.reading import Box

FAINT, STRONG = 0.2, 0.5  # a mark is connected ink above the first, and in part above the second
NEAR = 0.35  # parts of one digit lie no further apart than this share of the digits' height
OVERLAP = 0.5  # share of the narrower mark that must lie below or above the other to be its part
FRAME_EDGE = 0.08  # of a box's sides: ink so near to them lies along its edges
ENCLOSED = 0.3  # of a frame's height: so high at least are, all together, the marks inside
SOFT_EDGE = 2  # pixels around a stroke that belong to it
MAX_MARKS = 1000  # per page: a page full of specks is no page of digits
MAX_COVER = 4  # times the page's area: the boxes of its marks together; they may be nested
_SOFT_KERNEL = np.ones((2 * SOFT_EDGE + 1, 2 * SOFT_EDGE + 1), np.uint8)


@dataclass(frozen=True)
class Mark:
    """Connected ink, or several pieces of it that belong together."""

    box: Box
    parts: tuple[int, ...]

    def joined(self, other: "Mark") -> "Mark":
        """Both as one."""
        return Mark(self.box.joined(other.box), self.parts + other.parts)


class InkOnPage:
    """The ink of a page and the pieces that it is in.

    Args:
        ink: float32 (height, width), 0 is paper, 1 is full ink.

    Attributes:
        marks: its connected pieces, the largest boxes first: as many as `MAX_MARKS` and
            `MAX_COVER` allow.
        omitted: how many smaller pieces these limits leave out.
    """

    def __init__(self, ink: np.ndarray) -> None:
        mask = (ink > FAINT).view(np.uint8)
        count, self.labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        self.ink = ink
        # Two thresholds, as of edges by Canny (1986): a stroke may be faint in part, not all over.
        strong = np.bincount(self.labels[ink > STRONG]).nonzero()[0]
        areas = stats[strong, cv2.CC_STAT_WIDTH] * stats[strong, cv2.CC_STAT_HEIGHT]
        largest = np.argsort(-areas, kind="stable")[:MAX_MARKS]
        # The limits apply before any component becomes a Python object: noise has millions.
        largest = largest[np.cumsum(areas[largest], dtype=np.int64) <= MAX_COVER * ink.size]
        self.marks = [Mark(Box(*stats[i, :4].tolist()), (i,)) for i in strong[largest].tolist()]
        self.omitted = len(strong) - len(largest)
        self._next = count

    def cut_out(self, mark: Mark) -> np.ndarray:
        """The ink of one mark alone, with its soft edges: float32, `SOFT_EDGE` around its box."""
        rows, columns = self._around(mark)
        nearby = self.labels[rows, columns]
        own = nearby == mark.parts[0] if len(mark.parts) == 1 else np.isin(nearby, mark.parts)
        near = cv2.dilate(own.view(np.uint8), _SOFT_KERNEL).view(bool)
        return np.where(near & (own | (nearby == 0)), self.ink[rows, columns], np.float32(0))

    def is_frame(self, mark: Mark) -> bool:
        """Whether a mark is a box drawn around others.

        Its ink lies along all four of its edges and nearly nowhere else, and what it encloses is
        more than a speck.
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
        if sum(high for high in enclosed if high >= 0.05 * box.height) < ENCLOSED * box.height:
            return False
        own = self.labels[box.y : box.bottom, box.x : box.right] == mark.parts[0]
        wide, high = (max(1, round(FRAME_EDGE * side)) for side in (box.width, box.height))
        edges = own[:, :wide].any(1), own[:, -wide:].any(1), own[:high].any(0), own[-high:].any(0)
        inner = own[high:-high, wide:-wide].sum()
        return bool(min(edge.mean() for edge in edges) > 0.6 and inner < 0.1 * own.sum())

    def split(self, mark: Mark, piece: np.ndarray) -> list[Mark]:
        """Cuts a mark into pieces, which are marks of their own from then on.

        Args:
            mark: what to cut.
            piece: int, of the shape of `cut_out(mark)`; the number of the piece, from 0, that
                each pixel falls to.
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
    """Height in pixels of the digits: the median of the marks, each weighted by its area.

    So neither specks nor a single tall stroke count for much.
    """
    marks = sorted(marks, key=lambda mark: mark.box.height)
    areas = list(accumulate(mark.box.width * mark.box.height for mark in marks))
    return float(marks[bisect_left(areas, areas[-1] / 2)].box.height)


def join_parts(marks: list[Mark], height: float, stroke: float) -> list[Mark]:
    """Joins marks that are parts of one digit, the smallest first; sizes in pixels."""
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
    """Whether a mark is a part of each of some others: bool (N,).

    Args:
        small: int (4,), left, top, right and bottom of the mark, in pixels.
        large: int (N, 4), of the others, which are no smaller.
        height: of the page's digits.
        stroke: width of the page's strokes.
    """
    first, last = np.maximum(small[:2], large[:, :2]), np.minimum(small[2:], large[:, 2:])
    shared, gap = last[:, 0] - first[:, 0], first[:, 1] - last[:, 1]
    whole = np.maximum(small[2:], large[:, 2:]) - np.minimum(small[:2], large[:, :2])
    width, high = small[2:] - small[:2]
    widths, heights = (large[:, 2:] - large[:, :2]).T
    # One stands in the other's corner, as the strokes of an open 4. Leaning neighbours do so
    # too, but those have the same height.
    in_corner = (shared > 0) & (gap <= -OVERLAP * high)
    lower, higher = np.minimum(high, heights), np.maximum(high, heights)
    of_a_four = (lower <= 0.8 * higher) & (whole[:, 0] <= 0.9 * whole[:, 1])
    # A gap no wider than the pen is a break in a stroke, however high the parts are.
    near = (gap <= stroke) | ((gap <= NEAR * height) & (whole[:, 1] <= 1.5 * height))
    above = shared >= OVERLAP * np.minimum(width, widths)
    return np.where(in_corner, of_a_four, above & near)
