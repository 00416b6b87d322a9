"""People check doubtful values of forms on the review page; the test uses a real browser."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.forms.reading import FieldReading, FieldRecord, FormReading
from common.forms.review import ReviewPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CORNERS = ((0.0, 0.0), (40.0, 0.0), (40.0, 20.0), (0.0, 20.0))


def test_values_are_corrected_with_the_keyboard_and_saved_as_csv(
    browser: "Browser", tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((30, 40), 200, np.uint8))
    fields = tuple(
        FieldReading(name, FieldRecord(text, share, False, "doubtful", None), CORNERS, pictures)
        for name, text, share, pictures in (
            ("day", "17", 0.2, (bytes(784),) * 2),
            ("gas", "500", 0.4, ()),
        )
    )
    review = ReviewPage(tmp_path / "review.html")
    review.add(tmp_path / "a.png", FormReading('=1+1".png', fields=fields))
    review.write()
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "review.html").as_uri())
    page.keyboard.press("Enter")  # accept the first value
    page.keyboard.type("560")  # replace the second value, which is selected
    assert page.locator(".changed").count() == 1
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(tmp_path / "review.csv")
    page.close()
    assert not errors
    (strip,) = (tmp_path / "digits").iterdir()
    name = f"digits/{strip.name}"
    with (tmp_path / "review.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["image", "field", "read", "value", "digits"],
            ['./=1+1".png', "day", "17", "17", name],
            ['./=1+1".png', "gas", "500", "560", ""],
        ]
