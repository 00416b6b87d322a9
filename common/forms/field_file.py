"""Reads field files, which list the fields of a form and the rules for their values."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from common import UserError
from common.files import FileTooLargeError, content_of
from common.forms.checks import CHECKS, DATE_FORMATS, is_date, passes_iban, passes_luhn
from common.images.decoding import read_image

MAX_BYTES = 10**6
MAX_FIELDS = 500
MAX_DIGITS = 50  # per field
MIN_SIDE = 0.1  # per cent of the page; minimum width and height of a field
FORM_KEYS = ("template", "fields")
FIELD_KEYS = ("name", "box", "digits", "pattern", "check", "country", "format")
NAME = re.compile(r"\w[\w -]{0,99}")
RESERVED_NAMES = ("image", "review", "error")  # other columns of the CSV output


class FieldFileError(UserError):
    """The field file cannot be used."""


@dataclass(frozen=True)
class Field:
    """A field of a form, with the rules for its value.

    Attributes:
        name: Name of the field, and of its column in tables.
        box: Left, top, width and height in per cent of the page's width and height.
        digits: Minimum and maximum number of digits.
        pattern: Regular expression that must match the whole value, or None.
        check: Validity check that the value must pass, one of `CHECKS`, or None.
        country: Country code of the account, two capital letters; only with the check "iban".
        format: Order of day, month and year, one of `DATE_FORMATS`; only with the check "date".
    """

    name: str
    box: tuple[float, float, float, float]
    digits: tuple[int, int]
    pattern: str | None = None
    check: str | None = None
    country: str = ""
    format: str = "DDMMYYYY"

    def objection(self, text: str) -> str | None:
        """Returns the reason why a value does not fit the field, or None if it fits."""
        least, most = self.digits
        if not least <= len(text) <= most:
            expected = f"{least}" if least == most else f"{least} to {most}"
            return f"{len(text)} digits; expected {expected}"
        if not text:
            return None
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            return f"{text} does not match {self.pattern}"
        if self.check == "luhn" and not passes_luhn(text):
            return f"{text} fails the Luhn check"
        if self.check == "iban" and not passes_iban(text, self.country):
            return f"{self.country}{text} fails the IBAN check"
        if self.check == "date" and not is_date(text, self.format):
            return f"{text} is not a date in the format {self.format}"
        return None


@dataclass(frozen=True)
class Form:
    """A form, as its field file describes it.

    Attributes:
        fields: The fields, in the order of the output.
        template: Image of the empty form, uint8 (height, width), or None. Without a template,
            images are read without alignment.
        sha256: Hash of the field file and the pixels of the template.
    """

    fields: tuple[Field, ...]
    template: np.ndarray | None
    sha256: str


def load_form(path: Path) -> Form:
    """Reads a field file and the image of the empty form that it names.

    Args:
        path: A JSON file such as `{"template": "empty_form.png", "fields": [{"name": "amount",
            "box": [62, 18, 30, 6], "digits": [1, 7]}]}`. The path of the template is relative to
            the folder of the file.

    Raises:
        FieldFileError: The file is missing or invalid; the message says what is expected.
        ImageError: The template cannot be read.
    """
    try:
        content = content_of(path, MAX_BYTES)
    except FileTooLargeError as error:
        raise FieldFileError(f"{path} is not a field file: {error}.") from error
    except OSError as error:
        raise FieldFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    fields, named = parsed_form(content, f"{path}")
    template = read_image(path.parent / named) if named else None
    pixels = b"" if template is None else repr(template.shape).encode() + template.tobytes()
    return Form(fields, template, hashlib.sha256(content + pixels).hexdigest())


def parsed_form(content: bytes, where: str) -> tuple[tuple[Field, ...], str | None]:
    """Parses and checks the content of a field file.

    Args:
        content: The bytes of the file.
        where: Name of the file, for error messages.

    Returns:
        The fields, and the path of the template, or None if the file names none.

    Raises:
        FieldFileError: The content is invalid; the message says what is expected.
    """
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FieldFileError(f"{where} is not valid JSON: {error}.") from error
    entries = _Entry(where, parsed, FORM_KEYS)
    listed = parsed.get("fields")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_FIELDS:
        entries.refuse("fields", f"a list of 1 to {MAX_FIELDS} fields")
    fields = parsed_fields(listed, where)
    return fields, entries.text("template", r"(?s).+", "the path of an image")


def parsed_fields(entries: list[Any], where: str) -> tuple[Field, ...]:
    """Parses and checks the entries of the list `fields` of a field file.

    Args:
        entries: The parsed JSON value of each entry.
        where: Name of the file, for error messages.

    Raises:
        FieldFileError: An entry is invalid; the message says what is expected.
    """
    fields = tuple(
        _field(_Entry(f"{where}, field {number}", entry, FIELD_KEYS))
        for number, entry in enumerate(entries, 1)
    )
    names = [field.name.lower() for field in fields]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise FieldFileError(f"{where} has two fields named {name!r}; expected unique names.")
    return fields


class _Entry:
    """A JSON object in a field file. Error messages say where in the file the object is.

    Args:
        where: Place of the object, for error messages, such as "form.json, field 2".
        values: The parsed JSON value, which should be an object.
        keys: The keys that the object may have.

    Raises:
        FieldFileError: `values` is not an object, or has other keys.
    """

    def __init__(self, where: str, values: Any, keys: tuple[str, ...]) -> None:
        self.where, self.values = where, values
        expected = f"an object with the keys {', '.join(keys)}"
        if not isinstance(values, dict):
            raise FieldFileError(f"{where} is {_shown(values)}; expected {expected}.")
        for key in values:
            if key not in keys:
                raise FieldFileError(f"{where} has the key {_shown(key)}; expected {expected}.")

    def refuse(self, key: str, expected: str) -> NoReturn:
        """Raises a `FieldFileError` about the value of a key."""
        received = f"is {_shown(self.values[key])}" if key in self.values else "is missing"
        raise FieldFileError(f"{self.where}: {key} {received}; expected {expected}.")

    def text(self, key: str, pattern: str, expected: str) -> str | None:
        """Returns the string under a key, or None if it is missing. Checks it against `pattern`."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.refuse(key, expected)
        return value


def _field(entry: _Entry) -> Field:
    name = entry.text("name", NAME.pattern, "at most 100 letters, digits, spaces, _ and -")
    if name is None or name.lower() in RESERVED_NAMES:
        entry.refuse("name", f"a name other than {', '.join(RESERVED_NAMES)}")
    entry.where += f" ({name})"
    pattern = entry.text("pattern", r"(?s).{1,100}", "a regular expression of 1 to 100 characters")
    try:
        re.compile(pattern or "")
    except (re.error, OverflowError, RecursionError) as error:
        entry.refuse("pattern", f"a regular expression ({error})")
    check = entry.text("check", "|".join(CHECKS), f"one of {', '.join(CHECKS)}")
    country = entry.text("country", "[A-Z]{2}", 'two capital letters, as in "DE"')
    order = entry.text("format", "|".join(DATE_FORMATS), f"one of {', '.join(DATE_FORMATS)}")
    if (country is not None) != (check == "iban"):
        entry.refuse("country", 'two capital letters if the check is "iban", else no country')
    if order is not None and check != "date":
        entry.refuse("format", 'no format unless the check is "date"')
    form = order or Field.format
    box, digits = _box(entry), _digits(entry)
    if check == "date" and not digits[0] <= len(form) <= digits[1]:
        entry.refuse("digits", f"{len(form)} for dates in the format {form}")
    return Field(name, box, digits, pattern, check, country or "", form)


def _box(entry: _Entry) -> tuple[float, float, float, float]:
    box = entry.values.get("box")
    expected = (
        "left, top, width and height of a box inside the page, in per cent of the page, with a "
        f"width and height of at least {MIN_SIDE}"
    )
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        entry.refuse("box", expected)
    left, top, width, height = box
    inside = left >= 0 and top >= 0 and left + width <= 100 and top + height <= 100
    if not (inside and width >= MIN_SIDE and height >= MIN_SIDE):
        entry.refuse("box", expected)
    return float(left), float(top), float(width), float(height)


def _digits(entry: _Entry) -> tuple[int, int]:
    digits = entry.values.get("digits")
    limits = digits if isinstance(digits, list) else [digits, digits]
    whole = len(limits) == 2 and all(isinstance(n, int) and _is_number(n) for n in limits)
    if not whole or not 0 <= limits[0] <= limits[1] <= MAX_DIGITS or limits[1] == 0:
        entry.refuse(
            "digits",
            f"the number of digits, 1 to {MAX_DIGITS}, or a list [minimum, maximum]",
        )
    return limits[0], limits[1]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """Returns a value as JSON, shortened to 60 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
