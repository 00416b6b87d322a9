"""Fields are proposed for the boxes and combs on an empty form."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from common import UserError
from common.data.form_layouts import HEIGHT, LAYOUTS, WIDTH
from common.forms.field_file import MAX_DIGITS, MAX_FIELDS, load_form, parsed_form
from common.forms.proposals import field_file_for, proposed_entries
from common.images.contents import ImageError


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("scale", [0.6, 1.0, 2.0])
def test_every_box_and_comb_becomes_a_field(tmp_path: Path, name: str, scale: float) -> None:
    layout = LAYOUTS[name]()
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    page = cv2.resize(layout.image, None, fx=scale, fy=scale, interpolation=method)
    cv2.imwrite(str(tmp_path / "empty.png"), page)
    (tmp_path / "form.json").write_text(field_file_for(tmp_path / "empty.png"))
    found = load_form(tmp_path / "form.json").fields
    expected = sorted(layout.fields, key=lambda field: (field.cells[0][1], field.cells[0][0]))
    for field, known in zip(found, expected, strict=True):
        first, last = known.cells[0], known.cells[-1]
        box = first[0], first[1], last[0] + last[2] - first[0], first[3]
        percent = np.array(box) * 100 / np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
        assert np.abs(np.array(field.box) - percent).max() < 1
        if len(known.cells) > 1:
            assert field.digits == (len(known.cells),) * 2
        else:
            assert field.digits[0] == 1 < known.digits[1] <= field.digits[1]


def test_an_image_without_boxes_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((300, 200), 255, np.uint8))
    with pytest.raises(UserError, match=r"blank\.png has no boxes or combs; expected"):
        field_file_for(tmp_path / "blank.png")


def boxes(rows: int, columns: int, width: int = 60, height: int = 40) -> np.ndarray:
    """Returns a page with separate boxes."""
    page = np.full((rows * (height + 30) + 40, columns * (width + 30) + 40), 255, np.uint8)
    for row in range(rows):
        for column in range(columns):
            x, y = 20 + column * (width + 30), 20 + row * (height + 30)
            cv2.rectangle(page, (x, y), (x + width, y + height), 0, 2)
    return page


@pytest.mark.parametrize(
    "page",
    [boxes(30, 20), boxes(12, 1, width=3000), boxes(12, 1, width=1500, height=20)],
    ids=["many", "wide", "flat"],
)
def test_every_proposal_is_a_valid_field(page: np.ndarray) -> None:
    entries = proposed_entries(page)
    fields, _ = parsed_form(json.dumps({"fields": entries}).encode(), "The file")
    assert 0 < len(fields) <= MAX_FIELDS
    assert max(field.digits[1] for field in fields) <= MAX_DIGITS


def grid() -> np.ndarray:
    """Returns a page full of small boxes."""
    page = np.full((2500, 2500), 255, np.uint8)
    page[::34] = page[:, ::34] = 0
    return page


def dashes() -> np.ndarray:
    """Returns a page full of short lines."""
    page = np.full((2500, 2500), 255, np.uint8)
    page[::8] = 0
    page[:, ::60] = 255
    return page


@pytest.mark.parametrize("page", [grid(), dashes(), dashes().T], ids=["boxes", "lines", "teeth"])
def test_a_page_with_too_many_lines_is_refused(page: np.ndarray) -> None:
    with pytest.raises(ImageError, match="more than 5,000 lines or boxes"):
        proposed_entries(np.ascontiguousarray(page))
