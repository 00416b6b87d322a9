"""Saves the history of a training run as a table, and plots accuracy and loss."""

import csv
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)

from common.evaluation.figures import save_figure, set_title
from common.evaluation.palette import BLUE, GREEN, ORANGE, PURPLE
from common.files import replacing

Row = dict[str, float]
"""Metrics at one moment of a run, by name. "epoch" is the number of epochs so far, such as 0.5.
Accuracies are between 0 and 1."""

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
SIGNIFICANT_DIGITS = 6


def save_history(history: Sequence[Row], path: Path) -> None:
    """Saves the history of a training run as a CSV file with one row for each complete epoch."""
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in _complete(history):
            writer.writerow(
                {name: f"{value:.{SIGNIFICANT_DIGITS}g}" for name, value in row.items()}
            )


def plot_accuracy(history: Sequence[Row], test_accuracy: float, title: str, path: Path) -> None:
    """Plots training and validation accuracy by epoch, and the learning rate below.

    Args:
        history: Rows with "epoch" and "accuracy". Rows of complete epochs also have "val_accuracy"
            and "seconds". The learning rate is plotted if all rows have a "learning_rate".
        test_accuracy: Test accuracy, 0 to 1, for the title.
        title: Name of the network and of the data set.
        path: Path of the .png file.
    """
    figure, axes = _history_figure(history, "accuracy")
    set_title(axes, f"{title}: test accuracy {test_accuracy:.2%}{_time(history)}", fontsize=11)
    axes.set_ylabel("accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.legend()
    save_figure(figure, path)


def plot_loss(history: Sequence[Row], test_loss: float, title: str, path: Path) -> None:
    """Plots training and validation loss by epoch, and the learning rate below.

    The training loss may include pictures that are not digits. The validation loss never does.

    Args:
        history: Rows as for `plot_accuracy`, with "loss" and "val_loss".
        test_loss: Test loss, for the title.
        title: Name of the network and of the data set.
        path: Path of the .png file.
    """
    figure, axes = _history_figure(history, "loss")
    set_title(axes, f"{title}: test loss {test_loss:.4f}{_time(history)}", fontsize=11)
    axes.set_ylabel("loss (log scale)")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend()
    save_figure(figure, path)


def _complete(history: Sequence[Row]) -> list[Row]:
    return [row for row in history if row["epoch"] == int(row["epoch"])]


def _time(history: Sequence[Row]) -> str:
    """Returns the training time as the second line of a title, or "" if it is unknown."""
    seconds = [row["seconds"] for row in history if "seconds" in row]
    if not seconds:
        return ""
    if len(seconds) == 1:
        return f"\n{seconds[0]:.1f} s for one epoch"
    total = sum(seconds)
    return f"\n{total:.1f} s for {len(seconds)} epochs, {total / len(seconds):.1f} s each"


def _history_figure(history: Sequence[Row], name: str) -> tuple[Figure, Axes]:
    """Plots a metric of training and validation and, if it is known, the learning rate below.

    A circle marks the last epoch, after which the model was saved.
    """
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    with_rate = all("learning_rate" in row for row in history)
    if with_rate:
        axes, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        _draw(below, history, "learning_rate", PURPLE, "")
        below.set_ylim(bottom=0)
        below.set_ylabel("learning rate")
    else:
        axes = below = figure.subplots()
    _draw(axes, history, name, BLUE, "training")
    last = _draw(axes, history, f"val_{name}", ORANGE, "validation")
    axes.plot(
        *last,
        marker="o",
        markersize=13,
        fillstyle="none",
        linestyle="none",
        color=GREEN,
        markeredgewidth=2,
        label=f"saved model: epoch {last[0]:g}, the last",
    )
    if last[0] > 1:
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        below.set_xlim(0, 1.05 * last[0])
    below.set_xlabel("epoch")
    axes.margins(x=0.04, y=0.08)
    return figure, axes


def _draw(
    axes: Axes, history: Sequence[Row], key: str, colour: str, label: str
) -> tuple[float, float]:
    """Draws one curve, and returns its last point."""
    points = [(row["epoch"], row[key]) for row in history if key in row]
    marker = "o" if len(points) < 40 else ""
    axes.plot(*zip(*points, strict=True), color=colour, label=label, marker=marker, markersize=4)
    axes.grid(alpha=0.3)
    return points[-1]
