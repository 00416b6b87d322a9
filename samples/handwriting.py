"""Draws digits as a hand would: strokes through a few points, each time a little different.

The sample images and the tests' pages are made with it, so that no person's handwriting and no
data set's licence is needed.
"""

from collections.abc import Sequence

import cv2
import numpy as np

STROKES = {
    0: "50,0 18,20 10,55 25,93 55,100 85,75 88,35 72,6 45,1",
    1: "38,16 56,0 54,50 52,100",
    2: "12,24 30,3 65,2 84,24 66,54 34,80 10,98 50,96 92,97",
    3: "15,10 50,0 82,18 66,42 40,48 70,54 88,77 60,99 12,90",
    4: "42,0 28,30 6,64 50,65 95,62 | 70,30 68,65 66,100",
    5: "84,2 50,3 24,5 20,25 17,45 50,40 84,60 74,90 40,100 10,90",
    6: "72,2 40,20 18,55 20,88 50,100 80,85 76,60 50,52 22,70",
    7: "10,6 50,5 88,3 66,40 50,70 42,100",
    8: "72,12 45,0 22,17 42,42 72,64 74,90 45,100 20,83 36,58 66,38 76,16 62,4",
    9: "78,20 50,1 22,15 24,42 52,50 76,24 80,12 74,60 64,100",
}
"""The points of each digit's strokes: x,y in hundredths of its width and height."""


def draw_digit(
    digit: int, height: int, generator: np.random.Generator, pen: float = 0.1
) -> np.ndarray:
    """Draws one digit.

    Args:
        digit: 0 to 9.
        height: of the digit, in pixels, without its margin.
        generator: decides slant, width and how the points are moved.
        pen: stroke width as a share of the height.

    Returns:
        float32 (rows, columns), 0 is paper, 1 is ink, with a margin of a stroke's width.
    """
    fine = 8  # subpixel bits of OpenCV's drawing
    scale = 4 if height < 200 else 1
    size, thickness = height * scale, max(1, round(pen * height * scale))
    width, slant = 0.65 * generator.uniform(0.9, 1.1), generator.uniform(-0.08, 0.15)
    margin = thickness + round(0.2 * size)
    canvas = np.zeros((size + 2 * margin, size + 2 * margin), np.uint8)
    for stroke in STROKES[digit].split("|"):
        points = np.array([point.split(",") for point in stroke.split()], float) / 100
        points += generator.normal(0, 0.015, points.shape)
        x, y = _smooth(points).T
        pixels = np.stack([(x * width + (1 - y) * slant), y], axis=1) * size + margin
        cv2.polylines(
            canvas,
            [np.rint(pixels * 2**fine).astype(np.int32)],
            False,
            255,
            thickness,
            cv2.LINE_AA,
            fine,
        )
    small = cv2.resize(canvas, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    ys, xs = np.nonzero(small)
    edge = max(1, round(pen * height))
    cropped = small[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    return np.pad(cropped, edge).astype(np.float32) / 255


def _smooth(points: np.ndarray) -> np.ndarray:
    """A Catmull-Rom curve through the points: (N, 2) -> (16 * (N - 1) + 1, 2)."""
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
        lines: the digits of each line; a space leaves a gap.
        height: of the digits, in pixels.
        generator: decides how each digit looks and where exactly it stands.
        pen: stroke width as a share of the height.
        tilt: of the lines, in degrees; above 0 they climb.

    Returns:
        float32 (rows, columns), 0 is paper, 1 is ink.
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
