#!/usr/bin/env python3
"""Score the recogniser on labelled images of real people: python -m benchmarks.real_images FOLDER.

FOLDER holds images and labels.csv with the columns path, label (the digits, "/" between lines;
empty where there is none), kind and medium, as you like to call them. Prints how many images of
each kind and medium are read exactly, and the share of digits read wrongly, left out or made up.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

from tqdm import tqdm

from common import UserError, console
from common.recognizer import MIN_CONFIDENCE, DigitRecognizer

COLUMNS = ("path", "label", "kind", "medium")


def main() -> int:
    """Reads every image and prints the table."""
    parser = console.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    console.add_model_argument(parser)
    console.add_min_confidence_argument(parser, MIN_CONFIDENCE)
    arguments = parser.parse_args()
    rows = read_labels(arguments.folder / "labels.csv")
    recognizer = DigitRecognizer(arguments.model, arguments.min_confidence)
    sources = [(row["path"], arguments.folder / row["path"]) for row in rows]
    scores: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    readings = tqdm(recognizer.read_many(sources), total=len(rows), leave=False, disable=None)
    for row, reading in zip(rows, readings, strict=True):
        if reading.text is None:
            raise UserError(str(reading.error))
        pair = row["label"], reading.text.replace("\n", "/")
        scores[row["kind"], row["medium"]].append(pair)
        scores[row["kind"], ""].append(pair)
    print(f"{'kind':12}{'medium':10}{'images':>8}{'exact':>9}{'digit errors':>14}")
    for (kind, medium), pairs in sorted(scores.items()):
        exact = sum(label == text for label, text in pairs) / len(pairs)
        digits = sum(len(label.replace("/", "")) for label, _ in pairs)
        errors = sum(distance(*(part.replace("/", "") for part in pair)) for pair in pairs)
        wrong = f"{errors / digits:.1%}" if digits else ""
        print(f"{kind:12}{medium or 'all':10}{len(pairs):8}{exact:9.1%}{wrong:>14}")
    return console.OK


def read_labels(path: Path) -> list[dict[str, str]]:
    """The rows of labels.csv.

    Raises:
        UserError: it is missing, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    if not rows or any(column not in rows[0] for column in COLUMNS):
        raise UserError(f"{path} needs rows with the columns {', '.join(COLUMNS)}.")
    return rows


def distance(one: str, other: str) -> int:
    """Digits to change, add or take away to make one text of the other (Levenshtein, 1966)."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (left != right))
    return row[-1]


if __name__ == "__main__":
    console.run(main)
