"""Draws a reading on a copy of the user's image."""

import math
import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.evaluation.palette import GREEN, GREY, ORANGE
from common.files import replacing
from common.images.contents import split_page
from common.images.decoding import open_in_colour
from common.reading import Box, DigitReading, Reading

FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""Matplotlib backends that can only write files."""
USUAL_SIDE = 400  # pixels; small images are enlarged to about this size, by an integer factor
MAX_LABEL = 500  # pixels; maximum font size, since Pillow cannot draw arbitrarily large text
MIN_TEXT = 12  # pixels; smaller text is illegible
LABELS_BETWEEN_LINES = 1.9  # minimum gap between lines of digits, in label heights
SURE = 0.9  # digits below this confidence get another colour and a "?"


def annotated(source: str | Path | bytes, reading: Reading) -> Image.Image:
    """Draws the box, the value and the confidence of each digit on a copy of an image.

    The result is upright. A small image is enlarged by an integer factor, which the legend states.
    The legend is below the image, so that it does not change pixel coordinates.

    Args:
        source: Path, address or bytes of the image.
        reading: The reading of the image.

    Raises:
        ImageError: The image cannot be read.
    """
    image = open_in_colour(source)
    paper = Image.new("RGBA", image.size, "white")
    drawn = Image.alpha_composite(paper, image).convert("RGB")
    factor = max(1, round(USUAL_SIDE / max(drawn.size)))
    drawn = drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.NEAREST)
    size = _label_size(reading, factor, max(drawn.size))
    pen = ImageDraw.Draw(drawn)
    for mark in reading.left_out:
        box = mark.box.enlarged(factor)
        width = max(2, round(max(drawn.size) / 600))
        pen.rectangle((box.x - 1, box.y - 1, box.right, box.bottom), None, GREY, width)
    for digit in reading.digits:
        _draw_digit(pen, digit, digit.box.enlarged(factor), size, drawn.size)
    return _with_legend(drawn, _legend(reading, factor))


def _draw_digit(
    pen: ImageDraw.ImageDraw, digit: DigitReading, box: Box, size: int, page: tuple[int, int]
) -> None:
    """Draws the box of a digit, its value above the box and its confidence below the box.

    At the edge of the page, the value or the confidence is drawn inside the box.
    """
    sure = digit.confidence >= SURE
    colour = GREEN if sure else ORANGE
    width = max(2, size // 8)
    left, top, right, bottom = (
        *(box.x - width, box.y - width),
        *(box.right + width - 1, box.bottom + width - 1),
    )
    pen.rectangle((left, top, right, bottom), None, colour, width)
    font = ImageFont.load_default(size)
    text = f"{digit.digit}" if sure else f"{digit.digit}?"
    high = round(0.95 * size)
    start = max(0, top - high)
    pen.rectangle((left, start, left + round(pen.textlength(text, font)) + 6, start + high), colour)
    pen.text((left + 3, start + high - size // 8), text, "white", font, anchor="ls")
    text = f"{math.floor(100 * digit.confidence)}%"  # rounded down: only 1.0 gives 100 %
    small = max(MIN_TEXT, size // 2)
    while small > MIN_TEXT and pen.textlength(text, ImageFont.load_default(small)) > right - left:
        small -= 1
    font = ImageFont.load_default(small)
    end = min(page[1], bottom + 1 + round(1.15 * small))
    area = (left, end - round(1.15 * small), left + round(pen.textlength(text, font)) + 3, end - 1)
    pen.rectangle(area, colour)
    pen.text((left + 2, end - small // 4), text, "white", font, anchor="ls")


def _label_size(reading: Reading, factor: int, side: int) -> int:
    """Returns the height in pixels of the labels on an image.

    Labels are at most half as high as the median digit, so that they do not cover neighbouring
    digits, and fit between the lines of digits. If they would be illegible, they are larger.

    Args:
        reading: The reading of the image.
        factor: Factor by which the image is enlarged.
        side: Longer side of the enlarged image in pixels.
    """
    heights = [digit.box.height * factor for digit in reading.digits]
    wanted = float(np.median(heights)) / 2 if heights else 0.0
    for upper, lower in pairwise(reading.digits_by_line()):
        gap = min(digit.box.y for digit in lower) - max(digit.box.bottom for digit in upper)
        wanted = min(wanted, factor * gap / LABELS_BETWEEN_LINES)
    return min(max(20, round(min(max(wanted, side / 60), side / 18))), MAX_LABEL)


def _legend(reading: Reading, factor: int) -> list[tuple[str | None, str]]:
    """Returns the entries of the legend: pairs of a colour, or None, and a text."""
    sure = sum(digit.confidence >= SURE for digit in reading.digits)
    entries: list[tuple[str | None, str]] = []
    if sure:
        entries.append((GREEN, f"digit and confidence, {SURE:.0%} or more"))
    if sure < len(reading.digits):
        entries.append((ORANGE, f"digit and confidence, less than {SURE:.0%}"))
    if ignored := len(reading.left_out):
        marks, digits = ("marks", "digits") if ignored > 1 else ("mark", "a digit")
        entries.append((GREY, f"{ignored} {marks} ignored: not {digits}, or too uncertain"))
    if not reading.digits:
        entries.append((None, "no digits found"))
    if factor > 1:
        entries.append((None, f"the image is enlarged {factor} times"))
    return entries


def _with_legend(image: Image.Image, entries: list[tuple[str | None, str]]) -> Image.Image:
    """Adds a legend below an image, with one row per entry. Widens the image if necessary."""
    size = min(max(14, round(max(image.size) / 55)), MAX_LABEL)
    font = ImageFont.load_default(size)
    row = round(1.5 * size)
    width = max([image.width, *(round(font.getlength(text)) + 3 * size for _, text in entries)])
    page = Image.new("RGB", (width, image.height + row * len(entries) + size // 2), "white")
    page.paste(image)
    pen = ImageDraw.Draw(page)
    for number, (colour, text) in enumerate(entries):
        top = image.height + size // 2 + number * row
        if colour:
            pen.rectangle((size // 2, top, size // 2 + size, top + size - 1), colour)
        pen.text((2 * size, top + size // 2), text, "black", font, anchor="lm")
    return page


def has_screen() -> bool:
    """Checks whether Matplotlib can open windows on this machine."""
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


def new_picture(
    folder: Path, image: str, suffix: str, drawn: Counter[str], taken: set[str]
) -> Path:
    """Chooses a path for the picture of a reading, such as 7_read.png or 7_read_2.png.

    The picture may replace one from an earlier run. It replaces neither an input image nor another
    picture from this run.

    Args:
        folder: Folder of the picture.
        image: Name of the image.
        suffix: Suffix of the picture's name, "read" or "explained".
        drawn: Number of pictures from this run by name, which this function updates.
        taken: Resolved paths of the input images.
    """
    file, page = split_page(image)
    stem = "stdin" if image == "-" else Path(str(file)).stem + (f"-{page}" if page else "")
    stem += f"_{suffix}"
    while True:
        drawn[stem] += 1
        number = f"_{drawn[stem]}" if drawn[stem] > 1 else ""
        path = folder / f"{stem}{number}.png"
        if os.path.realpath(path) not in taken:
            return path


def draw(source: str | Path | bytes, reading: Reading, path: Path | None, show: bool) -> None:
    """Draws a reading on a copy of its image, and saves or shows the result.

    Args:
        source: Path, address or bytes of the image.
        reading: The reading of the image.
        path: File to save the annotated image to; None to save nothing.
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
