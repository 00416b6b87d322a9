#!/usr/bin/env python3
"""Read signs between the digits of generated lines: python -m benchmarks.signs.

Each page has one line of digits, with signs, dirt, letters, box lines or nothing between them. A
sign that the reader reports between two digits is right if this sign, and no other sign, is written
there. For each sign, the table shows the precision (the share of reported signs that are right) and
the recall (the share of written signs that are reported correctly). The rules for recognising signs
were tuned on the development pages, which show MNIST training digits and have a different seed.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from benchmarks.mnist_sets import add_lines_argument, mnist_sets
from common.cli import console
from common.cli.arguments import ArgumentParser
from common.data.canvas import Canvas, Mark, Writer, stroked
from common.data.scenes import photo_size, photographed_or_scanned, sheet
from common.finding.signs import SIGNS
from common.reading import DOUBTFUL, Reading
from common.recognizer import DigitRecognizer

SEED = {"development": 3, "test": 4}
OTHERS = ("speck", "letter", "line")  # other marks between digits


@dataclass(frozen=True)
class SignPage:
    """A page with one line of digits.

    Attributes:
        image: The grey page, uint8 (height, width).
        signs: For each written sign, its horizontal position in pixels and the sign itself.
    """

    image: np.ndarray
    signs: tuple[tuple[float, str], ...]


def main() -> int:
    """Reads the pages of the chosen sets, and prints a table for each."""
    arguments = parse_arguments()
    recognizer = DigitRecognizer()
    sets = mnist_sets()
    for name in arguments.sets:
        written, reported, right = Counter[str](), Counter[str](), Counter[str]()
        for number in tqdm(range(arguments.lines), name, leave=False, disable=None):
            rng = np.random.default_rng([SEED[name], number])
            page = sign_page(*sets[name], rng)
            written.update(sign for _, sign in page.signs)
            for sign, is_right in reported_signs(recognizer.read(page.image), page):
                reported[sign] += 1
                right[sign] += is_right
        print(f"\n{name}, {arguments.lines:,} lines\nsign  written  reported  precision  recall")
        for sign in (*SIGNS, "all"):
            counts = [c.total() if sign == "all" else c[sign] for c in (written, reported, right)]
            shares = counts[2] / max(counts[1], 1), counts[2] / max(counts[0], 1)
            print(f"{sign:4}  {counts[0]:7}  {counts[1]:8}  {shares[0]:9.1%}  {shares[1]:6.1%}")
    return console.OK


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lines_argument(parser, 1000)
    parser.add_argument(
        "--sets", nargs="+", choices=SEED, default=[*SEED], help="the sets to read (default: both)"
    )
    return parser.parse_args()


def reported_signs(reading: Reading, page: SignPage) -> list[tuple[str, bool]]:
    """Returns each sign that the reader reports, and whether it is right."""
    reported = []
    for line in reading.digits_by_line():
        for left, right in pairwise(line):
            start, end = (digit.box.x + digit.box.width / 2 for digit in (left, right))
            if left.sign not in ("", DOUBTFUL):
                written = [sign for x, sign in page.signs if start < x < end]
                reported.append((left.sign, written == [left.sign]))
    return reported


def sign_page(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator, kinds: str = SIGNS
) -> SignPage:
    """Generates a page with one line of digits, with signs or other marks between some of them.

    Args:
        images: Pictures of digits, uint8 (N, 28, 28).
        labels: Their labels, int (N,).
        rng: Random number generator for the page.
        kinds: The signs to choose from; a repeated one is more likely.
    """
    canvas = Canvas(*photo_size(rng, "wide"))
    writer = Writer(images, labels, rng)
    count = int(rng.integers(2, 10))
    close, pen = rng.uniform(0.05, 0.35), writer.pen
    size = min(0.92 * canvas.width / (count * (1.3 + close)), 0.25 * canvas.height)
    slope, x, signs = rng.uniform(-0.05, 0.05), 0.03 * canvas.width, []
    baseline = rng.uniform(0.4, 0.7) * canvas.height
    share = rng.choice([0.0, 0.3, 0.6])  # share of the gaps with a mark in them
    canvas.new_line()
    for place, digit in enumerate(writer.digits(count, size)):
        if place and rng.random() < share:
            is_sign = rng.random() < 0.8
            kind = str(rng.choice([*kinds] if is_sign else OTHERS))
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
    """Draws a sign or another mark that stands between two digits.

    Args:
        kind: One of `SIGNS` or `OTHERS`.
        size: Height of the digits in pixels.
        pen: Stroke width as a share of `size`.
        rng: Random number generator for the shape.
    """
    u = rng.uniform
    dot = [(0.0, 0.0), (u(0, 0.04), u(0, 0.04))]
    wide, level = u(0.25, 0.55), u(0.35, 0.6)  # of "-" and "+": width, height above the baseline
    lean, slant, apart = u(0.15, 0.8), u(-0.06, 0.06), u(0.3, 0.55)
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
