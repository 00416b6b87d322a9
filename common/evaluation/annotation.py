"""Draws a reading on the user's image."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from common.evaluation.palette import GREEN, GREY, ORANGE
from common.files import replacing
from common.images.decoding import open_in_colour, split_page
from common.reading import Reading

FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""Matplotlib backends that can only write files."""
MIN_SIDE = 400  # pixels; smaller images are enlarged by a whole factor
MAX_LABEL = 500  # pixels; Pillow cannot draw text of arbitrary size
SURE = 0.9  # a digit with lower confidence gets another colour and a "?"


def annotated(source: str | Path | bytes, reading: Reading) -> Image.Image:
    """Draws a box and a label for each digit on the upright image.

    Small images are enlarged so that the labels are legible.

    Raises:
        ImageError: The image cannot be read.
    """
    image = open_in_colour(source)
    paper = Image.new("RGBA", image.size, "white")
    drawn = Image.alpha_composite(paper, image).convert("RGB")
    factor = max(1, round(MIN_SIDE / max(drawn.size)))
    drawn = drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.NEAREST)
    size = _label_size(reading, factor, max(drawn.size))
    above = round(1.5 * size)  # space for a label above its box
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
        label_width, label_height = round(pen.textlength(label, font)) + 6, round(0.95 * size)
        background = (corner[0], corner[1] - label_height, corner[0] + label_width, corner[1])
        pen.rectangle(background, colour)
        pen.text((corner[0] + 3, corner[1] - size // 8), label, "white", font, anchor="ls")
    return drawn


def _label_size(reading: Reading, factor: int, side: int) -> int:
    """The height in pixels of the labels on an image whose longer side is `side` pixels.

    Labels are half as high as the median digit, so that they do not cover neighbouring digits, but
    never too small to read.
    """
    heights = [digit.box.height * factor for digit in reading.digits]
    wanted = float(np.median(heights)) / 2 if heights else 0.0
    return min(max(20, round(min(max(wanted, side / 60), side / 18))), MAX_LABEL)


def has_screen() -> bool:
    """Whether Matplotlib can open windows on this machine."""
    from matplotlib import pyplot

    pyplot.close(pyplot.figure())  # makes Matplotlib choose its backend
    return pyplot.get_backend().lower() not in FILE_BACKENDS


def open_window(image: Image.Image, title: str) -> None:
    """Opens an image in a window and waits until the user closes it."""
    from matplotlib import pyplot

    axes = pyplot.figure(title).add_axes((0, 0, 1, 1))
    axes.imshow(np.asarray(image))
    axes.set_axis_off()
    pyplot.show()


def new_picture(folder: Path, image: str, drawn: Counter[str], taken: set[str]) -> Path:
    """Chooses an unused path for an annotated image, such as 7_read.png or 7_read_2.png.

    Args:
        folder: Folder of the annotated image.
        image: Name of the image.
        drawn: Number of annotated images so far for each stem; it is updated.
        taken: Real paths of the input images, which must not be overwritten.
    """
    file, page = split_page(image)
    stem = "stdin" if image == "-" else Path(str(file)).stem + (f"-{page}" if page else "")
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
        reading: The reading of the image.
        path: Path of the annotated image; None to save nothing.
        show: Whether to show the annotated image in a window.

    Raises:
        UserError: The image cannot be read, or the annotated image cannot be written.
    """
    picture = annotated(source, reading)
    if path:
        with replacing(path) as temporary:
            picture.save(temporary)
    if show:
        open_window(picture, reading.image)
