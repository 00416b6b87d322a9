"""Plots a gallery of misread images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from common.evaluation.figures import printable_lines, save_figure
from common.evaluation.palette import BLUE, GREEN, GREY, ORANGE, PURPLE
from common.evaluation.scores import Misread, matched_boxes

MISREAD_COLUMNS = 6
MISREAD_SHOWN = 24
CELL_ASPECT = 0.8  # height of a grid cell divided by its width
MAX_TITLE = 26  # characters; longer texts above an image are shortened


def plot_misread(misread: Sequence[Misread], title: str, path: Path) -> None:
    """Plots a gallery of misread images with the boxes and digits that were read.

    Args:
        misread: Misread images. Only the first 24 are shown; if there are more, the title says so.
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
    if len(misread) > len(shown):
        title += f" (the first {len(shown)} of {len(misread):,})"
    title = printable_lines(title)
    figure.suptitle(title, y=1 - 0.25 / height, va="center", fontsize=14, parse_math=False)
    save_figure(figure, path)


def _draw_misread(axes: Axes, misread: Misread) -> None:
    """Draws an image with boxes. The digits written and the digits read are above the image."""
    outcome, scale = misread.outcome, misread.scale
    height, width = misread.image.shape
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[], facecolor="#EEEEEE")
    axes.spines[:].set_color("#BBBBBB")
    axes.imshow(misread.image, cmap="gray", vmin=0, vmax=255)
    side = max(height / CELL_ASPECT, width) / 2  # to centre the image in a cell of fixed shape
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
    colours = [PURPLE] * len(outcome.boxes)
    if outcome.true_boxes is not None:
        pairs = matched_boxes(outcome.boxes, outcome.true_boxes)
        colours = [ORANGE] * len(outcome.boxes)
        for read, true in pairs:
            if str(outcome.digits[read]) == outcome.written_digits[true]:
                colours[read] = GREEN
        matched = {true for _, true in pairs}
        for number, box in enumerate(outcome.true_boxes):
            if number not in matched:
                _draw_box(axes, box * scale, BLUE)
    for box, digit, colour in zip(outcome.boxes * scale, outcome.digits, colours, strict=True):
        _draw_box(axes, box, colour)
        label = axes.text(box[0], box[1], str(digit), color=colour, fontsize=9, weight="bold")
        label.set_path_effects([withStroke(linewidth=2, foreground="white")])


def _draw_box(axes: Axes, box: np.ndarray, colour: str) -> None:
    x, y, width, height = box - (0.5, 0.5, 0, 0)  # in Matplotlib, pixel centres are integers
    axes.add_patch(Rectangle((x, y), width, height, fill=False, color=colour, linewidth=1.5))


def _shortened(text: str) -> str:
    """Shortens digits so that they fit above a small image; "nothing" stands for no digits."""
    if len(text) > MAX_TITLE:
        return f"{text[: MAX_TITLE - 1]}…"
    return text or "nothing"
