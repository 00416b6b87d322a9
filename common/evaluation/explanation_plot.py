"""Plots how an image was read, step by step, in one figure."""

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from common.evaluation.explanation import Explanation, MarkExplanation, mosaic
from common.evaluation.figures import printable_lines, save_figure, set_title
from common.evaluation.palette import BLUE, GREEN, GREY
from common.reading import DigitReading

WIDTH = 15.0  # inches
TITLE_HEIGHT, MAX_PAGE_HEIGHT, ROW_HEIGHT = 0.6, 5.2, 2.7  # inches
TITLES = (
    "3  What the classifier sees",
    "4  First layer",
    "5  Second layer",
    "6  For (red), against (blue)",
    "7  Probabilities, if it is a digit",
)
MIN_EFFECT = 1.0  # log-odds; the colours are pale if no occlusion has a larger effect


def plot_explanation(explanation: Explanation, path: Path) -> None:
    """Plots an image, the finder's heat map and, for each mark, the steps of the classifier.

    Args:
        explanation: The explanation of a reading.
        path: Path of the .png file.
    """
    rows = len(explanation.marks)
    image_height, image_width = explanation.image.shape
    # The image and the heat map are side by side, with a title above each.
    page_height = min(MAX_PAGE_HEIGHT, 0.7 + WIDTH / 2 * image_height / image_width)
    heights = [TITLE_HEIGHT, page_height, *[ROW_HEIGHT] * rows]
    figure = Figure(figsize=(WIDTH, sum(heights)))
    parts = figure.subfigures(2 + rows, 1, squeeze=False, height_ratios=heights, hspace=0)
    title, page, *others = parts.ravel()
    title.text(0.5, 0.3, _title(explanation), ha="center", fontsize=16, parse_math=False)
    _draw_page(page, explanation)
    ignored = not explanation.reading.digits
    for part, mark in zip(others, explanation.marks, strict=True):
        _draw_mark(part, mark, ignored)
    save_figure(figure, path)


def _title(explanation: Explanation) -> str:
    reading = explanation.reading
    text = " / ".join(reading.lines) or "no digits found"
    marks = reading.digits or reading.left_out
    shown = len(explanation.marks)
    more = f" (the first {shown} of {len(marks)})" if shown < len(marks) else ""
    return printable_lines(f"{Path(reading.image).name}: {text}{more}")


def _draw_page(figure: SubFigure, explanation: Explanation) -> None:
    """Draws the image with boxes on the left, and the image under the heat map on the right."""
    page, heat = figure.subplots(1, 2)
    figure.subplots_adjust(0.03, 0.04, 0.97, 0.88, wspace=0.04)
    for axes in (page, heat):
        axes.imshow(explanation.image, "gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
    set_title(page, "1  The image, and the marks on it")
    set_title(heat, "2  Where the finder sees the centre of a digit")
    for mark in explanation.reading.left_out:
        _draw_box(page, mark, explanation.scale, GREY)
    for mark in explanation.reading.digits:
        _draw_box(page, mark, explanation.scale, GREEN)
        box = mark.box
        place = (box.x * explanation.scale, box.y * explanation.scale - 3)
        label = {"boxstyle": "square,pad=0.1", "facecolor": GREEN, "edgecolor": "none"}
        page.text(*place, str(mark.digit), color="white", va="bottom", fontsize=11, bbox=label)
    heat.imshow(explanation.heat, "inferno", vmin=0, vmax=1, alpha=0.3 + 0.6 * explanation.heat)


def _draw_box(axes: Axes, mark: DigitReading, scale: float, colour: str) -> None:
    sides = [side * scale for side in (mark.box.x, mark.box.y, mark.box.width, mark.box.height)]
    axes.add_patch(Rectangle((sides[0], sides[1]), sides[2], sides[3], fill=False, color=colour))


def _draw_mark(figure: SubFigure, mark: MarkExplanation, ignored: bool) -> None:
    """Draws the row of one mark: picture, activations of two layers, occlusion, probabilities."""
    cells = figure.subplots(1, 5, width_ratios=[1, 1, 1, 1, 1.4])
    figure.subplots_adjust(0.07, 0.1, 0.98, 0.86, wspace=0.22)
    for axes, title in zip(cells, TITLES, strict=True):
        set_title(axes, title, fontsize=11)
    picture, *layers, hidden, bars = cells
    confidence = f"{math.floor(100 * mark.mark.confidence)} %"  # rounded down: only 1.0 is 100 %
    digit, colour = ("?", GREY) if ignored else (str(mark.mark.digit), GREEN)
    figure.text(0.035, 0.55, digit, ha="center", fontsize=30, color=colour)
    figure.text(0.035, 0.4, "ignored" if ignored else confidence, ha="center", fontsize=11)
    picture.imshow(mark.picture, "gray_r", vmin=0, vmax=255)
    for axes, maps in zip(layers, mark.layers, strict=False):
        axes.imshow(mosaic(maps), "viridis")
    reach = max(float(np.abs(mark.occlusion).max()), MIN_EFFECT)
    hidden.imshow(mark.picture, "gray_r", vmin=0, vmax=255)
    hidden.imshow(mark.occlusion, "RdBu_r", norm=TwoSlopeNorm(0, -reach, reach), alpha=0.75)
    for axes in (picture, *layers, hidden):
        axes.set_xticks([])
        axes.set_yticks([])
    _draw_bars(bars, mark.mark, colour)


def _draw_bars(axes: Axes, mark: DigitReading, colour: str) -> None:
    """Draws the probabilities of the ten digits as bars, with the predicted digit in `colour`."""
    shares = mark.probabilities
    colours = [colour if digit == mark.digit else BLUE for digit in range(10)]
    axes.bar(range(10), shares, color=colours)
    axes.set_ylim(0, 1.12)
    axes.set_xticks(range(10))
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    for digit, share in enumerate(shares):
        if share >= 0.015:
            axes.text(digit, share + 0.02, f"{100 * share:.0f}", ha="center", fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
