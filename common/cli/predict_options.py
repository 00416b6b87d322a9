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
        "one image from stdin (default: samples/, but required with --json, --csv, --fields and "
        "--output)",
    )
    parser.add_argument(
        "--recursive", action="store_true", help="also read the images in sub-folders"
    )
    add_model_argument(parser)
    add_finder_argument(parser)
    parser.add_argument(
        "--top",
        type=int,
        choices=range(10),
        metavar="N",
        help="for each digit, also print the N next most likely digits, with N from 0 to 9 "
        "(default: 0, or 1 with --json or --output)",
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
        help="read only the fields of a form; the JSON file FILE describes them (see "
        "docs/forms.md); with --csv, print one row per image and one column per field",
    )
    forms.add_argument(
        "--review",
        type=Path,
        metavar="FOLDER",
        help="with --fields: write FOLDER/review.html, a web page on which people correct values "
        "that are uncertain or do not fit their field",
    )
    forms.add_argument(
        "--corrections",
        type=Path,
        metavar="CSV",
        help="with --review FOLDER: read the file CSV that the review page saved, save an image of "
        "each digit in FOLDER (for train_model.py --data FOLDER), and exit",
    )
    forms.add_argument(
        "--find-fields",
        type=Path,
        metavar="IMAGE",
        help="find the boxes and combs in an image of an empty form, print a field file for "
        "--fields, and exit",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--json", action="store_true", help="print JSON Lines, one object per image"
    )
    output.add_argument(
        "--csv",
        action="store_true",
        help="print CSV, one row per line of digits; the columns are " + ", ".join(CSV_HEADER),
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FOLDER",
        help="draw boxes, digits and confidences on a copy of each image, and save it as "
        "FOLDER/NAME_read.png",
    )
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="FOLDER",
        help="save a picture of how each image was read, step by step, as "
        "FOLDER/NAME_explained.png: where the finder sees digits, what the classifier sees, what "
        "its first layers respond to, and which strokes support its answer; needs Matplotlib",
    )
    parser.add_argument(
        "--show",
        action="store_true",
        help="show each image in a window, with boxes and digits drawn on it",
    )
    output.add_argument(
        "--parquet",
        action="store_true",
        help="with --output: write Parquet files instead of JSON Lines",
    )


def _add_batch_options(parser: argparse.ArgumentParser) -> None:
    many = parser.add_argument_group("many images")
    many.add_argument(
        "--files-from",
        type=Path,
        metavar="LIST",
        help="read the images listed in a text file, one per line; - reads the list from stdin",
    )
    many.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write the results as JSON Lines to files in FOLDER, with 500 images per file, "
        "instead of printing them",
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
        help="distribute the work with Ray, on this machine or on the cluster at --address",
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
        parser.error("--files-from already names the images: remove it, or the IMAGE arguments")
    if arguments.recursive and arguments.files_from:
        parser.error("--recursive needs a folder and cannot be combined with --files-from")
    for name in ("resume", "parquet"):
        if getattr(arguments, name) and not arguments.output:
            parser.error(f"--{name} needs --output")
    for name in ("csv", "save", "show", "explain", "review"):
        if getattr(arguments, name) and arguments.output:
            parser.error(f"--{name} cannot be combined with --output")
    if arguments.find_fields and (arguments.images or arguments.files_from or arguments.fields):
        parser.error("--find-fields reads no other images: omit IMAGE, --files-from and --fields")
    if arguments.corrections and not arguments.review:
        parser.error("--corrections needs --review FOLDER, the folder of the review page")
    if arguments.corrections and (arguments.images or arguments.files_from or arguments.fields):
        parser.error("--corrections reads no other images: omit IMAGE, --files-from and --fields")
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
        parser.error(
            "--json, --csv, --fields and --output need images: name at least one IMAGE, or use "
            "--files-from"
        )
    needed = [("--engine ray", "ray")] if arguments.engine else []
    needed += [("--parquet", "pyarrow")] if arguments.parquet else []
    for option, library in needed:
        if not is_installed(library):
            parser.error(f"{option} needs {library}: pip install -r requirements/ray.txt")
