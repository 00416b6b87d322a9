"""Saves the digits of form values that people have checked on the review page, for training."""

import csv
import re
from io import StringIO
from pathlib import Path

import numpy as np

from common import UserError
from common.data.my_digits import keep_digit
from common.files import content_of, shown
from common.images.contents import ImageError
from common.images.decoding import read_image
from common.preprocessing import PICTURE_SIZE

MAX_BYTES = 10**8  # per CSV file
COLUMNS = ("value", "digits")  # required columns of a CSV file
DIGITS = re.compile(r"digits/[0-9a-f]{16}\.png")
"""Matches the name of the picture with the digits of a field."""


def keep_corrections(file: Path, folder: Path) -> str:
    """Saves each digit of the checked values as a file such as `folder/3/NAME.png`.

    A value is used only if its number of digits equals the number of digits found in its field.

    Args:
        file: The CSV file that the review page saved. Its values are assumed to be correct.
        folder: The folder of the review page. Its sub-folder `digits` holds the pictures.

    Returns:
        A message with the number of saved digits and the number of values that were used.

    Raises:
        UserError: The file has the wrong format, the folder belongs to another review, or the
            digits cannot be saved.
    """
    rows = _rows(file)
    values = [(row["value"].strip(), _pictures(row["digits"], folder)) for row in rows]
    usable = [
        (value, pictures)
        for value, pictures in values
        if re.fullmatch("[0-9]+", value) and len(value) == len(pictures)
    ]
    for value, pictures in usable:
        for digit, picture in zip(value, pictures, strict=True):
            keep_digit(picture.astype(np.float32) / 255, int(digit), folder)
    digits = sum(len(value) for value, _ in usable)
    message = f"Digits saved in {shown(folder)}: {digits:,}, from "
    message += f"{len(usable):,} of {len(rows):,} values."
    if len(usable) < len(rows):
        message += (
            " A value is not used if it is not a number, or has more or fewer digits than were "
            "found in its field."
        )
    return message


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        text = content_of(file, MAX_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(StringIO(text, newline=""), restval="", strict=True)
        rows = list(reader)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}.") from error
    except (ValueError, csv.Error) as error:
        raise UserError(f"{file} cannot be read as CSV: {error}.") from error
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise UserError(
            f"{file} has the columns {', '.join(reader.fieldnames or ['(none)'])}; expected the "
            f"columns {' and '.join(COLUMNS)}, as in a file that the review page saved."
        )
    return rows


def _pictures(name: str, folder: Path) -> list[np.ndarray]:
    """Returns the pictures of the digits that were found in a field, uint8 (28, 28)."""
    if not name:
        return []
    if not DIGITS.fullmatch(name):
        raise UserError(
            f"The column digits has {name!r}; expected a name that the review page saved, such as "
            "digits/0123456789abcdef.png."
        )
    try:
        strip = read_image(folder / name)
    except ImageError as error:
        raise UserError(f"{error} Name the folder of this review with --review.") from error
    height, width = strip.shape
    if height != PICTURE_SIZE or width % PICTURE_SIZE:
        raise UserError(
            f"{folder / name} has {width} x {height} pixels; expected pictures of {PICTURE_SIZE} x "
            f"{PICTURE_SIZE} pixels side by side, one for each digit."
        )
    return np.split(strip, width // PICTURE_SIZE, axis=1)
