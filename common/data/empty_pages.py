"""Test pages without digits: words, doodles, diagrams, textures, natural images or blank paper."""

from collections.abc import Callable, Sequence
from functools import cache

import cv2
import numpy as np

from common.data.canvas import Canvas, LabelledPage, Mark, Point, printed, stroked
from common.data.glyphs import bundled_fonts
from common.data.photography import bundled_pictures
from common.data.scenes import (
    board,
    desk,
    photo_size,
    photographed,
    photographed_or_scanned,
    pink_noise,
    sheet,
)

COMMON_WORDS = """
the and for with from have this that they will would there their what about which when make
time year people good some could them other than then look only come over think also back
after work first well even want because these give most milk bread butter eggs coffee
Monday Friday room street number page call date total please meeting kitchen garden letter
window morning Anna Peter Thomas notes order delivery chapter weight length width height
"""
WORDS = COMMON_WORDS.split()


def _circle(x: float, y: float, radius: float, start: float = 0.0, end: float = 1.0) -> list[Point]:
    angles = 2 * np.pi * np.linspace(start, end, 24)
    return [(x + radius * float(np.cos(a)), y + radius * float(np.sin(a))) for a in angles]


def _flower() -> list[Point]:
    angles = np.linspace(0, 2 * np.pi, 60)
    radii = 0.3 + 0.15 * np.cos(5 * angles)
    return [
        (0.5 + float(r * np.cos(a)), 0.45 + float(r * np.sin(a)))
        for a, r in zip(angles, radii, strict=True)
    ]


DOODLES: dict[str, Sequence[Sequence[Point]]] = {
    "house": (
        [(0.1, 1), (0.1, 0.45), (0.5, 0), (0.9, 0.45), (0.9, 1), (0.1, 1)],
        [(0.1, 0.45), (0.9, 0.45)],
        [(0.4, 1), (0.4, 0.65), (0.6, 0.65), (0.6, 1)],
    ),
    "star": ([(0.5, 0), (0.8, 1), (0, 0.4), (1, 0.4), (0.2, 1), (0.5, 0)],),
    "person": (
        _circle(0.5, 0.15, 0.15),
        [(0.5, 0.3), (0.5, 0.65)],
        [(0.2, 0.45), (0.8, 0.4)],
        [(0.25, 1), (0.5, 0.65), (0.75, 1)],
    ),
    "face": (
        _circle(0.5, 0.5, 0.5),
        _circle(0.32, 0.38, 0.06),
        _circle(0.68, 0.38, 0.06),
        _circle(0.5, 0.5, 0.3, 0.05, 0.45),
    ),
    "flower": (_flower(), _circle(0.5, 0.45, 0.1), [(0.5, 0.9), (0.48, 1.4)]),
    "zigzag": ([(0, 0.5), (0.15, 0), (0.3, 0.9), (0.45, 0.1), (0.6, 0.9), (0.75, 0), (1, 0.8)],),
    "cube": (
        [(0, 0.3), (0.7, 0.3), (0.7, 1), (0, 1), (0, 0.3), (0.3, 0), (1, 0), (0.7, 0.3)],
        [(1, 0), (1, 0.7), (0.7, 1)],
    ),
    "arrow": ([(0, 0.5), (1, 0.5)], [(0.75, 0.25), (1, 0.5), (0.75, 0.75)]),
    "tree": (
        [(0.45, 1), (0.45, 0.6), (0.05, 0.6), (0.5, 0), (0.95, 0.6), (0.55, 0.6), (0.55, 1)],
        [(0.2, 0.4), (0.8, 0.4)],
    ),
    "envelope": (
        [(0, 0.2), (1, 0.2), (1, 0.9), (0, 0.9), (0, 0.2)],
        [(0, 0.2), (0.5, 0.6), (1, 0.2)],
    ),
}
"""Drawings that do not look like digits: strokes through points (x, y) in the unit square."""


def empty(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> LabelledPage:
    """Generates a page without digits. `images` and `labels` are not used."""
    kinds: list[Callable[[np.random.Generator], np.ndarray]] = [
        _words, _doodles, _diagram, _texture, _natural, _blank
    ]  # fmt: skip
    image = kinds[rng.choice(len(kinds), p=(0.3, 0.2, 0.15, 0.1, 0.2, 0.05))](rng)
    return LabelledPage(image, "", np.zeros((0, 4)))


def word(size: float, rng: np.random.Generator) -> Mark:
    """Prints a random word in a font whose capitals are about `size` pixels high."""
    fonts = bundled_fonts()
    return printed(str(rng.choice(WORDS)), fonts[rng.integers(len(fonts))], size)


def _words(rng: np.random.Generator) -> np.ndarray:
    height, width = photo_size(rng)
    canvas = Canvas(height, width)
    fonts = bundled_fonts()
    font = fonts[rng.integers(len(fonts))]
    size = rng.uniform(0.02, 0.12) * height
    baseline = 0.08 * height + size
    opacity = rng.uniform(0.4, 1)
    while baseline < 0.95 * height:
        text = " ".join(rng.choice(WORDS, max(1, int(0.16 * width / size))))
        canvas.put(mark := printed(text, font, size), 0.06 * width, baseline, opacity)
        baseline += mark.ink.shape[0] + rng.uniform(0.3, 1.5) * size
        if rng.random() < 0.1:
            break
    surface = board if rng.random() < 0.15 else sheet
    return photographed_or_scanned(surface(canvas.ink, rng), rng)


def _doodles(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.3:
        height = width = int(rng.integers(48, 400))
    else:
        height, width = photo_size(rng)
    canvas = Canvas(height, width)
    count = int(rng.choice([1, 2, 4, 7], p=(0.5, 0.2, 0.2, 0.1)))
    across = int(np.ceil(np.sqrt(count)))
    cell = min(height, width) / across
    for place in range(count):
        strokes = DOODLES[str(rng.choice(list(DOODLES)))]
        size = rng.uniform(0.4, 0.65) * cell
        drawing = stroked(strokes, size, max(1.5, rng.uniform(0.02, 0.09) * size), rng)
        row, column = divmod(place, across)
        free = rng.uniform(0, 0.3, 2) * cell
        canvas.put(drawing, column * cell + free[0], row * cell + free[1])
    if min(height, width) < 400:
        return np.rint(255 * (1 - canvas.ink)).astype(np.uint8)
    return photographed_or_scanned(sheet(canvas.ink, rng), rng)


def _diagram(rng: np.random.Generator) -> np.ndarray:
    """Draws a bar chart, or boxes with words, connected by arrows."""
    height, width = photo_size(rng)
    canvas = Canvas(height, width)
    pen = max(2, round(0.004 * width))

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * width), round(y * height)

    if rng.random() < 0.5:
        cv2.line(canvas.ink, at(0.1, 0.1), at(0.1, 0.9), 1.0, pen)
        cv2.line(canvas.ink, at(0.1, 0.9), at(0.92, 0.9), 1.0, pen)
        for x in np.linspace(0.18, 0.8, int(rng.integers(3, 8))):
            top = rng.uniform(0.2, 0.8)
            filled = -1 if rng.random() < 0.5 else pen
            cv2.rectangle(canvas.ink, at(x, top), at(x + 0.07, 0.9), 0.7, filled)
    else:
        for row, y in enumerate((0.1, 0.4, 0.7)):
            x = rng.uniform(0.1, 0.5)
            cv2.rectangle(canvas.ink, at(x, y), at(x + 0.35, y + 0.17), 1.0, pen)
            text = word(0.05 * height, rng)
            canvas.put(text, *at(x + 0.04, y + 0.05))
            if row:
                cv2.arrowedLine(canvas.ink, at(0.5, y - 0.12), at(0.5, y - 0.02), 1.0, pen)
    return photographed_or_scanned(sheet(canvas.ink, rng), rng)


def _texture(rng: np.random.Generator) -> np.ndarray:
    """Draws a texture: fabric, a desk, clouds or tiles."""
    height, width = photo_size(rng)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pitch = rng.uniform(0.01, 0.1) * width
    kind = rng.choice(["fabric", "desk", "clouds", "tiles"])
    if kind == "desk":
        return photographed(desk(height, width, rng), rng)
    if kind == "clouds":
        pattern = pink_noise((height, width), rng.uniform(0.8, 1.6), rng)
    elif kind == "tiles":
        pattern = np.where((x // pitch + y // pitch) % 2 == 0, -1, 1).astype(np.float32)
    else:
        pattern = np.sin(6.3 * x / pitch) + np.sin(6.3 * y / pitch)
    return photographed((0.5 + rng.uniform(0.05, 0.2) * pattern).clip(0.02, 1), rng)


def _natural(rng: np.random.Generator) -> np.ndarray:
    """Crops a natural image at random, and mirrors it in half of the cases."""
    pictures = _pictures()
    picture = pictures[rng.integers(len(pictures))]
    share = rng.uniform(0.3, 1.0)
    rows, columns = (max(16, int(share * side)) for side in picture.shape)
    y, x = (int(rng.integers(0, full - part + 1)) for full, part in
            zip(picture.shape, (rows, columns), strict=True))  # fmt: skip
    part = picture[y : y + rows, x : x + columns]
    return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)


@cache
def _pictures() -> list[np.ndarray]:
    return bundled_pictures()


def _blank(rng: np.random.Generator) -> np.ndarray:
    height, width = photo_size(rng)
    bare = np.zeros((height, width), np.float32)
    return photographed_or_scanned(sheet(bare, rng), rng)
