"""Forms are printed as text or CSV."""

import csv
import io

from common.cli.form_rows import form_formatter
from common.forms.reading import FieldReading, FieldRecord, FormReading

NAMES = ("amount", "date")
CORNERS = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
READING = FormReading(
    "a.png",
    fields=(
        FieldReading("amount", FieldRecord("1250", 0.9961, True, None, None), CORNERS),
        FieldReading(
            "date", FieldRecord("21112026", 0.4, False, "confidence below 95%", "2111202"), CORNERS
        ),
    ),
)


def test_csv_has_one_row_for_each_image_and_one_column_for_each_field() -> None:
    header, formatted = form_formatter(True, NAMES, 5)
    broken = FormReading("b.png", error="b.png is damaged.")
    text = "\n".join([header or "", formatted(READING), formatted(broken)])
    assert list(csv.DictReader(io.StringIO(text))) == [
        {"image": "a.png", "amount": "1250", "date": "21112026", "review": "date", "error": ""},
        {"image": "b.png", "amount": "", "date": "", "review": "", "error": "b.png is damaged."},
    ]


def test_text_has_one_row_for_each_field_and_marks_values_to_review() -> None:
    header, formatted = form_formatter(False, NAMES, 5)
    assert header is None
    assert formatted(READING).splitlines() == [
        "a.png  amount  1250         99.6%",
        "       date    21112026     40.0%  review: confidence below 95%  (as read: 2111202)",
    ]
