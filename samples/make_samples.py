#!/usr/bin/env python3
"""Regenerate the sample images: python -m samples.make_samples.

`common/data/handwriting.py` draws the digits. Each image imitates one kind of users' images.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from common.data.handwriting import LETTERS, draw_digit, draw_strokes, write_page

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Writes the images to the folder of this script."""
    generator = np.random.default_rng(7)
    off_centre = np.pad(draw_digit(3, 150, generator, 0.09), ((70, 20), (130, 20)))
    save("3.png", 255 - 255 * off_centre)
    save("7.jpeg", 250 - 210 * _centered(draw_digit(7, 150, generator, 0.06), 260))
    save("5_chalk.png", 30 + 215 * _centered(draw_digit(5, 220, generator, 0.1), 300))
    save("8_tiny.png", 255 - 255 * _centered(draw_digit(8, 17, generator, 0.09), 28))
    transparent = _centered(draw_digit(2, 160, generator, 0.12), 240)
    blue = np.zeros((240, 240, 4), np.uint8)
    blue[..., 2], blue[..., 3] = 180, np.rint(255 * transparent)
    Image.fromarray(blue).save(FOLDER / "2_transparent.png")
    save("number.png", 255 - 225 * write_page(["60417"], 90, generator, 0.08))
    save("two_lines.png", 255 - 200 * write_page(["2859", "1603"], 80, generator, 0.09, 3))
    save("photo.jpg", photo(write_page(["4951", "70238"], 110, generator, 0.07, -2), generator))
    notebook = write_page(["3064", "1829", "57"], 110, generator, 0.07, 4)
    save("notebook.jpg", photo(np.maximum(notebook, 0.6 * squares(notebook.shape, 4)), generator))
    pencil = write_page(["8062", "93175"], 110, generator, 0.045, -5)
    save("pencil.jpg", hand_shadow(photo(0.3 * pencil, generator)))
    letters = np.hstack([_drawn_letter(letter, generator) for letter in "Kanye"])
    save("letters.png", 255 - 255 * letters)


def _centered(digit: np.ndarray, side: int) -> np.ndarray:
    """Centres a digit in a square of `side` pixels."""
    square = np.zeros((side, side), np.float32)
    top, left = (side - digit.shape[0]) // 2, (side - digit.shape[1]) // 2
    square[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return square


def photo(ink: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Simulates a photo of ink on paper: uneven light, slight blur and noise."""
    rows, columns = np.mgrid[0 : ink.shape[0], 0 : ink.shape[1]] / max(ink.shape)
    light = 205 - 70 * columns - 45 * rows
    image = cv2.GaussianBlur(light * (1 - 0.65 * ink), (0, 0), 1.2)
    return np.asarray(image + generator.normal(0, 3, ink.shape))


def squares(shape: tuple[int, ...], tilt: float) -> np.ndarray:
    """Draws the lines of squared paper, rotated by `tilt` degrees."""
    height, width = shape
    lines = np.zeros((2 * height, 2 * width), np.float32)
    for line in range(2):
        lines[line::50] = lines[:, line::50] = 1
    rotation = cv2.getRotationMatrix2D((width, height), tilt, 1)
    rotated = cv2.warpAffine(lines, rotation, lines.shape[::-1])
    top, left = height // 2, width // 2
    return np.asarray(rotated[top : top + height, left : left + width])


def hand_shadow(image: np.ndarray) -> np.ndarray:
    """Adds the shadow of a hand at one corner."""
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]] / max(image.shape)
    distance = np.hypot(rows - 0.6, columns - 0.9)
    return np.asarray(image * (1 - 0.4 / (1 + np.exp((distance - 0.5) * 40))))


def _drawn_letter(letter: str, generator: np.random.Generator) -> np.ndarray:
    return _centered(draw_strokes(LETTERS[letter][0], 110, generator, 0.08), 170)


def save(name: str, image: np.ndarray) -> None:
    """Saves a grey image with values from 0 to 255."""
    Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8)).save(FOLDER / name)


if __name__ == "__main__":
    main()
