"""The types that pass between the rooms: where a digit is, and what is read there."""

from dataclasses import dataclass
from typing import Any

import numpy as np


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
        score: The finder's confidence that it is a digit, 0 to 1; None without a finder.
    """

    box: Box
    line: int
    ink: np.ndarray
    score: float | None = None


@dataclass(frozen=True)
class DigitReading:
    """One digit as it was read.

    Attributes:
        digit: 0 to 9.
        confidence: calibrated probability of `digit`, 0 to 1.
        line: its line of writing, counted from 0 at the top.
        box: where it stands, in pixels of the upright image.
        probabilities: ten numbers that sum to 1.
    """

    digit: int
    confidence: float
    line: int
    box: Box
    probabilities: tuple[float, ...]

    def alternatives(self, count: int) -> list[tuple[int, float]]:
        """The `count` next likely digits with their probabilities, the likeliest first."""
        ranked = sorted(range(10), key=lambda digit: -self.probabilities[digit])
        others = [digit for digit in ranked if digit != self.digit]
        return [(digit, self.probabilities[digit]) for digit in others[:count]]

    def as_dict(self, top: int) -> dict[str, Any]:
        """The digit as `predict_image.py --json` prints it, with `top` alternatives."""
        return {
            "digit": self.digit,
            "confidence": round(self.confidence, 6),
            "line": self.line,
            "box": [self.box.x, self.box.y, self.box.width, self.box.height],
            "alternatives": [
                {"digit": other, "confidence": round(share, 6)}
                for other, share in self.alternatives(top)
            ],
        }


@dataclass(frozen=True)
class Reading:
    """What is written on one image.

    Attributes:
        image: its name.
        digits: in reading order; empty where there is no digit.
        left_out: marks that are no digit, or not surely one; see `DigitRecognizer`.
        error: why the image could not be read, or None.
        rotation: Degrees clockwise by which the image had to be turned to be read: 0, 90, 180
            or 270. Boxes are in pixels of the image as it was given.
        hint: Where no digit was found, why perhaps, and what helps.
    """

    image: str
    digits: tuple[DigitReading, ...] = ()
    left_out: tuple[DigitReading, ...] = ()
    error: str | None = None
    rotation: int = 0
    hint: str | None = None

    @property
    def lines(self) -> list[str]:
        """The digits of each line of writing, from top to bottom."""
        return ["".join(str(digit.digit) for digit in line) for line in self.digits_by_line()]

    @property
    def text(self) -> str | None:
        """All lines, joined by line breaks; None where the image could not be read."""
        return None if self.error else "\n".join(self.lines)

    @property
    def confidence(self) -> float | None:
        """The confidence of the digit read least surely; None where there is no digit."""
        return min((digit.confidence for digit in self.digits), default=None)

    def digits_by_line(self) -> list[list[DigitReading]]:
        """The digits, one list a line of writing."""
        count = max((digit.line for digit in self.digits), default=-1) + 1
        return [[digit for digit in self.digits if digit.line == line] for line in range(count)]

    def as_dict(self, top: int = 1) -> dict[str, Any]:
        """The reading as `predict_image.py --json` prints it, with `top` alternatives a digit."""
        return {
            "image": self.image,
            "text": self.text,
            "lines": self.lines,
            "digits": [digit.as_dict(top) for digit in self.digits],
            "error": self.error,
            "rotation": self.rotation,
            "hint": self.hint,
        }
