#!/usr/bin/env python3
"""Vary each tuned setting by 20 %: python -m benchmarks.sensitivity.

The settings in `common.finding.settings` decide what counts as a digit. For each setting, the table
shows the share of generated test pages that are read exactly when the setting is 20 % smaller and
20 % larger. A share much lower than with the tuned settings would show that the reader depends on
the exact value of that setting.
"""

import argparse
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
from tqdm import tqdm

from common.cli import console
from common.cli.arguments import ArgumentParser, positive_int
from common.data.datasets import load_mnist
from common.data.evaluation_pages import CONDITIONS, condition_pages
from common.finding.settings import SETTINGS, Settings
from common.recognizer import DigitRecognizer
from common.storage.loading import Finder
from common.storage.model_files import PRETRAINED

FACTORS = (0.8, 1.2)


class CachedFinder:
    """A finder that remembers its output for each input."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.known: dict[bytes, np.ndarray] = {}

    def __call__(self, pages: np.ndarray) -> np.ndarray:
        """Returns the output of the finder for an array of pages."""
        key = pages.tobytes()
        if key not in self.known:
            self.known[key] = self.finder(pages)
        return self.known[key]


def main() -> int:
    """Reads the pages with each variant of the settings, and prints the table."""
    arguments = parse_arguments()
    dataset = load_mnist()
    recognizer = DigitRecognizer(PRETRAINED)
    finder = recognizer.finder
    variants = {("", 1.0): SETTINGS} | {
        (name, factor): replace(SETTINGS, **{name: value * factor})
        for name, value in asdict(SETTINGS).items()
        for factor in FACTORS
    }
    exact: Counter[tuple[str, float]] = Counter()
    with tqdm(total=arguments.pages * len(CONDITIONS), leave=False, disable=None) as progress:
        for condition in CONDITIONS:
            for page in condition_pages(
                condition, dataset.test_images, dataset.test_labels, arguments.pages
            ):
                recognizer.finder = CachedFinder(finder)
                for variant, settings in variants.items():
                    use(recognizer, settings)
                    lines = recognizer.examine(page.image)[1].lines
                    exact[variant] += "/".join(lines) == page.text
                progress.update()
    count = arguments.pages * len(CONDITIONS)
    print(f"{count} pages, read exactly as tuned: {exact['', 1.0] / count:.1%}\n")
    print(f"{'setting':18}{'value':>8}" + "".join(f"{f'x {factor}':>9}" for factor in FACTORS))
    for name, value in asdict(SETTINGS).items():
        shares = "".join(f"{exact[name, factor] / count:9.1%}" for factor in FACTORS)
        print(f"{name:18}{value:8}{shares}")
    return console.OK


def use(recognizer: DigitRecognizer, settings: Settings) -> None:
    """Makes the recogniser use these settings."""
    recognizer.settings = settings
    recognizer.setup = replace(recognizer.setup, min_confidence=settings.min_confidence)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pages",
        type=positive_int,
        default=10,
        metavar="N",
        help="number of pages per condition (default: 10, about 10 minutes)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    console.run(main)
