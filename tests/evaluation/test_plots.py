import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from common.data.datasets import Dataset
from common.evaluation import history, page_plots, palette, plots
from common.evaluation.figures import save_figure
from common.evaluation.metrics import Report, evaluate
from common.evaluation.reports import draw_report, worst_title
from common.evaluation.scores import Misread, Outcome

HISTORY = [{"epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.4}]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Collects the figures that are saved during a test."""
    saved: list[Figure] = []

    def keep(figure: Figure, path: Path) -> None:
        saved.append(figure)
        save_figure(figure, path)

    for module in (history, plots, page_plots):
        monkeypatch.setattr(module, "save_figure", keep)
    return saved


def guesses(count: int, seed: int = 0) -> tuple[Report, np.ndarray, np.ndarray]:
    """Returns the report, the probabilities and the labels of random predictions."""
    shares = np.random.default_rng(seed).dirichlet(np.full(10, 0.3), count)
    labels = np.arange(count) % 10
    return evaluate(shares, labels), shares, labels


def bars_of(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        assert np.asarray(image.convert("L")).std() > 5  # the plot is not blank
        return image.size


@pytest.mark.parametrize("name", ["$\\frac{1}{$", "a$b$c", "\x1b[2J", os.fsdecode(b"\xff"), "<b>"])
def test_model_names_with_markup_can_be_drawn_in_titles(tmp_path: Path, name: str) -> None:
    labels, shares = np.arange(10), np.eye(10)
    history.plot_accuracy(HISTORY, 0.9, name, tmp_path / "accuracy.png")
    history.plot_loss(HISTORY, 0.3, name, tmp_path / "loss.png")
    plots.plot_confusion_matrix(evaluate(shares, labels), name, tmp_path / "matrix.png")
    images = np.zeros((10, 28, 28), np.uint8)
    plots.plot_gallery(images, labels, shares, name, tmp_path / "gallery.png")
    report = evaluate(shares, labels)
    plots.plot_reliability(report, shares, labels, name, tmp_path / "reliability.png")
    plots.plot_recall(report, name, tmp_path / "recall.png")
    plots.plot_comparison({name: report, "b": report}, name, tmp_path / "compare.png")
    assert len([size_of(path) for path in tmp_path.iterdir()]) == 7


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
    shares[0, 0] = 1  # correct
    shares[1, [1, 2]] = 0.4, 0.6
    shares[2, [2, 3]] = 0.1, 0.9
    shares[3, [3, 4]] = 0.3, 0.7
    assert plots.worst_first(np.arange(4), shares).tolist() == [2, 3, 1]


def test_a_gallery_of_pages_marks_correct_wrong_and_missed_digits(tmp_path: Path) -> None:
    boxes = np.array([[10.0, 10, 20, 40], [50, 10, 20, 40], [90, 10, 20, 40]])
    outcome = Outcome("page", "123", "17", (1, 7), boxes[:2], boxes)
    misread = Misread(outcome, np.full((60, 120), 200, np.uint8), 1.0)
    page_plots.plot_misread([misread], "some", tmp_path / "one.png")
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
    page_plots.plot_misread(misread, "some", tmp_path / "gallery.png")
    width, height = size_of(tmp_path / "gallery.png")
    assert width == 1872
    assert height < 1500


@pytest.mark.parametrize("count", [3, 30])
def test_the_title_of_a_gallery_says_if_some_pages_are_not_shown(
    tmp_path: Path, figures: list[Figure], count: int
) -> None:
    outcome = Outcome("", "1", "", (), np.zeros((0, 4)))
    misread = [Misread(outcome, np.full((9, 40), 90, np.uint8), 1.0)] * count
    page_plots.plot_misread(misread, "some", tmp_path / "gallery.png")
    title = {3: "some", 30: "some (the first 24 of 30)"}[count]
    assert figures[0].get_suptitle() == title


@pytest.mark.parametrize(
    ("count", "title"),
    [
        (0, "no misread images"),
        (1, "the only misread image"),
        (40, "all 40 misread images, worst first"),
        (89, "the worst 40 of 89 misread images"),
    ],
)
def test_the_title_of_the_misread_images_says_how_many_are_shown(count: int, title: str) -> None:
    assert worst_title(count) == title


def test_the_titles_of_the_galleries_state_the_correct_counts(
    tmp_path: Path, figures: list[Figure]
) -> None:
    report, shares, labels = guesses(200)
    images = np.zeros((200, 28, 28), np.uint8)
    dataset = Dataset("some", images, labels, images, labels)
    paths = draw_report(report, dataset, shares, "net", tmp_path)
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()}
    wrong = 200 - round(200 * report.accuracy)
    titles = [figure.get_suptitle().strip() for figure in figures[-2:]]
    assert titles[0] == f"net: the worst 40 of {wrong} misread images"
    assert titles[1] == "net: 40 of the 200 test images"


def test_the_reliability_diagram_shows_each_bin_and_the_calibration_error(
    tmp_path: Path, figures: list[Figure]
) -> None:
    report, shares, labels = guesses(500)
    plots.plot_reliability(report, shares, labels, "net", tmp_path / "reliability.png")
    axes, below = figures[0].axes
    assert f"(ECE) {report.ece:.2%}" in axes.get_title()
    heights = [bar.get_height() for bar in bars_of(below)]
    assert sum(heights) == 500
    (points,) = [line for line in axes.lines if line.get_marker() == "o"]
    confidences, accuracies = np.array(points.get_data(), float)
    error = np.abs(confidences - accuracies) @ np.array(heights) / 500
    assert error == pytest.approx(report.ece)


def test_the_recall_of_each_digit_is_drawn_as_a_bar(tmp_path: Path, figures: list[Figure]) -> None:
    report, _, _ = guesses(200)
    plots.plot_recall(report, "net", tmp_path / "recall.png")
    axes = figures[0].axes[0]
    bars = [bar.get_height() for bar in bars_of(axes)]
    assert bars == [score.recall for score in report.per_digit]
    assert axes.get_ylabel() == "recall"
    good = np.eye(10)[np.arange(200) % 10]
    good[3] = np.roll(good[3], 1)
    plots.plot_recall(evaluate(good, np.arange(200) % 10), "net", tmp_path / "recall.png")
    axes = figures[1].axes[0]
    assert axes.get_ylabel() == "recall (the axis starts at 90%)"
    assert "95.0%\n1 of 20" in [text.get_text() for text in axes.texts]


def test_models_are_compared_in_one_plot(tmp_path: Path, figures: list[Figure]) -> None:
    reports = {f"models/{name}.keras": guesses(300, seed)[0] for seed, name in enumerate("abc")}
    plots.plot_comparison(reports, "3 models", tmp_path / "compare.png")
    left, right = figures[0].axes
    assert [text.get_text() for text in left.get_yticklabels()] == list(reports)
    errors = [bar.get_width() for bar in bars_of(left)]
    assert errors == pytest.approx([1 - report.accuracy for report in reports.values()])
    assert len(right.patches) == 30
