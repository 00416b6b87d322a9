#!/usr/bin/env python3
"""Read generated filled forms: python -m benchmarks.forms.

The forms of `common.data.form_layouts` are filled in with MNIST test digits or with digits drawn by
a script. Some are stamped. They look like scans, or like photos taken at an angle.

The script prints the share of fields read exactly, the share of fields sent to review, the share of
the other fields that are exact, the number of forms read per second, and how many of 100 forms are
refused when the reader has the template of another form. With --development, the forms have
training digits and another seed. The settings were chosen on such forms.
"""

import argparse
import time
from collections import Counter
from hashlib import sha256

import numpy as np
from tqdm import tqdm

from benchmarks.mnist_sets import mnist_sets
from common.cli import console
from common.cli.arguments import ArgumentParser, positive_int
from common.data.filled_forms import filled_form
from common.data.form_layouts import LAYOUTS, Layout
from common.forms.field_file import Form, parsed_fields
from common.forms.reader import FormReader
from common.forms.reading import FormReading
from common.images.contents import ImageError

SEED = {"development": 11, "test": 12}
WRONG_TEMPLATES = 100


def main() -> int:
    """Reads the forms, and prints the figures."""
    arguments = parse_arguments()
    name = "development" if arguments.development else "test"
    images, labels = mnist_sets()[name]
    layouts = {name: layout() for name, layout in LAYOUTS.items()}
    readers = {name: FormReader(form_of(layout)) for name, layout in layouts.items()}
    kinds = list(layouts)
    other_kinds = dict(zip(kinds, kinds[1:] + kinds[:1], strict=True))
    counts: Counter[str] = Counter()
    seconds = 0.0
    for number in tqdm(range(arguments.forms), name, leave=False, disable=None):
        kind = kinds[number % len(kinds)]
        rng = np.random.default_rng([SEED[name], number])
        filled = filled_form(layouts[kind], images, labels, rng)
        started = time.perf_counter()
        counts += count_fields(readers[kind], filled.image, filled.values)
        seconds += time.perf_counter() - started
        if number < WRONG_TEMPLATES:
            counts["refused"] += is_refused(readers[other_kinds[kind]], filled.image)
    print_figures(name, arguments.forms, counts, seconds)
    return console.OK


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--forms",
        type=positive_int,
        metavar="N",
        default=500,
        help="number of forms to read (default: %(default)s)",
    )
    parser.add_argument(
        "--development", action="store_true", help="read development forms instead of test forms"
    )
    return parser.parse_args()


def form_of(layout: Layout) -> Form:
    """Builds the form that `load_form` would read from a field file and template of the layout."""
    fields = parsed_fields([field.entry for field in layout.fields], "the layout")
    return Form(fields, layout.image, sha256(layout.image.tobytes()).hexdigest())


def count_fields(reader: FormReader, image: np.ndarray, values: dict[str, str]) -> Counter[str]:
    """Reads a filled-in form, and counts its fields.

    Args:
        reader: The reader for this form.
        image: Image of the filled-in form, uint8 (height, width).
        values: The digits in each field, by the field's name.

    Returns:
        "fields": the number of all fields.
        "exact": the number of fields whose text is exactly the value.
        "plain": the number of fields that are exact without the rules of the field.
        "accepted": the number of fields that are not sent to review.
        "accepted and exact": the number of accepted fields that are exact.
        "unaligned": 1 if the image cannot be aligned with the template.
    """
    counts: Counter[str] = Counter(fields=len(values))
    try:
        reading = reader.examine(image)[1]
    except ImageError:
        counts["unaligned"] += 1
        return counts
    assert isinstance(reading, FormReading)
    for field in reading.fields:
        record = field.record
        exact = record.text == values[field.name]
        plain = record.text if record.plain is None else record.plain
        counts["exact"] += exact
        counts["plain"] += plain == values[field.name]
        counts["accepted"] += record.ok
        counts["accepted and exact"] += record.ok and exact
    return counts


def is_refused(reader: FormReader, image: np.ndarray) -> bool:
    """Tells whether the reader refuses an image because it does not match the template."""
    try:
        reader.examine(image)
    except ImageError:
        return True
    return False


def print_figures(name: str, forms: int, counts: Counter[str], seconds: float) -> None:
    """Prints one figure per line."""
    fields, accepted = counts["fields"], counts["accepted"]
    print(f"{name}: {forms} forms, {fields} fields")
    print(f"not aligned                      {counts['unaligned']} forms")
    print(f"exact without field rules        {counts['plain'] / fields:.1%} of the fields")
    print(f"exact                            {counts['exact'] / fields:.1%}")
    print(f"sent to review                   {1 - accepted / fields:.1%}")
    print(f"exact, of those accepted         {counts['accepted and exact'] / max(accepted, 1):.2%}")
    print(f"speed                            {forms / seconds:.1f} forms per second")
    print(f"wrong templates refused          {counts['refused']} of {min(forms, WRONG_TEMPLATES)}")


if __name__ == "__main__":
    console.run(main)
