"""Proposes fields for the boxes and combs that are drawn on an empty form."""

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

MAX_SIDE = 4000  # pixels; larger pages are reduced first
MAX_PIECES = 5000  # lines, teeth or boxes on a form

# Chosen on the three layouts of `data/form_layouts.py`; lengths are shares of the page's height.
MIN_STROKE = 0.01  # of a line
MIN_HEIGHT, MAX_HEIGHT = 0.012, 0.09  # of a box
MIN_ASPECT = 0.4  # width by height of a box
MIN_FILLED = 0.85  # share of its rectangle that a box covers
MAX_RULE = 0.006  # width of the line between two boxes
MIN_TEETH = 4  # of a comb
MAX_UNEVEN = 0.1  # difference between the teeth of a comb, as a share of their distance
COMB_HEIGHT = 1.2  # height of the digits above a comb, as a share of the distance of its teeth
DIGIT_WIDTH = 0.4  # width by height of the narrowest digits in a frame


def field_file_for(path: Path) -> str:
    """Returns the text of a field file with the proposed fields of an empty form.

    Args:
        path: Image of the empty form.

    Raises:
        UserError: The image cannot be read, or has no boxes and combs.
    """
    entries = proposed_entries(read_image(path))
    if not entries:
        raise UserError(f"{path} has no boxes or combs; expected the image of an empty form.")
    lines = ",\n    ".join(map(json.dumps, entries))
    return f'{{\n  "template": {json.dumps(path.name)},\n  "fields": [\n    {lines}\n  ]\n}}'


def proposed_entries(page: np.ndarray) -> list[dict[str, Any]]:
    """Returns the proposed fields of an empty form, as in a field file, from top to bottom.

    Args:
        page: uint8 (height, width), dark lines on light paper.

    Raises:
        ImageError: The page has too many lines for a form.
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
    """Finds rows of boxes, frames and combs on an empty form.

    Args:
        page: uint8 (height, width), dark lines on light paper.

    Returns:
        The place of each field in pixels, from top to bottom, and its number of digits: one for
        each box, or the minimum and the maximum.

    Raises:
        ImageError: The page has too many lines for a form.
    """
    ink = cv2.threshold(page, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1]
    stroke = max(3, round(MIN_STROKE * page.shape[0]))
    level = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, 2 * stroke), np.uint8))
    upright = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((stroke, 1), np.uint8))
    found = _combs(level, upright)
    for row in _rows(_cells(cv2.bitwise_or(level, upright)), page.shape[0]):
        first, last = row[0], row[-1]
        box = first.joined(last)
        most = min(max(1, round(box.width / (DIGIT_WIDTH * box.height))), MAX_DIGITS)
        found.append((box, len(row) if len(row) > 1 or most < 3 else [1, most]))
    possible = [field for field in found if not isinstance(field[1], int) or field[1] <= MAX_DIGITS]
    return sorted(possible, key=lambda field: (field[0].y, field[0].x))


def _cells(lines: np.ndarray) -> list[Box]:
    """Returns the insides of the boxes that lines enclose, from left to right."""
    page_height = lines.shape[0]
    # The paper around all boxes touches the edge, and is no box.
    paper = cv2.copyMakeBorder(cv2.bitwise_not(lines), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255)
    stats = cv2.connectedComponentsWithStats(paper, connectivity=4)[2][1:]
    width, height, area = stats[:, 2], stats[:, 3], stats[:, 4]
    is_box = (height >= MIN_HEIGHT * page_height) & (height <= MAX_HEIGHT * page_height)
    is_box &= (width >= MIN_ASPECT * height) & (area >= MIN_FILLED * width * height)
    boxes = [Box(x - 1, y - 1, w, h) for x, y, w, h, _ in _few(stats[is_box]).tolist()]
    return sorted(boxes, key=lambda box: box.x)


def _few(stats: np.ndarray) -> np.ndarray:
    """Returns connected components unless there are too many for a form.

    Raises:
        ImageError: There are too many.
    """
    if len(stats) > MAX_PIECES:
        raise ImageError(f"The form has more than {MAX_PIECES:,} lines or boxes.")
    return stats


def _rows(cells: list[Box], page_height: int) -> list[list[Box]]:
    """Groups boxes that stand beside each other, with nothing but a line between them."""
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


def _combs(level: np.ndarray, upright: np.ndarray) -> list[tuple[Box, int | list[int]]]:
    """Finds horizontal lines with evenly spaced short teeth that end on them."""
    teeth = _few(cv2.connectedComponentsWithStats(upright)[2][1:])
    combs: list[tuple[Box, int | list[int]]] = []
    for x, y, width, height, _ in _few(cv2.connectedComponentsWithStats(level)[2][1:]).tolist():
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
