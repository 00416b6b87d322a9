"""Chooses the most likely value of a field that fits what is known about the field."""

import heapq
import math
from dataclasses import dataclass, replace

from common.forms.field_file import Field
from common.reading import DigitReading

MAX_MARKS = 75  # in a field; more are not a value
MAX_CANDIDATES = 50  # values kept for each number of digits
MAX_ALTERNATIVES = 4  # digits considered for each mark
MISFITS = 0.01  # share of the fields on real forms whose value does not fit
MIN_SHARE = 1e-6  # limits of probabilities: nothing is certain or impossible


@dataclass(frozen=True)
class Value:
    """A value of a field.

    Attributes:
        digits: The marks that are digits, each with its digit.
        probability: Probability that these marks, and no others, are these digits, 0 to 1.
    """

    digits: tuple[DigitReading, ...]
    probability: float

    @property
    def text(self) -> str:
        """The digits."""
        return "".join(str(digit.digit) for digit in self.digits)


def plain_value(marks: list[DigitReading], min_confidence: float) -> Value:
    """Returns the value that is read if nothing is known about the field.

    Args:
        marks: The marks in the field, from left to right.
        min_confidence: Marks below this confidence are ignored.
    """
    kept = [mark.confidence >= min_confidence for mark in marks]
    chances = (
        mark.confidence if taken else 1 - _likely(mark)
        for mark, taken in zip(marks, kept, strict=True)
    )
    digits = tuple(mark for mark, taken in zip(marks, kept, strict=True) if taken)
    return Value(digits, math.prod(chances))


def best_value(marks: list[DigitReading], field: Field) -> Value | None:
    """Returns the most likely value that fits the field, or None if none of the likely ones does.

    Every mark may be a digit, or be ignored. For each number of digits, the `MAX_CANDIDATES` most
    likely values are kept from left to right. That a value fits makes it more likely (Bayes'
    theorem), but if only unlikely values fit, the writer may have made a mistake.

    Args:
        marks: The marks in the field, from left to right, including those ignored otherwise.
        field: What is known about the value.
    """
    if len(marks) > MAX_MARKS:
        return None
    # Logarithm of the probability, and for each mark up to here its digit, or None.
    kept: dict[int, list[tuple[float, tuple[int | None, ...]]]] = {0: [(0.0, ())]}
    for mark in marks:
        options = [(_log(1 - _likely(mark)), None), *_digit_options(mark)]
        longer: dict[int, list[tuple[float, tuple[int | None, ...]]]] = {}
        for count, values in kept.items():
            for log, digit in options:
                length = count + (digit is not None)
                if length <= field.digits[1]:
                    extended = ((before + log, (*value, digit)) for before, value in values)
                    longer.setdefault(length, []).extend(extended)
        kept = {
            length: heapq.nlargest(MAX_CANDIDATES, values, key=lambda value: value[0])
            for length, values in longer.items()
        }
    fitting = [
        (math.exp(log), value)
        for values in kept.values()
        for log, value in values
        if field.objection("".join(str(digit) for digit in value if digit is not None)) is None
    ]
    if not fitting:
        return None
    share, chosen = max(fitting, key=lambda value: value[0])
    fits = min(sum(other for other, _ in fitting), 1.0)
    return Value(_as_digits(marks, chosen), share / (fits + MISFITS * (1 - fits)))


def _likely(mark: DigitReading) -> float:
    """Returns the probability that a mark is a digit."""
    return min(mark.confidence / max(mark.probabilities[mark.digit], MIN_SHARE), 1.0)


def _digit_options(mark: DigitReading) -> list[tuple[float, int]]:
    """Returns the most likely digits of a mark, with the logarithms of their probabilities."""
    likely = _likely(mark)
    ranked = sorted(range(10), key=lambda digit: -mark.probabilities[digit])
    return [(_log(likely * mark.probabilities[d]), d) for d in ranked[:MAX_ALTERNATIVES]]


def _log(share: float) -> float:
    return math.log(min(max(share, MIN_SHARE), 1.0))


def _as_digits(
    marks: list[DigitReading], chosen: tuple[int | None, ...]
) -> tuple[DigitReading, ...]:
    """Returns the marks that are digits, with the chosen digits and their confidences."""
    return tuple(
        replace(mark, digit=digit, confidence=_likely(mark) * mark.probabilities[digit])
        for mark, digit in zip(marks, chosen, strict=True)
        if digit is not None
    )
