import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ROOT, Command

from common.data.datasets import Dataset
from common.data.handwriting import draw_digit
from common.finding.encoding import BOX, HEAT, INK, OUTPUTS, SIZE_UNIT, VOTE
from common.finding.finder import find
from common.finding.inks import cut_out
from common.reading import Box, DigitReading, Glyph
from common.recognizer import DigitRecognizer
from common.storage.card import is_finder
from common.storage.loading import ModelError
from common.storage.model_files import PRETRAINED as CLASSIFIER
from common.storage.model_files import (
    PRETRAINED_FINDER,
    load_finder,
    load_predictor,
)

Reader = Callable[..., DigitRecognizer]


def two_columns(pages: np.ndarray) -> np.ndarray:
    """Stands in for a finder; detects one digit of 24x40 pixels in each half of the page."""
    _, height, width, _ = pages.shape
    maps = np.full((1, height // 4, width // 4, OUTPUTS), -10, np.float32)
    for column in (width // 16, 3 * width // 16):
        maps[0, height // 8, column, HEAT] = 2
        maps[0, height // 8, column, BOX] = 0, 0, np.log(24 / SIZE_UNIT), np.log(40 / SIZE_UNIT)
    dark = (pages[0, ..., 0] < -1).reshape(height // 4, 4, width // 4, 4).swapaxes(1, 2)
    maps[..., VOTE] = 0
    maps[0, ..., INK] = np.where(dark.reshape(height // 4, width // 4, 16), 3, -3)
    return maps


def nothing(pages: np.ndarray) -> np.ndarray:
    """Stands in for a finder; detects no digits."""
    _, height, width, _ = pages.shape
    return np.full((1, height // 4, width // 4, OUTPUTS), -10, np.float32)


def every_stroke(pages: np.ndarray) -> np.ndarray:
    """Stands in for a finder; detects every dark connected component as a digit."""
    maps = nothing(pages)
    dark = (pages[0, ..., 0] < -1).astype(np.uint8)
    for x, y, width, height, _ in cv2.connectedComponentsWithStats(dark)[2][1:]:
        row, column = (y + height // 2) // 4, (x + width // 2) // 4
        maps[0, row, column, HEAT] = 2
        maps[0, row, column, BOX] = (
            (x + width / 2) / 4 - column - 0.5,
            (y + height / 2) / 4 - row - 0.5,
            np.log(width / SIZE_UNIT),
            np.log(height / SIZE_UNIT),
        )
    return maps


def never_called(_: np.ndarray) -> np.ndarray:
    """Stands in for a finder that must not be called."""
    raise AssertionError("the finder was called")


def two_ones(noise: float) -> np.ndarray:
    """Returns a page with upright strokes at the two places where `two_columns` detects digits."""
    page = np.full((60, 120), 230, np.float32)
    page[10:50, 26:30] = page[10:50, 90:94] = 40
    return (page + np.random.default_rng(0).normal(0, noise, page.shape)).astype(np.uint8)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A function that creates recognisers with a given finder."""

    def make(finder: Callable[[np.ndarray], np.ndarray], **settings: Any) -> DigitRecognizer:
        monkeypatch.setattr("common.recognizer.load_finder", lambda *_: finder)
        return DigitRecognizer(CLASSIFIER, **settings)

    return make


def test_detected_digits_have_scores_and_boxes_inside_the_page() -> None:
    page = np.full((60, 120), 255, np.uint8)
    glyphs = cut_out(page, find(page, two_columns))
    assert len(glyphs) == 2
    for glyph in glyphs:
        assert glyph.box.x >= 0
        assert glyph.box.right <= 120
        assert glyph.box.bottom <= 60
        assert glyph.scores.max() == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)


def test_a_small_drawing_is_read_without_the_finder(reader: Reader) -> None:
    assert reader(never_called).read(two_ones(noise=0)[:, :60]).text == "1"


def test_a_larger_drawing_is_read_if_the_finder_detects_every_mark_at_one_scale(
    reader: Reader,
) -> None:
    calls = []

    def counted(pages: np.ndarray) -> np.ndarray:
        calls.append(pages.shape)
        return every_stroke(pages)

    assert reader(counted).read(two_ones(noise=0)).text == "11"
    assert len(calls) == 1
    unconfirmed = reader(nothing).read(two_ones(noise=0))
    assert (unconfirmed.text, len(unconfirmed.left_out)) == ("", 2)


def test_one_detection_does_not_confirm_two_marks(reader: Reader) -> None:
    recognizer = reader(nothing)
    shares = (0.0, 1.0, *[0.0] * 8)
    left, right = (DigitReading(1, 0.99, 0, Box(x, 0, 10, 20), shares) for x in (0, 10))
    ink, scores = np.zeros((20, 20), np.float32), np.full(10, 0.9)
    around_both = Glyph(Box(0, 0, 20, 20), ink, scores)
    two = [Glyph(Box(x, 0, 10, 20), ink, scores) for x in (0, 10)]
    assert len(recognizer._agreed([left, right], two)) == 2
    assert recognizer._agreed([left, right], [around_both]) == []


def test_every_digit_of_a_full_page_is_read() -> None:
    generator = np.random.default_rng(0)
    page = np.full((24 * 64, 24 * 44), 235.0)
    for row, column in np.ndindex(24, 24):
        ink = draw_digit(3, 40, generator)[:60, :44]
        top, left = 64 * row + 2, 44 * column
        page[top : top + ink.shape[0], left : left + ink.shape[1]] -= 190 * ink
    page += generator.normal(0, 4, page.shape)
    lines = DigitRecognizer().read(page.clip(0, 255).astype(np.uint8)).lines
    assert [len(line) for line in lines] == [24] * 24


def test_a_drawing_with_a_doubtful_mark_is_left_to_the_finder(reader: Reader) -> None:
    drawing = two_ones(noise=0)
    drawing[20:40, 50:70] = 40
    with pytest.raises(AssertionError, match="the finder was called"):
        reader(never_called).read(drawing)
    assert len(reader(nothing).read(drawing).left_out) == 3


def test_a_doubtful_digit_on_a_drawing_counts_if_the_finder_detects_it(
    reader: Reader, digits: Dataset
) -> None:
    drawing = 255 - np.kron(digits.test_images[0], np.ones((3, 3), np.uint8))
    confidence = reader(nothing, min_confidence=0).read(drawing).digits[0].confidence
    assert 0.5 < confidence < 0.9
    assert reader(nothing).read(drawing).text == ""
    finder = load_finder(PRETRAINED_FINDER)
    assert reader(finder).read(drawing).text == str(digits.test_labels[0])


def test_a_detection_without_ink_is_not_a_digit(reader: Reader) -> None:
    def sure_of_threes(pages: np.ndarray) -> np.ndarray:
        maps = two_columns(pages)
        three = maps[..., HEAT.start + 3] > 0
        maps[three, HEAT] = -4
        maps[three, HEAT.start + 3] = 4
        return maps

    page = two_ones(noise=4)
    page[:, 60:] = 230
    reading = reader(sure_of_threes).read(page)
    assert all(digit.box.right < 70 for digit in reading.digits)
    assert [mark.confidence for mark in reading.left_out if mark.box.x > 50] == [0]


def test_all_the_ink_of_a_small_image_may_be_one_digit(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    images = []
    for digit in 2 * [*range(10)]:
        ink = cv2.resize(draw_digit(digit, 60, rng, 0.12), (16, 16), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(ink, (0, 0), 1)  # hardly any pixel shows bare paper
        images.append(np.rint(230 - 180 * soft).astype(np.uint8))
    recognizer = reader(nothing)

    def correct(factor: int) -> int:
        enlarged = [np.kron(image, np.ones((factor, factor), np.uint8)) for image in images]
        texts = [recognizer.read(image).text for image in enlarged]
        return sum(text == str(i % 10) for i, text in enumerate(texts))

    assert correct(factor=1) >= 18
    assert correct(factor=5) == 0  # with a side of more than 64 pixels, the finder is needed
    monkeypatch.setattr(DigitRecognizer, "_whole", lambda *_: None)
    assert correct(factor=1) <= 9


def test_the_finder_locates_the_digits_on_a_photo(reader: Reader) -> None:
    reading = reader(two_columns).read(two_ones(noise=4))
    assert reading.text == "11"
    assert reading.digits[0].box.x < 30 < reading.digits[1].box.x
    assert reader(nothing).read(two_ones(noise=4)).text == ""


def test_a_page_without_a_certain_digit_has_no_digits(reader: Reader) -> None:
    def less_confident(pages: np.ndarray) -> np.ndarray:
        maps = two_columns(pages)
        maps[..., HEAT] *= np.where(maps[..., HEAT] > 0, -0.35, 1)
        return maps

    photo = two_ones(noise=4)
    rejected = reader(less_confident).read(photo)
    assert (rejected.text, len(rejected.left_out)) == ("", 2)
    assert rejected.hint == (
        "2 marks do not look like digits; a minimum confidence of 0 reads everything."
    )
    assert reader(less_confident, min_confidence=0).read(photo).text == "11"


def test_an_image_gives_the_same_reading_alone_and_in_a_batch(reader: Reader) -> None:
    pages = [two_ones(noise=0), two_ones(noise=4), np.full((60, 120), 255, np.uint8)]
    recognizer = reader(two_columns)
    files = [("page", cv2.imencode(".png", page)[1].tobytes()) for page in pages]
    together = [reading.as_dict() for reading in recognizer.read_many(files)]
    assert together == [recognizer.examine(page, "page")[1].as_dict() for page in pages]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((40, 40), 255, np.uint8), "is blank"),
        (np.full((40, 40), 200, np.uint8) - np.eye(40, dtype=np.uint8), "contrast is very low"),
        (np.arange(49, dtype=np.uint8).reshape(7, 7) * 5, "7x7 pixels are too few"),
        (np.tile(np.arange(200, dtype=np.uint8), (200, 1)), "Nothing looks like a digit"),
    ],
)
def test_a_hint_says_why_no_digit_was_found(reader: Reader, image: np.ndarray, words: str) -> None:
    reading = reader(nothing).read(image)
    assert reading.text == ""
    assert words in (reading.hint or "")
    assert reading.as_dict()["hint"] == reading.hint


def test_a_classifier_is_refused_as_a_finder() -> None:
    with pytest.raises(ModelError, match="is not a finder"):
        load_finder(CLASSIFIER)


def test_a_missing_finder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model at"):
        load_finder(tmp_path / "finder.tflite")


def test_a_damaged_finder_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "finder.tflite"
    path.write_bytes(CLASSIFIER.read_bytes()[:20_000])
    with pytest.raises(ModelError, match="damaged") as caught:
        load_finder(path)
    assert "\n" not in str(caught.value)


def test_a_finder_is_never_used_as_the_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.storage.model_files.MODELS", tmp_path)
    (tmp_path / "pages.tflite").write_bytes(b"a model")
    (tmp_path / "pages.json").write_text(json.dumps({"network": "finder"}))
    assert is_finder(tmp_path / "pages.tflite")
    with pytest.raises(ModelError, match="Pass it to --finder"):
        load_predictor(tmp_path / "pages.tflite")


def test_training_a_finder_on_several_devices_is_refused(called: Command) -> None:
    done = called("train_model.py", "--network", "finder", "--distribute", "--dry-run")
    assert done.returncode == 2
    assert "trains classifiers only" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("sample", "text"), [("3.png", "3"), ("two_lines.png", "2859\n1603")])
def test_the_pretrained_finder_finds_the_digits_of_the_samples(sample: str, text: str) -> None:
    finder = ROOT / "models" / "pretrained_finder.tflite"
    reading = DigitRecognizer(CLASSIFIER, finder=finder).read(ROOT / "samples" / sample)
    assert reading.text == text
