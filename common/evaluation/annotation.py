"""What was read, drawn on the user's own image."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from common.evaluation.palette import GREEN, GREY, ORANGE
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


def show(image: Image.Image, title: str) -> None:
    """Opens an image in a window and waits until it is closed."""
    from matplotlib import pyplot

    axes = pyplot.figure(title).add_axes((0, 0, 1, 1))
    axes.imshow(np.asarray(image))
    axes.set_axis_off()
    pyplot.show()
