"""The web page and the HTTP API show how the networks read a digit."""

import base64
from concurrent.futures import ThreadPoolExecutor
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

from common.data import datasets
from common.data.datasets import Dataset
from common.evaluation import neighbours
from common.evaluation.neighbours import TrainingDigits
from common.recognizer import DigitRecognizer
from common.web.app import make_app
from common.web.pictures import data_url

PHOTO = (ROOT / "samples" / "photo.jpg").read_bytes()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    app = make_app(DigitRecognizer(), tmp_path_factory.mktemp("digits"))
    return TestClient(app, base_url="http://127.0.0.1")


def from_url(url: str) -> bytes:
    """Returns the PNG file in a data: URL."""
    return base64.b64decode(url.removeprefix("data:image/png;base64,"))


def decoded(content: bytes) -> Any:
    """Decodes a picture with all its channels."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def test_why_shows_what_the_classifier_computed(client: TestClient) -> None:
    digit = client.post("/look", content=PHOTO).json()["digits"][0]
    x, y, width, height = digit["box"]
    params = {"x": x, "y": y, "width": width, "height": height}
    answer = client.post("/why", params=params, content=PHOTO).json()
    occlusion = decoded(from_url(answer["occlusion"])).astype(int)
    assert occlusion.shape == (28, 28, 3)
    assert (
        occlusion[..., 2] - occlusion[..., 0]
    ).max() > 80  # red where the ink is evidence for a 4
    layers = [decoded(from_url(layer)) for layer in answer["layers"]]
    assert [layer.shape for layer in layers] == [(112, 112, 3), (104, 104, 3)]


def why_of_first_digit(client: TestClient, content: bytes) -> Any:
    """Returns the answer of /why for the first digit of an image."""
    box = client.post("/look", content=content).json()["digits"][0]["box"]
    params = dict(zip(("x", "y", "width", "height"), box, strict=True))
    return client.post("/why", params=params, content=content).json()


def test_why_shows_the_nearest_training_digits(client: TestClient, mnist: Dataset) -> None:
    answer = why_of_first_digit(client, PHOTO)
    assert answer["nearest_error"] is None
    assert [each["digit"] for each in answer["nearest"]] == [4] * 5
    train = mnist.train_images.astype(int)
    pictures = [decoded(from_url(each["picture"])).astype(int) for each in answer["nearest"]]
    for picture in pictures:
        assert (train == picture).all((1, 2)).any()


def test_the_nearest_training_digits_are_sorted_by_distance(mnist: Dataset) -> None:
    picture = mnist.test_images[0]
    distances = ((mnist.train_images.astype(np.int32) - picture) ** 2).sum((1, 2))
    found = TrainingDigits().nearest(picture)
    nearest = np.argsort(distances)[:5]
    assert [each.digit for each in found] == mnist.train_labels[nearest].tolist()
    for each, index in zip(found, nearest, strict=True):
        assert np.array_equal(each.picture, mnist.train_images[index])


def test_training_digits_are_loaded_once(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bool] = []

    def load(download: bool) -> Dataset:
        loaded.append(download)
        return mnist

    monkeypatch.setattr(neighbours, "load_mnist", load)
    training_digits = TrainingDigits()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(training_digits.nearest, mnist.test_images[:16]))
    assert loaded == [False]  # without a download


@pytest.mark.parametrize("is_damaged", [False, True])
def test_why_says_if_there_are_no_training_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_damaged: bool
) -> None:
    monkeypatch.setattr(datasets, "PROJECT", tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if is_damaged:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "mnist.npz").write_bytes(b"damaged")
    app = make_app(DigitRecognizer(), tmp_path)
    answer = why_of_first_digit(TestClient(app, base_url="http://127.0.0.1"), PHOTO)
    assert answer["nearest"] == []
    assert ("mnist.npz" if is_damaged else "has not been downloaded") in answer["nearest_error"]
    assert len(answer["layers"]) == 2


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


def test_the_page_explains_why_a_digit_was_read(page: Page) -> None:
    draw(page, 7)
    text(page).to_have_text("7")
    button = page.get_by_role("button", name="Why?")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    pictures = page.locator(".reasons figure img")
    expect(pictures).to_have_count(3)
    for index in range(3):
        expect(pictures.nth(index)).to_be_visible()
        assert pictures.nth(index).evaluate("picture => picture.naturalWidth") > 0
    button.click()
    expect(page.locator(".reasons")).to_be_hidden()


def test_the_page_shows_the_training_digits_most_like_a_digit(page: Page) -> None:
    draw(page, 7)
    text(page).to_have_text("7")
    picture = data_url(np.zeros((28, 28), np.uint8))
    answer: dict[str, Any] = {"layers": [], "occlusion": picture}
    for error, about in ((None, "The most similar pictures"), ("No MNIST.", "No MNIST.")):
        answer["nearest"] = [] if error else [{"digit": 7, "picture": picture}] * 5
        answer["nearest_error"] = error
        page.route("**/why?*", lambda route: route.fulfill(json=answer))
        page.get_by_role("button", name="Why?").click()
        expect(page.locator(".nearest p")).to_contain_text(about)
        expect(page.locator(".nearest li")).to_have_text([] if error else ["7"] * 5)
        page.reload()
        text(page).to_have_text("7")


def test_the_heat_map_follows_the_drawing(page: Page, tmp_path: Path) -> None:
    button = page.get_by_role("button", name="Show where it looks")
    button.click()
    draw(page, 3)
    text(page).to_have_text("3")
    expect(page.locator("#heat")).to_be_visible()
    button.click()
    expect(page.locator("#heat")).to_be_hidden()


def test_the_page_shows_a_hint_and_the_heat_map_if_no_digit_is_found(page: Page) -> None:
    page.locator("#file").set_input_files(ROOT / "samples" / "letters.png")
    expect(page.locator("#text.missing")).to_have_text("5 marks do not look like digits.")
    expect(page.locator("#heat")).to_be_visible(timeout=10_000)
    expect(page.locator("#heat-note")).to_be_visible()
    expect(page.get_by_role("button", name="Show where it looks")).to_have_attribute(
        "aria-pressed", "false"
    )
    page.get_by_role("button", name="Clear").click()
    text(page).to_have_text("Nothing drawn yet")
    expect(page.locator("#text.missing")).to_have_count(0)
    expect(page.locator("#heat")).to_be_hidden()


def test_a_heat_map_that_was_switched_off_does_not_appear_late(page: Page) -> None:
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
