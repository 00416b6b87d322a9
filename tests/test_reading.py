import json
from dataclasses import replace

import numpy as np
import pytest

from common.reading import Box, DigitReading, Reading


def reading_of(*lines: str) -> Reading:
    shares = np.full((10, 10), 0.01) + 0.9 * np.eye(10)
    shares[:, 5] += 0.001
    return Reading(
        "a.png",
        tuple(
            DigitReading(
                int(d), shares[int(d)].max(), number, Box(1, 2, 3, 4), tuple(shares[int(d)])
            )
            for number, line in enumerate(lines)
            for d in line
        ),
    )


def test_the_text_of_a_reading_joins_its_lines() -> None:
    reading = reading_of("12", "9")
    assert reading.lines == ["12", "9"]
    assert reading.text == "12\n9"
    assert reading.confidence == pytest.approx(0.91)
    assert Reading("a.png").text == ""
    assert Reading("a.png").confidence is None
    assert Reading("a.png", error="broken").text is None


def test_a_number_has_the_lowest_confidence_of_its_digits_and_a_box_around_them() -> None:
    digits = [
        DigitReading(1, 0.9, 0, Box(10, 20, 5, 30), (0.1,) * 10),
        DigitReading(2, 0.8, 0, Box(18, 15, 6, 32), (0.1,) * 10),
        DigitReading(3, 0.7, 0, Box(60, 20, 5, 30), (0.1,) * 10, number=1),
        DigitReading(4, 0.6, 1, Box(10, 80, 5, 30), (0.1,) * 10),
    ]
    content = Reading("a.png", tuple(digits)).as_dict()
    assert content["numbers"] == [
        {"text": "12", "line": 0, "confidence": 0.8, "box": [10, 15, 14, 35], "raw": None},
        {"text": "3", "line": 0, "confidence": 0.7, "box": [60, 20, 5, 30], "raw": None},
        {"text": "4", "line": 1, "confidence": 0.6, "box": [10, 80, 5, 30], "raw": None},
    ]
    assert content["lines"] == ["123", "4"]


def with_signs(*numbers: str) -> list[tuple[str | None, float]]:
    """Returns the `raw` and confidence of each number of a line, such as "12." and "50"."""
    digits: list[DigitReading] = []
    for count, number in enumerate(numbers):
        for character in number:
            if character.isdigit():
                box = Box(0, 0, 5, 30)
                digits.append(DigitReading(int(character), 0.8, 0, box, (0.1,) * 10, count))
            else:
                digits[-1] = replace(digits[-1], sign=character)
    reading = Reading("a.png", tuple(digits))
    return [(number.raw, number.confidence) for number in reading.numbers]


def test_raw_includes_the_signs_and_the_numbers_that_signs_join() -> None:
    assert with_signs("12.50") == [("12.50", 0.8)]
    assert with_signs("1,234.50", "7") == [("1,234.50", 0.8), (None, 0.8)]
    assert with_signs("12:", "30-", "4") == [("12:30-4", 0.8), (None, 0.8), (None, 0.8)]


def test_a_number_with_a_doubtful_sign_has_less_confidence_and_no_raw() -> None:
    assert with_signs("1?2.50") == [(None, 0.4)]
    between_numbers = with_signs("12?", "5.0")
    assert between_numbers == [(None, 0.8), ("5.0", 0.8)]


def test_alternatives_are_the_next_most_likely_digits() -> None:
    digit = reading_of("7").digits[0]
    assert digit.alternatives(0) == []
    ((other, share),) = digit.alternatives(1)
    assert (other, round(share, 4)) == (5, 0.011)
    assert len(digit.alternatives(9)) == 9
    assert 7 not in [other for other, _ in digit.alternatives(9)]


def test_as_dict_can_be_saved_as_json() -> None:
    content = json.loads(json.dumps(reading_of("3").as_dict(top=2)))
    assert content["digits"][0]["box"] == [1, 2, 3, 4]
    assert len(content["digits"][0]["alternatives"]) == 2
    assert Reading("a.png", error="broken").as_dict()["text"] is None
