#!/usr/bin/env python3
"""Measure how well a model reads the test images of a data set.

    python evaluate_model.py                                the model you trained last
    python evaluate_model.py --model models/pretrained.keras
    python evaluate_model.py --data my_digits --json report.json

Prints accuracy, loss, calibration and a table for each digit; draws plots/confusion_matrix.png,
plots/misclassified.png (the worst mistakes first) and plots/predictions.png.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from common import PROJECT, console, plots, printable
from common.datasets import Dataset, load_dataset
from common.evaluation import Report, evaluate
from common.files import check_writable, replacing
from common.model_files import Predictor, chosen_model, load_predictor
from common.preprocessing import network_input

PLOTS = PROJECT / "plots"


def main() -> int:
    """Evaluates, draws and prints; gives the exit status."""
    arguments = parse_arguments()
    path = chosen_model(arguments.model)
    check_writable(PLOTS, *([arguments.json.parent] if arguments.json else []))
    predictor = load_predictor(path)
    dataset = load_dataset(arguments.data or data_of(predictor))
    probabilities = predictor.predict(network_input(dataset.test_images))
    report = evaluate(probabilities, dataset.test_labels)
    print(table(report, path, dataset))
    draw(report, dataset, probabilities, f"{path.stem} on {Path(dataset.name).name}")
    if arguments.json:
        content = {"model": str(path), "data": dataset.name} | report.as_dict()
        with replacing(arguments.json) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        print(f"report    {console.shown(arguments.json)}")
    return console.OK


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = console.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    console.add_model_argument(parser)
    console.add_data_argument(parser, "what the model was trained on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report there")
    return parser.parse_args()


def data_of(predictor: Predictor) -> str | None:
    """The data set that the model's card names.

    None for MNIST and where there is no card: MNIST then, or what takes its place offline.
    """
    card = predictor.card
    return None if card is None or card["data"] == "mnist" else str(card["data"])


def table(report: Report, model: Path, dataset: Dataset) -> str:
    """The report for people."""
    lines = [
        f"model     {console.shown(model)}",
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
    print(f"\nplots     {', '.join(map(console.shown, paths))}")


if __name__ == "__main__":
    console.run(main)
