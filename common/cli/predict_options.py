"""The command line of `predict_image.py`."""

import argparse
import os
from pathlib import Path

from common.cli.arguments import (
    ArgumentParser,
    add_finder_argument,
    add_min_confidence_argument,
    add_model_argument,
    has_module,
    positive_int,
)
from common.cli.rows import CSV_HEADER
from common.recognizer import MIN_CONFIDENCE


def parse_arguments(description: str) -> argparse.Namespace:
    """Reads and checks the command line; `description` heads the help."""
    parser = ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "images",
        nargs="*",
        metavar="IMAGE",
        help="an image file, a folder, a pattern such as 'scans/*.png', or - for one image's "
        "bytes on stdin (default: samples/)",
    )
    add_model_argument(parser)
    add_finder_argument(parser)
    parser.add_argument(
        "--top",
        type=int,
        choices=range(10),
        metavar="N",
        help="also give the N next likely digits for each digit (default: 0, with --json 1)",
    )
    add_min_confidence_argument(parser, MIN_CONFIDENCE)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON Lines, one object an image")
    output.add_argument("--csv", action="store_true", help="print a table: " + ",".join(CSV_HEADER))
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FOLDER",
        help="write each image there as NAME_read.png, with boxes and digits drawn on it",
    )
    parser.add_argument("--show", action="store_true", help="open the same in a window")
    output.add_argument("--parquet", action="store_true", help="with --output: Parquet files")
    _add_many_images(parser)
    arguments = parser.parse_args()
    _check_together(parser, arguments)
    arguments.jobs = arguments.jobs or (os.cpu_count() or 1 if arguments.engine else 1)
    return arguments


def _add_many_images(parser: argparse.ArgumentParser) -> None:
    many = parser.add_argument_group("many images")
    many.add_argument(
        "--files-from",
        type=Path,
        metavar="LIST",
        help="a text file that names the images, one a line; - is stdin",
    )
    many.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write JSON Lines there, 500 images a file, in place of printing",
    )
    many.add_argument(
        "--resume", action="store_true", help="with --output: go on where a run was stopped"
    )
    many.add_argument(
        "--jobs",
        type=positive_int,
        metavar="N",
        help="read with N processes at once (default: 1, with --engine ray as many as cores)",
    )
    many.add_argument(
        "--engine", choices=["ray"], help="read with Ray, on this machine or with --address"
    )
    many.add_argument(
        "--address",
        help="with --engine ray: of a running cluster, such as auto or ray://host:10001",
    )


def _check_together(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Ends with a usage message where options do not go together, or lack a library."""
    if arguments.images and arguments.files_from:
        parser.error("--files-from names the images: no others beside it")
    for name in ("resume", "parquet"):
        if getattr(arguments, name) and not arguments.output:
            parser.error(f"--{name} needs --output")
    for name in ("csv", "save", "show"):
        if getattr(arguments, name) and arguments.output:
            parser.error(f"--output writes JSON Lines or Parquet: no --{name}")
    if arguments.address and not arguments.engine:
        parser.error("--address needs --engine ray")
    wanted = [("--engine ray", "ray")] if arguments.engine else []
    wanted += [("--parquet", "pyarrow")] if arguments.parquet else []
    for option, library in wanted:
        if not has_module(library):
            parser.error(f"{option} needs {library}: pip install -r requirements/ray.txt")
