"""Plots of training runs and evaluations, which are written directly to files."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)

from common import printable
from common.evaluation.metrics import Report
from common.evaluation.palette import BLUE, GREEN, GREY, ORANGE, PURPLE
from common.evaluation.scores import Misread, matched_boxes
from common.files import replacing

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")

GALLERY_COLUMNS = 8
GALLERY_ROWS = 5
MISREAD_COLUMNS = 6
MISREAD_SHOWN = 24
CELL_ASPECT = 0.8  # height divided by width of the cell of one image
MAX_TITLE = 26  # characters above one image

Row = dict[str, float]


def save_history(history: Sequence[Row], path: Path) -> None:
    """Writes the history of a training run as CSV, with one row per epoch or fraction of one."""
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, HISTORY_COLUMNS)
        writer.writeheader()
        writer.writerows(history)


def plot_accuracy(history: Sequence[Row], test_accuracy: float, title: str, path: Path) -> None:
    """Plots accuracy over epochs, in per cent.

    Args:
        history: Rows with "epoch", "accuracy" and, for complete epochs, "val_accuracy"; accuracies
            are between 0 and 1.
        test_accuracy: Test accuracy for the title, 0 to 1.
        title: Network and data set.
        path: Path of the .png file.
    """
    axes = _history_axes(history, "accuracy", higher_is_better=True)
    _set_title(axes, f"{title}: test accuracy {test_accuracy:.2%}", fontsize=11)
    axes.set_ylabel("accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.legend()
    _save(axes, path)


def plot_loss(history: Sequence[Row], test_loss: float, title: str, path: Path) -> None:
    """Plots loss over epochs; the arguments are those of `plot_accuracy`, for "loss".

    The training loss may include pictures that are not digits; the validation loss never does.
    """
    axes = _history_axes(history, "loss", higher_is_better=False)
    _set_title(axes, f"{title}: test loss {test_loss:.4f}", fontsize=11)
    axes.set_ylabel("loss (log scale)")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend()
    _save(axes, path)


def _history_axes(history: Sequence[Row], name: str, higher_is_better: bool) -> Axes:
    axes: Axes = Figure(figsize=(8, 5), layout="constrained").subplots()
    marker = "o" if len(history) < 40 else ""
    for key, colour, label in ((name, BLUE, "training"), (f"val_{name}", ORANGE, "validation")):
        rows = [row for row in history if key in row]
        epochs, values = [row["epoch"] for row in rows], [row[key] for row in rows]
        axes.plot(epochs, values, color=colour, label=label, marker=marker, markersize=4)
    if len(values) > 1:
        best = int(np.argmax(values) if higher_is_better else np.argmin(values))
        axes.plot(
            epochs[best],
            values[best],
            marker="o",
            markersize=13,
            fillstyle="none",
            linestyle="none",
            color=GREEN,
            markeredgewidth=2,
            label=f"best epoch: {int(epochs[best])}",
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set_xlim(0, 1.05 * epochs[0])
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
    axes.margins(x=0.04, y=0.08)
    return axes


def plot_confusion_matrix(report: Report, title: str, path: Path) -> None:
    """Plots the confusion matrix, with errors coloured by their share of the label's images."""
    matrix = np.array(report.confusion_matrix)
    mistakes = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(mistakes, 0)
    axes = Figure(figsize=(7.5, 6.5), layout="constrained").subplots()
    image = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(mistakes.max(), 0.01))
    for label, row in enumerate(matrix):
        for read, count in enumerate(row):
            if count:
                dark = mistakes[label, read] > 0.6 * max(mistakes.max(), 0.01)
                axes.text(
                    read,
                    label,
                    str(count),
                    ha="center",
                    va="center",
                    color="white" if dark else "black",
                    fontweight="bold" if label == read else "normal",
                )
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.set_xlabel("read as")
    axes.set_ylabel("label")
    _set_title(axes, f"{title}: accuracy {report.accuracy:.2%} on {report.images:,} images")
    colours = axes.figure.colorbar(image, ax=axes, format=PercentFormatter(xmax=1, decimals=1))
    colours.set_label("errors as a share of the label's images")
    _save(axes, path)


def plot_gallery(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, title: str, path: Path
) -> None:
    """Plots a gallery of pictures, each with its label, the digit read and the confidence.

    Args:
        images: Pictures (N, 28, 28); the first 40 are shown.
        labels: Labels, int (N,).
        probabilities: Predicted probabilities, float (N, 10).
        title: Title of the gallery.
        path: Path of the .png file.
    """
    shown = min(len(images), GALLERY_COLUMNS * GALLERY_ROWS)
    rows = max(1, -(-shown // GALLERY_COLUMNS))
    figure = Figure(figsize=(1.45 * GALLERY_COLUMNS, 1.75 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, GALLERY_COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, image, label, shares in zip(grid, images, labels, probabilities, strict=False):
        read = int(shares.argmax())
        right = read == label
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(
            f"label {label}\nread {read}, {shares[read]:.0%}",
            fontsize=9,
            color=GREEN if right else ORANGE,
        )
    if not shown:
        grid[0].text(0, 0.5, "none", fontsize=12)
    figure.suptitle(f"{printable(title)}\n", fontsize=12, parse_math=False)
    _save(grid[0], path)


def plot_misread(misread: Sequence[Misread], title: str, path: Path) -> None:
    """Plots a gallery of misread images with the boxes and digits that were read.

    Args:
        misread: Misread images; the first 24 are shown.
        title: Title of the gallery.
        path: Path of the .png file.
    """
    shown = misread[:MISREAD_SHOWN]
    rows = max(1, -(-len(shown) // MISREAD_COLUMNS))
    height = 2.75 * rows + 1.1  # inches
    figure = Figure(figsize=(2.6 * MISREAD_COLUMNS, height))
    figure.subplots_adjust(0.01, 0.5 / height, 0.99, 1 - 1.05 / height, wspace=0.06, hspace=0.35)
    grid = figure.subplots(rows, MISREAD_COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
        axes.set_box_aspect(CELL_ASPECT)
    for axes, image in zip(grid, shown, strict=False):
        _draw_misread(axes, image)
    if not shown:
        grid[0].text(0, 0.5, "none", fontsize=12)
    if any(image.outcome.true_boxes is not None for image in shown):
        legend = {"correct": GREEN, "wrong or invented": ORANGE, "missed": BLUE}
    else:
        legend = {"read": PURPLE}
    handles = [Patch(color=colour, label=name) for name, colour in legend.items()]
    figure.legend(handles=handles, loc="lower center", ncols=3, frameon=False)
    figure.suptitle(title, y=1 - 0.25 / height, va="center", fontsize=14)
    _save(grid[0], path)


def _draw_misread(axes: Axes, misread: Misread) -> None:
    """Draws one image with its boxes, and above it the digits written and the digits read."""
    outcome, scale = misread.outcome, misread.scale
    height, width = misread.image.shape
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[], facecolor="#EEEEEE")
    axes.spines[:].set_color("#BBBBBB")
    axes.imshow(misread.image, cmap="gray", vmin=0, vmax=255)
    side = max(height / CELL_ASPECT, width) / 2  # centres the image in a cell of fixed shape
    axes.set(
        xlim=(width / 2 - side, width / 2 + side),
        ylim=(height / 2 + CELL_ASPECT * side, height / 2 - CELL_ASPECT * side),
    )
    lines = (
        (1.2, outcome.group, GREY),
        (1.11, f"written {_shortened(outcome.written)}", "black"),
        (1.02, f"read {_shortened(outcome.read)}", ORANGE),
    )
    for y, text, colour in lines:
        axes.text(0, y, text, color=colour, fontsize=9, transform=axes.transAxes)
    found = [PURPLE] * len(outcome.boxes)
    if outcome.true_boxes is not None:
        pairs = matched_boxes(outcome.boxes, outcome.true_boxes)
        found = [ORANGE] * len(outcome.boxes)
        for read, true in pairs:
            if str(outcome.digits[read]) == outcome.written_digits[true]:
                found[read] = GREEN
        matched = {true for _, true in pairs}
        for number, box in enumerate(outcome.true_boxes):
            if number not in matched:
                _draw_box(axes, box * scale, BLUE)
    for box, digit, colour in zip(outcome.boxes * scale, outcome.digits, found, strict=True):
        _draw_box(axes, box, colour)
        label = axes.text(box[0], box[1], str(digit), color=colour, fontsize=9, weight="bold")
        label.set_path_effects([withStroke(linewidth=2, foreground="white")])


def _draw_box(axes: Axes, box: np.ndarray, colour: str) -> None:
    x, y, width, height = box - (0.5, 0.5, 0, 0)  # Matplotlib's pixel centres are whole numbers
    axes.add_patch(Rectangle((x, y), width, height, fill=False, color=colour, linewidth=1.5))


def _shortened(text: str) -> str:
    """Shortens a text to fit above a small image."""
    if len(text) > MAX_TITLE:
        return f"{text[: MAX_TITLE - 1]}…"
    return text or "nothing"


def worst_first(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The indices of the misread images, in descending order of confidence."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return np.asarray(wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")])


def _set_title(axes: Axes, title: str, **font: Any) -> None:
    """Sets a title that may contain a file name: without formulas and control characters."""
    axes.set_title(printable(title), parse_math=False, **font)


def _save(axes: Axes, path: Path) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None  # all axes in this module belong to a figure
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
