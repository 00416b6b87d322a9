"""The types that pass between the rooms: where a digit is, what was read, and its JSON form."""

from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from itertools import groupby
from typing import Any

import numpy as np

DOUBTFUL = "?"  # in place of a sign: something is written there, but not surely a sign
# Share of the confidence of a number that a doubtful sign leaves. On 500 generated lines of MNIST
# training digits, 28 of 61 such marks were no signs; see `benchmarks/signs.py`.
DOUBTFUL_SHARE = 0.5


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
        """Returns the smallest box that encloses both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right, bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        return Box(x, y, right - x, bottom - y)

    def enlarged(self, factor: float) -> "Box":
        """Returns the same place on an image `factor` times as large."""
        return Box(*(round(side * factor) for side in (self.x, self.y, self.width, self.height)))


@dataclass(frozen=True)
class Glyph:
    """A mark on the page that may be a digit and has not been read yet.

    Attributes:
        box: Bounding box of its ink.
        ink: Ink without that of its neighbours, float32 (height, width), 0 is paper and 1 is full
            ink, with a small margin.
        scores: Probability of each digit from the finder, float32 (10,); all 1 on a drawing.
    """

    box: Box
    ink: np.ndarray
    scores: np.ndarray = field(default_factory=lambda: np.ones(10, np.float32))


@dataclass(frozen=True)
class AlternativeRecord:
    """Another digit that a mark could be."""

    digit: int
    confidence: float


@dataclass(frozen=True)
class DigitRecord:
    """The JSON form of a digit."""

    digit: int
    confidence: float
    """Calibrated probability of the digit, 0 to 1."""
    line: int
    """Line of writing, counted from 0 at the top."""
    number: int
    """Number on the line, counted from 0 at the left."""
    box: list[int]
    """Left, top, width and height in pixels of the upright image."""
    alternatives: list[AlternativeRecord]
    """The next most likely digits, the most likely first."""


@dataclass(frozen=True)
class NumberRecord:
    """The JSON form of a number."""

    text: str
    """The digits of the number."""
    line: int
    """Line of writing, counted from 0 at the top."""
    confidence: float
    """The lowest confidence of a digit, 0 to 1; lower if a sign between them is doubtful."""
    box: list[int]
    """Left, top, width and height in pixels of the upright image."""
    raw: str | None
    """The number with the signs between its digits, such as 12.50. If a sign follows it in a wide
    gap, the next number is appended, and that one's `raw` is null. Null without signs, and if one
    is doubtful."""


@dataclass(frozen=True)
class ModelsRecord:
    """The names of the model files with which an image was read."""

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
    """The numbers in reading order: digits of a line without a wide gap between them."""
    error: str | None
    """Reason why the image could not be read; null if it was."""
    rotation: int
    """Degrees clockwise by which the image was turned to be read: 0, 90, 180 or 270."""
    hint: str | None
    """Likely reason why no digit was found; null if one was."""
    ignored: list[DigitRecord]
    """Ignored marks: not digits, or too uncertain. They belong to no line; `line` and
    `number` are 0."""
    models: ModelsRecord | None
    """The models that read the image; null only if the reading was made by hand."""


@dataclass(frozen=True)
class DigitReading:
    """A mark that was read.

    Attributes:
        digit: Most likely digit, 0 to 9.
        confidence: Calibrated probability of `digit`, 0 to 1.
        line: Line of writing, counted from 0 at the top.
        box: Bounding box in pixels of the upright image.
        probabilities: Probabilities of the digits 0 to 9, which sum to 1.
        number: Number on the line, counted from 0 at the left.
        sign: The sign that follows it on its line, `DOUBTFUL` if something does that may be a sign,
            or "".
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
        """Returns the JSON form, with `top` alternatives."""
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
    """Digits of a line without a wide gap between them; at least one.

    Attributes:
        digits: Its digits from left to right.
        written: Its digits and signs, and what a sign joins to it; "" if it is joined to the number
            before it.
    """

    digits: tuple[DigitReading, ...]
    written: str

    @property
    def line(self) -> int:
        """Line of writing, counted from 0 at the top."""
        return self.digits[0].line

    @property
    def text(self) -> str:
        """The digits of the number."""
        return "".join(str(digit.digit) for digit in self.digits)

    @property
    def raw(self) -> str | None:
        """See `NumberRecord`."""
        has_signs = self.written not in ("", self.text) and DOUBTFUL not in self.written
        return self.written if has_signs else None

    @property
    def confidence(self) -> float:
        """The lowest confidence of a digit, reduced if a sign between them is doubtful."""
        is_doubtful = any(digit.sign == DOUBTFUL for digit in self.digits[:-1])
        lowest = min(digit.confidence for digit in self.digits)
        return lowest * DOUBTFUL_SHARE if is_doubtful else lowest

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
    """What is written on an image.

    Attributes:
        image: Name of the image.
        digits: Digits in reading order.
        left_out: Ignored marks: not digits, or too uncertain; see `DigitRecognizer`.
        error: Reason why the image could not be read, or None.
        rotation: Degrees clockwise by which the image was turned to be read: 0, 90, 180 or 270.
            The boxes are in pixels of the image before it was turned.
        hint: Likely reason why no digit was found, and what helps, or None.
        models: The models of the recognizer that read the image, or None.
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
        """The lowest confidence of a digit; None if there is no digit."""
        return min((digit.confidence for digit in self.digits), default=None)

    @property
    def numbers(self) -> list[Number]:
        """The numbers in reading order."""
        numbers: list[Number] = []
        for _, group in groupby(reversed(self.digits), lambda digit: (digit.line, digit.number)):
            digits = tuple(group)[::-1]
            written = "".join(f"{digit.digit}{digit.sign}" for digit in digits)
            written = written.removesuffix(DOUBTFUL)
            if digits[-1].sign not in ("", DOUBTFUL):  # joined to the next number
                written += numbers[-1].written
                numbers[-1] = replace(numbers[-1], written="")
            numbers.append(Number(digits, written))
        return numbers[::-1]

    def digits_by_line(self) -> list[list[DigitReading]]:
        """Returns one list of digits for each line."""
        count = max((digit.line for digit in self.digits), default=-1) + 1
        return [[digit for digit in self.digits if digit.line == line] for line in range(count)]

    def record(self, top: int = 1) -> ReadingRecord:
        """Returns the JSON form, with `top` alternatives for each mark."""
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
        """Returns the JSON form as nested dicts, with `top` alternatives for each mark."""
        return asdict(self.record(top))
