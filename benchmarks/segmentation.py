#!/usr/bin/env python3
"""Two ways to find digits on a page, side by side: python -m benchmarks.segmentation.

Places alone (connected ink, joined where it is near) against the same with the network's word on
what to join, part and cut. On pages of four MNIST test digits each, and on written words.
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
SCALE = 3  # MNIST's pixels are enlarged so many times


def main() -> int:
    """Composes the pages, reads them both ways and prints the shares read exactly."""
    dataset = load_mnist()
    generator = np.random.default_rng(0)
    recognizer = DigitRecognizer(PRETRAINED)
    print(f"{PAGES} pages each      places alone   and the network")
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
    print_row("words: no digit", words, recognizer)
    return console.OK


def side_by_side(
    pictures: list[np.ndarray], gap: int, broken: bool, generator: np.random.Generator
) -> np.ndarray:
    """Ink of digits in a row.

    Args:
        pictures: uint8 (28, 28).
        gap: pixels between them; 0 pushes each to the left until it touches the one before.
        broken: whether a stripe of two pixels is missing in one of them.
        generator: decides where.
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
    """Prints the share of pages read exactly without and with the network's word."""
    shares = []
    for judge in (None, recognizer.judge):
        right = sum(text_of(ink, judge, recognizer) == text for ink, text in pages)
        shares.append(right / len(pages))
    print(f"{name:18}{shares[0]:12.1%}{shares[1]:18.1%}")


def text_of(ink: np.ndarray, judge: Judge | None, recognizer: DigitRecognizer) -> str:
    """What is read from ink whose digits were found one way or the other."""
    return recognizer.read_glyphs([("page", find_digits(ink, judge))])[0].text or ""


if __name__ == "__main__":
    console.run(main)
