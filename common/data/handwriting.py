"""Draws handwritten digits and letters from strokes with random variation.

The sample images and the pages in the tests are drawn by this module, so they contain nobody's
handwriting and do not depend on the licence of a data set. `synthetic`, `glyphs` and `filled_forms`
also use this module.
"""

from collections.abc import Sequence

import cv2
import numpy as np

STROKES = {
    0: (
        "50,0 18,20 10,55 25,93 55,100 85,75 88,35 72,6 45,1",
        "50,0 18,20 10,55 25,93 55,100 85,75 88,35 72,6 45,1 | 88,2 12,98",
    ),
    1: (
        "38,16 56,0 54,50 52,100",
        "50,0 51,50 50,100",
        "8,34 32,20 56,0 55,50 54,100",
        "2,62 30,32 58,0 58,50 57,100",
        "0,32 32,16 62,1 66,0 67,8 66,50 64,100",
        "10,32 35,18 56,0 55,50 54,100 | 18,100 55,99 92,100",
        "4,34 34,17 58,1 61,0 62,8 61,50 60,100 | 22,100 60,99 96,100",
    ),
    2: (
        "12,24 30,3 65,2 84,24 66,54 34,80 10,98 50,96 92,97",
        "15,22 40,2 75,10 78,35 50,70 18,92 12,80 30,75 60,92 92,95",
    ),
    3: (
        "15,10 50,0 82,18 66,42 40,48 70,54 88,77 60,99 12,90",
        "15,3 50,2 82,3 62,22 45,40 75,50 86,74 60,99 12,90",
    ),
    4: (
        "42,0 28,30 6,64 50,65 95,62 | 70,30 68,65 66,100",
        "62,0 30,38 5,68 50,69 95,67 | 63,0 63,50 62,100",
        "15,0 12,30 15,55 50,56 85,52 | 82,0 80,50 78,100",
    ),
    5: (
        "84,2 50,3 24,5 20,25 17,45 50,40 84,60 74,90 40,100 10,90",
        "25,4 22,25 18,45 50,38 84,58 74,90 40,100 10,90 | 25,4 55,3 86,2",
    ),
    6: ("72,2 40,20 18,55 20,88 50,100 80,85 76,60 50,52 22,70",),
    7: (
        "10,6 50,5 88,3 66,40 50,70 42,100",
        "10,6 50,5 88,3 66,40 50,70 42,100 | 25,52 52,50 80,49",
        "6,22 8,5 50,4 88,3 64,40 50,70 44,100",
        "8,16 45,9 86,0 70,40 56,70 46,100",
    ),
    8: ("72,12 45,0 22,17 42,42 72,64 74,90 45,100 20,83 36,58 66,38 76,16 62,4",),
    9: (
        "78,20 50,1 22,15 24,42 52,50 76,24 80,12 74,60 64,100",
        "80,18 50,1 20,20 24,45 52,52 78,28 80,10 80,55 79,100",
    ),
}
"""The variants of each digit, the most common one first. The character | separates strokes. Each
stroke is a list of points x,y that it passes through, in hundredths of the digit's width and
height."""

LETTERS = {
    "A": ("0,100 48,0 52,0 100,100 | 20,62 82,62",),
    "B": ("10,0 10,50 10,100 | 10,2 60,0 85,20 70,42 12,48 75,55 92,78 65,99 10,100",),
    "C": ("90,15 60,0 20,20 5,55 25,90 60,100 92,85",),
    "E": ("12,2 10,50 10,100 | 12,2 50,2 90,0 | 10,50 45,50 78,48 | 10,100 50,100 92,98",),
    "F": ("12,2 10,50 10,100 | 12,2 50,2 92,0 | 10,48 45,48 75,46",),
    "H": ("10,0 10,50 8,100 | 90,0 90,50 92,100 | 10,50 50,50 90,48",),
    "J": ("30,2 65,2 98,0 | 70,2 70,50 66,85 40,100 10,85",),
    "K": ("12,0 10,50 10,100 | 88,0 50,35 12,55 | 35,42 60,70 92,100",),
    "L": ("15,0 12,50 10,100 50,100 92,97",),
    "M": ("0,100 10,0 50,70 95,0 105,100",),
    "N": ("8,100 8,50 10,0 50,50 90,100 90,50 92,0",),
    "P": ("12,0 10,50 10,100 | 12,2 60,0 90,22 70,48 12,52",),
    "R": ("12,0 10,50 10,100 | 12,2 60,0 88,22 65,46 12,50 50,75 92,100",),
    "T": ("0,3 50,2 100,0 | 50,2 50,50 48,100",),
    "U": ("8,0 8,50 25,95 55,100 85,85 92,50 92,0",),
    "V": ("0,0 25,50 48,100 75,50 100,0",),
    "W": ("0,0 25,100 50,30 75,100 105,0",),
    "X": ("5,0 50,50 95,100 | 95,0 50,50 5,100",),
    "Y": ("2,0 25,25 50,48 | 98,0 70,30 50,50 48,100",),
    "a": (
        "85,15 50,0 12,30 12,75 45,100 80,70 86,12 84,70 100,98",
        "15,15 50,0 85,15 85,60 88,98 | 85,45 40,42 10,75 40,100 85,80",
    ),
    "d": ("85,50 50,38 12,60 15,90 45,100 80,80 | 86,0 85,50 84,85 98,100",),
    "e": ("10,52 50,50 90,42 75,8 45,0 10,30 10,75 45,100 92,88",),
    "f": ("85,8 65,0 45,20 42,60 40,100 | 10,45 45,44 80,42",),
    "h": (
        "15,0 14,50 12,100 | 13,65 40,42 75,50 80,75 82,100",
        "2,95 30,40 42,2 22,8 14,98 45,50 72,60 74,98 95,90",
    ),
    "k": ("15,0 14,50 12,100 | 75,35 45,55 14,68 | 35,62 55,80 80,100",),
    "m": ("2,0 5,50 2,100 | 5,40 25,5 50,15 52,60 52,100 | 52,40 80,5 108,18 108,60 112,100",),
    "n": (
        "5,5 12,30 10,100 | 11,45 45,2 80,20 82,60 95,100",
        "0,45 25,15 30,5 28,50 20,95 50,25 70,5 68,60 70,98 90,90 105,70",
    ),
    "p": ("12,0 10,50 8,100 | 12,15 50,0 88,20 80,48 50,62 12,50",),
    "r": ("12,5 12,50 10,100 | 12,45 40,10 80,8",),
    "t": (
        "48,0 45,50 50,90 75,100 92,88 | 10,30 50,28 88,26",
        "50,0 50,50 50,100 | 15,28 50,27 88,26",
    ),
    "u": ("8,0 6,60 30,98 65,85 86,0 86,60 98,100",),
    "v": ("0,0 25,50 45,100 70,50 90,0", "0,5 25,30 40,100 65,60 85,5 70,10 105,20"),
    "w": ("0,5 12,80 30,98 50,20 65,95 90,80 102,0",),
    "x": ("5,5 50,50 95,98 | 92,0 50,50 8,100",),
    "y": (
        "5,0 20,30 50,48 | 92,0 60,45 30,90 10,100",
        "8,0 10,30 45,42 85,5 80,60 50,100 15,85 50,62 105,45",
    ),
    "+": ("0,50 50,50 100,50 | 50,0 50,50 50,100",),
    "?": ("10,22 40,0 85,12 80,40 50,55 48,75 | 48,96 50,100",),
}
"""Letters and signs that do not look like digits, in the format of `STROKES`. Letters that look
like digits are left out: I and l (1), O and D (0), S (5), Z (2), g and q (9), and G and b (6)."""

ARITHMETIC_SIGNS = (
    "0,50 50,50 100,50 | 50,0 50,50 50,100",
    "0,50 50,48 100,50",
    "5,35 50,34 95,35 | 5,65 50,66 95,65",
    "10,10 50,50 90,90 | 90,10 50,50 10,90",
    "0,50 50,50 100,50 | 50,15 51,17 | 50,83 51,85",
    "75,0 50,50 20,100",
    "110,0 50,50 -10,100",
    "60,0 35,20 30,50 35,80 60,100",
    "30,0 55,20 60,50 55,80 30,100",
)
"""Plus, minus, equals, times, divided by, slashes and parentheses, in the format of `STROKES`."""

OTHER_SIGNS = (
    "50,20 50,80 | 15,30 85,70 | 85,30 15,70",
    "10,60 25,55 45,100 60,0 130,0",
    "80,5 50,50 80,95",
    "20,5 55,50 20,95",
    "60,0 40,5 42,40 25,50 42,60 40,95 60,100",
    "65,0 35,0 35,100 65,100",
    "50,90 52,92",
    "50,85 55,90 48,105",
    "5,35 50,34 95,35 | 5,65 50,66 95,65 | 72,0 50,50 28,100",
    "95,5 35,15 10,50 35,85 95,95 | 10,50 45,50 85,50",
)
"""Asterisk, root, less-than, greater-than, brace, bracket, full stop, comma, not-equal and
element-of signs, in the format of `STROKES`."""

DOODLES = (
    "50,100 5,45 10,5 40,5 50,25 60,5 90,5 95,45 50,100",
    "50,0 20,100 98,38 2,38 80,100 50,0",
    "50,50 60,45 62,60 45,65 35,50 45,28 75,30 82,65 50,88 15,65 15,25 50,5",
    "5,55 35,95 95,5",
    "50,0 72,50 95,98 50,98 5,98 28,50 50,0",
    "5,2 50,2 95,2 97,50 95,98 50,98 5,98 3,50 5,2",
    "50,0 5,30 5,70 50,100 95,70 95,30 50,0 | 32,30 33,38 | 68,30 67,38 | 25,65 50,80 75,65",
    "0,50 15,10 35,90 55,10 75,90 95,40",
    "0,50 50,50 100,50 | 70,20 100,50 70,80",
)
"""Heart, star, spiral, tick, triangle, square, face, wave and arrow, in the format of `STROKES`."""


def draw_digit(
    digit: int, height: int, generator: np.random.Generator, pen: float = 0.1
) -> np.ndarray:
    """Draws a digit, 0 to 9, in its most common variant; see `draw_strokes`."""
    return draw_strokes(STROKES[digit][0], height, generator, pen)


def draw_strokes(
    strokes: str, height: int, generator: np.random.Generator, pen: float, wobble: float = 0.015
) -> np.ndarray:
    """Draws a character from its strokes.

    Args:
        strokes: Strokes in the format of `STROKES`.
        height: Height of the character in pixels, without margin.
        generator: Random number generator for slant, width and displacements.
        pen: Stroke width as a share of the height.
        wobble: Standard deviation of the displacement of each point, as a share of the height.

    Returns:
        The ink, float32 (rows, columns), 0 to 1, with a margin of one stroke width.
    """
    subpixel_bits = 8
    scale = 4 if height < 200 else 1
    size, thickness = height * scale, max(1, round(pen * height * scale))
    width, slant = 0.65 * generator.uniform(0.9, 1.1), generator.uniform(-0.08, 0.15)
    margin = thickness + round(0.2 * size)
    canvas = np.zeros((size + 2 * margin, size + 2 * margin), np.uint8)
    for stroke in strokes.split("|"):
        points = np.array([point.split(",") for point in stroke.split()], float) / 100
        points += generator.normal(0, wobble, points.shape)
        x, y = smooth(points).T
        pixels = np.stack([(x * width + (1 - y) * slant), y], axis=1) * size + margin
        cv2.polylines(
            canvas,
            [np.rint(pixels * 2**subpixel_bits).astype(np.int32)],
            False,
            255,
            thickness,
            cv2.LINE_AA,
            subpixel_bits,
        )
    small = cv2.resize(canvas, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    ys, xs = np.nonzero(small)
    edge = max(1, round(pen * height))
    cropped = small[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    return np.pad(cropped, edge).astype(np.float32) / 255


def smooth(points: np.ndarray) -> np.ndarray:
    """Interpolates N points with a Catmull-Rom spline, sampled at 16 * (N - 1) + 1 points."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = np.linspace(0, 1, 16, endpoint=False)[:, None, None]
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
    )
    return np.concatenate([curve.transpose(1, 0, 2).reshape(-1, 2), points[-1:]])


def write_page(
    lines: Sequence[str],
    height: int,
    generator: np.random.Generator,
    pen: float = 0.1,
    tilt: float = 0.0,
) -> np.ndarray:
    """Writes lines of digits on a page.

    Args:
        lines: Digits of each line. A space stands for a gap.
        height: Height of the digits in pixels.
        generator: Random number generator for the shape and position of each digit.
        pen: Stroke width as a share of the height of the digits.
        tilt: Rotation of the lines in degrees. Positive values make them rise to the right.

    Returns:
        The ink, float32 (rows, columns), 0 to 1.
    """
    columns = max(map(len, lines))
    page = np.zeros(
        (int(height * (1.8 * len(lines) + 1.4)), int(height * (columns + 2))), np.float32
    )
    for row, line in enumerate(lines):
        x = height
        for character in line:
            if character == " ":
                x += height // 2
                continue
            digit = draw_digit(int(character), height, generator, pen)
            top = int(height * (0.9 + 1.8 * row + generator.uniform(-0.05, 0.05)))
            part = page[top : top + digit.shape[0], x : x + digit.shape[1]]
            np.maximum(part, digit[: part.shape[0], : part.shape[1]], out=part)
            x += digit.shape[1] + int(height * generator.uniform(0.02, 0.15))
    written = np.flatnonzero(page.any(axis=0))[-1] + 1
    page = page[:, : written + height]
    if tilt:
        middle = page.shape[1] / 2, page.shape[0] / 2
        turn = cv2.getRotationMatrix2D(middle, tilt, 1)
        page = np.asarray(cv2.warpAffine(page, turn, page.shape[::-1]))
    return page
