"""Scores of whole images that were read: exact, digit error rate, precision and recall of boxes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from common import printable

MIN_OVERLAP = 0.5  # intersection over union from which on a box counts as found
OVERALL = "all"
"""Name of the score of all images together."""


@dataclass(frozen=True)
class Outcome:
    """What was read on one image, beside what is written on it.

    Attributes:
        group: Condition or kind of image.
        written: The digits, "/" between lines; empty where there is none.
        read: What was read, in the same form.
        digits: What was read in each of `boxes`.
        boxes: float (N, 4), x, y, width, height in pixels of the digits that were read.
        true_boxes: float (M, 4) of the digits that are there, or None where that is not known.
    """

    group: str
    written: str
    read: str
    digits: tuple[int, ...]
    boxes: np.ndarray
    true_boxes: np.ndarray | None = None

    @property
    def is_exact(self) -> bool:
        """Whether every digit and line break is right."""
        return self.written == self.read

    @property
    def written_digits(self) -> str:
        """What is written, without line breaks."""
        return self.written.replace("/", "")

    @cached_property
    def errors(self) -> int:
        """Digits that were read wrongly, missed or made up, whatever the line breaks."""
        return edit_distance(self.written_digits, self.read.replace("/", ""))

    @property
    def severity(self) -> tuple[float, int]:
        """How badly it was read: errors for each digit written, then errors."""
        return self.errors / max(len(self.written_digits), 1), self.errors


@dataclass(frozen=True)
class Misread:
    """An image that was read wrongly, small enough to be shown with many others.

    Attributes:
        outcome: What was read, in pixels of the full image.
        image: uint8 (height, width), reduced where it is large.
        scale: Pixels of `image` for one pixel of the full image.
    """

    outcome: Outcome
    image: np.ndarray
    scale: float


@dataclass(frozen=True)
class ReadingScore:
    """How the images of one group are read. Shares are between 0 and 1.

    Attributes:
        name: Condition or kind of image.
        images: How many were read.
        exact: Share of them of which every digit and line break is right.
        exact_but_line_breaks: Share of them of which every digit is right.
        digits: Digits that are written on them.
        digit_errors: Digits read wrongly, missed or made up (Levenshtein, 1966).
        digit_error_rate: `digit_errors` / `digits`; None where no digit is written.
        box_precision: Share of the boxes read that fit a digit (intersection over union of 0.5 or
            more); None where nothing was read or boxes are not known.
        box_recall: Share of the digits that a box fits; None where there are none or boxes are not
            known.
    """

    name: str
    images: int
    exact: float
    exact_but_line_breaks: float
    digits: int
    digit_errors: int
    digit_error_rate: float | None
    box_precision: float | None
    box_recall: float | None


@dataclass(frozen=True)
class ReadingReport:
    """How a recogniser reads several groups of images.

    Attributes:
        overall: Of all images together.
        groups: One score for each condition or kind of image.
    """

    overall: ReadingScore
    groups: tuple[ReadingScore, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain lists and numbers, for JSON."""
        return asdict(self)


def score(name: str, outcomes: Sequence[Outcome]) -> ReadingScore:
    """Scores the images of one group, one or more."""
    digits = sum(len(outcome.written_digits) for outcome in outcomes)
    errors = sum(outcome.errors for outcome in outcomes)
    located = [(o.boxes, o.true_boxes) for o in outcomes if o.true_boxes is not None]
    hits = sum(len(matched_boxes(found, true)) for found, true in located)
    found, there = (sum(len(pair[side]) for pair in located) for side in (0, 1))
    return ReadingScore(
        name=name,
        images=len(outcomes),
        exact=float(np.mean([outcome.is_exact for outcome in outcomes])),
        exact_but_line_breaks=float(np.mean([outcome.errors == 0 for outcome in outcomes])),
        digits=digits,
        digit_errors=errors,
        digit_error_rate=errors / digits if digits else None,
        box_precision=hits / found if found else None,
        box_recall=hits / there if there else None,
    )


def report_of(outcomes: Sequence[Outcome]) -> ReadingReport:
    """Scores images by group; the groups keep the order in which they first occur."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.group, []).append(outcome)
    scores = tuple(score(name, members) for name, members in groups.items())
    return ReadingReport(score(OVERALL, outcomes), scores)


def reading_table(report: ReadingReport, group: str) -> str:
    """A report as text for people, a row for each group that has a name and one for all.

    Args:
        report: What is shown.
        group: Heads the first column.
    """
    scores = [*(score for score in report.groups if score.name), report.overall]
    shares = report.overall.box_precision, report.overall.box_recall
    located = any(share is not None for share in shares)
    width = max(len(group), *(len(printable(score.name)) for score in scores)) + 2
    columns = ["images", "exact", "but for lines", "digit errors"]
    columns += ["box precision", "box recall"] if located else []
    lines = [f"{group:{width}}" + "".join(f"{name:>15}" for name in columns)]
    for score in scores:
        shown = [score.exact, score.exact_but_line_breaks, score.digit_error_rate]
        shown += [score.box_precision, score.box_recall] if located else []
        cells = [f"{score.images:,}"]
        cells += ["-" if share is None else f"{share:.1%}" for share in shown]
        lines.append(f"{printable(score.name):{width}}" + "".join(f"{cell:>15}" for cell in cells))
    return "\n".join(lines)


def edit_distance(one: str, other: str) -> int:
    """Characters to change, add or take away to make one text of the other (Levenshtein, 1966)."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (left != right))
    return row[-1]


def matched_boxes(found: np.ndarray, true: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of boxes that overlap by `MIN_OVERLAP` or more, each box in one pair, best first.

    Args:
        found: float (N, 4), x, y, width, height.
        true: float (M, 4).

    Returns:
        Indices into `found` and `true`.
    """
    overlaps = _overlaps(found, true)
    pairs = []
    while overlaps.size and overlaps.max() >= MIN_OVERLAP:
        row, column = divmod(int(overlaps.argmax()), overlaps.shape[1])
        pairs.append((row, column))
        overlaps[row], overlaps[:, column] = 0, 0
    return pairs


def _overlaps(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Intersection over union of each box with each other: float (N, M)."""
    one, other = found[:, None], true[None]
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    shared = (high - low).clip(0).prod(axis=-1)
    areas = one[..., 2:].prod(axis=-1) + other[..., 2:].prod(axis=-1)
    return np.asarray(shared / np.maximum(areas - shared, 1e-9))
