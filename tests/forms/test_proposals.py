"""Proposed fields for the boxes and combs on an empty form."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from common import UserError
from common.data.form_layouts import HEIGHT, LAYOUTS, WIDTH
from common.forms.field_file import load_form
from common.forms.proposals import field_file_for


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
