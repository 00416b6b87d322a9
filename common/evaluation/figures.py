"""Functions that all plots share, for titles and for saving figures."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common import printable
from common.files import replacing


def set_title(axes: Axes, title: str, **font: Any) -> None:
    """Sets the title of a plot. Dollar signs, as in some file names, are not parsed as formulas."""
    axes.set_title(printable_lines(title), parse_math=False, **font)


def printable_lines(text: str) -> str:
    """Returns text with its control characters escaped, except line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure to a .png file."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
