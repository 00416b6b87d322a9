#!/usr/bin/env python3
"""Measure how well a model reads.

    python evaluate_model.py                                the model you trained last
    python evaluate_model.py --model models/pretrained.keras
    python evaluate_model.py --model models/finder.keras    generated pages, by condition
    python evaluate_model.py --data my_digits --json report.json
    python evaluate_model.py --data my_images               your images, listed in labels.csv

A classifier is measured on the test images of a data set; it draws plots/confusion_matrix.png,
plots/misclassified.png (the worst mistakes first) and plots/predictions.png. A finder is measured
on pages generated from these images (plots/worst_pages.png). A folder with a labels.csv (columns
path, label and optionally kind; "/" between lines, an empty label for no digit) measures the whole
reader on your own images (plots/misread_images.png).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from common.cli import console

if __name__ == "__main__":
    console.prepare()  # before imports that take long, so that Ctrl-C ends them quietly

import numpy as np

from common import PROJECT, printable
from common.cli.arguments import (
    ArgumentParser,
    add_data_argument,
    add_finder_argument,
    add_model_argument,
    positive_int,
)
from common.data.datasets import Dataset, load_dataset
from common.evaluation import plots
from common.evaluation.metrics import Report, evaluate
from common.evaluation.reader import LABELS_FILE, Evaluation, evaluate_conditions, evaluate_folder
from common.evaluation.scores import reading_table
from common.files import check_writable, replacing, shown
from common.preprocessing import network_input
from common.recognizer import DigitRecognizer
from common.storage.card import is_finder, load_card
from common.storage.model_files import PRETRAINED, chosen_model, load_predictor

PLOTS = PROJECT / "plots"
PAGES = 40  # of each condition


def main() -> int:
    """Evaluates, draws and prints; returns the exit status."""
    arguments = parse_arguments()
    path = chosen_model(arguments.model)
    check_writable(PLOTS, *([arguments.json.parent] if arguments.json else []))
    data = arguments.data
    if data not in (None, "mnist", "digits") and (Path(data) / LABELS_FILE).is_file():
        return evaluate_images(path, arguments.finder, Path(data), arguments.json)
    if is_finder(path):
        return evaluate_finder(path, data, arguments.pages, arguments.json)
    return evaluate_classifier(path, data, arguments.json)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_argument(parser)
    add_finder_argument(parser)
    add_data_argument(parser, "what the model was trained on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report there")
    parser.add_argument(
        "--pages",
        type=positive_int,
        default=PAGES,
        metavar="N",
        help="generated pages of each condition that a finder reads (default: %(default)s)",
    )
    return parser.parse_args()


def evaluate_classifier(path: Path, data: str | None, json_file: Path | None) -> int:
    """Reads the test images of a data set, one digit each."""
    predictor = load_predictor(path)
    dataset = load_dataset(data or data_of(predictor.card))
    probabilities = predictor.predict(network_input(dataset.test_images))
    report = evaluate(probabilities, dataset.test_labels)
    print(table(report, path, dataset))
    draw(report, dataset, probabilities, f"{path.stem} on {Path(dataset.name).name}")
    write_json(json_file, {"model": str(path), "data": dataset.name} | report.as_dict())
    return console.OK


def evaluate_finder(path: Path, data: str | None, pages: int, json_file: Path | None) -> int:
    """Reads generated pages of every condition: by the finder alone, and by the whole reader."""
    recognizer = DigitRecognizer(PRETRAINED, finder=path.with_suffix(".tflite"))
    dataset = load_dataset(data or data_of(load_card(path)))
    images, labels = dataset.test_images, dataset.test_labels
    print(f"model     {shown(path)}")
    print(f"data      {printable(dataset.name)}, {pages} pages of each condition\n")
    alone = evaluate_conditions(recognizer.read_by_finder, images, labels, pages)
    print("the finder alone\n" + reading_table(alone.report, "condition"))
    whole = evaluate_conditions(recognizer.read, images, labels, pages)
    print("\nthe whole reader\n" + reading_table(whole.report, "condition"))
    title = f"{path.stem}: pages read worst by the whole reader, of each condition in turn"
    draw_misread(whole, title, PLOTS / "worst_pages.png")
    content = {"model": str(path), "data": dataset.name, "pages_per_condition": pages}
    content |= {"finder_alone": alone.report.as_dict()}
    write_json(json_file, content | whole.report.as_dict())
    return console.OK


def evaluate_images(path: Path, finder: Path | None, folder: Path, json_file: Path | None) -> int:
    """Reads the images that a folder's `labels.csv` lists."""
    evaluation = evaluate_folder(DigitRecognizer(path, finder=finder), folder)
    for error in evaluation.unreadable:
        print(f"not scored: {printable(error)}", file=sys.stderr)
    print(f"model     {shown(path)}")
    print(f"data      {shown(folder)}\n")
    print(reading_table(evaluation.report, "kind"))
    title = f"{path.stem} on {folder.resolve().name}: images read wrongly, of each kind in turn"
    draw_misread(evaluation, title, PLOTS / "misread_images.png")
    content = {"model": str(path), "data": str(folder), "unreadable": evaluation.unreadable}
    write_json(json_file, content | evaluation.report.as_dict())
    return console.SOME_UNREADABLE if evaluation.unreadable else console.OK


def data_of(card: dict[str, Any] | None) -> str | None:
    """The data set that a model's card names.

    None for MNIST and where there is no card: MNIST then, or what takes its place offline.
    """
    return None if card is None or card["data"] == "mnist" else str(card["data"])


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Writes a report where `--json` asks for it."""
    if path is None:
        return
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"report    {shown(path)}")


def table(report: Report, model: Path, dataset: Dataset) -> str:
    """The report for people."""
    lines = [
        f"model     {shown(model)}",
        f"data      {printable(dataset.name)}, {report.images:,} test images",
        f"accuracy  {report.accuracy:.2%}",
        f"loss      {report.loss:.4f}",
        f"ECE       {report.ece:.2%} (expected calibration error)",
        "",
        "digit  precision   recall  support",
    ]
    for score in report.per_digit:
        lines.append(
            f"{score.digit:5}  {score.precision:9.2%}  {score.recall:7.2%}  {score.support:7,}"
        )
    return "\n".join(lines)


def draw_misread(evaluation: Evaluation, title: str, path: Path) -> None:
    """Draws the gallery of whole images."""
    plots.plot_misread(evaluation.misread, title, path)
    print(f"\nplot      {shown(path)}")


def draw(report: Report, dataset: Dataset, probabilities: np.ndarray, title: str) -> None:
    """Draws the three pictures."""
    paths = [PLOTS / f"{name}.png" for name in ("confusion_matrix", "misclassified", "predictions")]
    plots.plot_confusion_matrix(report, title, paths[0])
    images, labels = dataset.test_images, dataset.test_labels
    worst = plots.worst_first(labels, probabilities)
    some = np.linspace(0, len(labels) - 1, min(40, len(labels))).astype(int)
    plots.plot_gallery(
        images[worst],
        labels[worst],
        probabilities[worst],
        f"{title}: the {len(worst)} images read wrongly, worst first",
        paths[1],
    )
    plots.plot_gallery(
        images[some],
        labels[some],
        probabilities[some],
        f"{title}: some of the test images",
        paths[2],
    )
    print(f"\nplots     {', '.join(map(shown, paths))}")


if __name__ == "__main__":
    console.run(main)
