"""Draws frames, lines, shapes and diagrams on synthetic pages."""

from itertools import pairwise

import cv2
import numpy as np

from common.data.glyphs import GLYPH_HEIGHT
from common.data.sheet import Hand, Sheet, drawn_glyph, random_hand


def draw_frame(
    sheet: Sheet, x: float, y: float, width: float, height: float, rng: np.random.Generator
) -> None:
    """Draws a frame around a rectangle, given in pixels, with a random margin on each side."""
    left, top = (rng.uniform(0.02, 0.6, 2) * height).astype(int)
    right, bottom = (rng.uniform(0.02, 0.6, 2) * height).astype(int)
    mask = np.zeros(sheet.grey.shape, np.float32)
    corner = (round(x) - int(left), round(y) - int(top))
    other = (round(x + width) + int(right), round(y + height) + int(bottom))
    cv2.rectangle(mask, corner, other, 1.0, int(rng.integers(1, max(2, round(0.08 * height)) + 1)))
    sheet.grey *= 1 - rng.uniform(0.3, 1) * mask


def draw_boxes(
    sheet: Sheet,
    left: float,
    top: float,
    width: float,
    height: float,
    count: int,
    rng: np.random.Generator,
) -> None:
    """Draws a row of boxes for digits, as on a form: cells, a comb or one long frame.

    Args:
        sheet: Sheet to draw on.
        left: Left edge of the first box in pixels.
        top: Top edge of the boxes in pixels.
        width: Width of each box in pixels.
        height: Height of each box in pixels.
        count: Number of boxes.
        rng: Random number generator.
    """
    ink = np.zeros(sheet.grey.shape, np.float32)
    line, opacity = int(rng.integers(1, 3)), rng.uniform(0.2, 1)
    kind = rng.choice(["cells", "comb", "frame"])
    bottom, right = round(top + height), round(left + count * width)
    for index in range(count + 1):
        x = round(left + index * width)
        if kind != "frame" or index in (0, count):
            start = top + (0.6 * height if kind == "comb" else 0)
            cv2.line(ink, (x, round(start)), (x, bottom), 1.0, line)
    for y in (bottom,) if kind == "comb" else (round(top), bottom):
        cv2.line(ink, (round(left), y), (right, y), 1.0, line)
    sheet.grey *= 1 - opacity * ink


def draw_underline(sheet: Sheet, y: float, hand: Hand, rng: np.random.Generator) -> None:
    """Draws a nearly horizontal line at row `y`, across a random part of the sheet."""
    height, width = sheet.grey.shape
    x0, x1 = sorted(rng.uniform(-0.1, 1.1, 2) * width)
    mask = np.zeros((height, width), np.float32)
    start, end = (round(x0), round(y)), (round(x1), round(y + rng.normal(0, 2)))
    cv2.line(mask, start, end, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
    sheet.grey *= 1 - hand.ink * mask.clip(0, 1)


def draw_diagram(
    sheet: Sheet, letters: list[np.ndarray], size: float, rng: np.random.Generator
) -> None:
    """Draws symbols connected by horizontal and vertical lines, like a circuit or a flow chart.

    Args:
        sheet: Sheet to draw on.
        letters: Glyphs of letters, some of which are drawn as symbols; see `glyphs`.
        size: Height of the symbols in pixels.
        rng: Random number generator.
    """
    height, width = sheet.grey.shape
    hand = random_hand(rng)
    ink = np.zeros((height, width), np.float32)
    thickness = int(rng.integers(1, 5))
    points = (rng.uniform(-0.1, 1.1, (int(rng.integers(3, 9)), 2)) * (width, height)).astype(int)
    for (x, y), (other_x, other_y) in pairwise(points):
        bend = (int(other_x), int(y))
        cv2.line(ink, (int(x), int(y)), bend, 1.0, thickness, cv2.LINE_AA)
        if rng.random() < 0.7:
            cv2.line(ink, bend, (int(other_x), int(other_y)), 1.0, thickness, cv2.LINE_AA)
    for x, y in points:
        if rng.random() < 0.7:
            part = random_shape(size, rng)
        else:
            glyph = letters[rng.integers(len(letters))]
            part = drawn_glyph(glyph, size / GLYPH_HEIGHT, hand, rng)
        sheet.put(part, x, y, hand.ink)
    sheet.grey *= 1 - hand.ink * ink.clip(0, 1)


def random_shape(size: float, rng: np.random.Generator) -> np.ndarray:
    """Draws a random rectangle, polygon, curve, arrow, half ellipse, pair of circles or blob.

    Returns:
        The ink, float32 (side, side), 0 to 1. The side is `size`, at least 12, plus 8 pixels for
        margins.
    """
    side = max(12, round(size))
    canvas = np.zeros((side + 8, side + 8), np.uint8)
    thickness = int(rng.integers(1, max(2, round(0.1 * side)) + 1))
    kind = rng.integers(8)
    middle = (side // 2 + 4, side // 2 + 4)
    points = rng.integers(4, side + 4, (int(rng.integers(3, 8)), 2)).astype(np.int32)
    if kind == 0:
        fill = -1 if rng.random() < 0.3 else thickness
        wide, high = rng.uniform(0.3, 1, 2) * side
        cv2.rectangle(canvas, (4, 4), (4 + round(wide), 4 + round(high)), 255, fill)
    elif kind == 1:
        cv2.polylines(canvas, [points], True, 255, thickness, cv2.LINE_AA)
    elif kind == 2:
        cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA)
    elif kind == 3:
        rises = rng.normal(0, 0.2 * side, len(points)).cumsum() + side / 2
        xs = np.linspace(4, side + 4, len(points))
        curve = np.stack([xs, rises.clip(4, side + 4)], axis=1).astype(np.int32)
        cv2.polylines(canvas, [curve], False, 255, thickness, cv2.LINE_AA)
    elif kind == 4:
        level = int(rng.integers(4, side + 4))
        rise = int(rng.normal(0, 0.2 * side))
        cv2.arrowedLine(
            canvas, (4, level), (side, level + rise), 255, thickness, cv2.LINE_AA, tipLength=0.3
        )
    elif kind == 5:  # a closed half ellipse, like the symbol of a logic gate
        start = int(rng.choice([0, 90, 180, 270]))
        axes = (round(side * rng.uniform(0.25, 0.5)), round(side * rng.uniform(0.25, 0.5)))
        half = cv2.ellipse2Poly(middle, axes, 0, start, start + 180, 8)
        cv2.polylines(canvas, [np.array(half)], True, 255, thickness, cv2.LINE_AA)
    elif kind == 6:  # two circles, one inside the other
        for share in (0.5, rng.uniform(0.1, 0.4)):
            fill = -1 if share < 0.3 else thickness
            cv2.circle(canvas, middle, round(share * side), 255, fill, cv2.LINE_AA)
    else:
        noise = cv2.GaussianBlur(rng.normal(0, 1, canvas.shape), (0, 0), side / 6)
        canvas = ((noise > noise.mean()) * 255).astype(np.uint8)
    return canvas.astype(np.float32) / 255
