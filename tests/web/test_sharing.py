"""The web page copies results to the clipboard and saves pictures."""

import json
import shlex
from pathlib import Path

import pytest
from conftest import ROOT, PageServer

pytest.importorskip("playwright.sync_api")

import numpy as np
from drawing import draw, text
from PIL import Image
from playwright.sync_api import Page, expect

from common.recognizer import DigitRecognizer

COPIED = "navigator.clipboard.readText()"


def test_the_text_the_json_and_a_curl_command_can_be_copied(
    page: Page, page_server: PageServer
) -> None:
    expect(page.get_by_role("group", name="Share")).to_be_hidden()
    sample = ROOT / "samples" / "two_lines.png"
    page.locator("#file").set_input_files(sample)
    text(page).to_have_text("2859 1603")
    page.get_by_role("button", name="Copy text").click()
    expect(page.locator("#status")).to_have_text("Copied.")
    assert page.evaluate(COPIED) == "2859\n1603"
    page.get_by_role("button", name="Copy JSON").click()
    page.wait_for_function(f"{COPIED}.then((text) => text.startsWith('{{'))")
    answer = page.request.post(f"{page_server.address}read", data=sample.read_bytes())
    assert json.loads(page.evaluate(COPIED)) == answer.json()
    page.get_by_role("button", name="Copy curl command").click()
    page.wait_for_function(f"{COPIED}.then((text) => text.startsWith('curl'))")
    words = ["curl", "--data-binary", "@two_lines.png", f"{page_server.address}read"]
    assert shlex.split(page.evaluate(COPIED)) == words


def test_the_copied_command_quotes_unusual_file_names(page: Page, tmp_path: Path) -> None:
    odd = tmp_path / "it's $(a) name.png"
    odd.write_bytes((ROOT / "samples" / "3.png").read_bytes())
    page.locator("#file").set_input_files(odd)
    text(page).to_have_text("3")
    page.get_by_role("button", name="Copy curl command").click()
    expect(page.locator("#status")).to_have_text("Copied.")
    assert shlex.split(page.evaluate(COPIED))[2] == f"@{odd.name}"


def test_the_drawing_can_be_saved_with_and_without_boxes(page: Page, tmp_path: Path) -> None:
    draw(page, 7)
    text(page).to_have_text("7")
    for button, name in (("Save with boxes", "digits.png"), ("Save drawing", "drawing.png")):
        with page.expect_download() as saved:
            page.get_by_role("button", name=button).click()
        assert saved.value.suggested_filename == name
        saved.value.save_as(tmp_path / name)
    with Image.open(tmp_path / "digits.png") as picture:
        red, green, blue = np.moveaxis(np.array(picture.convert("RGB"), int), -1, 0)
    assert ((green - red > 60) & (green > blue)).sum() > 500  # the green box and its label
    assert DigitRecognizer().read(tmp_path / "drawing.png").text == "7"
