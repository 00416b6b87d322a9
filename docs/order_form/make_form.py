#!/usr/bin/env python3
"""Regenerate the sample form: python -m docs.order_form.make_form.

Writes to its folder an empty form, its field file, and an image of the form filled in with
strokes of `common/data/handwriting.py`.
"""

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from common.data.form_layouts import Layout, order_form
from common.data.handwriting import draw_digit

FOLDER = Path(__file__).resolve().parent
VALUES = {
    "customer": "40718256",
    "date": "21112026",
    "article": "630914",
    "quantity": "25",
    "postcode": "08523",
}
SIDE = 0.6  # pixels; scale of the saved images


def main() -> None:
    """Writes the files."""
    form = order_form()
    save("empty.png", form.image)
    lines = ",\n    ".join(json.dumps(field.entry) for field in form.fields)
    file = f'{{\n  "template": "empty.png",\n  "fields": [\n    {lines}\n  ]\n}}\n'
    (FOLDER / "order.json").write_text(file, encoding="utf-8")
    save("filled.jpg", photo(filled(form), np.random.default_rng(7)))


def filled(form: Layout) -> np.ndarray:
    """Fills in the form: ink, float32 (height, width), 0 to 1."""
    generator = np.random.default_rng(11)
    ink = form.ink.copy()
    for field in form.fields:
        for digit, (x, y, side, height) in zip(
            VALUES[str(field.entry["name"])], field.cells, strict=False
        ):
            mark = draw_digit(int(digit), round(0.6 * height), generator, 0.09)
            rows, columns = mark.shape
            left, top = x + (side - columns) // 2, y + (height - rows) // 2
            place = ink[top : top + rows, left : left + columns]
            np.maximum(place, 0.9 * mark, out=place)
    return ink


def photo(ink: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Simulates a photo of a form on a dark table: perspective, uneven light, blur and noise."""
    height, width = ink.shape
    edges = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    corners = np.array([(0.09, 0.07), (0.87, 0.03), (0.95, 0.95), (0.04, 0.9)], np.float32)
    matrix = cv2.getPerspectiveTransform(edges, corners * np.array([width, height], np.float32))
    sheet = cv2.warpPerspective(1 - 0.75 * ink, matrix, (width, height), borderValue=0.2)
    rows, columns = np.mgrid[0:height, 0:width] / height
    image = cv2.GaussianBlur(sheet * (225 - 60 * columns - 40 * rows), (0, 0), 1.0)
    return np.asarray(image + generator.normal(0, 2, image.shape))


def save(name: str, image: np.ndarray) -> None:
    """Saves a grey image with values from 0 to 255, reduced."""
    small = cv2.resize(
        image.astype(np.float32), None, fx=SIDE, fy=SIDE, interpolation=cv2.INTER_AREA
    )
    Image.fromarray(np.clip(np.rint(small), 0, 255).astype(np.uint8)).save(FOLDER / name)


if __name__ == "__main__":
    main()
