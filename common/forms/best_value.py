"""Chooses the most likely value of a form field among the values that fit the field's rules."""

import heapq
import math
from dataclasses import dataclass, replace

from common.forms.field_file import Field
from common.reading import DigitReading

MAX_MARKS = 75  # per field; a field with more marks gets no best value
MAX_CANDIDATES = 50  # partial values that the search keeps for each number of digits
MAX_ALTERNATIVES = 4  # most likely digits considered for each mark
MISFIT_WEIGHT = 0.01  # prior weight of a value that does not fit, since writers make mistakes
MIN_PROBABILITY = 1e-6  # keeps logarithms and quotients finite


@dataclass(frozen=True)
class Value:
    """A possible value of a field, with its probability.

    Attributes:
        digits: The marks read as digits, from left to right.
        probability: Probability that every digit is right and none is missing or extra, 0 to 1.
    """

    digits: tuple[DigitReading, ...]
    probability: float

    @property
    def text(self) -> str:
        """The digits as a string."""
        return "".join(str(digit.digit) for digit in self.digits)


def plain_value(marks: list[DigitReading], min_confidence: float) -> Value:
    """Returns the value as read, without the rules of the field.

    Args:
        marks: Possible digits in the field, from left to right.
        min_confidence: Marks below this confidence are ignored.
    """
    kept = [mark.confidence >= min_confidence for mark in marks]
    chances = (
        mark.confidence if taken else 1 - _digit_probability(mark)
        for mark, taken in zip(marks, kept, strict=True)
    )
    digits = tuple(mark for mark, taken in zip(marks, kept, strict=True) if taken)
    return Value(digits, math.prod(chances))


def best_value(marks: list[DigitReading], field: Field) -> Value | None:
    """Returns the most likely value that fits the field, or None if no likely value fits.

    A beam search goes through the marks from left to right. It reads each mark as one of its likely
    digits or ignores it, and keeps the `MAX_CANDIDATES` most likely partial values of each length.
    The probability of the result follows from Bayes' theorem: a value that fits has the prior
    weight 1, any other value `MISFIT_WEIGHT`. If only unlikely values fit, the probability is low.

    Args:
        marks: Possible digits in the field, from left to right, including uncertain ones.
        field: The field, with the rules for its values.
    """
    if len(marks) > MAX_MARKS:
        return None
    # Candidates by number of digits: log probability, and digit of each mark (None: ignored).
    kept: dict[int, list[tuple[float, tuple[int | None, ...]]]] = {0: [(0.0, ())]}
    for mark in marks:
        options = [(_log(1 - _digit_probability(mark)), None), *_digit_options(mark)]
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
    fitting_share = min(sum(other for other, _ in fitting), 1.0)
    evidence = fitting_share + MISFIT_WEIGHT * (1 - fitting_share)
    return Value(_as_digits(marks, chosen), share / evidence)


def _digit_probability(mark: DigitReading) -> float:
    """Returns the probability that a mark is a digit."""
    return min(mark.confidence / max(mark.probabilities[mark.digit], MIN_PROBABILITY), 1.0)


def _digit_options(mark: DigitReading) -> list[tuple[float, int]]:
    """Returns the most likely digits of a mark, each as a pair of log probability and digit."""
    likely = _digit_probability(mark)
    ranked = sorted(range(10), key=lambda digit: -mark.probabilities[digit])
    return [(_log(likely * mark.probabilities[d]), d) for d in ranked[:MAX_ALTERNATIVES]]


def _log(probability: float) -> float:
    return math.log(min(max(probability, MIN_PROBABILITY), 1.0))


def _as_digits(
    marks: list[DigitReading], chosen: tuple[int | None, ...]
) -> tuple[DigitReading, ...]:
    """Returns the marks that were not ignored, with their chosen digits and confidences."""
    return tuple(
        replace(mark, digit=digit, confidence=_digit_probability(mark) * mark.probabilities[digit])
        for mark, digit in zip(marks, chosen, strict=True)
        if digit is not None
    )
