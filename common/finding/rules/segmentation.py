"""Which marks are one digit where their places leave a doubt: a network has the last word.

Several ways to group or cut the same ink are shown to the network, and the one in which it is the
surest of digits is taken: recognition-based segmentation (Casey and Lecolinet, "A Survey of Methods
and Strategies in Character Segmentation", 1996). It takes a network that is unsure of what is no
digit, or two; see `synthetic`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise

import numpy as np

from common.finding.rules.marks import NEAR, InkOnPage, Mark
from common.preprocessing import INK_THRESHOLD, resized

BESIDE = 0.2  # parts of a broken digit lie no further apart sideways, as a share of its height
WIDE = 0.8  # of its height; a mark as wide as that may be several digits that touch
WIDE_ALONE = 1.8  # the same where other writing is about, or nothing: letters are wide, too
LOW = 0.7  # of the whole's height; a part that is lower is doubted,
DOUBT = 0.8  # and so much is left of the confidence in it
LIKELY = 0.5  # least confidence in a digit that is made of several marks
SURE = 0.8  # ... or cut from one
AMONG_DIGITS = 0.67  # share of the other marks that are digits where marks are cut
CUT_HEIGHT = 48  # pixels, height at which the places of cuts are looked for
CUT_SLANTS = (0.0, -0.2, 0.2, -0.4, 0.4)  # of the cuts; columns a row; the first is preferred
CUT_SPACING = 0.08  # least distance between cuts, as a share of the mark's height
WIDEST = 1.3  # of its height: no digit is wider
MOST_CUTS = 20
MAX_JUDGED = 3000  # inks that the network judges per page ...
MAX_JUDGED_AREA = 16_000_000  # ... and pixels of their boxes, four times the largest page
MAX_PAIRS = 2000  # of marks per page that could be one digit

Judge = Callable[[Sequence[np.ndarray]], np.ndarray]
"""How sure a network is that each of the inks, as of `ink_map`, is one digit: (N,), 0 to 1."""

Cut = tuple[float, float]
"""A line from the top to the bottom of a mark: its column half-way down, columns a row."""


def regrouped(
    page: InkOnPage, digits: list[Mark], height: float, judge: Judge
) -> tuple[list[Mark], bool]:
    """Parts, joins and cuts marks as the network reads them best.

    Args:
        page: where they are.
        digits: marks as their places alone group them.
        height: of the page's digits, in pixels.
        judge: the network's word.

    Returns:
        The marks, and whether the limits allowed the network to judge all of them.
    """
    jury = _Jury(page, judge)
    if len(page.marks) > 1:
        digits = _joined(_parted(digits, jury), height, jury)
    digits = _cut(digits, jury)
    return digits, jury.complete


class _Jury:
    """Asks the network about marks, about each of them once, within limits.

    Attributes:
        complete: whether the limits allowed all questions so far.
    """

    def __init__(self, page: InkOnPage, judge: Judge) -> None:
        self.page, self.judge = page, judge
        self.known: dict[Mark, float] = {}
        self.complete = True
        self._judged = self._area = 0

    def affords(self, shapes: Sequence[tuple[int, int]]) -> int:
        """How many inks of such shapes, from the first, the limits allow; counts them."""
        for number, (height, width) in enumerate(shapes):
            if self._judged == MAX_JUDGED or self._area + height * width > MAX_JUDGED_AREA:
                self.complete = False
                return number
            self._judged += 1
            self._area += height * width
        return len(shapes)

    def ask(self, marks: Sequence[Mark]) -> list[float]:
        """How sure it is that each mark is one digit; 0 beyond the limits."""
        new = [mark for mark in dict.fromkeys(marks) if mark not in self.known]
        if new:
            asked = new[: self.affords([(mark.box.height, mark.box.width) for mark in new])]
            answers = self.judge([self.page.cut_out(mark) for mark in asked]) if asked else ()
            self.known |= dict.fromkeys(new, 0.0) | dict(zip(asked, answers, strict=True))
        return [self.known[mark] for mark in marks]

    def ask_parts(self, whole: Mark, parts: Sequence[Mark]) -> float:
        """How sure it is that all parts are digits of their own.

        Less if they are much lower than the whole: the halves of a broken 1 look like 1s.
        """
        sure = zip(parts, self.ask(parts), strict=True)
        return min(
            answer * (DOUBT if part.box.height < LOW * whole.box.height else 1.0)
            for part, answer in sure
        )


def _parted(digits: list[Mark], jury: _Jury) -> list[Mark]:
    """Takes marks apart whose parts are digits of their own."""
    single = {mark.parts[0]: mark for mark in jury.page.marks}
    parts = {mark: [single[part] for part in mark.parts] for mark in digits}
    jury.ask([each for mark in digits if len(parts[mark]) > 1 for each in (mark, *parts[mark])])
    return [part for mark in digits for part in _better(mark, parts[mark], jury)]


def _better(whole: Mark, parts: list[Mark], jury: _Jury) -> list[Mark]:
    if len(parts) == 1:
        return parts
    return parts if jury.ask_parts(whole, parts) > max(LIKELY, *jury.ask([whole])) else [whole]


def _joined(digits: list[Mark], height: float, jury: _Jury) -> list[Mark]:
    """Joins marks that make a digit only together."""
    near = list(islice(_near(digits, height), MAX_PAIRS + 1))
    if len(near) > MAX_PAIRS:
        jury.complete = False
    pairs = {
        digits[one].joined(digits[other]): (digits[one], digits[other])
        for one, other in near[:MAX_PAIRS]
    }
    jury.ask([each for whole, pair in pairs.items() for each in (whole, *pair)])
    taken: set[Mark] = set()
    made = []
    for whole in sorted(pairs, key=lambda whole: -jury.known[whole]):
        better = jury.known[whole] > LIKELY > jury.ask_parts(whole, pairs[whole])
        if better and taken.isdisjoint(pairs[whole]):
            taken.update(pairs[whole])
            made.append(whole)
    return [mark for mark in digits if mark not in taken] + made


def _near(marks: list[Mark], height: float) -> Iterator[tuple[int, int]]:
    """The pairs of marks so near to one another that they could be one digit."""
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
        near = (gap_x <= BESIDE * high) & (gap_y <= NEAR * high)
        near &= (high <= np.maximum(1.5 * height, 2 * higher)) & (wide <= 1.2 * high)
        yield from ((one, one + 1 + int(other)) for other in np.flatnonzero(near))


def _cut(digits: list[Mark], jury: _Jury) -> list[Mark]:
    """Cuts marks that are several digits which touch."""
    wide = _at_least(WIDE if len(digits) > 1 else WIDE_ALONE, digits)
    if not wide:
        return digits
    sure = dict(zip(digits, jury.ask(digits), strict=True))
    others = [sure[mark] for mark in digits if mark not in wide]
    if sum(answer > LIKELY for answer in others) < AMONG_DIGITS * len(others):
        wide = _at_least(WIDE_ALONE, digits)
    doubted = [mark for mark in digits if mark in wide and sure[mark] < LIKELY]
    pieces = _pieces(doubted, jury)
    return [piece for mark in digits for piece in pieces.get(mark, [mark])]


def _at_least(width: float, marks: list[Mark]) -> set[Mark]:
    """The marks with at least so much width, as a share of their height."""
    return {mark for mark in marks if mark.box.width >= width * mark.box.height}


@dataclass(frozen=True)
class _Proposal:
    """Where a mark may be cut.

    Attributes:
        mark: what to cut.
        scale: of the reduced ink on which the cuts were found.
        cuts: the cuts on it.
        spans: pieces of the reduced ink, each by the numbers of the edges on its two sides.
        inks: float32, the ink of each piece.
    """

    mark: Mark
    scale: float
    cuts: list[Cut]
    spans: list[tuple[int, int]]
    inks: list[np.ndarray]


def _pieces(marks: list[Mark], jury: _Jury) -> dict[Mark, list[Mark]]:
    """The pieces of those marks that can be cut so that all pieces are digits."""
    proposals: list[_Proposal] = []
    for mark in marks:
        proposal = _proposal(mark, jury.page)
        shapes = [(ink.shape[0], ink.shape[1]) for ink in proposal.inks]
        if jury.affords(shapes) < len(shapes):
            break
        proposals.append(proposal)
    inks = [ink for proposal in proposals for ink in proposal.inks]
    answers = iter(jury.judge(inks) if inks else ())
    pieces: dict[Mark, list[Mark]] = {}
    for proposal in proposals:
        confidence = {span: float(next(answers)) for span in proposal.spans}
        path = _best_path(confidence, len(proposal.cuts) + 1)
        if min((confidence[span] for span in pairwise(path)), default=0.0) > SURE:
            # The cuts may cross: only counted all together do they part the ink as it was judged.
            cuts = [(column / proposal.scale, slant) for column, slant in proposal.cuts]
            position = _position(jury.page.cut_out(proposal.mark).shape, cuts)
            piece = np.digitize(position, path[1:-1])
            pieces[proposal.mark] = jury.page.split(proposal.mark, piece)
    return pieces


def _proposal(mark: Mark, page: InkOnPage) -> _Proposal:
    ink = page.cut_out(mark)
    scale = min(1.0, CUT_HEIGHT / ink.shape[0])
    small = resized(ink, scale)
    cuts = _cuts(small > INK_THRESHOLD)
    # Of each pixel: how many cuts lie to its left. A piece lies between any two cuts or edges.
    position = _position(small.shape, cuts)
    last = len(cuts) + 1
    edges = [0.0, *(column for column, _ in cuts), float(small.shape[1])]
    spans = [
        (start, end)
        for start, end in combinations(range(last + 1), 2)
        if edges[end] - edges[start] <= WIDEST * small.shape[0] and (start, end) != (0, last)
    ]
    slant = max(abs(slant) for slant in CUT_SLANTS) * small.shape[0] / 2
    inks = []
    for start, end in spans:
        columns = slice(max(int(edges[start] - slant), 0), int(edges[end] + slant) + 2)
        own = (position[:, columns] >= start) & (position[:, columns] < end)
        inks.append(np.where(own, small[:, columns], np.float32(0)))
    return _Proposal(mark, scale, cuts, spans, inks)


def _cuts(mask: np.ndarray) -> list[Cut]:
    """Where little ink would be cut through: from left to right, `MOST_CUTS` at most."""
    height, width = mask.shape
    ys, xs = np.nonzero(mask)
    crossed = []
    for slant in CUT_SLANTS:
        columns = np.rint(xs - slant * (ys - height / 2)).astype(int)
        inside = columns[(columns >= 0) & (columns < width)]
        crossed.append(np.bincount(inside, minlength=width))
    least, best = np.min(crossed, axis=0), np.argmin(crossed, axis=0)
    spacing = CUT_SPACING * height
    cuts: list[Cut] = []
    for column in np.argsort(least, kind="stable"):
        apart = all(abs(column - other) >= spacing for other, _ in cuts)
        if apart and spacing <= column <= width - spacing:
            cuts.append((float(column), CUT_SLANTS[int(best[column])]))
        if len(cuts) == MOST_CUTS:
            break
    return sorted(cuts)


def _position(shape: tuple[int, ...], cuts: list[Cut]) -> np.ndarray:
    """uint8 (height, width): how many of the cuts lie to the left of each pixel."""
    ys, xs = np.ogrid[: shape[0], : shape[1]]
    position = np.zeros(shape, np.uint8)  # enough for `MOST_CUTS`
    for column, slant in cuts:
        position += xs > column + slant * (ys - shape[0] / 2)
    return position


def _best_path(confidence: dict[tuple[int, int], float], last: int) -> list[int]:
    """The edges, from 0 to `last`, between which the product of the confidences is highest."""
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
