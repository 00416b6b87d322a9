#!/usr/bin/env python3
"""Measure how accurately a model reads digits.

    python evaluate_model.py                                   the pretrained classifier
    python evaluate_model.py --model models/deep_cnn.keras     a model that you trained
    python evaluate_model.py --model models/a.keras --model models/b.keras   compare two models
    python evaluate_model.py --data my_digits --json report.json   save the report as JSON
    python evaluate_model.py --data my_images                  whole images, listed in labels.csv
    python evaluate_model.py --model models/finder.keras       a finder, on generated pages

The options decide what is evaluated:

- A classifier, on the test images of a data set. The plots are confusion_matrix.png, recall.png,
  reliability.png (accuracy by confidence), misclassified.png (worst mistakes first) and
  predictions.png. For .keras and .h5 files, architecture.png and architecture.txt list the layers.
- Several classifiers, on the same test images. The plot is plots/compare.png.
- The whole reader, which finds and classifies digits, if the --data folder contains labels.csv
  with the columns path, label and, optionally, kind. In a label, "/" separates lines; leave the
  label empty if the image has no digits. The plot is misread_images.png.
- A finder, on pages generated from the test images. The plot is worst_pages.png.

Except for compare.png, the plots are saved in plots/NAME/, where NAME is the model.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from common.cli import console

if __name__ == "__main__":
    console.prepare()  # before the slow imports, so that Ctrl-C prints no traceback

from common import PROJECT, UserError, printable
from common.cli.arguments import (
    ArgumentParser,
    add_data_argument,
    add_finder_argument,
    add_model_argument,
    positive_int,
)
from common.data.datasets import load_dataset
from common.evaluation.architecture import save_architecture
from common.evaluation.metrics import evaluate
from common.evaluation.page_plots import plot_misread
from common.evaluation.plots import plot_comparison
from common.evaluation.reader import LABELS_FILE, Evaluation, evaluate_conditions, evaluate_folder
from common.evaluation.reports import comparison_table, draw_report, report_table
from common.evaluation.scores import reading_table
from common.files import check_writable, replacing, shown
from common.preprocessing import network_input
from common.recognizer import DigitRecognizer
from common.storage.card import SavedCard, is_finder, load_card
from common.storage.loading import load_network
from common.storage.model_files import PRETRAINED, chosen_model, load_predictor

PLOTS = PROJECT / "plots"
PAGES = 40  # generated pages per condition


def main() -> int:
    """Evaluates what the options select, and returns the exit status."""
    arguments = parse_arguments()
    models, data = arguments.model or [None], arguments.data
    path = chosen_model(models[0])
    plots = PLOTS / path.stem if len(models) == 1 else PLOTS
    check_writable(plots, *([arguments.json.parent] if arguments.json else []))
    has_labels = data not in (None, "mnist", "digits") and (Path(data) / LABELS_FILE).is_file()
    if len(models) > 1:
        if has_labels or any(map(is_finder, models)):
            raise UserError(
                "Only classifiers can be compared, and only on a data set of digits. For a finder "
                f"or a folder with a {LABELS_FILE}, pass --model only once."
            )
        return compare_classifiers(models, data, arguments.json)
    if has_labels:
        return evaluate_images(path, arguments.finder, Path(data), arguments.json)
    if is_finder(path):
        return evaluate_finder(path, data, arguments.pages, arguments.json)
    return evaluate_classifier(path, data, arguments.json)


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_argument(parser, several=True)
    add_finder_argument(parser)
    add_data_argument(parser, "the data that the model was trained on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also save the report to FILE")
    parser.add_argument(
        "--pages",
        type=positive_int,
        default=PAGES,
        metavar="N",
        help="for a finder: number of pages to generate for each condition, such as close-up or "
        "noisy (default: %(default)s)",
    )
    return parser.parse_args()


def evaluate_classifier(path: Path, data: str | None, json_file: Path | None) -> int:
    """Evaluates a classifier on the test images of a data set, and returns the exit status."""
    predictor = load_predictor(path)
    dataset = load_dataset(data or training_data(predictor.card))
    probabilities = predictor.predict(network_input(dataset.test_images))
    report = evaluate(probabilities, dataset.test_labels)
    print(report_table(report, path, dataset))
    title = f"{path.stem} on {Path(dataset.name).name}"
    plots = PLOTS / path.stem
    drawn = draw_report(report, dataset, probabilities, title, plots)
    if path.suffix != ".tflite":  # .tflite files do not store the original layers
        drawn += [plots / "architecture.png", plots / "architecture.txt"]
        save_architecture(load_network(path), path.stem, *drawn[-2:])
    print(f"\nplots     {', '.join(map(shown, drawn))}")
    write_json(json_file, {"model": str(path), "data": dataset.name} | report.as_dict())
    return console.OK


def compare_classifiers(paths: list[Path], data: str | None, json_file: Path | None) -> int:
    """Evaluates several classifiers on the same test images, and returns the exit status."""
    predictors = [load_predictor(chosen_model(path)) for path in paths]
    dataset = load_dataset(data or training_data(predictors[0].card))
    images = network_input(dataset.test_images)
    reports = {
        shown(predictor.path): evaluate(predictor.predict(images), dataset.test_labels)
        for predictor in predictors
    }
    print(comparison_table(reports, dataset))
    title = f"{len(reports)} models on {len(images):,} test images of {Path(dataset.name).name}"
    plot_comparison(reports, title, PLOTS / "compare.png")
    print(f"\nplot      {shown(PLOTS / 'compare.png')}")
    models = [{"model": name} | report.as_dict() for name, report in reports.items()]
    write_json(json_file, {"data": dataset.name, "models": models})
    return console.OK


def evaluate_finder(path: Path, data: str | None, pages: int, json_file: Path | None) -> int:
    """Evaluates a finder on generated pages, alone and in the reader. Returns the exit status."""
    recognizer = DigitRecognizer(PRETRAINED, finder=path.with_suffix(".tflite"))
    dataset = load_dataset(data or training_data(load_card(path)))
    images, labels = dataset.test_images, dataset.test_labels
    print(f"model     {shown(path)}")
    print(f"data      {printable(dataset.name)}, {pages} pages for each condition\n")
    alone = evaluate_conditions(recognizer.read_by_finder, images, labels, pages)
    print("The finder alone:\n" + reading_table(alone.report, "condition"))
    whole = evaluate_conditions(recognizer.read, images, labels, pages)
    print("\nThe whole reader:\n" + reading_table(whole.report, "condition"))
    title = f"{path.stem}: the whole reader's worst readings in each condition"
    draw_misread(whole, title, PLOTS / path.stem / "worst_pages.png")
    content = {"model": str(path), "data": dataset.name, "pages_per_condition": pages}
    content |= {"finder_alone": alone.report.as_dict()}
    write_json(json_file, content | whole.report.as_dict())
    return console.OK


def evaluate_images(path: Path, finder: Path | None, folder: Path, json_file: Path | None) -> int:
    """Evaluates the whole reader on the images in a `labels.csv`, and returns the exit status."""
    evaluation = evaluate_folder(DigitRecognizer(path, finder=finder), folder)
    for error in evaluation.unreadable:
        print(f"not scored: {printable(error)}", file=sys.stderr)
    print(f"model     {shown(path)}")
    print(f"data      {shown(folder)}\n")
    print(reading_table(evaluation.report, "kind"))
    title = f"{path.stem} on {folder.resolve().name}: the worst misread images of each kind"
    draw_misread(evaluation, title, PLOTS / path.stem / "misread_images.png")
    content = {"model": str(path), "data": str(folder), "unreadable": evaluation.unreadable}
    write_json(json_file, content | evaluation.report.as_dict())
    return console.SOME_UNREADABLE if evaluation.unreadable else console.OK


def training_data(card: SavedCard | None) -> str | None:
    """Returns the name of the data set that a model was trained on, as `load_dataset` takes it.

    For MNIST and for models without a card, the name is None, which selects the default data set.
    """
    return None if card is None or card["data"] == "mnist" else card["data"]


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Saves a report as JSON, unless `path` is None."""
    if path is None:
        return
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"report    {shown(path)}")


def draw_misread(evaluation: Evaluation, title: str, path: Path) -> None:
    """Plots a gallery of misread images and prints its path."""
    plot_misread(evaluation.misread, title, path)
    print(f"\nplot      {shown(path)}")


if __name__ == "__main__":
    console.run(main)
