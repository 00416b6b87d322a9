"""How well a `DigitRecognizer` reads whole images: generated test pages, or a user's own images."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common import UserError
from common.data.conditions import CONDITIONS, condition_pages
from common.evaluation.scores import Misread, Outcome, ReadingReport, report_of
from common.images.decoding import read_image
from common.preprocessing import resized
from common.reading import Reading
from common.recognizer import DigitRecognizer

LABELS_FILE = "labels.csv"
THUMBNAIL_SIDE = 480  # pixels, of the images that are kept to be shown: 0.2 MB each
MAX_KEPT = 24  # images of each group that are kept to be shown


class MisreadImages:
    """Collects the images that were read worst, at most `MAX_KEPT` of each group."""

    def __init__(self) -> None:
        self.groups: dict[str, list[Misread]] = {}

    def add(self, outcome: Outcome, image: np.ndarray) -> None:
        """Adds an image, uint8 (height, width), unless enough were read worse."""
        scale = min(1.0, THUMBNAIL_SIDE / max(image.shape))
        group = self.groups.setdefault(outcome.group, [])
        group.append(Misread(outcome, resized(image, scale), scale))
        group.sort(key=lambda misread: misread.outcome.severity, reverse=True)
        del group[MAX_KEPT:]

    def in_turn(self) -> list[Misread]:
        """The worst image of each group, then the second worst of each, and so on."""
        turns = zip_longest(*self.groups.values())
        return [misread for turn in turns for misread in turn if misread is not None]


@dataclass(frozen=True)
class Evaluation:
    """A report and what it rests on.

    Attributes:
        report: The scores.
        misread: Images that were read wrongly, the worst of each group in turn.
        unreadable: For each image that could not be read, why; they are not scored.
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
    """Reads generated test pages, see `data.conditions`.

    Args:
        read: What is measured; it takes a grey image, uint8 (height, width).
        images: uint8 (N, 28, 28), test images to write the pages with, 255 is ink.
        labels: int (N,), 0 to 9.
        count: Pages of each condition.
        names: Conditions.
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
    """Reads the images that a folder's `labels.csv` lists; see `read_labels`.

    Raises:
        UserError: The file cannot be used, or none of its images can be read.
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
            f"None of the {len(rows)} images in {folder / LABELS_FILE} can be read; the first: "
            f"{unreadable[0]}"
        )
    return Evaluation(report_of(outcomes), misread.in_turn(), tuple(unreadable))


@dataclass(frozen=True)
class LabelledImage:
    """A row of `labels.csv`.

    Attributes:
        path: Path of the image inside the folder.
        label: The digits, "/" between lines; empty where there is none.
        kind: What it is, as the user calls it; empty where there is no such column.
    """

    path: str
    label: str
    kind: str


def read_labels(folder: Path) -> list[LabelledImage]:
    """The rows of a folder's `labels.csv`: columns path and label, and kind if it has one.

    Raises:
        UserError: The file is missing, damaged, empty, lacks a column, or has a label that is not
            digits.
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
            f"{path}, line {number}: path {name!r} and label {label!r}; expected the path of an "
            'image and its digits, with "/" between lines, or an empty label for no digit.'
        )
    return LabelledImage(name, label, row.get("kind") or "")


def _outcome(
    group: str, written: str, reading: Reading, true_boxes: np.ndarray | None = None
) -> Outcome:
    boxes = [(d.box.x, d.box.y, d.box.width, d.box.height) for d in reading.digits]
    found = np.array(boxes, np.float64).reshape(-1, 4)
    digits = tuple(digit.digit for digit in reading.digits)
    return Outcome(group, written, "/".join(reading.lines), digits, found, true_boxes)
