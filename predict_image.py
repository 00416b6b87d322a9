#!/usr/bin/env python3
"""Read the handwritten digits on images.

    python predict_image.py                          the images in samples/
    python predict_image.py photo.jpg drawing.png    these
    python predict_image.py scans/ 'more/*.png'      folders and patterns
    python predict_image.py --save annotated scans/  also draw what was read
    cat photo.jpg | python predict_image.py --json - for other programs
    python predict_image.py --jobs 8 --output results --files-from list.txt
                                                     millions: in parts, can be resumed

Takes PNG, JPEG, BMP, GIF, TIFF and WebP.  Exit status: 0 all images were read, 1 some could not
be, or not be saved with --save; 2 the call was wrong, 130 interrupted.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from common import PROJECT, UserError, console, printable
from common.files import check_writable, replacing
from common.model_files import BUNDLED_NAME, default_model
from common.parts import IMAGES_A_PART, Done, Part, PartsFolder, in_order, job_of
from common.recognizer import MIN_CONFIDENCE, DigitRecognizer, Reading
from common.sources import Source, image_sources, sources_from

SAMPLES = PROJECT / "samples"
CSV_HEADER = ("image", "text", "confidence", "error")
FORMULA_STARTS = tuple("=+-@＝＋－＠")  # noqa: RUF001 (the wide ones count in Asian spreadsheets)


class Echo:
    """A file that gives back what is written to it, which `csv.writer` passes on."""

    def write(self, text: str) -> str:
        """Gives the text back."""
        return text


CSV_WRITER = csv.writer(Echo(), lineterminator="\n")


def main() -> int:
    """Reads every image and prints what it says; gives the exit status."""
    arguments = parse_arguments()
    if arguments.model is None and default_model() is None:
        offer_training()
    if arguments.show and not has_screen():
        raise UserError("--show needs a screen, and there is none; --save FOLDER writes files.")
    if arguments.save:
        check_writable(arguments.save)
    recognizer = DigitRecognizer(arguments.model, arguments.min_confidence, finder=arguments.finder)
    if arguments.model is None and sys.stderr.isatty():
        print(introduction(recognizer.predictor.path), file=sys.stderr)
    if arguments.files_from:
        sources = sources_from(arguments.files_from)
    else:
        sources = image_sources(arguments.images or [console.shown(SAMPLES)])
    work = write_parts if arguments.output else print_readings
    with console.results_stream() as results:
        return work(arguments, recognizer, sources, results)


def several(arguments: argparse.Namespace) -> bool:
    """Whether more than this process reads."""
    return arguments.engine == "ray" or arguments.jobs > 1


def print_readings(
    arguments: argparse.Namespace,
    recognizer: DigitRecognizer,
    sources: list[Source],
    results: TextIO,
) -> int:
    """Prints what every image says, in their order; gives the exit status."""
    taken = real_paths(sources) if arguments.save else set()
    drawn: Counter[str] = Counter()
    text = formatter(arguments, [name for name, _ in sources])
    if several(arguments):
        size = min(IMAGES_A_PART, -(-len(sources) // (4 * arguments.jobs)))
        starts = range(0, len(sources), size)
        parts = [(n, sources[start : start + size]) for n, start in enumerate(starts)]
        readings = in_order(read_parts(arguments, recognizer, parts))
    else:
        readings = recognizer.read_many(sources)
    status = console.OK
    with progress_bar(len(sources), results) as (advance, say):
        if arguments.csv:
            say(csv_line(CSV_HEADER), results)
        for (_, source), reading in zip(sources, readings, strict=True):
            if reading.error:
                status = console.SOME_UNREADABLE
            if reading.error and not (arguments.json or arguments.csv):
                say(f"error: {printable(reading.error)}", sys.stderr)
            else:
                say(text(reading), results)
            if not reading.error and (arguments.save or arguments.show):
                path = arguments.save and new_picture(arguments.save, reading.image, drawn, taken)
                try:
                    draw(source, reading, path, arguments.show)
                except UserError as error:
                    status = console.SOME_UNREADABLE
                    say(f"error: {printable(str(error))}", sys.stderr)
            advance(1)
    return status


def real_paths(sources: list[Source]) -> set[str]:
    """The files behind the sources, whatever links lead there."""
    names = {str(source) for _, source in sources if isinstance(source, Path)}
    return {os.path.realpath(name) for name in names if "\0" not in name}


def write_parts(
    arguments: argparse.Namespace,
    recognizer: DigitRecognizer,
    sources: list[Source],
    results: TextIO,
) -> int:
    """Writes what every image says into a folder, part by part; gives the exit status."""
    top = 1 if arguments.top is None else arguments.top
    form = "parquet" if arguments.parquet else "jsonl"
    job = job_of(sources, recognizer, top, form)
    folder = PartsFolder(arguments.output, job, arguments.resume)
    missing = folder.missing(sources)
    count = sum(len(part) for _, part in missing)
    unreadable = 0
    with progress_bar(count, results) as (advance, _):
        for number, readings in read_parts(arguments, recognizer, missing):
            folder.write(number, readings)
            unreadable += sum(reading.error is not None for reading in readings)
            advance(len(readings))
    print(
        f"{count:,} images read, {unreadable:,} of them unreadable; {len(sources):,} in "
        f"{console.shown(arguments.output)}.",
        file=results,
    )
    return console.SOME_UNREADABLE if unreadable else console.OK


def read_parts(
    arguments: argparse.Namespace, recognizer: DigitRecognizer, parts: list[Part]
) -> Iterator[Done]:
    """The parts as they are done by the engine that the command line names."""
    if not several(arguments):
        return ((number, list(recognizer.read_many(part))) for number, part in parts)
    # Imported here, as Ray itself: one process needs none of it.
    from common.engines import on_processes, on_ray

    if arguments.engine == "ray":
        return on_ray(parts, recognizer.setup, arguments.jobs, arguments.address)
    return on_processes(parts, recognizer.setup, arguments.jobs)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = console.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "images",
        nargs="*",
        metavar="IMAGE",
        help="an image file, a folder, a pattern such as 'scans/*.png', or - for one image's "
        "bytes on stdin (default: samples/)",
    )
    console.add_model_argument(parser)
    console.add_finder_argument(parser)
    parser.add_argument(
        "--top",
        type=int,
        choices=range(10),
        metavar="N",
        help="also give the N next likely digits for each digit (default: 0, with --json 1)",
    )
    console.add_min_confidence_argument(parser, MIN_CONFIDENCE)
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
    output.add_argument("--parquet", action="store_true", help="with --output: Parquet files")
    many.add_argument(
        "--resume", action="store_true", help="with --output: go on where a run was stopped"
    )
    many.add_argument(
        "--jobs",
        type=console.positive_int,
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
    arguments = parser.parse_args()
    check_together(parser, arguments)
    arguments.jobs = arguments.jobs or (os.cpu_count() or 1 if arguments.engine else 1)
    return arguments


def check_together(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
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
        if not console.has_module(library):
            parser.error(f"{option} needs {library}: pip install -r requirements/ray.txt")


def offer_training() -> None:
    """On a terminal, offers to train the model that is missing."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    print(
        "There is no model yet. Train one now, in about a minute? [Y/n] ", end="", file=sys.stderr
    )
    # At the end of input, as after Ctrl-D, readline gives "" without a line break: that is a no.
    if sys.stdin.readline().lower() in ("\n", "y\n", "yes\n"):
        command = [sys.executable, str(PROJECT / "train_model.py"), "--preset", "fast"]
        subprocess.run(command, stdout=sys.stderr, check=False)


def introduction(model: Path) -> str:
    """Says which model reads, where none was named."""
    if model.stem == BUNDLED_NAME:
        return f"Reading with {console.shown(model)}, which has seen little; --model names another."
    return f"Reading with {console.shown(model)}."


@contextmanager
def progress_bar(
    count: int, results: TextIO
) -> Iterator[tuple[Callable[[int], object], Callable[[str, TextIO], None]]]:
    """On a terminal, a progress bar; gives how to move it on, and how to print meanwhile."""

    def say(text: str, stream: TextIO) -> None:
        print(text, file=stream)

    if not sys.stderr.isatty():
        yield lambda _: None, say
        return
    # Imported here: it would take a tenth of the time that the command needs for one image.
    from tqdm import tqdm

    def say_above(text: str, stream: TextIO) -> None:
        with tqdm.external_write_mode(file=sys.stderr):  # the bar makes way
            say(text, stream)

    with tqdm(total=count, unit=" images", leave=False) as bar:
        yield bar.update, say_above if results.isatty() else say


def formatter(arguments: argparse.Namespace, names: list[str]) -> Callable[[Reading], str]:
    """The function that makes a reading into what is printed for it."""
    if arguments.json:
        top = 1 if arguments.top is None else arguments.top
        return lambda reading: json.dumps(reading.as_dict(top))
    if arguments.csv:
        return csv_row
    width = min(max(len(printable(name)) for name in names), 60)
    return lambda reading: text_rows(reading, width, arguments.top or 0)


def text_rows(reading: Reading, width: int, top: int) -> str:
    """A reading for people: a row for each line of writing, and for each digit's alternatives."""
    rows: list[str] = []
    for line in reading.digits_by_line():
        digits = "".join(str(digit.digit) for digit in line)
        name = printable(reading.image) if not rows else ""
        rows.append(f"{name:{width}}  {digits:10}  {percent(min(d.confidence for d in line))}")
        for digit in line if top else []:
            others = "  ".join(
                f"{other}: {percent(share)}" for other, share in digit.alternatives(top)
            )
            rows.append(
                f"{'':{width}}    {digit.digit}: {percent(digit.confidence)}  else {others}"
            )
    if not rows:
        rows = [f"{printable(reading.image):{width}}  no digit found"]
    if reading.left_out:
        count = len(reading.left_out)
        note = f"({count} mark{'s' if count > 1 else ''} left out: no digit, or unsure)"
        rows[0] += f"  {note}"
    return "\n".join(rows)


def percent(share: float) -> str:
    """A share as per cent, rounded down, so that nothing but certainty is called 100 %."""
    return f"{math.floor(share * 1000) / 10:.1f}%"


def csv_row(reading: Reading) -> str:
    """A reading as one row of CSV."""
    sure = "" if reading.confidence is None else f"{reading.confidence:.4f}"
    image, error = (printable(not_formula(text)) for text in (reading.image, reading.error or ""))
    return csv_line((image, reading.text or "", sure, error))


def not_formula(text: str) -> str:
    """A file name, or an error that starts with one, that no spreadsheet takes for a formula.

    A name such as =1+1.png becomes ./=1+1.png, which is the same file.
    """
    return f"./{text}" if text != "-" and text.startswith(FORMULA_STARTS) else text


def csv_line(values: tuple[str, ...]) -> str:
    """Values as one row of CSV, without the line break at its end."""
    return CSV_WRITER.writerow(values)[:-1]


def has_screen() -> bool:
    """Whether windows can be opened here."""
    from common import plots

    return plots.has_screen()


def new_picture(folder: Path, image: str, drawn: Counter[str], taken: set[str]) -> Path:
    """A file of its own for an annotated picture: 7_read.png, then 7_read_2.png.

    Args:
        folder: where it goes.
        image: the image's name.
        drawn: how many pictures of the same name there are; counted on.
        taken: the real paths of the images that are read, which no picture may replace.
    """
    stem = "stdin" if image == "-" else Path(image).stem
    while True:
        drawn[stem] += 1
        number = f"_{drawn[stem]}" if drawn[stem] > 1 else ""
        path = folder / f"{stem}_read{number}.png"
        if os.path.realpath(path) not in taken:
            return path


def draw(source: str | Path | bytes, reading: Reading, path: Path | None, show: bool) -> None:
    """Draws the reading on its image, saves it at `path` and shows it, where that was asked for."""
    # Imported here: Matplotlib takes as long as all the rest of the command.
    from common import plots

    drawn = plots.annotated(source, reading)
    if path:
        with replacing(path) as temporary:
            drawn.save(temporary)
    if show:
        plots.show(drawn, reading.image)


if __name__ == "__main__":
    console.run(main)
