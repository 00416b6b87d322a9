import json
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command

from common.finding.digits import found_digits
from common.finding.encoding import BOX, HEAT, INK, OUTPUTS, SIZE_UNIT
from common.recognizer import DigitRecognizer
from common.storage.card import is_finder
from common.storage.loading import ModelError
from common.storage.model_files import PRETRAINED as CLASSIFIER
from common.storage.model_files import default_model, load_finder, load_predictor


def two_columns(pages: np.ndarray) -> np.ndarray:
    """Finds a digit 24x40 pixels large in the left and another in the right half of the page."""
    _, height, width, _ = pages.shape
    maps = np.full((1, height // 4, width // 4, OUTPUTS), -10, np.float32)
    for column in (width // 16, 3 * width // 16):
        maps[0, height // 8, column, HEAT.start] = 2
        maps[0, height // 8, column, BOX] = 0, 0, np.log(24 / SIZE_UNIT), np.log(40 / SIZE_UNIT)
    maps[..., INK] = 1
    return maps


def test_digits_have_scores_and_boxes_inside_the_page() -> None:
    glyphs = found_digits(np.full((60, 120), 255, np.uint8), two_columns)
    assert len(glyphs) == 2
    for glyph in glyphs:
        assert glyph.box.x >= 0
        assert glyph.box.right <= 120
        assert glyph.box.bottom <= 60
        assert glyph.score == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)


def test_what_the_finder_finds_is_read_in_reading_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.recognizer.load_finder", lambda *_: two_columns)
    page = np.full((60, 120), 255, np.uint8)
    page[10:50, 26:30] = page[10:50, 90:94] = 0
    reading = DigitRecognizer(CLASSIFIER, min_confidence=0, finder="finder.tflite").read(page)
    assert reading.text == "11"
    assert reading.digits[0].box.x < 30 < reading.digits[1].box.x


def test_a_classifier_is_no_finder() -> None:
    with pytest.raises(ModelError, match="is not a finder"):
        load_finder(CLASSIFIER)


def test_a_missing_finder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model at"):
        load_finder(tmp_path / "finder.tflite")


def test_a_damaged_finder_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "finder.tflite"
    path.write_bytes(CLASSIFIER.read_bytes()[:20_000])
    with pytest.raises(ModelError, match="damaged") as caught:
        load_finder(path)
    assert "\n" not in str(caught.value)


def test_a_finder_is_never_the_model_that_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.storage.model_files.MODELS", tmp_path)
    monkeypatch.setattr("common.storage.model_files.PRETRAINED", tmp_path / "pretrained.tflite")
    for name, network in (("pretrained", "deep_cnn"), ("pages", "finder")):
        (tmp_path / f"{name}.tflite").write_bytes(b"a model")
        (tmp_path / f"{name}.json").write_text(json.dumps({"network": network}))
    assert is_finder(tmp_path / "pages.tflite")
    assert default_model() == tmp_path / "pretrained.tflite"
    with pytest.raises(ModelError, match="use it with --finder"):
        load_predictor(tmp_path / "pages.tflite")


def test_a_finder_is_not_trained_on_several_devices(command: Command) -> None:
    done = command("train_model.py", "--network", "finder", "--distribute", "--dry-run")
    assert done.returncode == 2
    assert "trains classifiers only" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("sample", "text"), [("3.png", "3"), ("two_lines.png", "2859\n1603")])
def test_the_pretrained_finder_finds_the_digits_of_the_samples(sample: str, text: str) -> None:
    finder = ROOT / "models" / "pretrained_finder.tflite"
    reading = DigitRecognizer(CLASSIFIER, finder=finder).read(ROOT / "samples" / sample)
    assert reading.text == text
