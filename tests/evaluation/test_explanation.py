from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command
from PIL import Image

from common.backend import keras
from common.evaluation.explanation import Explainer, occlusion
from common.networks import build_network
from common.recognizer import DigitRecognizer
from common.storage.activations import load_activations
from common.storage.model_files import PRETRAINED, load_predictor

SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return Explainer(DigitRecognizer())


def test_a_photo_is_explained_digit_by_digit(explainer: Explainer) -> None:
    explanation = explainer.explain(SAMPLES / "photo.jpg", "photo.jpg")
    digits = [mark.mark.digit for mark in explanation.marks]
    assert digits == [4, 9, 5, 1, 7, 0, 2, 3, 8]
    for mark in explanation.marks:
        assert mark.picture.shape == (28, 28)
        assert mark.picture.max() == 255
        assert [layer.shape for layer in mark.layers] == [(32, 26, 26), (32, 24, 24)]


def test_the_heat_map_is_hottest_inside_the_boxes(explainer: Explainer) -> None:
    explanation = explainer.explain(SAMPLES / "photo.jpg", "photo.jpg")
    inside = np.zeros(explanation.heat.shape, bool)
    for digit in explanation.reading.digits:
        box = digit.box.enlarged(explanation.scale)
        inside[box.y : box.bottom, box.x : box.right] = True
    assert explanation.heat.shape == explanation.image.shape
    assert explanation.heat[inside].max() > 0.5
    assert explanation.heat[~inside].mean() < 0.2 * explanation.heat[inside].mean()


def test_the_heat_map_of_a_turned_page_fits_the_original_image(
    explainer: Explainer, tmp_path: Path
) -> None:
    with Image.open(SAMPLES / "photo.jpg") as image:
        image.rotate(90, expand=True).save(tmp_path / "turned.png")
    explanation = explainer.explain(tmp_path / "turned.png", "turned.png")
    assert explanation.reading.rotation == 90
    first = explanation.reading.digits[0].box.enlarged(explanation.scale)
    part = explanation.heat[first.y : first.bottom, first.x : first.right]
    assert part.max() > 0.5


def test_on_a_page_without_digits_the_ignored_marks_are_explained(explainer: Explainer) -> None:
    explanation = explainer.explain(SAMPLES / "letters.png", "letters.png")
    assert not explanation.reading.digits
    assert len(explanation.marks) == len(explanation.reading.left_out) == 5


def test_the_only_stroke_of_a_digit_is_evidence_for_it() -> None:
    picture = np.zeros((28, 28), np.uint8)
    picture[4:24, 13:16] = 255
    effect = occlusion(picture, 1, load_predictor(PRETRAINED))
    assert effect.shape == (28, 28)
    assert effect[10:18, 13:16].mean() > 0.1
    assert abs(effect[:, :4]).max() < 0.01


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("simple_cnn", [(32, 26, 26), (64, 11, 11)]),
        ("mlp", [(1, 8, 16), (1, 8, 16)]),
    ],
)
def test_the_layers_of_any_network_can_be_shown(
    name: str, shapes: list[tuple[int, ...]], tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    network = build_network(name)
    network.save(path)
    picture = np.random.default_rng(0).random((28, 28), np.float32)
    activations = load_activations(path)(picture)
    assert [layer.shape for layer in activations[:2]] == shapes
    first = keras.Model(
        network.inputs, network.layers[1 if name == "mlp" else 0].output
    ).predict_on_batch(picture[None, ..., None])[0]
    expected = np.moveaxis(first, 2, 0) if first.ndim == 3 else first.reshape(1, 8, 16)
    np.testing.assert_allclose(activations[0], expected, atol=0.02)


def test_explain_saves_one_picture_per_image(called: Command, tmp_path: Path) -> None:
    done = called(
        "predict_image.py", "--explain", str(tmp_path), "samples/3.png", "samples/letters.png"
    )
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["3_explained.png", "letters_explained.png"]
    with Image.open(tmp_path / "3_explained.png") as image:
        assert image.width > 1000
