"""Readings are printed as text or CSV."""

import csv
import io

from common.cli.rows import CSV_HEADER, csv_line, csv_rows, text_rows
from common.reading import Box, DigitReading, Reading


def table(*readings: Reading) -> list[dict[str, str]]:
    """Parses rows of CSV as a spreadsheet does."""
    text = "\n".join([csv_line(CSV_HEADER), *map(csv_rows, readings)])
    return list(csv.DictReader(io.StringIO(text, newline="")))


def digit(value: int, confidence: float, line: int, number: int = 0) -> DigitReading:
    return DigitReading(value, confidence, line, Box(0, 0, 9, 9), (0.1,) * 10, number)


def test_spaces_separate_the_numbers_of_a_line_in_text_but_not_in_csv() -> None:
    digits = digit(0, 0.9, 0), digit(7, 0.8, 0), digit(9, 0.7, 0, 1), digit(5, 0.6, 1)
    reading = Reading("a.png", digits)
    assert [row.split() for row in text_rows(reading, 5, 0).splitlines()] == [
        ["a.png", "07", "9", "70.0%"],
        ["5", "60.0%"],
    ]
    assert [row["text"] for row in table(reading)] == ["079", "5"]


def test_csv_has_one_row_for_each_line_with_the_lowest_confidence_of_its_digits() -> None:
    reading = Reading("a.png", (digit(0, 0.9, 0), digit(7, 0.8, 0), digit(9, 0.99994, 1)))
    assert [list(row.values()) for row in table(reading)] == [
        ["a.png", "1", "07", "0.8000", ""],
        ["a.png", "2", "9", "0.9999", ""],
    ]


def test_an_image_without_digits_or_with_an_error_gets_one_row_of_csv() -> None:
    empty, broken = Reading("a.png"), Reading("b.png", error="b.png is damaged.")
    assert [list(row.values()) for row in table(empty, broken)] == [
        ["a.png", "", "", "", ""],
        ["b.png", "", "", "", "b.png is damaged."],
    ]


def test_no_csv_cell_contains_a_line_break() -> None:
    name = 'new\nline\r\u2028",.png'
    reading = Reading(name, (digit(1, 1.0, 0), digit(2, 1.0, 1)))
    rows = csv_rows(reading) + "\n" + csv_rows(Reading(name, error=f"{name} is damaged."))
    assert len(rows.splitlines()) == 3
