"""Generates test pages for many conditions, such as close-ups, forms and rotated pages.

The digits on the pages are the test images of a data set. The fonts and photos come with installed
libraries, so the pages are the same on every machine. The training pages come from other code,
`training_pages`, which shares only the bundled fonts and photos with this module. The finder is
therefore also tested on conditions that it was not trained on.
"""

import zlib
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from common.data.canvas import Canvas, LabelledPage, Writer, touching
from common.data.empty_pages import empty
from common.data.mixed_pages import among_letters, expression, form
from common.data.scenes import (
    board,
    lay_object,
    on_desk,
    on_grey_paper,
    photo_size,
    photographed,
    photographed_or_scanned,
    sheet,
)

SEED = 20_260_101
"""Constant seed for the random number generator, so that the test pages never change."""

Condition = Callable[[np.ndarray, np.ndarray, np.random.Generator], LabelledPage]
"""A function that generates a page. Its arguments are images of digits, uint8 (N, 28, 28), their
labels, int (N,), and a random number generator."""

ORIENTED = (3, 4, 7)  # digits that do not look like any digit when they are upside down


def close_up(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates a photo of a digit, written with a thick marker, that fills most of the frame."""
    height, width = photo_size(rng, "high" if rng.random() < 0.7 else "wide")
    canvas = Canvas(height, width)
    mark = Writer(images, labels, rng, pen=(0.17, 0.28)).digit(
        rng.uniform(0.6, 0.9) * min(height, width)
    )
    canvas.new_line()
    rows, columns = mark.ink.shape
    x, y = (0.5 + rng.uniform(-0.4, 0.4, 2)) * (width - columns, height - rows)
    canvas.put(mark, x, y)
    return canvas.page(photographed(sheet(canvas.ink, rng), rng))


def drawing(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates a pixelated or smooth drawing of one digit, which is sometimes at the edge."""
    side = round(float(np.exp(rng.uniform(np.log(28), np.log(400)))))
    # Side of the visible pixels of the drawing, in pixels of the image.
    pixel = int(rng.choice([1, max(1, side // 28), max(1, side // 56)]))
    canvas = Canvas(side // pixel, side // pixel)
    size = rng.uniform(0.55, 0.9) * canvas.height
    mark = Writer(images, labels, rng, pen=(0.06, 0.22)).digit(size)
    rows, columns = mark.ink.shape
    place = rng.uniform(0, 1, 2)
    if rng.random() < 0.2:
        place[rng.integers(2)] = rng.integers(2)
    canvas.new_line()
    canvas.put(mark, *(place * (canvas.width - columns, canvas.height - rows)))
    ink = (canvas.ink > 0.5).astype(np.float32) if rng.random() < 0.3 else canvas.ink
    paper, pen = ((255, 0), (0, 255), (rng.uniform(190, 255), rng.uniform(0, 110)))[
        rng.choice(3, p=(0.5, 0.25, 0.25))
    ]
    image = np.rint(paper + (pen - paper) * ink).astype(np.uint8)
    image = np.repeat(np.repeat(image, pixel, axis=0), pixel, axis=1)
    return canvas.page(image, np.diag([pixel, pixel, 1.0]))


def object_in_frame(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> LabelledPage:
    """Generates a photo of a page with a phone, a cup or the edge of a table along one side."""
    height, width = photo_size(rng)
    canvas = Canvas(height, width)
    side, depth = str(rng.choice(["left", "right", "top", "bottom"])), rng.uniform(0.12, 0.3)
    taken = depth + 0.04
    left, top = (taken if side == name else 0.05 for name in ("left", "top"))
    right, bottom = (1 - (taken if side == name else 0.05) for name in ("right", "bottom"))
    _number_lines(canvas, Writer(images, labels, rng), rng, (left, top, right, bottom), (1, 2))
    scene = sheet(canvas.ink, rng)
    lay_object(scene, side, depth, rng)
    return canvas.page(photographed(scene, rng))


def on_a_desk(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates a perspective photo of a sheet on a dark or wooden desk."""
    canvas = Canvas(*photo_size(rng))
    _number_lines(canvas, Writer(images, labels, rng), rng, (0.1, 0.1, 0.9, 0.9), (1, 3))
    scene, matrix = on_desk(sheet(canvas.ink, rng), rng)
    return canvas.page(photographed(scene, rng), matrix)


def ruled(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates digits on ruled or squared paper. They are one to three line spacings high."""
    canvas = Canvas(*photo_size(rng))
    _number_lines(canvas, Writer(images, labels, rng), rng, (0.05, 0.05, 0.95, 0.95), (1, 3))
    size = float(np.median([np.ptp(outline[:, 1]) for outline in canvas.outlines]))
    pitch, slope = size / rng.uniform(1.0, 3.0), rng.uniform(-0.05, 0.05)
    rules = np.zeros_like(canvas.ink)
    thickness = max(1, round(rng.uniform(0.02, 0.06) * pitch))
    reach = round(abs(slope) * max(rules.shape)) + 1
    for y in np.arange(-reach, canvas.height + reach, pitch):
        ends = (0, round(y)), (canvas.width, round(y + slope * canvas.width))
        cv2.line(rules, *ends, 1.0, thickness, cv2.LINE_AA)
    if rng.random() < 0.5:
        for x in np.arange(-reach, canvas.width + reach, pitch):
            ends = (round(x), 0), (round(x - slope * canvas.height), canvas.height)
            cv2.line(rules, *ends, 1.0, thickness, cv2.LINE_AA)
    ink = np.maximum(canvas.ink, rng.uniform(0.15, 0.5) * rules)
    return canvas.page(photographed_or_scanned(sheet(ink, rng, (0.05, 0.2)), rng))


def faint(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates pencil strokes that are only about 12 to 30 % darker than the paper."""
    canvas = Canvas(*photo_size(rng))
    writer = Writer(images, labels, rng, pen=(0.06, 0.12))
    _number_lines(canvas, writer, rng, (0.08, 0.08, 0.92, 0.92), (1, 2))
    ink = rng.uniform(0.16, 0.36) * canvas.ink
    return canvas.page(photographed_or_scanned(sheet(ink, rng, (0.1, 0.2)), rng))


def inverted(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates digits in chalk on a blackboard, or in pure white on black."""
    canvas = Canvas(*photo_size(rng))
    _number_lines(canvas, Writer(images, labels, rng), rng, (0.08, 0.08, 0.92, 0.92), (1, 2))
    if rng.random() < 0.5:
        return canvas.page(np.rint(255 * canvas.ink).astype(np.uint8))
    return canvas.page(photographed(board(canvas.ink, rng), rng))


def noisy(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates a digit, enlarged ten times, on grey paper with white noise.

    The standard deviation of the noise is at most 8 grey levels.
    """
    index = int(rng.integers(len(images)))
    paper = rng.uniform(130, 220)
    ink, noise = paper - rng.uniform(80, 120), rng.uniform(0, 8)
    image = on_grey_paper(images[index], 280, paper, ink, noise, rng)
    left, top, width, height = cv2.boundingRect((images[index] > 100).astype(np.uint8))
    box = 10.0 * np.array([[left, top, width, height]])
    return LabelledPage(image, str(labels[index]), box)


def several_lines(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates three to six lines of digits with a slope of up to 6 degrees."""
    canvas = Canvas(*photo_size(rng, "high"))
    _number_lines(canvas, Writer(images, labels, rng), rng, (0.05, 0.1, 0.95, 0.9), (3, 6), 0.1)
    return canvas.page(photographed_or_scanned(sheet(canvas.ink, rng), rng))


def touching_pairs(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> LabelledPage:
    """Generates one to three pairs of touching digits; most are 00, 11, 23, 50 or 74."""
    canvas = Canvas(*photo_size(rng, "wide"))
    writer = Writer(images, labels, rng)
    count = int(rng.integers(1, 4))
    size = min(rng.uniform(0.12, 0.26), 0.33 / count) * canvas.width
    common = ((0, 0), (1, 1), (2, 3), (5, 0), (7, 4))
    pairs = [
        common[rng.integers(len(common))] if rng.random() < 0.6 else tuple(rng.integers(0, 10, 2))
        for _ in range(count)
    ]
    canvas.new_line()
    x = rng.uniform(0.05, 0.95) * (canvas.width - 2.7 * count * size)
    baseline = rng.uniform(0.35, 0.9) * canvas.height
    for pair in pairs:
        marks = [writer.digit(size, [digit], rng.uniform(-0.2, 0.2)) for digit in pair]
        gaps = touching(marks, rng.uniform(0.02, 0.1) * size)
        x = canvas.write(marks, x, baseline, gaps) + rng.uniform(0.3, 0.6) * size
    return canvas.page(photographed_or_scanned(sheet(canvas.ink, rng), rng))


def turned(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates two or three lines of digits, rotated by 90, 180 or 270 degrees.

    Each line contains a digit of `ORIENTED`, so the orientation is unambiguous.
    """
    canvas = Canvas(*photo_size(rng))
    writer = Writer(images, labels, rng)
    area = (0.06, 0.08, 0.94, 0.92)
    _number_lines(canvas, writer, rng, area, (2, 3), oriented=True)
    image = photographed_or_scanned(sheet(canvas.ink, rng), rng)
    height, width = image.shape
    quarters = int(rng.integers(1, 4))  # counter-clockwise
    matrix = np.array(
        {
            1: [[0, 1, 0], [-1, 0, width], [0, 0, 1]],
            2: [[-1, 0, width], [0, -1, height], [0, 0, 1]],
            3: [[0, -1, height], [1, 0, 0], [0, 0, 1]],
        }[quarters],
        np.float64,
    )
    return canvas.page(np.ascontiguousarray(np.rot90(image, quarters)), matrix)


CONDITIONS: dict[str, Condition] = {
    "close-up": close_up,
    "drawing": drawing,
    "object in frame": object_in_frame,
    "desk": on_a_desk,
    "ruled": ruled,
    "faint": faint,
    "inverted": inverted,
    "noisy": noisy,
    "several lines": several_lines,
    "touching": touching_pairs,
    "turned": turned,
    "form": form,
    "among letters": among_letters,
    "expression": expression,
    "empty": empty,
}


def condition_pages(
    name: str, images: np.ndarray, labels: np.ndarray, count: int, seed: int = SEED
) -> Iterator[LabelledPage]:
    """Generates the first `count` test pages of a condition, one at a time.

    Each page depends only on its condition, its number, the images and the seed. It does not depend
    on `count` or on other conditions.

    Args:
        name: Key of `CONDITIONS`.
        images: Test images of the digits, uint8 (N, 28, 28); 255 is ink.
        labels: Labels of the test images, int (N,), 0 to 9.
        count: Number of pages.
        seed: Seed for the random number generator. The default is that of the test pages.
    """
    for number in range(count):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
        yield CONDITIONS[name](images, labels, rng)


def _number_lines(
    canvas: Canvas,
    writer: Writer,
    rng: np.random.Generator,
    area: tuple[float, float, float, float],
    lines: tuple[int, int],
    slope: float = 0.03,
    oriented: bool = False,
) -> None:
    """Writes lines of two to eight digits that do not touch.

    Args:
        canvas: Canvas to write on.
        writer: Source of the digits.
        rng: Random number generator for the sizes, gaps and digits.
        area: Left, top, right and bottom edges of the lines, as shares of the canvas.
        lines: Minimum and maximum number of lines.
        slope: Maximum slope of the lines, up or down, in rows per column.
        oriented: Whether each line must contain a digit of `ORIENTED`.
    """
    left, top, right, bottom = np.multiply(area, (canvas.width, canvas.height) * 2)
    count, slant = int(rng.integers(lines[0], lines[1] + 1)), rng.uniform(-slope, slope)
    rise = abs(slant) * (right - left)
    pitch = (bottom - top - rise) / count
    size = min(rng.uniform(0.35, 0.7) * pitch, rng.uniform(0.12, 0.3) * (right - left))
    gap = rng.uniform(0.12, 0.6) * size
    indent = rng.uniform(0, 1)
    capacity = int((right - left) // (1.25 * size + gap))
    for line in range(count):
        digits = writer.digits(int(rng.integers(min(2, capacity), min(8, capacity) + 1)), size)
        if oriented:
            digits[rng.integers(len(digits))] = writer.digit(size, ORIENTED)
        gaps = [0.0, *(gap * rng.uniform(0.7, 1.3, len(digits) - 1))]
        canvas.new_line()
        start = left + indent * (right - left - len(digits) * (1.25 * size + gap))
        baseline = top + (line + 0.9) * pitch + max(0.0, -slant) * (right - left)
        canvas.write(digits, start, baseline, gaps, slope=slant)
