"""Presents the metrics of classifiers as tables and plots."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common import printable
from common.data.datasets import Dataset
from common.evaluation import plots
from common.evaluation.metrics import Report
from common.files import shown

PLOTS = ("confusion_matrix", "recall", "reliability", "misclassified", "predictions")
"""File names of the plots that `draw_report` saves, without suffix."""


def report_table(report: Report, model: Path, dataset: Dataset) -> str:
    """Formats the report on a model as a table with a heading."""
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


def comparison_table(reports: Mapping[str, Report], dataset: Dataset) -> str:
    """Formats the reports on several models as a table.

    Args:
        reports: The report on each model, by model name.
        dataset: The data set whose test images were evaluated.
    """
    names = [printable(name) for name in reports]
    width = max(len("model"), *map(len, names))
    images = len(dataset.test_labels)
    lines = [
        f"data  {printable(dataset.name)}, {images:,} test images",
        "",
        f"{'model':{width}}  accuracy  misread    loss     ECE",
    ]
    for name, report in zip(names, reports.values(), strict=True):
        misread = images - round(report.accuracy * images)
        lines.append(
            f"{name:{width}}  {report.accuracy:8.2%}  {misread:7,}  {report.loss:6.4f}  "
            f"{report.ece:6.2%}"
        )
    return "\n".join(lines)


def draw_report(
    report: Report, dataset: Dataset, probabilities: np.ndarray, title: str, folder: Path
) -> list[Path]:
    """Plots the evaluation of a classifier, and returns the paths of the plots.

    Args:
        report: The report on the classifier.
        dataset: The data set whose test images were evaluated.
        probabilities: Predicted probabilities for the test images, float (N, 10).
        title: Name of the model and of the data set.
        folder: Folder for the plots.
    """
    images, labels = dataset.test_images, dataset.test_labels
    paths = {name: folder / f"{name}.png" for name in PLOTS}
    plots.plot_confusion_matrix(report, title, paths["confusion_matrix"])
    plots.plot_recall(report, title, paths["recall"])
    plots.plot_reliability(report, probabilities, labels, title, paths["reliability"])
    worst = plots.worst_first(labels, probabilities)
    sample = np.linspace(0, len(labels) - 1, min(plots.GALLERY_SHOWN, len(labels))).astype(int)
    for chosen, name, what in (
        (worst, "misclassified", worst_title(len(worst))),
        (sample, "predictions", f"{len(sample)} of the {len(labels):,} test images"),
    ):
        pictures = images[chosen], labels[chosen], probabilities[chosen]
        plots.plot_gallery(*pictures, f"{title}: {what}", paths[name])
    return list(paths.values())


def worst_title(count: int) -> str:
    """Returns the title of the gallery of misread images, of which there are `count`."""
    if count > plots.GALLERY_SHOWN:
        return f"the worst {plots.GALLERY_SHOWN} of {count:,} misread images"
    if count > 1:
        return f"all {count} misread images, worst first"
    return "the only misread image" if count else "no misread images"
