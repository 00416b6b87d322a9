"""Proposes fields for the boxes and combs on an empty form.

A comb is a horizontal line with short vertical teeth. One digit is written in each gap between two
neighbouring teeth.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common import UserError
from common.forms.field_file import MAX_DIGITS, MAX_FIELDS
from common.images.contents import ImageError
from common.images.decoding import read_image
from common.preprocessing import resized
from common.reading import Box

MAX_SIDE = 4000  # pixels; larger pages are scaled down first
MAX_PIECES = 5000  # maximum number of lines, of teeth and of boxes on a form

# Chosen on the three layouts of `common.data.form_layouts`; lengths are shares of the page height.
MIN_LINE = 0.01  # length of a vertical line; a horizontal line is at least twice as long
MIN_HEIGHT, MAX_HEIGHT = 0.012, 0.09  # height of a box
MIN_ASPECT = 0.4  # width divided by height of a box
MIN_FILLED = 0.85  # share of its bounding rectangle that a box must fill
MAX_RULE = 0.006  # width of the line between two boxes of a row
MIN_TEETH = 4  # teeth of a comb
MAX_UNEVEN = 0.1  # deviation of a distance between teeth from the median, divided by the median
COMB_HEIGHT = 1.2  # height of the field above a comb, divided by the distance between its teeth
DIGIT_WIDTH = 0.4  # width of the narrowest digits in a frame, divided by the frame's height


def field_file_for(path: Path) -> str:
    """Returns the text of a field file with the proposed fields of an empty form.

    Args:
        path: Path of an image of the empty form.

    Raises:
        UserError: The image cannot be read, or has no boxes or combs.
    """
    entries = proposed_entries(read_image(path))
    if not entries:
        raise UserError(f"{path} has no boxes or combs; expected the image of an empty form.")
    lines = ",\n    ".join(map(json.dumps, entries))
    return f'{{\n  "template": {json.dumps(path.name)},\n  "fields": [\n    {lines}\n  ]\n}}'


def proposed_entries(page: np.ndarray) -> list[dict[str, Any]]:
    """Returns the proposed fields of an empty form from top to bottom, as entries of a field file.

    Args:
        page: Grey image, uint8 (height, width), with dark lines on light paper.

    Raises:
        ImageError: The page has too many lines or boxes for a form.
    """
    page = resized(page, min(1.0, MAX_SIDE / max(page.shape)))
    height, width = page.shape
    entries = []
    for number, (box, digits) in enumerate(proposals(page)[:MAX_FIELDS], 1):
        shares = box.x / width, box.y / height, box.width / width, box.height / height
        place = [round(100 * share, 2) for share in shares]
        entries.append({"name": f"field_{number}", "box": place, "digits": digits})
    return entries


def proposals(page: np.ndarray) -> list[tuple[Box, int | list[int]]]:
    """Finds rows of boxes, single frames and combs on an empty form.

    Args:
        page: Grey image, uint8 (height, width), with dark lines on light paper.

    Returns:
        For each field, from top to bottom, its box in pixels and its number of digits, or a list
        of the minimum and maximum number.

    Raises:
        ImageError: The page has too many lines or boxes for a form.
    """
    ink = cv2.threshold(page, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1]
    length = max(3, round(MIN_LINE * page.shape[0]))
    horizontal = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, 2 * length), np.uint8))
    vertical = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    found = _combs(horizontal, vertical)
    for row in _rows(_cells(cv2.bitwise_or(horizontal, vertical)), page.shape[0]):
        first, last = row[0], row[-1]
        box = first.joined(last)
        most = min(max(1, round(box.width / (DIGIT_WIDTH * box.height))), MAX_DIGITS)
        found.append((box, len(row) if len(row) > 1 or most < 3 else [1, most]))
    possible = [field for field in found if not isinstance(field[1], int) or field[1] <= MAX_DIGITS]
    return sorted(possible, key=lambda field: (field[0].y, field[0].x))


def _cells(lines: np.ndarray) -> list[Box]:
    """Returns the rectangles that lines enclose, from left to right.

    Args:
        lines: Binary image of the lines, uint8 (height, width), 255 is a line.
    """
    page_height = lines.shape[0]
    # A white border connects all paper outside the boxes, so that no part of it looks like a box.
    paper = cv2.copyMakeBorder(cv2.bitwise_not(lines), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255)
    stats = cv2.connectedComponentsWithStats(paper, connectivity=4)[2][1:]
    width, height, area = stats[:, 2], stats[:, 3], stats[:, 4]
    is_box = (height >= MIN_HEIGHT * page_height) & (height <= MAX_HEIGHT * page_height)
    is_box &= (width >= MIN_ASPECT * height) & (area >= MIN_FILLED * width * height)
    boxes = [Box(x - 1, y - 1, w, h) for x, y, w, h, _ in _few_enough(stats[is_box]).tolist()]
    return sorted(boxes, key=lambda box: box.x)


def _few_enough(stats: np.ndarray) -> np.ndarray:
    """Checks the number of connected components, and returns their statistics.

    Raises:
        ImageError: There are more than `MAX_PIECES` components.
    """
    if len(stats) > MAX_PIECES:
        raise ImageError(f"The form has more than {MAX_PIECES:,} lines or boxes.")
    return stats


def _rows(cells: list[Box], page_height: int) -> list[list[Box]]:
    """Groups boxes of similar size into rows. Only a line separates neighbours in a row."""
    rows: list[list[Box]] = []
    for cell in cells:
        for row in rows:
            last = row[-1]
            same = max(abs(cell.y - last.y), abs(cell.height - last.height)) < 0.15 * last.height
            like = abs(cell.width - last.width) < 0.3 * last.width
            if same and like and 0 <= cell.x - last.right <= max(3, MAX_RULE * page_height):
                row.append(cell)
                break
        else:
            rows.append([cell])
    return rows


def _combs(horizontal: np.ndarray, vertical: np.ndarray) -> list[tuple[Box, int | list[int]]]:
    """Finds combs: horizontal lines with short, evenly spaced vertical teeth that end on them.

    Args:
        horizontal: Binary image of the horizontal lines, uint8 (height, width).
        vertical: Binary image of the vertical lines, uint8 (height, width).

    Returns:
        The box of the digits above each comb, and their number.
    """
    teeth = _few_enough(cv2.connectedComponentsWithStats(vertical)[2][1:])
    combs: list[tuple[Box, int | list[int]]] = []
    lines = _few_enough(cv2.connectedComponentsWithStats(horizontal)[2][1:])
    for x, y, width, height, _ in lines.tolist():
        slack = height + 3
        ends = teeth[:, cv2.CC_STAT_TOP] + teeth[:, cv2.CC_STAT_HEIGHT]
        on_line = (np.abs(ends - y - height) <= slack) & (teeth[:, 0] >= x - slack)
        on_line &= teeth[:, 0] <= x + width + slack
        places = sorted((teeth[on_line, 0] + teeth[on_line, 2] / 2).tolist())
        steps = [right - left for left, right in pairwise(places)]
        if len(places) < MIN_TEETH:
            continue
        pitch = float(np.median(steps))
        short = bool((teeth[on_line, cv2.CC_STAT_HEIGHT] < 0.8 * pitch).all())
        if short and max(abs(step - pitch) for step in steps) <= MAX_UNEVEN * pitch:
            top = max(0, round(y - COMB_HEIGHT * pitch))
            box = Box(round(places[0]), top, round(places[-1] - places[0]), y - top)
            combs.append((box, len(steps)))
    return combs
