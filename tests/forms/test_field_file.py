"""Field files describe the fields of a form, and errors in them are reported in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common import UserError
from common.forms.field_file import Field, load_form

AMOUNT: dict[str, Any] = {"name": "amount", "box": [62, 18, 30, 6], "digits": [1, 7]}


def form_file(folder: Path, content: object) -> Path:
    """Writes a field file: text unchanged, any other content as JSON."""
    path = folder / "form.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_field_has_a_name_a_box_and_a_number_of_digits(tmp_path: Path) -> None:
    fields = [AMOUNT, {"name": "code", "box": [0, 0, 100, 100], "digits": 5, "pattern": "[1-9].*"}]
    form = load_form(form_file(tmp_path, {"fields": fields}))
    assert form.template is None
    assert form.fields == (
        Field("amount", (62, 18, 30, 6), (1, 7)),
        Field("code", (0, 0, 100, 100), (5, 5), "[1-9].*"),
    )


def test_the_hash_of_a_form_depends_on_its_template(tmp_path: Path) -> None:
    path = form_file(tmp_path, {"template": "empty.png", "fields": [AMOUNT]})
    Image.fromarray(np.full((20, 30), 255, np.uint8)).save(tmp_path / "empty.png")
    one = load_form(path)
    assert one.template is not None
    assert one.template.shape == (20, 30)
    Image.fromarray(np.full((20, 30), 254, np.uint8)).save(tmp_path / "empty.png")
    assert load_form(path).sha256 != one.sha256


BAD: dict[str, tuple[object, str]] = {
    "not JSON": ("{", "is not valid JSON"),
    "not text": ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "is not valid JSON"),
    "nested": ("[" * 100_000, "is not valid JSON"),
    "list": ([AMOUNT], "expected an object with the keys template, fields"),
    "other key": ({"fields": [AMOUNT], "page": 1}, 'has the key "page"; expected'),
    "no fields": ({}, "fields is missing; expected a list of 1 to 500 fields"),
    "empty": ({"fields": []}, "fields is []; expected a list of 1 to 500 fields"),
    "twice": ({"fields": [AMOUNT, {**AMOUNT, "name": "Amount"}]}, "two fields named 'amount'"),
    "template": ({"template": 3, "fields": [AMOUNT]}, "template is 3; expected the path of an"),
    "gone": ({"template": "gone.png", "fields": [AMOUNT]}, "gone.png does not exist"),
}
BAD_FIELDS: dict[str, tuple[object, str]] = {
    "number": (7, "field 1 is 7; expected an object with the keys name, box, digits"),
    "key": ({**AMOUNT, "lenght": 3}, 'field 1 has the key "lenght"; expected an object with'),
    "no name": ({"box": [1, 1, 1, 1], "digits": 1}, "name is missing; expected"),
    "formula": ({**AMOUNT, "name": "=1+1"}, 'name is "=1+1"; expected at most 100 letters, digits'),
    "reserved": ({**AMOUNT, "name": "error"}, 'name is "error"; expected a name other than image'),
    "box": (
        {**AMOUNT, "box": [62, 18, 50, 6]},
        "box is [62, 18, 50, 6]; expected left, top, width",
    ),
    "flat": ({**AMOUNT, "box": [62, 18, 5, 0]}, "(amount): box is [62, 18, 5, 0]; expected left"),
    "nan": ({**AMOUNT, "box": [float("nan"), 18, 5, 5]}, "box is [NaN, 18, 5, 5]; expected left"),
    "true": ({**AMOUNT, "box": [True, 18, 5, 5]}, "expected left, top, width and height"),
    "digits": ({**AMOUNT, "digits": [3, 2]}, "digits is [3, 2]; expected the number of digits"),
    "many": ({**AMOUNT, "digits": 1000}, "digits is 1000; expected the number of digits, 1 to"),
    "none": ({**AMOUNT, "digits": 0}, "digits is 0; expected the number of digits"),
    "text": ({**AMOUNT, "digits": "5"}, 'digits is "5"; expected the number of digits'),
    "long": ({**AMOUNT, "pattern": "1" * 101}, "expected a regular expression of 1 to 100"),
    "pattern": ({**AMOUNT, "pattern": "["}, 'pattern is "["; expected a regular expression'),
    "check": ({**AMOUNT, "check": "isbn"}, 'check is "isbn"; expected one of luhn, iban, date'),
    "country": ({**AMOUNT, "check": "iban"}, "country is missing; expected two capital letters"),
    "only": ({**AMOUNT, "country": "DE"}, 'country is "DE"; expected two capital letters if'),
    "format": (
        {**AMOUNT, "check": "date", "digits": 8, "format": "DMY"},
        'format is "DMY"; expected one of DDMMYYYY',
    ),
    "undated": ({**AMOUNT, "format": "DDMMYY"}, 'expected no format unless the check is "date"'),
    "length": (
        {**AMOUNT, "check": "date", "digits": 6},
        "digits is 6; expected 8 for dates in the format DDMMYYYY",
    ),
}
BAD |= {f"field: {name}": ({"fields": [entry]}, text) for name, (entry, text) in BAD_FIELDS.items()}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_field_file_is_refused_with_one_line_that_says_what_was_expected(
    tmp_path: Path, name: str
) -> None:
    content, text = BAD[name]
    path = form_file(tmp_path, content)
    with pytest.raises(UserError) as caught:
        load_form(path)
    message = str(caught.value)
    assert text in message
    assert "\n" not in message
    assert "gone" in name or str(path) in message


def test_a_missing_field_file_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"form\.json cannot be read: No such file"):
        load_form(tmp_path / "form.json")


@pytest.mark.parametrize(
    ("text", "field", "objection"),
    [
        ("1234", Field("a", (0, 0, 1, 1), (4, 4)), None),
        ("123", Field("a", (0, 0, 1, 1), (4, 4)), "3 digits; expected 4"),
        ("", Field("a", (0, 0, 1, 1), (1, 4)), "0 digits; expected 1 to 4"),
        ("", Field("a", (0, 0, 1, 1), (0, 4), "[1-9]+", "luhn"), None),
        ("012", Field("a", (0, 0, 1, 1), (3, 3), "[1-9]+"), "012 does not match [1-9]+"),
        ("12", Field("a", (0, 0, 1, 1), (2, 2), check="luhn"), "12 fails the Luhn check"),
        ("31042026", Field("a", (0, 0, 1, 1), (8, 8), check="date"), "31042026 is not a date"),
        ("0", Field("a", (0, 0, 1, 1), (1, 1), check="iban", country="DE"), "DE0 fails the IBAN"),
    ],
)
def test_a_field_gives_the_reason_why_a_value_does_not_fit(
    text: str, field: Field, objection: str | None
) -> None:
    said = field.objection(text)
    assert said == objection or (said or "").startswith(objection or "?")
