"""Formats readings as text or CSV."""

import csv
import math

from common import printable
from common.reading import Reading

CSV_HEADER = ("image", "line", "text", "confidence", "error")
FORMULA_STARTS = tuple("=+-@＝＋－＠")  # noqa: RUF001 (full-width signs also start formulas)


class Echo:
    """A file-like object that makes `csv.writer.writerow` return the row instead of writing it."""

    def write(self, text: str) -> str:
        """Returns `text` unchanged."""
        return text


CSV_WRITER = csv.writer(Echo(), lineterminator="\n")


def text_rows(reading: Reading, width: int, top: int) -> str:
    """Formats a reading as text for people.

    Args:
        reading: The reading of one image.
        width: Width of the column of image names, in characters.
        top: Number of alternatives to list for each digit.

    Returns:
        One row for each line of digits, with spaces between its numbers. If `top` is above 0, a row
        for each digit of the line follows. If there are no digits, the only row says so.
    """
    rows: list[str] = []
    numbers = reading.numbers
    for count, line in enumerate(reading.digits_by_line()):
        digits = " ".join(number.text for number in numbers if number.line == count)
        name = printable(reading.image) if not rows else ""
        rows.append(f"{name:{width}}  {digits:10}  {percent(min(d.confidence for d in line))}")
        for digit in line if top else []:
            others = "  ".join(
                f"{other}: {percent(share)}" for other, share in digit.alternatives(top)
            )
            rows.append(
                f"{'':{width}}    {digit.digit}: {percent(digit.confidence)}  else {others}"
            )
    if not rows:
        rows = [f"{printable(reading.image):{width}}  no digits found"]
        if reading.hint:
            rows[0] += f"  ({reading.hint.rstrip('.')})"
    elif reading.left_out:
        count = len(reading.left_out)
        plural = "s" if count > 1 else ""
        rows[0] += f"  ({count} mark{plural} ignored: not digits, or too uncertain)"
    return "\n".join(rows)


def percent(share: float) -> str:
    """Formats a share as a percentage, rounded down so that only 1.0 gives 100.0%."""
    return f"{math.floor(share * 1000) / 10:.1f}%"


def csv_rows(reading: Reading) -> str:
    """Formats a reading as CSV.

    Returns:
        One row for each line of digits, or a single row if there are none. No cell contains a line
        break, since some spreadsheet programs misread such cells.
    """
    image, error = (
        printable(escape_formula(text)) for text in (reading.image, reading.error or "")
    )
    lines = zip(reading.lines, reading.digits_by_line(), strict=True)
    rows = [
        csv_line((image, str(number), text, f"{min(d.confidence for d in digits):.4f}", ""))
        for number, (text, digits) in enumerate(lines, 1)
    ]
    return "\n".join(rows or [csv_line((image, "", "", "", error))])


def escape_formula(text: str) -> str:
    """Changes a file name so that no spreadsheet program evaluates it as a formula.

    For example, =1+1.png becomes ./=1+1.png, which names the same file.

    Args:
        text: A file name, or an error message that starts with one.
    """
    return f"./{text}" if text != "-" and text.startswith(FORMULA_STARTS) else text


def csv_line(values: tuple[str, ...]) -> str:
    """Formats values as one row of CSV, without a line break at its end."""
    return CSV_WRITER.writerow(values)[:-1]
