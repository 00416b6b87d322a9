#!/usr/bin/env python3
"""Read signs between the digits of generated lines: python -m benchmarks.signs.

Each page has one line of digits, with signs, dirt, letters, box lines or nothing between them. A
sign that was given is right if the same sign, and no other, was written between the two digits. The
table shows, for each sign, the share of those given that are right, and the share of those written
that were given correctly. The development pages, on which the rules were tuned, use training images
and other random numbers.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from common.cli import console
from common.cli.arguments import ArgumentParser, positive_int
from common.data.canvas import Canvas, Mark, Writer, stroked
from common.data.datasets import load_mnist
from common.data.scenes import photo_size, photographed_or_scanned, sheet
from common.finding.signs import SIGNS
from common.reading import DOUBTFUL, Reading
from common.recognizer import DigitRecognizer

SEED = {"development": 3, "test": 4}
OTHERS = ("/", "speck", "letter", "line")  # between digits, besides signs


@dataclass(frozen=True)
class SignPage:
    """A page with one line of digits.

    Attributes:
        image: uint8 (height, width).
        signs: Horizontal position of each sign in pixels, and the sign.
    """

    image: np.ndarray
    signs: tuple[tuple[float, str], ...]


def main() -> int:
    """Reads the pages of both sets, and prints the tables."""
    arguments = parse_arguments()
    dataset = load_mnist()
    recognizer = DigitRecognizer()
    digits = {
        "development": (dataset.train_images, dataset.train_labels),
        "test": (dataset.test_images, dataset.test_labels),
    }
    for name in arguments.sets:
        written, given, right = Counter[str](), Counter[str](), Counter[str]()
        for number in tqdm(range(arguments.lines), name, leave=False, disable=None):
            rng = np.random.default_rng([SEED[name], number])
            page = sign_page(*digits[name], rng)
            written.update(sign for _, sign in page.signs)
            for sign, is_right in given_signs(recognizer.read(page.image), page):
                given[sign] += 1
                right[sign] += is_right
        print(f"\n{name}, {arguments.lines:,} lines\nsign  written  given  precision  recall")
        for sign in (*SIGNS, "all"):
            counts = [c.total() if sign == "all" else c[sign] for c in (written, given, right)]
            shares = counts[2] / max(counts[1], 1), counts[2] / max(counts[0], 1)
            print(f"{sign:4}  {counts[0]:7}  {counts[1]:5}  {shares[0]:9.1%}  {shares[1]:6.1%}")
    return console.OK


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--lines", type=positive_int, default=1000, help="lines of each set (default: %(default)s)"
    )
    parser.add_argument("--sets", nargs="+", choices=SEED, default=[*SEED], help="default: both")
    return parser.parse_args()


def given_signs(reading: Reading, page: SignPage) -> list[tuple[str, bool]]:
    """Returns each sign that a reading gives, and whether it was written there."""
    given = []
    for line in reading.digits_by_line():
        for left, right in pairwise(line):
            start, end = (digit.box.x + digit.box.width / 2 for digit in (left, right))
            if left.sign not in ("", DOUBTFUL):
                written = [sign for x, sign in page.signs if start < x < end]
                given.append((left.sign, written == [left.sign]))
    return given


def sign_page(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> SignPage:
    """Generates one page."""
    canvas = Canvas(*photo_size(rng, "wide"))
    writer = Writer(images, labels, rng)
    count = int(rng.integers(2, 10))
    close, pen = rng.uniform(0.05, 0.35), writer.pen
    size = min(0.92 * canvas.width / (count * (1.3 + close)), 0.25 * canvas.height)
    slope, x, signs = rng.uniform(-0.05, 0.05), 0.03 * canvas.width, []
    baseline = rng.uniform(0.4, 0.7) * canvas.height
    share = rng.choice([0.0, 0.3, 0.6])  # of the gaps with something in them
    canvas.new_line()
    for place, digit in enumerate(writer.digits(count, size)):
        if place and rng.random() < share:
            is_sign = rng.random() < 0.8
            kind = str(rng.choice([*SIGNS] if is_sign else OTHERS))
            mark = between(kind, size, pen, rng)
            x += rng.uniform(0.02, 0.25) * size
            canvas.put(mark, x, baseline + slope * x + mark.drop - mark.ink.shape[0])
            if is_sign:
                signs.append((x + mark.ink.shape[1] / 2, kind))
            x += mark.ink.shape[1] + rng.uniform(0.02, 0.25) * size
        elif place:
            x += close * size * rng.uniform(0.7, 1.3)
        canvas.put(digit, x, baseline + slope * x - digit.ink.shape[0])
        x += digit.ink.shape[1]
    image = photographed_or_scanned(sheet(canvas.ink, rng), rng)
    return SignPage(image, tuple(signs))


def between(kind: str, size: float, pen: float, rng: np.random.Generator) -> Mark:
    """Draws what stands between two digits.

    Args:
        kind: One of `SIGNS` or `OTHERS`.
        size: Height of the digits in pixels.
        pen: Stroke width as a share of `size`.
        rng: Random number generator for the shape.
    """
    u = rng.uniform
    dot = [(0.0, 0.0), (u(0, 0.04), u(0, 0.04))]
    wide, level = u(0.25, 0.55), u(0.35, 0.6)  # of a dash or plus; its height above the baseline
    lean, slant, apart = u(0.15, 0.55), u(-0.06, 0.06), u(0.3, 0.55)
    thick = pen * u(1.0, 1.4)
    strokes, bottom = {
        ".": ([dot], u(-0.08, 0.08)),
        ",": ([[(u(0.04, 0.15), 0.0), (0.0, u(0.12, 0.38))]], u(0.08, 0.3)),
        ":": ([dot, [(x + slant, y + apart) for x, y in dot]], u(-0.2, 0.05)),
        "-": ([[(0.0, 0.06), (wide, 0.06 + slant)]], -level),
        "+": (
            [
                [(0.0, wide / 2), (wide, wide / 2 + slant)],
                [(wide / 2, 0.0), (wide / 2 + slant, wide)],
            ],
            -level + wide / 2,
        ),
        "/": ([[(lean, 0.0), (0.0, u(0.9, 1.3))]], u(-0.05, 0.2)),
        "speck": ([[(0.0, 0.0), (u(0, 0.3), u(0, 0.3))]], -u(-0.2, 1.0)),
        "letter": ([[tuple(u(0, 0.7, 2)) for _ in range(4)]], u(-0.1, 0.2)),
        "line": ([[(0.05, 0.0), (0.05 + slant, u(0.3, 1.6))]], u(-0.1, 0.3)),
    }[kind]
    if kind in ("speck", "line"):
        thick = u(0.02, 0.12)
    mark = stroked(strokes, size, max(1.0, thick * size), rng)
    return Mark(mark.ink, drop=round(bottom * size))


if __name__ == "__main__":
    console.run(main)
