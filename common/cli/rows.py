"""Readings as rows of text for people, and of CSV."""

import csv
import math

from common import printable
from common.reading import Reading

CSV_HEADER = ("image", "text", "confidence", "error")
FORMULA_STARTS = tuple("=+-@＝＋－＠")  # noqa: RUF001 (the wide ones count in Asian spreadsheets)


class Echo:
    """A file that gives back what is written to it, which `csv.writer` passes on."""

    def write(self, text: str) -> str:
        """Gives the text back."""
        return text


CSV_WRITER = csv.writer(Echo(), lineterminator="\n")


def text_rows(reading: Reading, width: int, top: int) -> str:
    """A reading for people: a row for each line of writing, and for each digit's alternatives."""
    rows: list[str] = []
    for line in reading.digits_by_line():
        digits = "".join(str(digit.digit) for digit in line)
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
        rows = [f"{printable(reading.image):{width}}  no digit found"]
        if reading.hint:
            rows[0] += f"  ({reading.hint.rstrip('.')})"
    elif reading.left_out:
        count = len(reading.left_out)
        note = f"({count} mark{'s' if count > 1 else ''} ignored: not digits, or unsure)"
        rows[0] += f"  {note}"
    return "\n".join(rows)


def percent(share: float) -> str:
    """A share as per cent, rounded down, so that nothing but certainty is called 100 %."""
    return f"{math.floor(share * 1000) / 10:.1f}%"


def csv_row(reading: Reading) -> str:
    """A reading as one row of CSV."""
    sure = "" if reading.confidence is None else f"{reading.confidence:.4f}"
    image, error = (printable(not_formula(text)) for text in (reading.image, reading.error or ""))
    return csv_line((image, reading.text or "", sure, error))


def not_formula(text: str) -> str:
    """A file name, or an error that starts with one, that no spreadsheet takes for a formula.

    A name such as =1+1.png becomes ./=1+1.png, which is the same file.
    """
    return f"./{text}" if text != "-" and text.startswith(FORMULA_STARTS) else text


def csv_line(values: tuple[str, ...]) -> str:
    """Values as one row of CSV, without the line break at its end."""
    return CSV_WRITER.writerow(values)[:-1]
