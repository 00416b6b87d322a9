"""Evaluates a `DigitRecognizer` on whole images: generated test pages or the user's images."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common import UserError
from common.data.evaluation_pages import CONDITIONS, condition_pages
from common.evaluation.scores import Misread, Outcome, ReadingReport, report_of
from common.images.decoding import read_image
from common.preprocessing import resized
from common.reading import Reading, sides_of
from common.recognizer import DigitRecognizer

LABELS_FILE = "labels.csv"
THUMBNAIL_SIDE = 480  # pixels; maximum longer side of a stored misread image (0.2 MB each)
MAX_KEPT = 24  # number of misread images to store for each group


class MisreadImages:
    """Collects the worst misread images of each group, at most `MAX_KEPT` per group."""

    def __init__(self) -> None:
        self.groups: dict[str, list[Misread]] = {}

    def add(self, outcome: Outcome, image: np.ndarray) -> None:
        """Adds an image, uint8 (height, width). Keeps only the worst images of its group."""
        scale = min(1.0, THUMBNAIL_SIDE / max(image.shape))
        group = self.groups.setdefault(outcome.group, [])
        group.append(Misread(outcome, resized(image, scale), scale))
        group.sort(key=lambda misread: misread.outcome.severity, reverse=True)
        del group[MAX_KEPT:]

    def in_turn(self) -> list[Misread]:
        """Returns the worst image of each group, then the second worst of each, and so on."""
        turns = zip_longest(*self.groups.values())
        return [misread for turn in turns for misread in turn if misread is not None]


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        report: The scores.
        misread: Misread images: the worst of each group, then the second worst of each, and so on.
        unreadable: Error messages about images that cannot be read, which are not scored.
    """

    report: ReadingReport
    misread: list[Misread]
    unreadable: tuple[str, ...] = ()


def evaluate_conditions(
    read: Callable[[np.ndarray], Reading],
    images: np.ndarray,
    labels: np.ndarray,
    count: int,
    names: Sequence[str] = tuple(CONDITIONS),
) -> Evaluation:
    """Evaluates a reader on generated test pages; see `data.evaluation_pages`.

    Args:
        read: The reader: a function that reads a grey image, uint8 (height, width).
        images: Digits to place on the pages, uint8 (N, 28, 28), 255 is ink.
        labels: Labels of the digits, int (N,), 0 to 9.
        count: Number of pages for each condition.
        names: Names of the conditions.
    """
    outcomes, misread = [], MisreadImages()
    with tqdm(total=count * len(names), leave=False, disable=None) as progress:
        for name in names:
            progress.set_description(name)
            for page in condition_pages(name, images, labels, count):
                outcome = _outcome(name, page.text, read(page.image), page.boxes)
                outcomes.append(outcome)
                if not outcome.is_exact:
                    misread.add(outcome, page.image)
                progress.update()
    return Evaluation(report_of(outcomes), misread.in_turn())


def evaluate_folder(recognizer: DigitRecognizer, folder: Path) -> Evaluation:
    """Evaluates a recognizer on the images that a folder's `labels.csv` lists.

    Args:
        recognizer: The recognizer to evaluate.
        folder: Folder with a `labels.csv`; see `read_labels`.

    Raises:
        UserError: `labels.csv` cannot be used, or none of its images can be read.
    """
    rows = read_labels(folder)
    outcomes, misread, unreadable = [], MisreadImages(), []
    readings = recognizer.read_many((row.path, folder / row.path) for row in rows)
    for row, reading in zip(tqdm(rows, leave=False, disable=None), readings, strict=True):
        if reading.error:
            unreadable.append(reading.error)
            continue
        outcome = _outcome(row.kind, row.label, reading)
        outcomes.append(outcome)
        if not outcome.is_exact:
            misread.add(outcome, read_image(folder / row.path))
    if not outcomes:
        raise UserError(
            f"None of the {len(rows)} images in {folder / LABELS_FILE} can be read. First error: "
            f"{unreadable[0]}"
        )
    return Evaluation(report_of(outcomes), misread.in_turn(), tuple(unreadable))


@dataclass(frozen=True)
class LabelledImage:
    """A row of `labels.csv`.

    Attributes:
        path: Path of the image, relative to the folder of `labels.csv`.
        label: Digits in the image, with "/" between lines; empty for an image without digits.
        kind: Name that the user gave to this kind of image; empty if there is none.
    """

    path: str
    label: str
    kind: str


def read_labels(folder: Path) -> list[LabelledImage]:
    """Reads a folder's `labels.csv`, which has the columns path, label and, optionally, kind.

    Raises:
        UserError: The file is missing, damaged or empty, lacks a column, or has an invalid label.
    """
    path = folder / LABELS_FILE
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8 ({error}).") from error
    if not rows or not {"path", "label"} <= set(columns):
        raise UserError(
            f"{path} has {len(rows)} rows and the columns {', '.join(columns) or 'none'}; "
            "expected at least one row and the columns path and label."
        )
    return [_labelled_image(path, number, row) for number, row in rows]


def _labelled_image(path: Path, number: int, row: dict[str, str | None]) -> LabelledImage:
    label = (row["label"] or "").strip()
    name = row["path"] or ""
    if not name or not all(
        line.isdecimal() and line.isascii() for line in label.split("/") if label
    ):
        raise UserError(
            f"{path}, line {number}: got path {name!r} and label {label!r}; expected the path of "
            'an image and its digits, with "/" between lines. For an image without digits, leave '
            "the label empty."
        )
    return LabelledImage(name, label, row.get("kind") or "")


def _outcome(
    group: str, written: str, reading: Reading, true_boxes: np.ndarray | None = None
) -> Outcome:
    found = sides_of([digit.box for digit in reading.digits])
    digits = tuple(digit.digit for digit in reading.digits)
    confidences = tuple(digit.confidence for digit in reading.digits)
    return Outcome(group, written, "/".join(reading.lines), digits, found, true_boxes, confidences)
