"""Chooses how `predict_image.py` prints a reading: as JSON, CSV or text."""

import argparse
import json
from collections.abc import Callable

from common import printable
from common.cli.rows import CSV_HEADER, csv_line, csv_rows, text_rows
from common.reading import Reading
from common.recognizer import DigitRecognizer

MAX_WIDTH = 60  # maximum width of the column of image names; longer names break the alignment


def make_formatter(
    arguments: argparse.Namespace, recognizer: DigitRecognizer, names: list[str]
) -> tuple[str | None, Callable[[Reading], str]]:
    """Returns the header of the output, or None, and a function that formats a reading.

    Args:
        arguments: The options of `predict_image.py`.
        recognizer: The recognizer that reads the images.
        names: Names of all images.
    """
    if arguments.json:
        top = 1 if arguments.top is None else arguments.top
        return None, lambda reading: json.dumps(reading.as_dict(top))
    width = min(max(len(printable(name)) for name in names), MAX_WIDTH)
    if arguments.fields:
        from common.cli.form_rows import form_formatter

        return form_formatter(arguments.csv, recognizer.setup.field_names, width)
    if arguments.csv:
        return csv_line(CSV_HEADER), csv_rows
    return None, lambda reading: text_rows(reading, width, arguments.top or 0)
