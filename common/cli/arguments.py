"""Options that several scripts share, and types of option values."""

import argparse
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from common import printable


class ArgumentParser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that takes options by their whole name only.

    It escapes control characters in its error messages.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the message to stderr, and exits with status 2."""
        super().error(printable(message))


def add_model_argument(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Adds `--model`, which can be repeated if there can be several."""
    parser.add_argument(
        "--model",
        type=Path,
        action="append" if several else "store",
        metavar="FILE",
        help="a .keras, .h5 or .tflite file (default: the pretrained classifier)"
        + ("; repeat the option to compare classifiers" if several else ""),
    )


def add_finder_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--finder`."""
    parser.add_argument(
        "--finder",
        type=Path,
        metavar="FILE",
        help="a .tflite file of a finder, the network that finds digits on a page (default: the "
        "pretrained finder)",
    )


def add_min_confidence_argument(parser: argparse.ArgumentParser, default: float) -> None:
    """Adds `--min-confidence` with a default value."""
    parser.add_argument(
        "--min-confidence",
        type=share,
        default=default,
        metavar="SHARE",
        help="ignore digits below this confidence, between 0 (ignore nothing) and 1 "
        "(default: %(default)s)",
    )


def positive_int(text: str) -> int:
    """Option type: an integer above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def share(text: str) -> float:
    """Option type: a float from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def add_data_argument(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds `--data`. The help text describes the default with `default`."""
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="mnist; digits (bundled with scikit-learn); an .npz file in Keras's layout; a folder "
        "with the four IDX files of MNIST; or a folder of images in sub-folders 0 to 9 "
        f"(default: {default})",
    )


def is_installed(name: str) -> bool:
    """Checks whether a library is installed, without importing it."""
    return find_spec(name) is not None
