"""The web page and the API show how the networks read a digit."""

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ROOT
from fastapi.testclient import TestClient

pytest.importorskip("playwright.sync_api")

from drawing import draw, text
from playwright.sync_api import Page, Route, expect

from common.recognizer import DigitRecognizer
from common.web.app import make_app

PHOTO = (ROOT / "samples" / "photo.jpg").read_bytes()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    app = make_app(DigitRecognizer(), tmp_path_factory.mktemp("digits"))
    return TestClient(app, base_url="http://127.0.0.1")


def from_url(url: str) -> bytes:
    """The content of a data: URL of a PNG file."""
    return base64.b64decode(url.removeprefix("data:image/png;base64,"))


def decoded(content: bytes) -> Any:
    """Decodes a picture, with all its channels."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def test_why_shows_what_the_classifier_computed(client: TestClient) -> None:
    digit = client.post("/look", content=PHOTO).json()["digits"][0]
    x, y, width, height = digit["box"]
    params = {"x": x, "y": y, "width": width, "height": height}
    answer = client.post("/why", params=params, content=PHOTO).json()
    occlusion = decoded(from_url(answer["occlusion"])).astype(int)
    assert occlusion.shape == (28, 28, 3)
    assert (occlusion[..., 2] - occlusion[..., 0]).max() > 80  # red where the ink speaks for a 4
    layers = [decoded(from_url(layer)) for layer in answer["layers"]]
    assert [layer.shape for layer in layers] == [(112, 112, 3), (104, 104, 3)]


def test_why_refuses_a_box_without_a_mark(client: TestClient) -> None:
    params = {"x": 0, "y": 0, "width": 1, "height": 1}
    answer = client.post("/why", params=params, content=PHOTO)
    assert answer.status_code == 404
    assert "No mark" in answer.json()["error"]


def test_the_heat_map_is_transparent_where_the_finder_sees_no_digit(client: TestClient) -> None:
    answer = client.post("/heat", content=PHOTO)
    assert answer.headers["content-type"] == "image/png"
    picture = decoded(answer.content)
    assert picture.shape[2] == 4
    opacity = picture[..., 3]
    assert opacity.max() > 150
    assert np.median(opacity) < 10


def test_a_digit_tells_why_it_was_read(page: Page) -> None:
    draw(page, 7)
    text(page).to_have_text("7")
    button = page.get_by_role("button", name="Why?")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    pictures = page.locator(".reasons img")
    expect(pictures).to_have_count(3)
    for index in range(3):
        expect(pictures.nth(index)).to_be_visible()
        assert pictures.nth(index).evaluate("picture => picture.naturalWidth") > 0
    button.click()
    expect(page.locator(".reasons")).to_be_hidden()


def test_the_heat_map_follows_the_drawing(page: Page, tmp_path: Path) -> None:
    button = page.get_by_role("button", name="Show where it looks")
    button.click()
    draw(page, 3)
    text(page).to_have_text("3")
    expect(page.locator("#heat")).to_be_visible()
    button.click()
    expect(page.locator("#heat")).to_be_hidden()


def test_a_picture_without_digits_gets_its_hint_and_heat_map(page: Page) -> None:
    page.locator("#file").set_input_files(ROOT / "samples" / "letters.png")
    expect(page.locator("#text.missing")).to_contain_text("do not look like digits")
    expect(page.locator("#heat")).to_be_visible(timeout=10_000)
    expect(page.locator("#heat-note")).to_be_visible()
    expect(page.get_by_role("button", name="Show where it looks")).to_have_attribute(
        "aria-pressed", "false"
    )
    page.get_by_role("button", name="Clear").click()
    text(page).to_have_text("Nothing drawn yet")
    expect(page.locator("#text.missing")).to_have_count(0)
    expect(page.locator("#heat")).to_be_hidden()


def test_a_heat_map_that_is_no_longer_wanted_does_not_appear(page: Page) -> None:
    held: list[Route] = []
    page.route("**/heat", lambda route: held.append(route))
    draw(page, 7)
    text(page).to_have_text("7")
    button = page.get_by_role("button", name="Show where it looks")
    button.click()
    page.wait_for_timeout(300)
    button.click()
    with page.expect_response("**/heat"):
        held[0].continue_()
    page.wait_for_timeout(200)
    expect(page.locator("#heat")).to_be_hidden()
