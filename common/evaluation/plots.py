"""Plots the evaluation of classifiers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from common.evaluation.figures import printable_lines, save_figure, set_title
from common.evaluation.metrics import CALIBRATION_BINS, Report, reliability, wilson_interval
from common.evaluation.palette import BLUE, GREEN, GREY, ORANGE, PURPLE

GALLERY_COLUMNS = 8
GALLERY_ROWS = 5
GALLERY_SHOWN = GALLERY_COLUMNS * GALLERY_ROWS
RECALL_STARTS = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
"""Values above 0 at which the recall axis may start; a fifth of the rest is a round number."""
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GREY)


def plot_confusion_matrix(report: Report, title: str, path: Path) -> None:
    """Plots the confusion matrix. Colours show errors as a share of the images of each label."""
    matrix = np.array(report.confusion_matrix)
    mistakes = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(mistakes, 0)
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    axes = figure.subplots()
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
    set_title(axes, f"{title}: accuracy {report.accuracy:.2%} on {report.images:,} images")
    colours = figure.colorbar(image, ax=axes, format=PercentFormatter(xmax=1, decimals=1))
    colours.set_label("errors as a share of the label's images")
    save_figure(figure, path)


def plot_gallery(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, title: str, path: Path
) -> None:
    """Plots a gallery of pictures, each with its label, the digit read and the confidence.

    Args:
        images: Pictures, uint8 (N, 28, 28), 255 is ink. Only the first 40 are shown.
        labels: Labels, int (N,), 0 to 9.
        probabilities: Predicted probabilities, float (N, 10).
        title: Title of the gallery.
        path: Path of the .png file.
    """
    shown = min(len(images), GALLERY_SHOWN)
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
            f"label {label}\nread {read}, {int(100 * shares[read])}%",
            fontsize=9,
            color=GREEN if right else ORANGE,
        )
    if not shown:
        grid[0].text(0, 0.5, "none", fontsize=12)
    figure.suptitle(f"{printable_lines(title)}\n", fontsize=12, parse_math=False)
    save_figure(figure, path)


def worst_first(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns the indices of the misread images, with the most confident mistakes first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return np.asarray(wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")])


def plot_reliability(
    report: Report, probabilities: np.ndarray, labels: np.ndarray, title: str, path: Path
) -> None:
    """Plots a reliability diagram: accuracy and number of images as functions of confidence.

    Error bars show the 95 % confidence interval of the accuracy. If the probabilities are
    calibrated, most error bars cross the diagonal (Guo et al., "On Calibration of Modern Neural
    Networks", 2017).
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = [group for group in reliability(confidence, right) if group.images]
    figure = Figure(figsize=(6.5, 6.5), layout="constrained")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    axes.plot((0, 1), (0, 1), color=GREY, linestyle="--", label="perfect calibration")
    x = [group.confidence for group in bins]
    y = np.array([group.accuracy for group in bins])
    low, high = np.array([wilson_interval(group.accuracy, group.images) for group in bins]).T
    label = "accuracy, with 95 % interval"
    axes.errorbar(x, y, (y - low, high - y), color=BLUE, marker="o", capsize=3, label=label)
    set_title(axes, f"{title}\nexpected calibration error (ECE) {report.ece:.2%}", fontsize=11)
    axes.set_ylabel("accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    width = 0.9 / CALIBRATION_BINS
    below.bar([group.middle for group in bins], [group.images for group in bins], width, color=BLUE)
    below.set_yscale("log")
    below.set_ylim(bottom=0.7)
    below.set(xlim=(0, 1.02), xlabel="confidence", ylabel="images\n(log scale)")
    below.xaxis.set_major_formatter(PercentFormatter(xmax=1))
    save_figure(figure, path)


def plot_recall(report: Report, title: str, path: Path) -> None:
    """Plots a bar chart of the recall of each digit. Labels give the numbers of misread images."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    recalls = [score.recall for score in report.per_digit]
    bars = axes.bar(range(10), recalls, 0.7, color=BLUE)
    missed = [score.support - round(score.recall * score.support) for score in report.per_digit]
    texts = [
        f"{score.recall:.1%}\n{count} of {score.support:,}" if score.support else "no images"
        for score, count in zip(report.per_digit, missed, strict=True)
    ]
    axes.bar_label(bars, texts, padding=3, fontsize=8, bbox={"color": "white", "pad": 0.5})
    _limit_shares(axes, [recall for recall in recalls if recall])
    axes.axhline(report.accuracy, color=ORANGE, linestyle="--", zorder=0)
    axes.text(
        1.01,
        report.accuracy,
        f"all digits\n{report.accuracy:.2%}",
        color=ORANGE,
        fontsize=8,
        va="center",
        transform=axes.get_yaxis_transform(),
    )
    axes.set_xticks(range(10))
    axes.set_xlabel("digit")
    set_title(axes, f"{title}: recall of each digit, and misread images", fontsize=11)
    save_figure(figure, path)


def _limit_shares(axes: Axes, shares: Sequence[float]) -> None:
    """Starts the recall axis above 0 if all recalls are high, and says so in its label."""
    least = min(shares, default=0.0)
    wanted = 1 - 2 * (1 - least)  # the shortest bar is then half as high as a bar for 100 %
    start = max([start for start in RECALL_STARTS if start <= wanted + 1e-6], default=0.0)
    axes.set_ylim(start, start + 1.18 * (1 - start))
    axes.set_yticks(np.linspace(start, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1 if start > 0.95 else 0))
    axes.set_ylabel(f"recall (the axis starts at {start:.0%})" if start else "recall")


def plot_comparison(reports: Mapping[str, Report], title: str, path: Path) -> None:
    """Plots the error rates of several models on the same images, overall and for each digit.

    Args:
        reports: The report of each model, by model name.
        title: Title of the plot.
        path: Path of the .png file.
    """
    figure = Figure(figsize=(12, 3.2 + 0.35 * len(reports)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    names = [printable_lines(name) for name in reports]
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(names))]
    errors = np.array([1 - report.accuracy for report in reports.values()])
    intervals = [wilson_interval(r.accuracy, r.images) for r in reports.values()]
    high, low = (1 - np.array(intervals)).T
    spread = (np.maximum(errors - low, 0), np.maximum(high - errors, 0))
    places = np.arange(len(names))
    left.barh(places, errors, 0.7, color=colours, xerr=spread, capsize=3, ecolor="black")
    for place, error, end in zip(places, errors, high, strict=True):
        left.text(end, place, f"  {error:.2%}", va="center")
    left.set_xlim(0, 1.25 * high.max())
    left.set_yticks(places, names, parse_math=False)
    left.invert_yaxis()
    left.xaxis.set_major_formatter(PercentFormatter(xmax=1))
    left.set_xlabel("misread images, with 95 % interval")
    width = 0.8 / len(names)
    for number, (name, report) in enumerate(zip(names, reports.values(), strict=True)):
        shares = [1 - score.recall if score.support else 0 for score in report.per_digit]
        shift = (number - (len(names) - 1) / 2) * width
        right.bar(np.arange(10) + shift, shares, width, color=colours[number], label=name)
    right.set_xticks(range(10))
    right.set_xlabel("digit")
    right.set_ylabel("misread images of the digit")
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    figure.suptitle(printable_lines(title), fontsize=12, parse_math=False)
    save_figure(figure, path)
