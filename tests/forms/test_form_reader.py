"""Whole forms are aligned with the template, and the printed text in their fields is not read."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT

from common import UserError
from common.data.form_layouts import LAYOUTS
from common.forms.field_file import Form, load_form
from common.forms.reader import FormReader
from common.forms.reading import FormReading
from common.forms.registration import Registration
from common.images.contents import ImageError
from common.images.decoding import read_image

SAMPLE = ROOT / "docs" / "order_form"
VALUES = {
    "customer": "40718256",
    "date": "21112026",
    "article": "630914",
    "quantity": "25",
    "postcode": "08523",
}


@pytest.fixture(scope="module")
def form() -> Form:
    return load_form(SAMPLE / "order.json")


@pytest.fixture(scope="module")
def reader(form: Form) -> FormReader:
    return FormReader(form)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_image(SAMPLE / "filled.jpg")


def texts(reader: FormReader, image: np.ndarray) -> dict[str, str]:
    """Reads an image, and returns the text of each field."""
    reading = reader.examine(image)[1]
    assert isinstance(reading, FormReading)
    return {field.name: field.record.text for field in reading.fields}


def test_the_sample_form_is_read(reader: FormReader, photo: np.ndarray) -> None:
    assert texts(reader, photo) == VALUES


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_form_is_read_on_its_side_and_upside_down(
    reader: FormReader, photo: np.ndarray, quarters: int
) -> None:
    assert texts(reader, np.ascontiguousarray(np.rot90(photo, quarters))) == VALUES


@pytest.mark.parametrize("scale", [0.8, 3.0])
def test_a_form_is_read_at_other_scales(
    reader: FormReader, photo: np.ndarray, scale: float
) -> None:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    assert (
        texts(reader, cv2.resize(photo, None, fx=scale, fy=scale, interpolation=method)) == VALUES
    )


def test_boxes_refer_to_the_original_image_and_each_field_is_a_line(
    reader: FormReader, photo: np.ndarray
) -> None:
    reading = reader.examine(photo)[1]
    assert reading.lines == list(VALUES.values())
    middles = np.array(
        [(d.box.x + d.box.width / 2, d.box.y + d.box.height / 2) for d in reading.digits]
    )
    assert (np.diff(middles[:8, 0]) > 0).all()
    for digit in reading.digits:
        box = digit.box
        part = photo[box.y : box.bottom, box.x : box.right]
        assert int(part.max()) - int(part.min()) > 60  # the box shows paper and ink


def test_an_empty_form_has_no_digits(reader: FormReader, form: Form) -> None:
    assert form.template is not None
    assert set(texts(reader, form.template).values()) == {""}


def test_printed_text_inside_a_field_is_not_read(form: Form) -> None:
    date = next(field for field in form.fields if field.name == "date")
    assert form.template is not None
    template = form.template.copy()
    left, top = round(date.box[0] * template.shape[1] / 100), round(date.box[1] * 10.52)
    for number, digit in enumerate("2026"):
        place = left + 8 + 34 * number, top + 31
        cv2.putText(template, digit, place, cv2.FONT_HERSHEY_DUPLEX, 0.9, 0, 2, cv2.LINE_AA)
    any_digits = replace(date, digits=(0, 8), check=None)
    with_template = FormReader(replace(form, fields=(any_digits,), template=template))
    without = FormReader(replace(form, fields=(any_digits,), template=None))
    assert texts(with_template, template) == {"date": ""}
    assert texts(without, template) == {"date": "2026"}


@pytest.mark.parametrize("name", ["transfer", "meter"])
def test_an_image_of_another_form_is_refused(reader: FormReader, name: str) -> None:
    with pytest.raises(
        ImageError, match=r"^scan\.png cannot be aligned with the template: expected"
    ):
        reader.examine(LAYOUTS[name]().image, "scan.png")


@pytest.mark.parametrize("level", [0, 200])
def test_a_blank_image_is_refused(reader: FormReader, level: int) -> None:
    with pytest.raises(ImageError, match="cannot be aligned"):
        reader.examine(np.full((300, 200), level, np.uint8))


def test_noise_and_tiny_images_are_refused(reader: FormReader) -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 900), (600, 600)):
        with pytest.raises(ImageError, match="cannot be aligned"):
            reader.examine(rng.integers(0, 256, shape, np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (1, 5000), (1000, 1500)])
def test_images_of_any_shape_are_read_without_a_template(
    form: Form, shape: tuple[int, int]
) -> None:
    places = [(0, 0, 100, 0.001), (0, 0, 0.001, 100), (99, 99, 1, 1), (0, 0, 100, 100)]
    fields = tuple(
        replace(form.fields[0], name=f"{number}", box=box) for number, box in enumerate(places)
    )
    reader = FormReader(replace(form, fields=fields, template=None))
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert len(texts(reader, noise)) == len(places)


def test_a_template_with_too_little_print_is_refused() -> None:
    with pytest.raises(UserError, match="Too little is printed on the template"):
        Registration(np.full((500, 400), 255, np.uint8))


def test_a_bad_image_does_not_stop_the_batch(reader: FormReader, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"bad")
    sources = [("bad.png", tmp_path / "bad.png"), ("good.jpg", SAMPLE / "filled.jpg")]
    bad, good = (reading.as_dict() for reading in reader.read_many(sources))
    assert (bad["text"], bad["fields"]) == (None, None)
    assert "bad.png" in bad["error"]
    assert {name: field["text"] for name, field in good["fields"].items()} == VALUES
    assert json.loads(json.dumps(good)) == good


def test_a_value_that_fits_is_preferred_and_the_plain_reading_is_kept(
    form: Form, photo: np.ndarray
) -> None:
    date = next(field for field in form.fields if field.name == "date")
    wrong = FormReader(replace(form, fields=(replace(date, check=None, pattern="2[^1].*"),)))
    record = wrong.examine(photo)[1].as_dict()["fields"]["date"]
    assert not record["ok"]
    assert record["reason"]
    if record["text"] == VALUES["date"]:  # no likely value fits the pattern
        assert record["plain"] is None
    else:
        assert record["plain"] == VALUES["date"]
        assert record["confidence"] < 0.9
