"""Scores readings of whole images: exact matches, digit error rate, box precision and recall."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

import numpy as np

from common import printable
from common.evaluation.metrics import confidence_error
from common.finding.overlap import overlaps

MIN_OVERLAP = 0.5  # minimum intersection over union for two boxes to match
OVERALL = "all"
"""Name of the score that covers the images of all groups."""


@dataclass(frozen=True)
class Outcome:
    """The reading of one image together with the ground truth.

    Attributes:
        group: Group of the image: the condition of a generated page, or the kind of image.
        written: Digits written in the image, with "/" between lines; empty if there are none.
        read: Digits read from the image, with "/" between lines; empty if there are none.
        digits: The N digits read, in the order of `boxes`.
        boxes: Boxes of the digits read, float (N, 4): x, y, width, height in pixels.
        true_boxes: Boxes of the digits written, float (M, 4); None if they are unknown.
        confidences: Confidence of each digit read, 0 to 1.
    """

    group: str
    written: str
    read: str
    digits: tuple[int, ...]
    boxes: np.ndarray
    true_boxes: np.ndarray | None = None
    confidences: tuple[float, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether all digits and line breaks are correct."""
        return self.written == self.read

    @property
    def written_digits(self) -> str:
        """The digits written, without line breaks."""
        return self.written.replace("/", "")

    @cached_property
    def errors(self) -> int:
        """The number of wrong, missed and invented digits. Line breaks are ignored."""
        return edit_distance(self.written_digits, self.read.replace("/", ""))

    @property
    def right(self) -> list[bool]:
        """Whether each digit read is correct, after the texts read and written are aligned."""
        read = self.read.replace("/", "")
        right = [False] * len(read)
        for start, _, length in SequenceMatcher(
            None, read, self.written_digits, autojunk=False
        ).get_matching_blocks():
            right[start : start + length] = [True] * length
        return right

    @property
    def severity(self) -> tuple[float, int]:
        """Sort key: the number of errors per digit written, then the number of errors."""
        return self.errors / max(len(self.written_digits), 1), self.errors


@dataclass(frozen=True)
class Misread:
    """A misread image, reduced in size so that many can be stored and plotted.

    Attributes:
        outcome: The reading and the ground truth. Boxes are in pixels of the original image.
        image: The reduced image, grey, uint8 (height, width).
        scale: Size of `image` relative to the original image, at most 1.
    """

    outcome: Outcome
    image: np.ndarray
    scale: float


@dataclass(frozen=True)
class ReadingScore:
    """Scores of one group of images. Shares are between 0 and 1.

    Attributes:
        name: Name of the group: a condition or a kind of image.
        images: Number of images.
        exact: Share of the images whose digits and line breaks are all correct.
        exact_but_line_breaks: Share of the images whose digits are all correct. Line breaks may be
            wrong.
        digits: Number of digits written in the images.
        digit_errors: Number of wrong, missed and invented digits (edit distance; Levenshtein,
            1966).
        digit_error_rate: `digit_errors` / `digits`; None if no digits are written in the images.
        box_precision: Share of the boxes read that match a true box, with an intersection over
            union of at least 0.5. None if nothing was read or the true boxes are unknown.
        box_recall: Share of the true boxes that match a box read. None if there are no digits or
            the true boxes are unknown.
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
class Calibration:
    """How well the confidence of the digits read agrees with their accuracy.

    Attributes:
        digits: Number of digits read.
        right: Share of the digits read that are correct, 0 to 1.
        confidence: Mean confidence of the digits read, 0 to 1.
        ece: Expected calibration error; see `metrics.confidence_error`.
    """

    digits: int
    right: float
    confidence: float
    ece: float


@dataclass(frozen=True)
class ReadingReport:
    """Scores of a recognizer on several groups of images.

    Attributes:
        overall: Score over the images of all groups.
        groups: Score of each group: a condition or a kind of image.
        calibration: Calibration of all digits read; None if no digit was read.
    """

    overall: ReadingScore
    groups: tuple[ReadingScore, ...]
    calibration: Calibration | None

    def as_dict(self) -> dict[str, Any]:
        """Returns the report as nested dicts and tuples, for JSON."""
        return asdict(self)


def score(name: str, outcomes: Sequence[Outcome]) -> ReadingScore:
    """Computes the scores of one group of images. There must be at least one outcome."""
    digits = sum(len(outcome.written_digits) for outcome in outcomes)
    errors = sum(outcome.errors for outcome in outcomes)
    located = [(o.boxes, o.true_boxes) for o in outcomes if o.true_boxes is not None]
    matches = sum(len(matched_boxes(found, true)) for found, true in located)
    boxes, true_boxes = (sum(len(pair[side]) for pair in located) for side in (0, 1))
    return ReadingScore(
        name=name,
        images=len(outcomes),
        exact=float(np.mean([outcome.is_exact for outcome in outcomes])),
        exact_but_line_breaks=float(np.mean([outcome.errors == 0 for outcome in outcomes])),
        digits=digits,
        digit_errors=errors,
        digit_error_rate=errors / digits if digits else None,
        box_precision=matches / boxes if boxes else None,
        box_recall=matches / true_boxes if true_boxes else None,
    )


def report_of(outcomes: Sequence[Outcome]) -> ReadingReport:
    """Computes the scores of each group, in order of first occurrence, and of all images."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.group, []).append(outcome)
    scores = tuple(score(name, members) for name, members in groups.items())
    return ReadingReport(score(OVERALL, outcomes), scores, _calibration(outcomes))


def _calibration(outcomes: Sequence[Outcome]) -> Calibration | None:
    confidence = np.array([c for outcome in outcomes for c in outcome.confidences])
    if not confidence.size:
        return None
    right = np.array([r for outcome in outcomes if outcome.confidences for r in outcome.right])
    error = confidence_error(confidence, right)
    return Calibration(len(right), float(right.mean()), float(confidence.mean()), error)


def reading_table(report: ReadingReport, group: str) -> str:
    """Formats a report as a table, with a row for each named group and a row for all images.

    Args:
        report: The report to format.
        group: Heading of the first column, such as "condition" or "kind".
    """
    scores = [*(score for score in report.groups if score.name), report.overall]
    shares = report.overall.box_precision, report.overall.box_recall
    located = any(share is not None for share in shares)
    width = max(len(group), *(len(printable(score.name)) for score in scores)) + 2
    columns = ["images", "exact", "digits exact", "digit errors"]
    columns += ["box precision", "box recall"] if located else []
    lines = [f"{group:{width}}" + "".join(f"{name:>15}" for name in columns)]
    for score in scores:
        shown = [score.exact, score.exact_but_line_breaks, score.digit_error_rate]
        shown += [score.box_precision, score.box_recall] if located else []
        cells = [f"{score.images:,}"]
        cells += ["-" if share is None else f"{share:.1%}" for share in shown]
        lines.append(f"{printable(score.name):{width}}" + "".join(f"{cell:>15}" for cell in cells))
    if report.calibration:
        c = report.calibration
        lines.append(
            f"\n{c.digits:,} digits read: {c.right:.1%} correct, mean confidence "
            f"{c.confidence:.1%}, ECE {c.ece:.1%} (expected calibration error)"
        )
    return "\n".join(lines)


def edit_distance(one: str, other: str) -> int:
    """Returns how many substitutions, insertions and deletions turn one text into the other.

    This is the minimum number (Levenshtein, 1966).
    """
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (left != right))
    return row[-1]


def matched_boxes(found: np.ndarray, true: np.ndarray) -> list[tuple[int, int]]:
    """Matches each box with at most one true box, starting with the pair that overlaps most.

    The intersection over union of a matched pair is at least `MIN_OVERLAP`.

    Args:
        found: Boxes found, float (N, 4): x, y, width, height.
        true: True boxes, float (M, 4): x, y, width, height.

    Returns:
        Pairs of indices into `found` and `true`.
    """
    shares, _ = overlaps(found, true)
    pairs = []
    while shares.size and shares.max() >= MIN_OVERLAP:
        row, column = divmod(int(shares.argmax()), shares.shape[1])
        pairs.append((row, column))
        shares[row], shares[:, column] = 0, 0
    return pairs
