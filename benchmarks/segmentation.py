#!/usr/bin/env python3
"""Compare two ways to find digits on a page: python -m benchmarks.segmentation.

One uses positions alone: it joins connected ink that is close together. The other also asks the
network what to join, separate and cut. The pages show four MNIST test digits, or a written word.
"""

import cv2
import numpy as np

from common.cli import console
from common.data.datasets import load_mnist
from common.data.handwriting import LETTERS, draw_strokes
from common.finding.rules.page import find_digits
from common.finding.rules.segmentation import Judge
from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED

PAGES = 500
SCALE = 3  # enlargement of the MNIST digits


def main() -> int:
    """Composes the pages, reads them both ways, and prints the shares read exactly."""
    dataset = load_mnist()
    generator = np.random.default_rng(0)
    recognizer = DigitRecognizer(PRETRAINED)
    print(f"{PAGES} pages each    positions alone   with network")
    for name, gap, broken in (("apart", 3, False), ("touching", 0, False), ("one broken", 3, True)):
        pages = []
        for _ in range(PAGES):
            chosen = generator.integers(0, len(dataset.test_images), 4)
            ink = side_by_side(list(dataset.test_images[chosen]), gap, broken, generator)
            pages.append((ink, "".join(map(str, dataset.test_labels[chosen]))))
        print_row(name, pages, recognizer)
    letters = [way for ways in LETTERS.values() for way in ways]
    words = []
    for _ in range(PAGES):
        chosen = generator.integers(0, len(letters), 4)
        drawn = [draw_strokes(letters[i], 60, generator, 0.1) for i in chosen]
        height = max(map(len, drawn))
        word = np.hstack([np.pad(d, ((height - len(d) + 20, 20), (4, 4))) for d in drawn])
        words.append((word, ""))
    print_row("words, no digits", words, recognizer)
    return console.OK


def side_by_side(
    pictures: list[np.ndarray], gap: int, broken: bool, generator: np.random.Generator
) -> np.ndarray:
    """Places digits in a row.

    Args:
        pictures: Digits, each uint8 (28, 28).
        gap: Pixels between digits; 0 moves each digit left until it touches the one before.
        broken: Whether a horizontal stripe of two pixels is erased from one of the digits.
        generator: Random number generator that chooses the digit and the stripe.

    Returns:
        Ink: float32 (height, width), 0 is paper, 1 is full ink.
    """
    row = np.zeros((32, 4), np.float32)
    broken_one = int(generator.integers(len(pictures))) if broken else None
    for number, picture in enumerate(pictures):
        digit = (picture[:, picture.any(axis=0)] / 255).astype(np.float32)
        if number == broken_one:
            start = int(generator.integers(8, 18))
            digit[start : start + 2] = 0
        digit = np.pad(digit, ((2, 2), (0, 0)))
        overlap = -gap
        while gap == 0 and overlap < digit.shape[1] - 1:
            here, before = digit[:, : overlap + 1], row[:, row.shape[1] - overlap - 1 :]
            if row.shape[1] == 4 or (np.minimum(here, before) > 0.5).any():
                break
            overlap += 1
        wide = np.zeros((32, row.shape[1] - overlap + digit.shape[1]), np.float32)
        wide[:, : row.shape[1]] = row
        part = wide[:, wide.shape[1] - digit.shape[1] :]
        np.maximum(part, digit, out=part)
        row = wide
    row = np.pad(row, ((0, 0), (0, 4)))
    return np.asarray(cv2.resize(row, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_LINEAR))


def print_row(name: str, pages: list[tuple[np.ndarray, str]], recognizer: DigitRecognizer) -> None:
    """Prints the shares of pages read exactly without and with the network."""
    shares = []
    for judge in (None, recognizer.judge):
        right = sum(text_of(ink, judge, recognizer) == text for ink, text in pages)
        shares.append(right / len(pages))
    print(f"{name:18}{shares[0]:12.1%}{shares[1]:18.1%}")


def text_of(ink: np.ndarray, judge: Judge | None, recognizer: DigitRecognizer) -> str:
    """The text read from ink; `judge` chooses how digits are found."""
    return recognizer.read_glyphs([("page", find_digits(ink, judge))])[0].text or ""


if __name__ == "__main__":
    console.run(main)
