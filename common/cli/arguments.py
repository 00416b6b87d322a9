"""Arguments that several scripts take, and types of arguments."""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from common import printable


class ArgumentParser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` whose error messages show control characters as escapes."""

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the message on stderr, and ends with status 2."""
        super().error(printable(message))


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--model`."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a .keras, .h5 or .tflite file (default: the one you trained last, else the "
        "pretrained one that comes with the project; bundled_digits does not count)",
    )


def add_finder_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--finder`."""
    parser.add_argument(
        "--finder",
        type=Path,
        metavar="FILE",
        help="a .tflite file of a network that finds digits (default: the pretrained finder)",
    )


def add_min_confidence_argument(parser: argparse.ArgumentParser, default: float) -> None:
    """Adds `--min-confidence`; `default` is what it is without."""
    parser.add_argument(
        "--min-confidence",
        type=share,
        default=default,
        metavar="SHARE",
        help="leave out what is a digit with less confidence than this, from 0 (nothing) to 1 "
        "(default: %(default)s)",
    )


def positive_int(text: str) -> int:
    """Argument type: an int above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def share(text: str) -> float:
    """Argument type: a float from 0 to 1."""
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 1")
    return value


def add_data_argument(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds `--data`; `default` says what is taken without it."""
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="mnist; digits (bundled with scikit-learn); an .npz file as Keras has it; a folder "
        "with the four IDX files; or a folder with sub-folders 0 to 9 of images "
        f"(default: {default})",
    )


def has_module(name: str) -> bool:
    """Whether a library is installed."""
    return find_spec(name) is not None
