"""What all plots share: figures that are written directly to files."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common import printable
from common.files import replacing


def set_title(axes: Axes, title: str, **font: Any) -> None:
    """Sets a title that may contain a file name: without formulas and control characters."""
    axes.set_title(printable_lines(title), parse_math=False, **font)


def printable_lines(text: str) -> str:
    """Escapes control characters except for line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure to a .png file."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
