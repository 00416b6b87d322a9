#!/usr/bin/env python3
"""Fit the probability that a 1 is a slash: python -m benchmarks.fit_slashes.

Reads generated lines with many slashes, and fits a logistic regression that separates slashes from
other marks that were read as a 1. Copy the printed coefficients to `common.finding.slashes`. The
lines are generated like the development pages of `benchmarks.signs`, but with another seed.
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from benchmarks.mnist_sets import add_lines_argument, mnist_sets
from benchmarks.signs import sign_page
from common.cli import console
from common.cli.arguments import ArgumentParser
from common.finding.slashes import comparisons
from common.recognizer import DigitRecognizer

SEED = 5
PRIOR = 0.1
"""Share of slashes that the regression assumes among the marks read as a 1. The share is higher on
the generated lines, and perhaps lower on real lines."""


def main() -> int:
    """Collects the marks, fits the coefficients and prints them."""
    arguments = parse_arguments()
    measured, is_slash = ones(arguments.lines)
    weights = np.where(is_slash, PRIOR / is_slash.mean(), (1 - PRIOR) / (1 - is_slash.mean()))
    regression = LogisticRegression(C=100, max_iter=2000).fit(measured, is_slash, weights)
    coefficients = (*regression.coef_[0], regression.intercept_[0])
    print(f"{len(is_slash):,} marks read as a 1, {is_slash.sum():,} of them slashes")
    print(
        "ABOVE_WEIGHT, BELOW_WEIGHT, LEAN_WEIGHT, BIAS = "
        + ", ".join(f"{value:.2f}" for value in coefficients)
    )
    likely = regression.predict_proba(measured)[:, 1]
    for least in (0.5, 0.7):
        print(
            f"probability of at least {least}: {(likely[is_slash] >= least).mean():.1%} of the "
            f"slashes, {(likely[~is_slash] >= least).mean():.1%} of the others"
        )
    return console.OK


def ones(lines: int) -> tuple[np.ndarray, np.ndarray]:
    """Collects the marks that look most like a 1 and have a digit on each side.

    Args:
        lines: Number of lines to generate.

    Returns:
        For each mark: its comparison with the digits of its line, float (N, 3), as returned by
        `common.finding.slashes.comparisons`; and whether it is a slash, bool (N,).
    """
    recognizer = DigitRecognizer()
    digits = mnist_sets()["development"]
    found, is_slash = [], []
    for number in tqdm(range(lines), leave=False, disable=None):
        page = sign_page(*digits, np.random.default_rng([SEED, number]), kinds=".,-+:///")
        reading = recognizer.read(page.image)
        if reading.rotation:
            continue
        marks = [*reading.digits, *reading.left_out]
        for index, comparison in comparisons(page.image, marks, reading.digits).items():
            box = marks[index].box
            found.append(comparison)
            is_slash.append(any(s == "/" and box.x < x < box.right for x, s in page.signs))
    return np.array(found), np.array(is_slash)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lines_argument(parser, 1000)
    return parser.parse_args()


if __name__ == "__main__":
    console.run(main)
