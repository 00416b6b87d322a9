"""Command-line options that several scripts share, and the types of their values."""

import argparse
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from common import printable


class ArgumentParser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` without abbreviated options.

    The parser also escapes control characters in its error messages.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the message to stderr, and exits with status 2."""
        super().error(printable(message))


def add_model_argument(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Adds `--model`, which can be repeated if `several` is True."""
    parser.add_argument(
        "--model",
        type=Path,
        action="append" if several else "store",
        metavar="FILE",
        help="model file: .keras, .h5 or .tflite (default: the pretrained classifier)"
        + ("; repeat the option to compare classifiers" if several else ""),
    )


def add_finder_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--finder`."""
    parser.add_argument(
        "--finder",
        type=Path,
        metavar="FILE",
        help=".tflite file of the finder, the network that finds the digits on a page (default: "
        "the pretrained finder)",
    )


def add_min_confidence_argument(parser: argparse.ArgumentParser, default: float) -> None:
    """Adds `--min-confidence` with a default value."""
    parser.add_argument(
        "--min-confidence",
        type=share,
        default=default,
        metavar="SHARE",
        help="ignore digits below this confidence, from 0 (ignore nothing) to 1 "
        "(default: %(default)s)",
    )


def positive_int(text: str) -> int:
    """Converts the text of an option to an integer above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def share(text: str) -> float:
    """Converts the text of an option to a float from 0 to 1."""
    if not 0 <= (value := float_or_nan(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def float_or_nan(text: str) -> float:
    """Converts text to a float, or to NaN if the text is not a number."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def add_data_argument(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds `--data`. In its help text, `default` describes the default data set."""
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="data set: mnist; digits (the one in scikit-learn); an .npz file with the same "
        "arrays as Keras's mnist.npz; a folder with the four IDX files of MNIST; or a folder with "
        f"your images in sub-folders 0 to 9 (default: {default})",
    )


def is_installed(name: str) -> bool:
    """Checks whether a library is installed, without importing it."""
    return find_spec(name) is not None
