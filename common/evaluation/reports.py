"""Reports on classifiers, as tables and plots."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common import printable
from common.data.datasets import Dataset
from common.evaluation import plots
from common.evaluation.metrics import Report
from common.files import shown

PLOTS = ("confusion_matrix", "recall", "reliability", "misclassified", "predictions")
"""The plots of `draw_report`, without suffix."""


def report_table(report: Report, model: Path, dataset: Dataset) -> str:
    """Formats a report for people."""
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
    """Tabulates the reports of several models on the same images; the keys are their names."""
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
    """Draws all plots of a report, and returns their paths.

    Args:
        report: The report.
        dataset: The data whose test images were evaluated.
        probabilities: Predicted probabilities of the test images, float (N, 10).
        title: Model and data set.
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
    """Describes the gallery of misread images, which shows the worst ones if there are many."""
    if count > plots.GALLERY_SHOWN:
        return f"the worst {plots.GALLERY_SHOWN} of {count:,} misread images"
    if count > 1:
        return f"all {count} misread images, worst first"
    return "the only misread image" if count else "no image is misread"
