"""Test pages with digits in printed forms, between words and between arithmetic signs."""

import cv2
import numpy as np

from common.data.canvas import Canvas, LabelledPage, Mark, Writer, printed, stroked
from common.data.empty_pages import word
from common.data.glyphs import bundled_fonts
from common.data.scenes import photo_size, photographed_or_scanned, sheet

SIGNS = {
    "+": ([(0.0, 0.5), (0.6, 0.5)], [(0.3, 0.2), (0.3, 0.8)]),
    "-": ([(0.0, 0.5), (0.5, 0.5)],),
    "x": ([(0.0, 0.3), (0.5, 0.9)], [(0.5, 0.3), (0.0, 0.9)]),
    "=": ([(0.0, 0.4), (0.6, 0.4)], [(0.0, 0.65), (0.6, 0.65)]),
    "(": ([(0.25, 0.0), (0.08, 0.25), (0.05, 0.55), (0.1, 0.8), (0.25, 1.05)],),
    ")": ([(0.0, 0.0), (0.17, 0.25), (0.2, 0.55), (0.15, 0.8), (0.0, 1.05)],),
}
"""Strokes of each sign. A stroke is a list of points (x, y), as shares of the sign's size."""

FIELDS = ("Name", "Date", "Phone", "Amount", "Account", "Customer no.", "Post code", "Order", "Tax")


def form(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates a form with labelled rows of boxes, which are filled with digits from the left."""
    canvas = Canvas(*photo_size(rng))
    writer = Writer(images, labels, rng)
    fonts, fields = bundled_fonts(), int(rng.integers(1, 4))
    font = fonts[rng.integers(len(fonts))]
    cells = int(rng.integers(4, 9))
    beside = rng.random() < 0.5
    start = (0.34 if beside else 0.06) * canvas.width
    cell = min((0.95 * canvas.width - start) / cells, 0.7 * canvas.height / (2 * fields))
    baseline = 0.05 * canvas.height + 1.9 * cell
    pen, grey = max(1, round(0.03 * cell)), rng.uniform(0.3, 0.9)
    for name in rng.choice(FIELDS, fields, replace=False):
        label = printed(str(name), font, rng.uniform(0.25, 0.4) * cell)
        if beside and label.ink.shape[1] < start - 0.06 * canvas.width:
            canvas.put(label, 0.04 * canvas.width, baseline - 0.7 * cell)
        else:
            canvas.put(label, start, baseline - 1.1 * cell - label.ink.shape[0])
        canvas.new_line()
        filled = int(rng.integers(2, cells + 1))
        for number in range(cells):
            left = start + number * cell
            corners = (round(left), round(baseline - cell)), (round(left + cell), round(baseline))
            cv2.rectangle(canvas.ink, *corners, grey, pen)
            if number < filled:
                mark = writer.digit(rng.uniform(0.6, 0.78) * cell)
                rows, columns = mark.ink.shape
                x, y = (0.5 + rng.uniform(-0.2, 0.2, 2)) * (cell - columns, cell - rows)
                canvas.put(mark, left + x, baseline - cell + y)
        baseline += 2 * cell
    return canvas.page(photographed_or_scanned(sheet(canvas.ink, rng), rng))


def among_letters(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates one to three lines, each with one to four digits between two words."""
    canvas = Canvas(*photo_size(rng))
    writer = Writer(images, labels, rng)
    count = int(rng.integers(1, 4))
    size = rng.uniform(0.05, 0.085) * canvas.width
    for line in range(count):
        canvas.new_line()
        digits = writer.digits(int(rng.integers(1, 5)), size)
        before, after = (word(rng.uniform(0.7, 0.95) * size, rng) for _ in range(2))
        close = rng.uniform(0.05, 0.2, len(digits) - 1) * size
        gaps = [0.0, 0.5 * size, *close, 0.5 * size]
        marks = [before, *digits, after]
        width = sum(mark.ink.shape[1] for mark in marks) + sum(gaps)
        start = rng.uniform(0.05, 0.95) * max(0.0, canvas.width - width)
        canvas.write(marks, start, _baseline(canvas, line, count, rng), gaps)
    return canvas.page(photographed_or_scanned(sheet(canvas.ink, rng), rng))


def expression(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates handwritten arithmetic expressions with the signs + - x = ( )."""
    canvas = Canvas(*photo_size(rng, "wide"))
    writer = Writer(images, labels, rng)
    count = int(rng.integers(1, 4))
    patterns = ("9+9=9", "99-9=99", "(9+9)x9=", "9x9=99", "(99-9)", "9=9+9-9", "9x(9-9)=9")
    size = min(0.09 * canvas.width, 0.5 * canvas.height / count) * rng.uniform(0.7, 1)
    thickness = rng.uniform(0.08, 0.14) * size
    for line in range(count):
        canvas.new_line()
        marks: list[Mark] = []
        for token in str(rng.choice(patterns)):
            if token == "9":
                marks.append(writer.digit(size))
            else:
                sign = stroked(SIGNS[token], 0.9 * size, thickness, rng)
                raised = 0.0 if token in "x()" else 0.5 * size - sign.ink.shape[0] / 2
                marks.append(Mark(sign.ink, drop=-round(raised)))
        gaps = rng.uniform(0.12, 0.35, len(marks)) * size
        width = sum(mark.ink.shape[1] for mark in marks) + gaps.sum()
        start = rng.uniform(0.04, 0.96) * (canvas.width - width)
        canvas.write(marks, start, _baseline(canvas, line, count, rng), list(gaps))
    return canvas.page(photographed_or_scanned(sheet(canvas.ink, rng), rng))


def _baseline(canvas: Canvas, line: int, count: int, rng: np.random.Generator) -> float:
    """Returns the row of the baseline of a line. `line` is its index among `count` lines."""
    return (line + rng.uniform(0.65, 0.85)) * canvas.height / count
