#!/usr/bin/env python3
"""Group the digits of generated lines into numbers: python -m benchmarks.numbers.

Each page has one line of one to four numbers, and each number has one to six digits. On average,
the gap between two digits of a number is 0.05 to 0.6 digit heights, depending on the page, and the
gap between two numbers is 0.7 to 2.5 digit heights larger. On a fifth of the pages, the digits of a
number are evenly spaced, as if written into boxes.

The table shows two shares of lines whose digits are grouped into the right numbers. The first uses
the true boxes of the digits. The second, in the last column, uses the boxes that the reader found,
and counts only lines whose digits were all read exactly. The rule for grouping digits was tuned on
the development pages, which show MNIST training digits and have a different seed.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from benchmarks.mnist_sets import add_lines_argument, mnist_sets
from common.cli import console
from common.cli.arguments import ArgumentParser
from common.data.canvas import Canvas, LabelledPage, Writer
from common.data.scenes import photo_size, photographed_or_scanned, sheet
from common.finding.layout import numbers_of
from common.reading import Box
from common.recognizer import DigitRecognizer

SEED = {"development": 1, "test": 2}


def main() -> int:
    """Reads the pages of both sets, and prints the table."""
    arguments = parse_arguments()
    recognizer = DigitRecognizer()
    print("pages        lines  from known boxes  digits read exactly  of these, grouped")
    for name, (images, labels) in mnist_sets().items():
        known = read = grouped = 0
        pages = number_pages(images, labels, arguments.lines, SEED[name])
        for text, page in tqdm(pages, name, arguments.lines, leave=False, disable=None):
            known += grouped_text(text.replace(" ", ""), page.boxes) == text
            reading = recognizer.read(page.image)
            read += reading.text == text.replace(" ", "")
            grouped += " ".join(number.text for number in reading.numbers) == text
        print(
            f"{name:12} {arguments.lines:5}  {known / arguments.lines:16.1%}  "
            f"{read / arguments.lines:19.1%}  {grouped / max(read, 1):17.1%}"
        )
    return console.OK


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lines_argument(parser, 300)
    return parser.parse_args()


def grouped_text(text: str, boxes: np.ndarray) -> str:
    """Inserts spaces between the numbers of a line, as the reader groups its digits.

    Args:
        text: The digits of the line, without spaces.
        boxes: The box of each digit, float (N, 4): x, y, width, height in pixels.
    """
    order = boxes[:, 0].argsort()
    numbers = numbers_of([Box(*map(round, boxes[i])) for i in order])
    words = [""] * (max(numbers) + 1)
    for i, number in zip(order, numbers, strict=True):
        words[number] += text[i]
    return " ".join(words)


def number_pages(
    images: np.ndarray, labels: np.ndarray, count: int, seed: int
) -> Iterator[tuple[str, LabelledPage]]:
    """Yields the text of each generated line, with spaces between its numbers, and its page.

    Args:
        images: Pictures of digits, uint8 (N, 28, 28); 255 is ink.
        labels: Labels of the pictures, int (N,), 0 to 9.
        count: Number of pages.
        seed: Seed for the random number generator.
    """
    for number in range(count):
        yield number_page(images, labels, np.random.default_rng([seed, number]))


def number_page(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[str, LabelledPage]:
    """Generates a line of numbers, and returns its text and its page."""
    canvas = Canvas(*photo_size(rng, "wide"))
    writer = Writer(images, labels, rng)
    lengths = rng.integers(1, 7, int(rng.integers(1, 5)))
    close, apart = rng.uniform(0.05, 0.6), rng.uniform(0.7, 2.5)
    in_boxes = rng.random() < 0.2
    extent = lengths.sum() * (0.9 + close) + len(lengths) * (apart + 0.3)
    size = min(0.95 * canvas.width / extent, 0.25 * canvas.height)
    slope, x, words = rng.uniform(-0.05, 0.05), 0.03 * canvas.width, []
    baseline = rng.uniform(0.4, 0.7) * canvas.height
    canvas.new_line()
    for length in lengths:
        marks = writer.digits(int(length), size)
        words.append("".join(str(mark.digit) for mark in marks))
        for mark in marks:
            width = mark.ink.shape[1]
            before = (0.8 + close) * size - width if in_boxes else close * size
            place = x + before * (0.5 if in_boxes else rng.uniform(0.7, 1.3))
            canvas.put(mark, place, baseline + slope * place - mark.ink.shape[0])
            x = x + (0.8 + close) * size if in_boxes else place + width
        x += apart * size * rng.uniform(0.8, 1.2)
    page = canvas.page(photographed_or_scanned(sheet(canvas.ink, rng), rng))
    return " ".join(words), page


if __name__ == "__main__":
    console.run(main)
