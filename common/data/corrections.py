"""Saves the digits of values that people checked on the review page of forms, for training."""

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

MAX_BYTES = 10**8
COLUMNS = ("value", "digits")
DIGITS = re.compile(r"digits/[0-9a-f]{16}\.png")


def keep_corrections(file: Path, folder: Path) -> str:
    """Saves the digits of checked values, one file each: `folder/3/NAME.png`.

    A value can only be used if as many digits were found in the field as it has.

    Args:
        file: The CSV file that the review page saved. Every row counts as checked.
        folder: The folder of the review page, where `digits` holds the pictures.

    Returns:
        A message that says what was saved, and how many values could not be used.

    Raises:
        UserError: The file is wrong, the folder is that of another review, or the digits cannot be
            saved.
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
    message = f"Saved in {shown(folder)}: {digits:,} digits, from {len(usable):,} values."
    if len(usable) < len(rows):
        message += (
            f" Not usable: {len(rows) - len(usable):,}, which are not numbers, or have more or "
            "fewer digits than were found."
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
            f"{file} has the columns {', '.join(reader.fieldnames or ['(none)'])}; expected a file "
            f"that the review page saved, with {' and '.join(COLUMNS)}."
        )
    return rows


def _pictures(name: str, folder: Path) -> list[np.ndarray]:
    """Returns the pictures of the digits that were found in a field, uint8 (28, 28)."""
    if not name:
        return []
    if not DIGITS.fullmatch(name):
        raise UserError(f"The column digits has {name!r}; expected a name that the page saved.")
    try:
        strip = read_image(folder / name)
    except ImageError as error:
        raise UserError(f"{error} Name the folder of this review with --review.") from error
    height, width = strip.shape
    if height != PICTURE_SIZE or width % PICTURE_SIZE:
        raise UserError(
            f"{folder / name} has {width} x {height} pixels; expected digits of {PICTURE_SIZE} x "
            f"{PICTURE_SIZE} side by side."
        )
    return np.split(strip, width // PICTURE_SIZE, axis=1)
