#!/usr/bin/env python3
"""Read the handwritten digits in images.

    python predict_image.py                           the images in samples/
    python predict_image.py photo.jpg drawing.png     files
    python predict_image.py scans/ 'more/*.png'       folders and patterns
    python predict_image.py --save annotated scans/   also save images with boxes and digits
    python predict_image.py --explain why photo.jpg   also save a picture that explains the reading
    python predict_image.py --fields form.json --csv scans/
                                                      the fields of scanned forms, as CSV
    cat photo.jpg | python predict_image.py --json -  an image from stdin, with JSON output
    python predict_image.py --jobs 8 --output results --files-from list.txt
                                                      millions of images; can be resumed

For each line of digits, the script prints the digits and the lowest confidence among them.
Everything that is not a digit is ignored. Supported formats are PNG, JPEG, BMP, GIF, TIFF and WebP;
HEIC and PDF need: pip install -r requirements/photos.txt. Each page of a PDF or TIFF file counts as
an image, named scan.pdf#1, scan.pdf#2 and so on.

The script reads with the pretrained models, unless you pass --model or --finder. It names the
models in use on stderr.

Exit status: 0 if all images were read, 1 if some could not be read or saved, 2 if an argument or
a model is invalid or the results cannot be written, 130 if interrupted.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import TextIO

from common.cli import console

if __name__ == "__main__":
    console.prepare()  # before the slow imports, so that Ctrl-C prints no traceback

from common import PROJECT, UserError, printable
from common.batch.shards import IMAGES_PER_SHARD, Done, Shard, ShardFolder, in_order, job_of
from common.cli.formats import make_formatter
from common.cli.pictures import make_drawer
from common.cli.predict_options import parse_arguments
from common.cli.progress import progress_bar
from common.evaluation import annotation
from common.files import check_writable, shown
from common.images.listing import Source, image_sources, sources_from
from common.recognizer import DigitRecognizer

SAMPLES = PROJECT / "samples"


def main() -> int:
    """Reads images, or runs `--find-fields` or `--corrections`, and returns the exit status."""
    arguments = parse_arguments(__doc__)
    if arguments.show and not annotation.has_screen():
        raise UserError("--show needs a screen, but there is none: use --save FOLDER instead.")
    if arguments.find_fields:
        # Imported here: only --find-fields needs it.
        from common.forms.proposals import field_file_for

        print(field_file_for(arguments.find_fields))
        return console.OK
    if arguments.corrections:
        # Imported here: only --corrections needs it.
        from common.data.corrections import keep_corrections

        print(keep_corrections(arguments.corrections, arguments.review))
        return console.OK
    check_writable(*filter(None, (arguments.save, arguments.explain, arguments.review)))
    recognizer = make_recognizer(arguments)
    if arguments.files_from:
        sources = sources_from(arguments.files_from)
    else:
        sources = image_sources(arguments.images or [shown(SAMPLES)], arguments.recursive)
    output_readings = write_shards if arguments.output else print_readings
    with console.results_stream() as results:
        return output_readings(arguments, recognizer, sources, results)


def make_recognizer(arguments: argparse.Namespace) -> DigitRecognizer:
    """Creates the recognizer from the models and, with `--fields`, the form."""
    if arguments.fields:
        # Imported here: only --fields needs it.
        from common.cli.form_rows import form_reader

        return form_reader(arguments)
    return DigitRecognizer(arguments.model, arguments.min_confidence, finder=arguments.finder)


def uses_workers(arguments: argparse.Namespace) -> bool:
    """Returns whether worker processes read the images, rather than this process."""
    return arguments.engine == "ray" or arguments.jobs > 1


def print_readings(
    arguments: argparse.Namespace,
    recognizer: DigitRecognizer,
    sources: list[Source],
    results: TextIO,
) -> int:
    """Reads the images, prints the readings in the same order, and returns the exit status."""
    header, formatted = make_formatter(arguments, recognizer, [name for name, _ in sources])
    name_models(recognizer)
    if uses_workers(arguments):
        size = min(IMAGES_PER_SHARD, -(-len(sources) // (4 * arguments.jobs)))
        starts = range(0, len(sources), size)
        shards = [(n, sources[start : start + size]) for n, start in enumerate(starts)]
        readings = in_order(read_shards(arguments, recognizer, shards))
    else:
        readings = recognizer.read_many(sources)
    status = console.OK
    drawer = make_drawer(arguments, recognizer, sources)
    with drawer as draw, progress_bar(len(sources), results) as (advance, say):
        if header:
            say(header, results)
        for (_, source), reading in zip(sources, readings, strict=True):
            if reading.error:
                status = console.SOME_UNREADABLE
            if reading.error and not (arguments.json or arguments.csv):
                say(f"error: {printable(reading.error)}", sys.stderr)
            else:
                say(formatted(reading), results)
            if not reading.error:
                try:
                    draw(source, reading)
                except UserError as error:
                    status = console.SOME_UNREADABLE
                    say(f"error: {printable(str(error))}", sys.stderr)
            advance(1)
    return status


def write_shards(
    arguments: argparse.Namespace,
    recognizer: DigitRecognizer,
    sources: list[Source],
    results: TextIO,
) -> int:
    """Reads the images, saves the readings as shards, and returns the exit status."""
    top = 1 if arguments.top is None else arguments.top
    form = "parquet" if arguments.parquet else "jsonl"
    job = job_of(sources, recognizer, top, form)
    folder = ShardFolder(arguments.output, job, arguments.resume)
    missing = folder.missing(sources)
    count = sum(len(shard) for _, shard in missing)
    done = unreadable = 0
    name_models(recognizer)
    try:
        with progress_bar(count, results) as (advance, _):
            for number, readings in read_shards(arguments, recognizer, missing):
                folder.write(number, readings)
                done += len(readings)
                unreadable += sum(reading.error is not None for reading in readings)
                advance(len(readings))
    except KeyboardInterrupt:
        print(
            f"\nInterrupted; {done:,} of {count:,} images were read and saved. To continue, repeat "
            "the command with --resume.",
            file=sys.stderr,
        )
        return console.INTERRUPTED
    print(
        f"{count:,} images processed, {unreadable:,} of them unreadable. The results of all "
        f"{len(sources):,} images are in {shown(arguments.output)}.",
        file=results,
    )
    return console.SOME_UNREADABLE if unreadable else console.OK


def read_shards(
    arguments: argparse.Namespace, recognizer: DigitRecognizer, shards: list[Shard]
) -> Iterator[Done]:
    """Returns the readings of shards, read in this process, in worker processes or with Ray."""
    if not uses_workers(arguments):
        return ((number, list(recognizer.read_many(shard))) for number, shard in shards)
    # Imported here: only worker processes need it.
    from common.batch.engines import read_with_processes, read_with_ray

    if arguments.engine == "ray":
        return read_with_ray(shards, recognizer.setup, arguments.jobs, arguments.address)
    return read_with_processes(shards, recognizer.setup, arguments.jobs)


def name_models(recognizer: DigitRecognizer) -> None:
    """Prints the paths of the models on stderr."""
    setup = recognizer.setup
    print(
        f"Reading with {shown(setup.model)} and {shown(setup.finder)}.", file=sys.stderr, flush=True
    )


if __name__ == "__main__":
    console.run(main)
