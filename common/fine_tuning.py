"""Goes on training a model on the user's own digits, without forgetting MNIST's."""

from pathlib import Path
from typing import Any

import numpy as np

from common.datasets import Dataset
from common.model_files import Predictor, load_card
from common.model_loading import ModelError
from common.preprocessing import network_input
from common.presets import USUAL_PRESET


def start_card(path: Path) -> dict[str, Any]:
    """The card of a model that training can go on from.

    Raises:
        ModelError: the model is missing, or not one that `train_model.py` made.
    """
    if path.suffix != ".keras":
        raise ModelError(f"--from takes a .keras file, since others cannot be trained; got {path}.")
    if not path.is_file():
        raise ModelError(f"There is no model at {path}.")
    card = load_card(path)
    known = ("network", str), ("seed", int)
    if (
        card is None
        or not all(isinstance(card.get(key), kind) for key, kind in known)
        or card["network"] not in USUAL_PRESET
    ):
        raise ModelError(
            f"{path} has no card that fits it ({path.stem}.json): --from takes models that "
            "train_model.py made."
        )
    return card


def compared(before: Predictor, after: Predictor, own: Dataset, usual: Dataset) -> str:
    """A table of how both models read the user's own digits and the usual ones."""
    parts = (
        (f"{Path(own.name).name}, held out", own.test_images, own.test_labels),
        (f"{Path(own.name).name}, trained on", own.train_images, own.train_labels),
        (f"{usual.name}, test", usual.test_images, usual.test_labels),
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
            f"{digit} is still read wrongly in {(wrong & of_digit).sum()} of {of_digit.sum()} "
            "images: more of them would help"
        )
    return "\n".join(rows)


def _accuracy(predictor: Predictor, images: np.ndarray, labels: np.ndarray) -> float:
    read = predictor.predict(network_input(images)).argmax(axis=1)
    return float((read == labels).mean())
