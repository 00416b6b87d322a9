"""What was read, drawn on the user's own image."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from common.evaluation.palette import GREEN, GREY, ORANGE
from common.files import replacing
from common.images.decoding import open_in_colour
from common.reading import Reading

WINDOWLESS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""Matplotlib's backends that only write files."""
ANNOTATED_SIDE = 400  # pixels; smaller images are enlarged before they are drawn on
LARGEST_LABEL = 500  # pixels; Pillow draws no letters of any size
SURE = 0.9  # a digit read with less confidence is marked with another colour and "?"


def annotated(source: str | Path | bytes, reading: Reading) -> Image.Image:
    """The upright image with a box around each digit and above it what was read.

    Small images are enlarged, so that the digits can be read.

    Raises:
        ImageError: the image cannot be read.
    """
    image = open_in_colour(source)
    paper = Image.new("RGBA", image.size, "white")
    drawn = Image.alpha_composite(paper, image).convert("RGB")
    factor = max(1, round(ANNOTATED_SIDE / max(drawn.size)))
    drawn = drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.NEAREST)
    size = _label_size(reading, factor, max(drawn.size))
    above = round(1.5 * size)  # what a label needs above its box
    margin = max((above - digit.box.y * factor for digit in reading.digits), default=0)
    margin = max(margin, 0)
    drawn = ImageOps.expand(drawn, (0, margin, 0, 0), "white")
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(size)
    for mark in reading.left_out:
        box = mark.box.enlarged(factor)
        corners = (box.x - 1, box.y + margin - 1, box.right, box.bottom + margin)
        pen.rectangle(corners, None, GREY, max(1, size // 16))
    for digit in reading.digits:
        left, top = digit.box.x * factor, digit.box.y * factor + margin
        right, bottom = left + digit.box.width * factor, top + digit.box.height * factor
        colour = GREEN if digit.confidence >= SURE else ORANGE
        width = max(2, size // 8)
        pen.rectangle(
            (left - width, top - width, right + width, bottom + width), None, colour, width
        )
        label = f"{digit.digit}" if digit.confidence >= SURE else f"{digit.digit}?"
        corner = (left - width, top - width)
        wide, high = round(pen.textlength(label, font)) + 6, round(0.95 * size)
        pen.rectangle((corner[0], corner[1] - high, corner[0] + wide, corner[1]), colour)
        pen.text((corner[0] + 3, corner[1] - size // 8), label, "white", font, anchor="ls")
    return drawn


def _label_size(reading: Reading, factor: int, side: int) -> int:
    """Height in pixels of the labels on an image with sides of up to `side` pixels.

    Labels are as high as half a digit, so that they cover no neighbours, but can be read.
    """
    heights = [digit.box.height * factor for digit in reading.digits]
    usual = float(np.median(heights)) / 2 if heights else 0.0
    return min(max(20, round(min(max(usual, side / 60), side / 18))), LARGEST_LABEL)


def has_screen() -> bool:
    """Whether Matplotlib can open windows here."""
    from matplotlib import pyplot

    pyplot.close(pyplot.figure())  # settles which backend is used
    return pyplot.get_backend().lower() not in WINDOWLESS


def open_window(image: Image.Image, title: str) -> None:
    """Opens an image in a window and waits until it is closed."""
    from matplotlib import pyplot

    axes = pyplot.figure(title).add_axes((0, 0, 1, 1))
    axes.imshow(np.asarray(image))
    axes.set_axis_off()
    pyplot.show()


def new_picture(folder: Path, image: str, drawn: Counter[str], taken: set[str]) -> Path:
    """A file of its own for an annotated picture: 7_read.png, then 7_read_2.png.

    Args:
        folder: where it goes.
        image: the image's name.
        drawn: how many pictures of the same name there are; counted on.
        taken: the real paths of the images that are read, which no picture may replace.
    """
    stem = "stdin" if image == "-" else Path(image).stem
    while True:
        drawn[stem] += 1
        number = f"_{drawn[stem]}" if drawn[stem] > 1 else ""
        path = folder / f"{stem}_read{number}.png"
        if os.path.realpath(path) not in taken:
            return path


def draw(source: str | Path | bytes, reading: Reading, path: Path | None, show: bool) -> None:
    """Draws a reading on its image.

    Args:
        source: The image.
        reading: What was read on it.
        path: Where to save the picture; None saves nothing.
        show: Whether to open it in a window.

    Raises:
        UserError: The image cannot be read, or the picture cannot be written.
    """
    picture = annotated(source, reading)
    if path:
        with replacing(path) as temporary:
            picture.save(temporary)
    if show:
        open_window(picture, reading.image)
