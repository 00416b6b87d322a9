"""Lets a network decide which marks are one digit where positions are ambiguous.

The network rates several ways to group or cut the same ink, and the one that it rates highest wins:
recognition-based segmentation (Casey and Lecolinet, "A Survey of Methods and Strategies in
Character Segmentation", 1996). This requires a network with low confidence in anything that is not
one digit, such as letters or two digits; `common.data.synthetic` provides the training data.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise

import numpy as np

from common.finding.rules.marks import MAX_GAP, InkOnPage, Mark
from common.preprocessing import INK_THRESHOLD, resized

MAX_SIDE_GAP = 0.2  # between parts of a broken digit, as a share of its height
MIN_CUT_WIDTH = 0.8  # of a mark, as a share of its height, for it to be several touching digits
MIN_CUT_WIDTH_ALONE = 1.8  # the same without other digits on the page, since letters are wide too
SHORT = 0.7  # a piece below this share of the whole's height is short
SHORT_FACTOR = 0.8  # confidence multiplier for short pieces
MIN_JOINED = 0.5  # confidence in a digit joined from several marks
MIN_CUT = 0.8  # confidence in each digit cut from a mark
MIN_DIGITS = 0.67  # share of the narrow marks that are digits, for wide marks to be cut
CUT_HEIGHT = 48  # pixels; higher marks are reduced to this before cuts are searched for
CUT_SLANTS = (0.0, -0.2, 0.2, -0.4, 0.4)  # columns per row; earlier ones win ties
MIN_CUT_SPACING = 0.08  # as a share of the mark's height
MAX_WIDTH = 1.3  # of a digit, as a share of its height
MAX_CUTS = 20  # per mark
MAX_JUDGED = 3000  # number of inks that the network rates per page ...
MAX_JUDGED_AREA = 16_000_000  # ... and pixels of their boxes, four times the largest page
MAX_PAIRS = 2000  # of marks per page that could be one digit

Judge = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Rates N inks (as in `ink_map`): float (N,), the confidence from 0 to 1 that each is one digit."""

Cut = tuple[float, float]
"""A line from the top to the bottom of a mark: column at half height, slant in columns per row."""


def regrouped(
    page: InkOnPage, digits: list[Mark], height: float, judge: Judge
) -> tuple[list[Mark], bool]:
    """Separates, joins and cuts marks so that the network rates the results highest.

    Args:
        page: The ink of the page.
        digits: The marks, grouped by position alone.
        height: Height of the page's digits in pixels.
        judge: Rates how sure the network is of each ink.

    Returns:
        The marks, and whether the limits allowed the network to rate all of them.
    """
    cached = _CachedJudge(page, judge)
    if len(page.marks) > 1:
        digits = _joined(_separated(digits, cached), height, cached)
    digits = _cut(digits, cached)
    return digits, cached.complete


class _CachedJudge:
    """Asks the judge about each mark only once, and within limits.

    Attributes:
        complete: Whether all questions so far were within the limits.
    """

    def __init__(self, page: InkOnPage, judge: Judge) -> None:
        self.page, self.rate = page, judge
        self.known: dict[Mark, float] = {}
        self.complete = True
        self._judged = self._area = 0

    def affords(self, shapes: Sequence[tuple[int, int]]) -> int:
        """Counts inks of these shapes towards the limits; returns how many of them fit."""
        for number, (height, width) in enumerate(shapes):
            if self._judged == MAX_JUDGED or self._area + height * width > MAX_JUDGED_AREA:
                self.complete = False
                return number
            self._judged += 1
            self._area += height * width
        return len(shapes)

    def ask(self, marks: Sequence[Mark]) -> list[float]:
        """The confidence that each mark is one digit; 0 beyond the limits."""
        new = [mark for mark in dict.fromkeys(marks) if mark not in self.known]
        if new:
            asked = new[: self.affords([(mark.box.height, mark.box.width) for mark in new])]
            answers = self.rate([self.page.cut_out(mark) for mark in asked]) if asked else ()
            self.known |= dict.fromkeys(new, 0.0) | dict(zip(asked, answers, strict=True))
        return [self.known[mark] for mark in marks]

    def ask_parts(self, whole: Mark, parts: Sequence[Mark]) -> float:
        """The confidence that every part is a digit of its own.

        Short parts count less, since the halves of a broken 1 look like 1s.
        """
        return min(
            answer * (SHORT_FACTOR if part.box.height < SHORT * whole.box.height else 1.0)
            for part, answer in zip(parts, self.ask(parts), strict=True)
        )


def _separated(digits: list[Mark], judge: _CachedJudge) -> list[Mark]:
    """Separates marks whose parts are digits of their own."""
    single = {mark.parts[0]: mark for mark in judge.page.marks}
    parts = {mark: [single[part] for part in mark.parts] for mark in digits}
    judge.ask([each for mark in digits if len(parts[mark]) > 1 for each in (mark, *parts[mark])])
    return [part for mark in digits for part in _better(mark, parts[mark], judge)]


def _better(whole: Mark, parts: list[Mark], judge: _CachedJudge) -> list[Mark]:
    if len(parts) == 1:
        return parts
    is_better = judge.ask_parts(whole, parts) > max(MIN_JOINED, *judge.ask([whole]))
    return parts if is_better else [whole]


def _joined(digits: list[Mark], height: float, judge: _CachedJudge) -> list[Mark]:
    """Joins pairs of marks that are one digit only together."""
    near = list(islice(_near(digits, height), MAX_PAIRS + 1))
    if len(near) > MAX_PAIRS:
        judge.complete = False
    pairs = {
        digits[one].joined(digits[other]): (digits[one], digits[other])
        for one, other in near[:MAX_PAIRS]
    }
    judge.ask([each for whole, pair in pairs.items() for each in (whole, *pair)])
    taken: set[Mark] = set()
    made = []
    for whole in sorted(pairs, key=lambda whole: -judge.known[whole]):
        better = judge.known[whole] > MIN_JOINED > judge.ask_parts(whole, pairs[whole])
        if better and taken.isdisjoint(pairs[whole]):
            taken.update(pairs[whole])
            made.append(whole)
    return [mark for mark in digits if mark not in taken] + made


def _near(marks: list[Mark], height: float) -> Iterator[tuple[int, int]]:
    """Yields the pairs of marks that are close enough to be one digit."""
    boxes = [mark.box for mark in marks]
    left, top, right, bottom = (
        np.array([getattr(box, side) for box in boxes]) for side in ("x", "y", "right", "bottom")
    )
    for one in range(len(marks) - 1):
        others = slice(one + 1, None)
        gap_x = np.maximum(left[one], left[others]) - np.minimum(right[one], right[others])
        gap_y = np.maximum(top[one], top[others]) - np.minimum(bottom[one], bottom[others])
        wide = np.maximum(right[one], right[others]) - np.minimum(left[one], left[others])
        high = np.maximum(bottom[one], bottom[others]) - np.minimum(top[one], top[others])
        higher = np.maximum(bottom[one] - top[one], bottom[others] - top[others])
        near = (gap_x <= MAX_SIDE_GAP * high) & (gap_y <= MAX_GAP * high)
        near &= (high <= np.maximum(1.5 * height, 2 * higher)) & (wide <= 1.2 * high)
        yield from ((one, one + 1 + int(other)) for other in np.flatnonzero(near))


def _cut(digits: list[Mark], judge: _CachedJudge) -> list[Mark]:
    """Cuts marks that are several touching digits."""
    wide = _at_least(MIN_CUT_WIDTH if len(digits) > 1 else MIN_CUT_WIDTH_ALONE, digits)
    if not wide:
        return digits
    sure = dict(zip(digits, judge.ask(digits), strict=True))
    others = [sure[mark] for mark in digits if mark not in wide]
    if sum(answer > MIN_JOINED for answer in others) < MIN_DIGITS * len(others):
        wide = _at_least(MIN_CUT_WIDTH_ALONE, digits)
    doubted = [mark for mark in digits if mark in wide and sure[mark] < MIN_JOINED]
    pieces = _pieces(doubted, judge)
    return [piece for mark in digits for piece in pieces.get(mark, [mark])]


def _at_least(width: float, marks: list[Mark]) -> set[Mark]:
    """The marks at least this wide, as a share of their height."""
    return {mark for mark in marks if mark.box.width >= width * mark.box.height}


@dataclass(frozen=True)
class _Proposal:
    """The possible cuts of a mark.

    Attributes:
        mark: The mark to cut.
        scale: Scale of the reduced ink on which the cuts were found.
        cuts: The cuts, in pixels of the reduced ink.
        spans: The possible pieces, each given by the indices of the cuts or edges at its sides.
        inks: float32 (height, width), the reduced ink of each piece.
    """

    mark: Mark
    scale: float
    cuts: list[Cut]
    spans: list[tuple[int, int]]
    inks: list[np.ndarray]


def _pieces(marks: list[Mark], judge: _CachedJudge) -> dict[Mark, list[Mark]]:
    """The pieces of each mark that can be cut into nothing but digits."""
    proposals: list[_Proposal] = []
    for mark in marks:
        proposal = _proposal(mark, judge.page)
        shapes = [(ink.shape[0], ink.shape[1]) for ink in proposal.inks]
        if judge.affords(shapes) < len(shapes):
            break
        proposals.append(proposal)
    inks = [ink for proposal in proposals for ink in proposal.inks]
    answers = iter(judge.rate(inks) if inks else ())
    pieces: dict[Mark, list[Mark]] = {}
    for proposal in proposals:
        confidence = {span: float(next(answers)) for span in proposal.spans}
        path = _best_path(confidence, len(proposal.cuts) + 1)
        if min((confidence[span] for span in pairwise(path)), default=0.0) > MIN_CUT:
            # Cuts may cross. Only the full set of cuts separates the ink as the network saw it.
            cuts = [(column / proposal.scale, slant) for column, slant in proposal.cuts]
            position = _position(judge.page.cut_out(proposal.mark).shape, cuts)
            piece = np.digitize(position, path[1:-1])
            pieces[proposal.mark] = judge.page.split(proposal.mark, piece)
    return pieces


def _proposal(mark: Mark, page: InkOnPage) -> _Proposal:
    ink = page.cut_out(mark)
    scale = min(1.0, CUT_HEIGHT / ink.shape[0])
    small = resized(ink, scale)
    cuts = _cuts(small > INK_THRESHOLD)
    # `position` counts the cuts to the left of each pixel. A piece lies between two cuts or edges.
    position = _position(small.shape, cuts)
    last = len(cuts) + 1
    edges = [0.0, *(column for column, _ in cuts), float(small.shape[1])]
    spans = [
        (start, end)
        for start, end in combinations(range(last + 1), 2)
        if edges[end] - edges[start] <= MAX_WIDTH * small.shape[0] and (start, end) != (0, last)
    ]
    slant = max(abs(slant) for slant in CUT_SLANTS) * small.shape[0] / 2
    inks = []
    for start, end in spans:
        columns = slice(max(int(edges[start] - slant), 0), int(edges[end] + slant) + 2)
        own = (position[:, columns] >= start) & (position[:, columns] < end)
        inks.append(np.where(own, small[:, columns], np.float32(0)))
    return _Proposal(mark, scale, cuts, spans, inks)


def _cuts(mask: np.ndarray) -> list[Cut]:
    """The cuts through the least ink, from left to right."""
    height, width = mask.shape
    ys, xs = np.nonzero(mask)
    crossed = []
    for slant in CUT_SLANTS:
        columns = np.rint(xs - slant * (ys - height / 2)).astype(int)
        inside = columns[(columns >= 0) & (columns < width)]
        crossed.append(np.bincount(inside, minlength=width))
    least, best = np.min(crossed, axis=0), np.argmin(crossed, axis=0)
    spacing = MIN_CUT_SPACING * height
    cuts: list[Cut] = []
    for column in np.argsort(least, kind="stable"):
        apart = all(abs(column - other) >= spacing for other, _ in cuts)
        if apart and spacing <= column <= width - spacing:
            cuts.append((float(column), CUT_SLANTS[int(best[column])]))
        if len(cuts) == MAX_CUTS:
            break
    return sorted(cuts)


def _position(shape: tuple[int, ...], cuts: list[Cut]) -> np.ndarray:
    """Number of cuts to the left of each pixel: uint8 (height, width)."""
    ys, xs = np.ogrid[: shape[0], : shape[1]]
    position = np.zeros(shape, np.uint8)  # holds up to `MAX_CUTS`
    for column, slant in cuts:
        position += xs > column + slant * (ys - shape[0] / 2)
    return position


def _best_path(confidence: dict[tuple[int, int], float], last: int) -> list[int]:
    """The path of edges from 0 to `last` with the highest product of confidences."""
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [0])}
    for end in range(1, last + 1):
        paths = [
            (best[start][0] + float(np.log(confidence[start, end] + 1e-9)), [*best[start][1], end])
            for start in range(end)
            if start in best and (start, end) in confidence
        ]
        if paths:
            best[end] = max(paths)
    return best[last][1] if last in best else []
