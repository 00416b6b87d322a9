"""Compares a model before and after fine-tuning."""

from pathlib import Path

import numpy as np

from common.data.datasets import Dataset
from common.preprocessing import network_input
from common.storage.model_files import Predictor


def fine_tuning_table(before: Predictor, after: Predictor, own: Dataset, reference: Dataset) -> str:
    """Formats a table of a model's accuracy before and after fine-tuning.

    The lines below the table state which of the user's digits the fine-tuned model still misreads.

    Args:
        before: The original model.
        after: The fine-tuned model.
        own: The user's own digits.
        reference: The data set whose test images the table also includes, such as MNIST.
    """
    parts = (
        (f"{Path(own.name).name}, held out", own.test_images, own.test_labels),
        (f"{Path(own.name).name}, trained on", own.train_images, own.train_labels),
        (f"{reference.name}, test", reference.test_images, reference.test_labels),
    )
    width = max(len(name) for name, _, _ in parts)
    rows = [f"{'accuracy':{width}}   images   before    after"]
    for name, images, labels in parts:
        if len(labels):
            shares = [_accuracy(predictor, images, labels) for predictor in (before, after)]
            rows.append(f"{name:{width}}  {len(labels):7,}  {shares[0]:7.2%}  {shares[1]:7.2%}")
    images = np.concatenate([own.train_images, own.test_images])
    labels = np.concatenate([own.train_labels, own.test_labels])
    wrong = after.predict(network_input(images)).argmax(axis=1) != labels
    for digit in np.unique(labels[wrong]):
        of_digit = labels == digit
        rows.append(
            f"{digit} is still misread in {(wrong & of_digit).sum()} of {of_digit.sum()} "
            f"images: add more images of {digit}"
        )
    return "\n".join(rows)


def _accuracy(predictor: Predictor, images: np.ndarray, labels: np.ndarray) -> float:
    predicted = predictor.predict(network_input(images)).argmax(axis=1)
    return float((predicted == labels).mean())
