"""The command line of `predict_image.py`."""

import argparse
import os
from pathlib import Path

from common.cli.arguments import (
    ArgumentParser,
    add_finder_argument,
    add_min_confidence_argument,
    add_model_argument,
    is_installed,
    positive_int,
)
from common.cli.rows import CSV_HEADER
from common.recognizer import MIN_CONFIDENCE


def parse_arguments(description: str) -> argparse.Namespace:
    """Parses and checks the command line.

    Args:
        description: Text at the top of `--help`.
    """
    parser = ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "images",
        nargs="*",
        metavar="IMAGE",
        help="an image file, a folder, a pattern such as 'scans/*.png' or 'scans/**/*.png', a page "
        "of a PDF or TIFF file such as scan.pdf#2, an address such as s3://bucket/7.png, or - for "
        "one image on stdin (default: samples/; none with --json, --csv, --fields or --output)",
    )
    parser.add_argument(
        "--recursive", action="store_true", help="also read the sub-folders of the folders"
    )
    add_model_argument(parser)
    add_finder_argument(parser)
    parser.add_argument(
        "--top",
        type=int,
        choices=range(10),
        metavar="N",
        help="also print the N next most likely digits for each digit (default: 0, or 1 with "
        "--json or --output)",
    )
    add_min_confidence_argument(parser, MIN_CONFIDENCE)
    _add_form_options(parser)
    _add_output_options(parser)
    _add_batch_options(parser)
    arguments = parser.parse_args()
    _check_together(parser, arguments)
    arguments.jobs = arguments.jobs or (os.cpu_count() or 1 if arguments.engine else 1)
    return arguments


def _add_form_options(parser: argparse.ArgumentParser) -> None:
    forms = parser.add_argument_group("forms")
    forms.add_argument(
        "--fields",
        type=Path,
        metavar="FILE",
        help="read the fields of a form, which this JSON file lists (see docs/forms.md), and "
        "nothing else; --csv then prints one row per image with one column per field",
    )
    forms.add_argument(
        "--review",
        type=Path,
        metavar="FOLDER",
        help="with --fields: write review.html to FOLDER, a page on which people correct the "
        "values that do not fit their field or are uncertain",
    )
    forms.add_argument(
        "--corrections",
        type=Path,
        metavar="CSV",
        help="with --review: save the digits of the values in this file, which that page saved, to "
        "FOLDER, for train_model.py --data FOLDER, and stop",
    )
    forms.add_argument(
        "--find-fields",
        type=Path,
        metavar="IMAGE",
        help="print a field file for the boxes and combs on the image of an empty form, and stop",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--json", action="store_true", help="print JSON Lines, one object per image"
    )
    output.add_argument(
        "--csv",
        action="store_true",
        help="print CSV, one row per line of digits, with the columns " + ", ".join(CSV_HEADER),
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FOLDER",
        help="draw boxes, digits and confidences on each image and save it in FOLDER as "
        "NAME_read.png, in the coordinates of the image",
    )
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="FOLDER",
        help="show step by step how each image was read, and save this picture in FOLDER as "
        "NAME_explained.png: where the finder sees digits, what the classifier sees, what its "
        "first layers respond to, and which strokes speak for the digit; needs Matplotlib",
    )
    parser.add_argument(
        "--show", action="store_true", help="draw boxes and digits and show each image in a window"
    )
    output.add_argument(
        "--parquet", action="store_true", help="with --output: write Parquet, not JSON Lines"
    )


def _add_batch_options(parser: argparse.ArgumentParser) -> None:
    many = parser.add_argument_group("many images")
    many.add_argument(
        "--files-from",
        type=Path,
        metavar="LIST",
        help="a text file with one image name per line, or - for stdin",
    )
    many.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write JSON Lines to files in FOLDER, 500 images per file, instead of stdout",
    )
    many.add_argument(
        "--resume", action="store_true", help="with --output: continue an interrupted run"
    )
    many.add_argument(
        "--jobs",
        type=positive_int,
        metavar="N",
        help="number of worker processes (default: 1, or the number of cores with --engine ray)",
    )
    many.add_argument(
        "--engine",
        choices=["ray"],
        help="read with Ray, on this machine or on the cluster at --address",
    )
    many.add_argument(
        "--address",
        help="with --engine ray: address of a running cluster, such as auto or ray://host:10001",
    )


def _is_for_programs(arguments: argparse.Namespace) -> bool:
    return bool(arguments.json or arguments.csv or arguments.fields or arguments.output)


def _check_together(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Exits with a usage message if options conflict or need a library that is missing."""
    if arguments.images and arguments.files_from:
        parser.error("--files-from names the images: do not list others")
    if arguments.recursive and arguments.files_from:
        parser.error("--recursive needs a folder and cannot be combined with --files-from")
    for name in ("resume", "parquet"):
        if getattr(arguments, name) and not arguments.output:
            parser.error(f"--{name} needs --output")
    for name in ("csv", "save", "show", "explain", "review"):
        if getattr(arguments, name) and arguments.output:
            parser.error(f"--{name} cannot be combined with --output")
    if arguments.find_fields and (arguments.images or arguments.files_from or arguments.fields):
        parser.error("--find-fields takes an empty form: omit images, --files-from and --fields")
    if arguments.corrections and not arguments.review:
        parser.error("--corrections needs --review FOLDER, the folder of the review page")
    if arguments.corrections and (arguments.images or arguments.files_from or arguments.fields):
        parser.error("--corrections reads no images: omit images, --files-from and --fields")
    for name in ("save", "show", "explain", "find_fields"):
        if getattr(arguments, name) and arguments.corrections:
            parser.error(f"--{name.replace('_', '-')} cannot be combined with --corrections")
    if arguments.review and not (arguments.fields or arguments.corrections):
        parser.error("--review needs --fields or --corrections")
    if arguments.explain and arguments.fields:
        parser.error("--explain cannot be combined with --fields")
    if arguments.address and not arguments.engine:
        parser.error("--address needs --engine ray")
    if not (arguments.images or arguments.files_from) and _is_for_programs(arguments):
        parser.error("name the images to read; only text output has a default")
    needed = [("--engine ray", "ray")] if arguments.engine else []
    needed += [("--parquet", "pyarrow")] if arguments.parquet else []
    for option, library in needed:
        if not is_installed(library):
            parser.error(f"{option} needs {library}: pip install -r requirements/ray.txt")
