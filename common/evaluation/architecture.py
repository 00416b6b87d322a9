"""Shows the layers of a network as a table and as a picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from common.evaluation.figures import printable_lines, save_figure
from common.evaluation.palette import BLUE, GREEN, GREY, ORANGE, PURPLE
from common.files import replacing

COLOURS = {"Conv": BLUE, "Dense": ORANGE, "Pool": GREEN, "UpSampling": GREEN, "Add": PURPLE}
"""Colours of the layers whose type contains one of these words. All other layers are grey."""
MAX_ROWS = 34  # maximum number of layers in one column of the picture


@dataclass(frozen=True)
class LayerRow:
    """One layer of a network.

    Attributes:
        kind: Type and main settings of the layer, such as "Conv2D 3x3, stride 2".
        shape: Output shape without the batch dimension, such as "14 x 14 x 32". "?" stands for a
            variable dimension.
        parameters: Number of weights.
    """

    kind: str
    shape: str
    parameters: int


def layer_rows(network: Any) -> list[LayerRow]:
    """Returns a description of each layer of a Keras network, in order, except input layers."""
    rows = []
    for layer in network.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        output = layer.output
        shapes = [part.shape for part in output] if isinstance(output, list) else [output.shape]
        sides = ["?" if side is None else str(side) for side in shapes[0][1:]]
        rows.append(LayerRow(_kind(layer), " x ".join(sides), layer.count_params()))
    return rows


def _kind(layer: Any) -> str:
    """Returns the type, kernel or pool size, stride, rate and activation of a layer as text."""
    words = type(layer).__name__
    size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if size:
        words += " " + "x".join(map(str, size))
    strides = getattr(layer, "strides", None) or (1,)
    if strides[0] > 1 and not hasattr(layer, "pool_size"):
        words += f", stride {strides[0]}"
    if rate := getattr(layer, "rate", None):
        words += f" {rate:g}"
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    named = type(layer).__name__.lower() == activation
    return words if activation == "linear" or named else f"{words}, {activation}"


def layer_table(network: Any) -> str:
    """Formats the layers of a Keras network as a table with output shapes and parameters."""
    rows = layer_rows(network)
    entries = [("layer", "output", "parameters")]
    entries += [(row.kind, row.shape, f"{row.parameters:,}") for row in rows]
    entries.append(("total", "", f"{sum(row.parameters for row in rows):,}"))
    widths = [max(len(entry[column]) for entry in entries) for column in range(3)]
    return "\n".join(
        f"{kind:{widths[0]}}  {shape:>{widths[1]}}  {count:>{widths[2]}}"
        for kind, shape, count in entries
    )


def save_architecture(network: Any, title: str, picture: Path, table: Path) -> None:
    """Saves a picture and a table of the layers of a network.

    Args:
        network: A Keras network.
        title: Name of the network.
        picture: Path of the .png file.
        table: Path of the .txt file.
    """
    with replacing(table) as temporary:
        temporary.write_text(layer_table(network) + "\n", encoding="utf-8")
    plot_architecture(layer_rows(network), title, picture)


def plot_architecture(rows: list[LayerRow], title: str, path: Path) -> None:
    """Plots the layers of a network from top to bottom, in as many columns as necessary."""
    columns = -(-len(rows) // MAX_ROWS)
    per_column = -(-len(rows) // columns)
    height = 0.34 * per_column + 1.2  # inches
    figure = Figure(figsize=(7 * columns, height))
    axes = figure.add_axes((0, 0.1 / height, 1, 1 - 1.0 / height))
    axes.set_axis_off()
    axes.set(xlim=(0, columns), ylim=(per_column, 0))
    for number, row in enumerate(rows):
        column, place = divmod(number, per_column)
        colour = next((c for part, c in COLOURS.items() if part in row.kind), GREY)
        box = FancyBboxPatch(
            (column + 0.03, place + 0.14),
            0.94,
            0.72,
            boxstyle="round,pad=0,rounding_size=0.02",
            mutation_aspect=per_column / columns / 2,
            facecolor=colour,
            alpha=0.22,
            edgecolor="none",
        )
        axes.add_patch(box)
        count = f"{row.parameters:,}" if row.parameters else ""
        for x, text, side in ((0.05, row.kind, "left"), (0.70, row.shape, "right")):
            axes.text(column + x, place + 0.52, text, ha=side, va="center", fontsize=9)
        axes.text(column + 0.95, place + 0.52, count, ha="right", va="center", fontsize=9)
    for column in range(columns):
        heads = ((0.05, "layer", "left"), (0.70, "output", "right"), (0.95, "parameters", "right"))
        for x, text, side in heads:
            axes.text(column + x, -0.1, text, ha=side, va="bottom", fontsize=9, color=GREY)
    total = sum(row.parameters for row in rows)
    text = printable_lines(f"{title}: {total:,} parameters")
    figure.text(0.5, 1 - 0.3 / height, text, ha="center", fontsize=12, parse_math=False)
    save_figure(figure, path)
