"""Loads MNIST digits, and defines the option --lines, for benchmarks on generated lines."""

import argparse

import numpy as np

from common.cli.arguments import positive_int
from common.data.datasets import load_mnist


def mnist_sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Loads the digits for development pages and for test pages.

    Returns:
        For "development", MNIST's training images, uint8 (60000, 28, 28), and their labels, and
        for "test", its test images, uint8 (10000, 28, 28), and their labels.
    """
    dataset = load_mnist()
    return {
        "development": (dataset.train_images, dataset.train_labels),
        "test": (dataset.test_images, dataset.test_labels),
    }


def add_lines_argument(parser: argparse.ArgumentParser, default: int) -> None:
    """Adds the option --lines, the number of lines to generate for each set."""
    parser.add_argument(
        "--lines",
        type=positive_int,
        metavar="N",
        default=default,
        help="number of lines in each set (default: %(default)s)",
    )
