"""The review page lists doubtful values, which people then check."""

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT, Command

from common import UserError
from common.forms.reading import FieldReading, FieldRecord, FormReading
from common.forms.review import ReviewPage

SAMPLE = ROOT / "docs" / "order_form"
CORNERS = ((30.0, 20.0), (10.0, 20.0), (10.0, 10.0), (30.0, 10.0))  # upside down


def field(name: str, text: str, confidence: float, ok: bool = False) -> FieldReading:
    return FieldReading(
        name, FieldRecord(text, confidence, ok, None if ok else "<&>", None), CORNERS
    )


def test_doubtful_values_are_listed_with_the_least_certain_first(tmp_path: Path) -> None:
    image = np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1))
    cv2.imwrite(str(tmp_path / "a.png"), image)
    fields = (field("one", "11", 0.8), field("two", "22", 0.999, True), field("three", "33", 0.1))
    page = ReviewPage(tmp_path / "out" / "review.html")
    page.add(tmp_path / "a.png", FormReading('a"<b>\n.png', fields=fields))
    page.write()
    text = page.path.read_text()
    assert re.findall(r'value="(\d+)"', text) == ["33", "11"]
    assert "<b>" not in text
    assert "&lt;&amp;&gt;" in text
    assert not re.search(r"https?://", text)
    coded = re.findall(r"base64,([^\"]+)", text)[0]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(coded), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    middle = picture[picture.shape[0] // 2].astype(int)
    assert middle[30] > middle[-30] + 50  # upright: the light side is on the left


def test_a_review_page_that_cannot_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        ReviewPage(tmp_path / "file" / "review.html").write()


def test_the_command_writes_the_review_page(command: Command, tmp_path: Path) -> None:
    words = ("predict_image.py", "--review", tmp_path / "out")
    fields = ("--fields", SAMPLE / "order.json")
    done = command(*words, *fields, "--csv", SAMPLE / "filled.jpg", SAMPLE / "empty.png")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "review.html").read_text()
    assert text.count("<input") == 5  # the fields of the empty form
    refused = command(*words, SAMPLE / "filled.jpg")
    assert refused.returncode == 2
    assert "--review needs --fields or --corrections" in refused.stderr
