"""Fills in the forms of `form_layouts`, and simulates scans and photos of them."""

import calendar
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from common.data.canvas import Canvas, Mark, printed
from common.data.form_layouts import HEIGHT, WIDTH, Layout, PrintedField
from common.data.glyphs import bundled_fonts
from common.data.handwriting import STROKES, draw_strokes
from common.data.scenes import lit, on_desk, scanned, sheet
from common.forms.checks import passes_iban, passes_luhn

DRAWN_HEIGHT = 80  # pixels; digits are drawn at this height and then scaled to fit the field
STAMPS = ("RECEIVED", "PAID", "COPY", "24 MAR 2026", "No. 318")


@dataclass(frozen=True)
class FilledForm:
    """An image of a completed form.

    Attributes:
        image: Grey image, uint8 (height, width).
        values: Digits in each field. The keys are the names of the fields.
    """

    image: np.ndarray
    values: dict[str, str]


def filled_form(
    layout: Layout, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> FilledForm:
    """Fills in a form with random digits, and simulates a scan or a photo of it.

    Half of the images are scans, rotated by up to 4 degrees. The others are perspective photos of a
    form on a desk. One image in eight is upside down, and one in three shows a stamp. On one form
    in three, the digits are drawn from strokes, all with the same pen. On the others, they are
    pictures from `images`.

    Args:
        layout: The empty form.
        images: Pictures of digits, uint8 (N, 28, 28); 255 is ink.
        labels: Labels of the pictures, int (N,), 0 to 9.
        rng: Random number generator.
    """
    canvas = Canvas(HEIGHT, WIDTH)
    values = {str(one.entry["name"]): value_for(one, rng) for one in layout.fields}
    pen = rng.uniform(0.06, 0.14) if rng.random() < 1 / 3 else None
    for one in layout.fields:
        value = values[str(one.entry["name"])]
        if pen is None:
            chosen = [images[rng.choice(np.flatnonzero(labels == int(digit)))] for digit in value]
        else:
            chosen = [drawn(int(digit), pen, rng) for digit in value]
        write_value(canvas, one, value, chosen, rng)
    if rng.random() < 1 / 3:
        stamp(canvas.ink, rng)
    # The print may be darker or lighter than the handwriting.
    ink = np.maximum(layout.ink * rng.uniform(0.7, 1.1), canvas.ink * rng.uniform(0.7, 1.0))
    paper = sheet(ink.clip(0, 1), rng, (0.02, 0.25))
    if rng.random() < 0.5:
        paper, _ = on_desk(paper, rng)
        image = photo(paper, rng)
    else:
        middle = WIDTH / 2, HEIGHT / 2
        matrix = cv2.getRotationMatrix2D(middle, rng.uniform(-4, 4), rng.uniform(0.85, 1.0))
        edge = float(np.median(paper))
        image = scanned(cv2.warpAffine(paper, matrix, (WIDTH, HEIGHT), borderValue=edge), rng)
    scale = rng.uniform(0.8, 1.4)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=method)
    if rng.random() < 1 / 8:
        image = np.ascontiguousarray(np.rot90(image, 2))
    return FilledForm(np.asarray(image), values)


def value_for(field: PrintedField, rng: np.random.Generator) -> str:
    """Returns a random value that passes the check and matches the pattern of a field."""
    least, most = field.digits
    count = int(rng.integers(least, most + 1))
    value = "".join(map(str, rng.integers(0, 10, count)))
    check, pattern = field.entry.get("check"), field.entry.get("pattern")
    if check == "luhn":
        return next(v for d in range(10) if passes_luhn(v := f"{value[:-1]}{d}"))
    if check == "iban":
        country = str(field.entry["country"])
        return next(v for n in range(2, 99) if passes_iban(v := f"{n:02}{value[2:]}", country))
    if check == "date":
        year, month = int(rng.integers(1950, 2030)), int(rng.integers(1, 13))
        day = int(rng.integers(1, calendar.monthrange(year, month)[1] + 1))
        return f"{day:02}{month:02}{year}"
    if pattern == "[1-9][0-9]*":
        return f"{rng.integers(1, 10)}{value[1:]}"
    return f"0{value[1:]}" if pattern == "0[0-9]+" else value


def write_value(
    canvas: Canvas,
    field: PrintedField,
    value: str,
    pictures: list[np.ndarray],
    rng: np.random.Generator,
) -> None:
    """Writes the digits of a value into the cells of a field, or side by side into a single cell.

    Args:
        canvas: Canvas to write on.
        field: The field.
        value: The digits of the value.
        pictures: A picture of each digit, uint8 (rows, columns); 255 is ink.
        rng: Random number generator for sizes and positions.
    """
    canvas.new_line()
    x, y, side, height = field.cells[0]
    room = min(1.1 * side, height) if len(field.cells) > 1 else height
    size = min(rng.uniform(0.5, 0.75) * room, 0.85 * len(field.cells) * side / len(value))
    marks = [
        digit_mark(picture, int(digit), size * rng.uniform(0.9, 1.1))
        for picture, digit in zip(pictures, value, strict=True)
    ]
    if len(field.cells) > 1:
        for mark, (left, top, _, _) in zip(marks, field.cells, strict=False):
            rows, columns = mark.ink.shape
            offset = (0.5 + rng.uniform(-0.2, 0.2, 2)) * (side - columns, height - rows)
            canvas.put(mark, left + offset[0], top + offset[1])
        return
    gap = rng.uniform(0.08, 0.4) * size
    gaps = [0.0, *(gap * rng.uniform(0.7, 1.3) for _ in pairwise(marks))]
    free = side - sum(mark.ink.shape[1] for mark in marks)
    if sum(gaps) > 0.95 * free:
        gaps = [0.95 * free / sum(gaps) * one for one in gaps]
    start = x + rng.uniform(0.05, 0.95) * (free - sum(gaps))
    bottom = y + height - rng.uniform(0.2, 0.8) * (height - 1.1 * size)
    canvas.write(marks, start, bottom, gaps, slope=rng.uniform(-0.02, 0.02))


def drawn(digit: int, pen: float, rng: np.random.Generator) -> np.ndarray:
    """Draws a digit in a random variant of `handwriting.STROKES`.

    Args:
        digit: The digit, 0 to 9.
        pen: Stroke width as a share of the height.
        rng: Random number generator for the variant and its strokes.

    Returns:
        The picture, uint8 (rows, columns); 255 is ink.
    """
    ways = STROKES[digit]
    ink = draw_strokes(ways[rng.integers(len(ways))], DRAWN_HEIGHT, rng, pen)
    return np.asarray(255 * ink, np.uint8)


def digit_mark(picture: np.ndarray, digit: int, size: float) -> Mark:
    """Crops the picture of a digit to its ink and scales the longer side to `size` pixels."""
    left, top, width, height = cv2.boundingRect((picture > 64).astype(np.uint8))
    part = picture[top : top + height, left : left + width].astype(np.float32) / 255
    scale = size / max(part.shape)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return Mark(cv2.resize(part, shape, interpolation=method).clip(0, 1), digit)


def photo(reflectance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulates a photo of a scene that is lit by `scenes.lit`, with little blur and noise."""
    brightness = cv2.GaussianBlur(lit(reflectance, rng), (0, 0), rng.uniform(0.4, 1.3))
    noise = rng.uniform(0.5, 4) * rng.standard_normal(brightness.shape, np.float32)
    return np.rint((brightness + noise).clip(0, 255)).astype(np.uint8)


def stamp(ink: np.ndarray, rng: np.random.Generator) -> None:
    """Draws a stamp on `ink` at a random place: a faint, rotated word in a frame."""
    fonts = bundled_fonts()
    word = printed(str(rng.choice(STAMPS)), fonts[rng.integers(len(fonts))], rng.uniform(26, 48))
    framed = np.pad(word.ink, 24)
    cv2.rectangle(framed, (4, 4), (framed.shape[1] - 5, framed.shape[0] - 5), 1.0, 5)
    reach = round(0.5 * float(np.hypot(*framed.shape)))
    padded = np.pad(framed, reach)
    middle = padded.shape[1] / 2, padded.shape[0] / 2
    matrix = cv2.getRotationMatrix2D(middle, rng.uniform(-35, 35), 1)
    turned = cv2.warpAffine(padded, matrix, padded.shape[::-1]) * rng.uniform(0.25, 0.6)
    top = int(rng.integers(0, max(1, ink.shape[0] - turned.shape[0])))
    left = int(rng.integers(0, max(1, ink.shape[1] - turned.shape[1])))
    part = ink[top : top + turned.shape[0], left : left + turned.shape[1]]
    np.maximum(part, turned[: part.shape[0], : part.shape[1]], out=part)
