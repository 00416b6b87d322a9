"""Creates the reader of forms, and formats its readings as text or CSV."""

import argparse
from collections.abc import Callable
from typing import cast

from common import printable
from common.cli.rows import csv_line, escape_formula, percent
from common.forms.field_file import load_form
from common.forms.reader import FormReader
from common.forms.reading import FormReading
from common.reading import Reading


def form_reader(arguments: argparse.Namespace) -> FormReader:
    """Creates a form reader from the field file and the models that the arguments name.

    Raises:
        UserError: The field file, its template or a model cannot be used.
    """
    form = load_form(arguments.fields)
    return FormReader(form, arguments.model, arguments.min_confidence, finder=arguments.finder)


def form_formatter(
    as_csv: bool, names: tuple[str, ...], width: int
) -> tuple[str | None, Callable[[Reading], str]]:
    """Returns the header of the output, or None, and a function that formats the reading of a form.

    Args:
        as_csv: Whether to format readings as CSV; otherwise, as text for people.
        names: Names of the fields.
        width: Width of the column of image names in text, in characters.
    """
    if as_csv:
        header = csv_line(("image", *names, "review", "error"))
        return header, lambda reading: form_csv(cast(FormReading, reading), names)
    return None, lambda reading: form_text(cast(FormReading, reading), width)


def form_text(reading: FormReading, width: int) -> str:
    """Formats the reading of a form as text for people, with one row for each field.

    Args:
        reading: The reading of one image.
        width: Width of the column of image names, in characters.
    """
    longest = max(len(field.name) for field in reading.fields)
    rows: list[str] = []
    for field in reading.fields:
        record = field.record
        name = printable(reading.image) if not rows else ""
        row = f"{name:{width}}  {field.name:{longest}}  {record.text:10}"
        row += f"  {percent(record.confidence):>6}"
        if record.reason:
            row += f"  review: {record.reason}"
        if record.plain is not None:
            row += f"  (as read: {record.plain or 'nothing'})"
        rows.append(row)
    return "\n".join(rows)


def form_csv(reading: FormReading, names: tuple[str, ...]) -> str:
    """Formats the reading of a form as one row of CSV.

    The columns are the image, the values of the fields, the names of the fields to review, and the
    error.

    Args:
        reading: The reading of one image.
        names: Names of the fields.
    """
    image, error = (
        printable(escape_formula(text)) for text in (reading.image, reading.error or "")
    )
    values = [field.record.text for field in reading.fields] or [""] * len(names)
    review = "; ".join(field.name for field in reading.fields if not field.record.ok)
    return csv_line((image, *values, review, error))
