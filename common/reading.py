"""Data types that all packages share: boxes, digits, numbers and readings, and their JSON forms."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from itertools import groupby
from typing import Any, Protocol

import numpy as np

DOUBTFUL = "?"
"""Stands for a mark between two digits that may or may not be a sign."""

DOUBTFUL_FACTOR = 0.5
"""A doubtful sign multiplies the confidence of its number by this factor. On 500 generated lines of
MNIST training digits, 28 of 61 doubtful marks were not signs; see `benchmarks/signs.py`."""


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

    def joined(self, other: "Box") -> "Box":
        """Returns the smallest box that encloses both boxes."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right, bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        return Box(x, y, right - x, bottom - y)

    def enlarged(self, factor: float) -> "Box":
        """Scales the box for an image that is enlarged by `factor`."""
        return Box(*(round(side * factor) for side in (self.x, self.y, self.width, self.height)))


class Placed(Protocol):
    """Any object with the position and the size of a box on a page, in pixels."""

    @property
    def x(self) -> float: ...  # noqa: D102

    @property
    def y(self) -> float: ...  # noqa: D102

    @property
    def width(self) -> float: ...  # noqa: D102

    @property
    def height(self) -> float: ...  # noqa: D102


def sides_of(boxes: Sequence[Placed]) -> np.ndarray:
    """Returns boxes as an array, float (N, 4): x, y, width, height."""
    sides = [(box.x, box.y, box.width, box.height) for box in boxes]
    return np.array(sides, float).reshape(-1, 4)


@dataclass(frozen=True)
class Glyph:
    """A mark on the page that may be a digit and that the classifier has not read yet.

    Attributes:
        box: Bounding box of the mark in pixels of the page.
        ink: The mark's ink with a margin, without the ink of its neighbours: float32 (height,
            width), 0 is paper and 1 is full ink. The resolution may be lower than that of the page.
        scores: The finder's probability of each digit, float32 (10,). All are 1 if the mark was
            found without the finder.
    """

    box: Box
    ink: np.ndarray
    scores: np.ndarray = field(default_factory=lambda: np.ones(10, np.float32))


@dataclass(frozen=True)
class AlternativeRecord:
    """The JSON form of an alternative: another digit that a mark may show."""

    digit: int
    confidence: float


@dataclass(frozen=True)
class DigitRecord:
    """The JSON form of a digit."""

    digit: int
    confidence: float
    """Calibrated probability of the digit, 0 to 1."""
    line: int
    """Index of the line of writing, counted from 0 at the top."""
    number: int
    """Index of the number on its line, counted from 0 at the left."""
    box: list[int]
    """Left, top, width and height in pixels of the image after its EXIF rotation."""
    alternatives: list[AlternativeRecord]
    """The next most likely digits, the most likely first."""


@dataclass(frozen=True)
class NumberRecord:
    """The JSON form of a number."""

    text: str
    """The digits of the number."""
    line: int
    """Index of the line of writing, counted from 0 at the top."""
    confidence: float
    """The lowest confidence of its digits, 0 to 1; reduced if a sign between them is doubtful."""
    box: list[int]
    """Left, top, width and height in pixels of the image after its EXIF rotation."""
    raw: str | None
    """The number with its signs, such as 12.50; null if it has no signs or if a sign is doubtful.
    If the number ends with a sign, `raw` also contains the next number, whose `raw` is null."""


@dataclass(frozen=True)
class ModelsRecord:
    """The names of the model files that read an image."""

    classifier: str
    finder: str


@dataclass(frozen=True)
class ReadingRecord:
    """The JSON form of a reading, as `predict_image.py --json` prints it."""

    image: str
    text: str | None
    """All lines, joined by line breaks; null if the image could not be read."""
    lines: list[str]
    """The digits of each line, from top to bottom."""
    digits: list[DigitRecord]
    """The digits in reading order."""
    numbers: list[NumberRecord]
    """The numbers in reading order. A number has no wide gap between its digits."""
    error: str | None
    """Reason why the image could not be read; null if there was no error."""
    rotation: int
    """Clockwise rotation in degrees that makes the image upright: 0, 90, 180 or 270."""
    hint: str | None
    """Likely reason why no digit was found; null if digits were found or there was an error."""
    ignored: list[DigitRecord]
    """Marks that are not digits or are too uncertain. Their `line` and `number` are always 0."""
    models: ModelsRecord | None
    """The models that read the image; null if the reading does not come from a recognizer."""


@dataclass(frozen=True)
class DigitReading:
    """A mark that was read as a digit.

    Attributes:
        digit: Most likely digit, 0 to 9.
        confidence: Calibrated probability of `digit`, 0 to 1.
        line: Index of the line of writing, counted from 0 at the top.
        box: Bounding box in pixels of the image after its EXIF rotation.
        probabilities: Probabilities of the digits 0 to 9, which sum to 1.
        number: Index of the number on its line, counted from 0 at the left.
        sign: The sign between this digit and the next one on the line. `DOUBTFUL` stands for a mark
            that may not be a sign, and "" for no sign.
    """

    digit: int
    confidence: float
    line: int
    box: Box
    probabilities: tuple[float, ...]
    number: int = 0
    sign: str = ""

    def alternatives(self, count: int) -> list[tuple[int, float]]:
        """Returns the `count` next most likely digits with their probabilities."""
        ranked = sorted(range(10), key=lambda digit: -self.probabilities[digit])
        others = [digit for digit in ranked if digit != self.digit]
        return [(digit, self.probabilities[digit]) for digit in others[:count]]

    def record(self, top: int) -> DigitRecord:
        """Returns the JSON form, with the `top` next most likely digits as alternatives."""
        return DigitRecord(
            self.digit,
            round(self.confidence, 6),
            self.line,
            self.number,
            [self.box.x, self.box.y, self.box.width, self.box.height],
            [AlternativeRecord(other, round(share, 6)) for other, share in self.alternatives(top)],
        )


@dataclass(frozen=True)
class Number:
    """One or more digits on a line without a wide gap between them.

    Attributes:
        digits: The digits from left to right.
        written: The digits and signs of the number. If it ends with a sign, the next number is
            included, and the `written` of the next number is "".
    """

    digits: tuple[DigitReading, ...]
    written: str

    @property
    def line(self) -> int:
        """Index of the line of writing, counted from 0 at the top."""
        return self.digits[0].line

    @property
    def text(self) -> str:
        """The digits of the number."""
        return "".join(str(digit.digit) for digit in self.digits)

    @property
    def raw(self) -> str | None:
        """The number with its signs, or None; see `NumberRecord.raw`."""
        has_signs = self.written not in ("", self.text) and DOUBTFUL not in self.written
        return self.written if has_signs else None

    @property
    def confidence(self) -> float:
        """The lowest confidence of the digits, reduced if a sign between them is doubtful."""
        is_doubtful = any(digit.sign == DOUBTFUL for digit in self.digits[:-1])
        lowest = min(digit.confidence for digit in self.digits)
        return lowest * DOUBTFUL_FACTOR if is_doubtful else lowest

    def record(self) -> NumberRecord:
        """Returns the JSON form."""
        box = reduce(Box.joined, (digit.box for digit in self.digits))
        return NumberRecord(
            self.text,
            self.line,
            round(self.confidence, 6),
            [box.x, box.y, box.width, box.height],
            self.raw,
        )


@dataclass(frozen=True)
class Reading:
    """The digits that were read in an image, or the reason why it could not be read.

    Attributes:
        image: Name of the image.
        digits: Digits in reading order.
        left_out: Marks that are not digits or are too uncertain; see `DigitRecognizer`.
        error: Reason why the image could not be read, or None.
        rotation: Clockwise rotation in degrees that makes the image upright: 0, 90, 180 or 270. It
            is not applied to the boxes.
        hint: Sentence with the likely reason why no digit was found, or None.
        models: The models that read the image, or None.
    """

    image: str
    digits: tuple[DigitReading, ...] = ()
    left_out: tuple[DigitReading, ...] = ()
    error: str | None = None
    rotation: int = 0
    hint: str | None = None
    models: ModelsRecord | None = None

    @property
    def lines(self) -> list[str]:
        """The digits of each line, from top to bottom."""
        return ["".join(str(digit.digit) for digit in line) for line in self.digits_by_line()]

    @property
    def text(self) -> str | None:
        """All lines, joined by line breaks; None if the image could not be read."""
        return None if self.error else "\n".join(self.lines)

    @property
    def confidence(self) -> float | None:
        """The lowest confidence of the digits; None if there are none."""
        return min((digit.confidence for digit in self.digits), default=None)

    @property
    def numbers(self) -> list[Number]:
        """The numbers in reading order."""
        numbers: list[Number] = []
        for _, group in groupby(reversed(self.digits), lambda digit: (digit.line, digit.number)):
            digits = tuple(group)[::-1]
            written = "".join(f"{digit.digit}{digit.sign}" for digit in digits)
            written = written.removesuffix(DOUBTFUL)
            if digits[-1].sign not in ("", DOUBTFUL):  # the sign joins the next number to this one
                written += numbers[-1].written
                numbers[-1] = replace(numbers[-1], written="")
            numbers.append(Number(digits, written))
        return numbers[::-1]

    def digits_by_line(self) -> list[list[DigitReading]]:
        """Returns the digits of each line, from top to bottom, as one list per line."""
        count = max((digit.line for digit in self.digits), default=-1) + 1
        return [[digit for digit in self.digits if digit.line == line] for line in range(count)]

    def record(self, top: int = 1) -> ReadingRecord:
        """Returns the JSON form, with the `top` next most likely digits for each mark read."""
        return ReadingRecord(
            self.image,
            self.text,
            self.lines,
            [digit.record(top) for digit in self.digits],
            [number.record() for number in self.numbers],
            self.error,
            self.rotation,
            self.hint,
            [mark.record(top) for mark in self.left_out],
            self.models,
        )

    def as_dict(self, top: int = 1) -> dict[str, Any]:
        """Returns the JSON form as nested dicts, with the `top` next most likely digits."""
        return asdict(self.record(top))
