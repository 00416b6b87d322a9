import numpy as np
import pytest

from common.forms.best_value import MAX_MARKS, best_value, plain_value
from common.forms.field_file import Field
from common.reading import Box, DigitReading


def mark(likely: float = 1.0, **shares: float) -> DigitReading:
    """Returns a mark. `_3=0.6` sets the probability of a 3; unset digits share the rest equally."""
    given = {int(name[1:]): share for name, share in shares.items()}
    rest = (1 - sum(given.values())) / (10 - len(given))
    probabilities = tuple(given.get(digit, rest) for digit in range(10))
    digit = int(np.argmax(probabilities))
    return DigitReading(digit, likely * probabilities[digit], 0, Box(0, 0, 9, 9), probabilities)


def field(digits: tuple[int, int], pattern: str | None = None, check: str | None = None) -> Field:
    return Field("a", (0, 0, 9, 9), digits, pattern, check)


def test_without_constraints_the_value_is_made_of_the_certain_marks() -> None:
    value = plain_value([mark(_1=0.9), mark(0.2, _7=0.9), mark(_4=0.8)], 0.5)
    assert value.text == "14"
    assert value.probability == pytest.approx(0.9 * 0.8 * 0.8)


def test_a_value_that_passes_a_check_is_more_certain() -> None:
    marks = [mark(_1=0.7, _7=0.2), mark(_8=0.99)]
    unchecked, checked = (best_value(marks, field((2, 2), check=c)) for c in (None, "luhn"))
    assert unchecked is not None
    assert checked is not None
    assert unchecked.text == checked.text == "18"
    assert unchecked.probability < 0.8
    assert checked.probability > 0.99


def test_a_replacement_for_a_clearly_written_value_that_does_not_fit_has_low_confidence() -> None:
    value = best_value([mark(_1=0.999), mark(_7=0.999)], field((2, 2), check="luhn"))
    assert value is not None
    assert value.text != "17"
    assert value.probability < 0.1


def test_the_second_most_likely_digit_is_used_if_the_first_does_not_match_the_pattern() -> None:
    marks = [mark(_0=0.6, _6=0.3), mark(_5=0.9)]
    value = best_value(marks, field((2, 2), "[1-9][0-9]"))
    assert value is not None
    assert value.text == "65"
    assert 0.8 < value.probability < 0.9
    assert value.digits[0].confidence == pytest.approx(0.3)


def test_an_ignored_mark_is_used_if_a_digit_is_missing() -> None:
    marks = [mark(_1=0.9), mark(0.3, _7=0.9), mark(_4=0.8)]
    value = best_value(marks, field((3, 3)))
    assert value is not None
    assert value.text == "174"


def test_the_least_likely_mark_is_ignored_if_there_is_one_mark_too_many() -> None:
    marks = [mark(_1=0.9), mark(0.6, _1=0.9), mark(_4=0.8)]
    value = best_value(marks, field((2, 2)))
    assert value is not None
    assert value.text == "14"


def test_the_check_decides_between_two_readings_of_a_doubtful_digit() -> None:
    value = best_value([mark(_7=0.6, _1=0.35), mark(_8=0.99)], field((2, 2), check="luhn"))
    assert value is not None
    assert value.text == "18"


def test_no_value_fits_too_few_or_far_too_many_marks() -> None:
    assert best_value([mark(_1=0.9)], field((2, 3))) is None
    assert best_value([], field((1, 3))) is None
    assert best_value([mark(_1=0.9)] * (MAX_MARKS + 1), field((2, 3))) is None


def test_many_marks_take_little_time() -> None:
    marks = [mark(0.5, _1=0.5, _7=0.4) for _ in range(MAX_MARKS)]
    value = best_value(marks, field((20, 20), "7+"))
    assert value is None or value.text == "7" * 20
