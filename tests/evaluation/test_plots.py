import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.evaluation import palette, plots
from common.evaluation.metrics import evaluate
from common.evaluation.scores import Misread, Outcome

HISTORY = [
    {"epoch": e, "loss": 1 / e, "accuracy": 1 - 0.5 / e, "val_loss": 1.1 / e, "val_accuracy": v}
    for e, v in ((1, 0.4), (2, 0.9), (3, 0.8))
]


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        assert np.asarray(image.convert("L")).std() > 5  # it is not blank
        return image.size


@pytest.mark.parametrize("epochs", [1, 3])
def test_accuracy_and_loss_plots_are_drawn_at_their_size(tmp_path: Path, epochs: int) -> None:
    plots.plot_accuracy(HISTORY[:epochs], 0.9, "net on data", tmp_path / "accuracy.png")
    plots.plot_loss(HISTORY[:epochs], 0.3, "net on data", tmp_path / "loss.png")
    assert size_of(tmp_path / "accuracy.png") == size_of(tmp_path / "loss.png") == (960, 600)


def test_the_best_epoch_is_marked() -> None:
    accuracy = plots._history_axes(HISTORY, "accuracy", higher_is_better=True)
    assert accuracy.get_legend_handles_labels()[1][-1] == "best epoch: 2"
    loss = plots._history_axes(HISTORY, "loss", higher_is_better=False)
    assert loss.get_legend_handles_labels()[1][-1] == "best epoch: 3"


@pytest.mark.parametrize("name", ["$\\frac{1}{$", "a$b$c", "\x1b[2J", os.fsdecode(b"\xff"), "<b>"])
def test_names_with_markup_can_be_drawn_in_titles(tmp_path: Path, name: str) -> None:
    labels, shares = np.arange(10), np.eye(10)
    plots.plot_accuracy(HISTORY, 0.9, name, tmp_path / "accuracy.png")
    plots.plot_loss(HISTORY, 0.3, name, tmp_path / "loss.png")
    plots.plot_confusion_matrix(evaluate(shares, labels), name, tmp_path / "matrix.png")
    images = np.zeros((10, 28, 28), np.uint8)
    plots.plot_gallery(images, labels, shares, name, tmp_path / "gallery.png")
    assert len([size_of(path) for path in tmp_path.iterdir()]) == 4


def test_the_history_is_saved_as_csv(tmp_path: Path) -> None:
    rows = [row | {"seconds": 1.5} for row in HISTORY]
    plots.save_history(rows, tmp_path / "history.csv")
    with (tmp_path / "history.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [{name: float(value) for name, value in row.items()} for row in read] == rows


def test_the_confusion_matrix_and_galleries_are_drawn(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (60, 28, 28), np.uint8)
    labels = np.arange(60) % 10
    shares = generator.dirichlet(np.ones(10), 60)
    plots.plot_confusion_matrix(evaluate(shares, labels), "net", tmp_path / "matrix.png")
    assert size_of(tmp_path / "matrix.png")
    for count in (0, 3, 60):
        path = tmp_path / f"{count}.png"
        plots.plot_gallery(images[:count], labels[:count], shares[:count], "some", path)
        assert path.stat().st_size > 1000


def test_the_worst_mistake_comes_first() -> None:
    shares = np.zeros((4, 10))
    shares[0, 0] = 1  # right
    shares[1, [1, 2]] = 0.4, 0.6
    shares[2, [2, 3]] = 0.1, 0.9
    shares[3, [3, 4]] = 0.3, 0.7
    assert plots.worst_first(np.arange(4), shares).tolist() == [2, 3, 1]


def test_a_gallery_of_pages_marks_correct_wrong_and_missed_digits(tmp_path: Path) -> None:
    boxes = np.array([[10.0, 10, 20, 40], [50, 10, 20, 40], [90, 10, 20, 40]])
    outcome = Outcome("page", "123", "17", (1, 7), boxes[:2], boxes)
    misread = Misread(outcome, np.full((60, 120), 200, np.uint8), 1.0)
    plots.plot_misread([misread], "some", tmp_path / "one.png")
    pixels = np.asarray(Image.open(tmp_path / "one.png").convert("RGB"))
    height, width, _ = pixels.shape
    panel = pixels[height // 3 : 4 * height // 5, : width // 6]
    places = []
    for colour in (palette.GREEN, palette.ORANGE, palette.BLUE):
        same = (panel == tuple(bytes.fromhex(colour[1:]))).all(axis=2)
        assert same.sum() > 50
        places.append(np.flatnonzero(same.any(axis=0)).mean())
    assert places == sorted(places)


@pytest.mark.parametrize("count", [0, 7, 30])
def test_a_gallery_of_any_number_of_pages_is_drawn(tmp_path: Path, count: int) -> None:
    outcome = Outcome("", "1" * 60, "", (), np.zeros((0, 4)))
    misread = [Misread(outcome, np.full((9, 400), 90, np.uint8), 0.1)] * count
    plots.plot_misread(misread, "some", tmp_path / "gallery.png")
    width, height = size_of(tmp_path / "gallery.png")
    assert width == 1872
    assert height < 1500
