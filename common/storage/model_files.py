"""Finds and loads models.

A model has three files: `NAME.keras` for evaluation and further training, `NAME.tflite` for fast
prediction without TensorFlow, and `NAME.json`, the card, which records how it was trained.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from common import PROJECT, UserError
from common.calibration import apply_temperature, softmax
from common.storage.card import SavedCard, is_finder, load_card
from common.storage.loading import (
    BATCH,
    Classifier,
    Finder,
    ModelError,
    check_size,
    load_keras_classifier,
    load_tflite_classifier,
    load_tflite_finder,
)
from common.storage.trial import try_in_subprocess

MODELS = PROJECT / "models"
PRETRAINED = MODELS / "pretrained.tflite"
PRETRAINED_FINDER = MODELS / "pretrained_finder.tflite"


@dataclass(frozen=True)
class Predictor:
    """A classifier, loaded from a file of any supported format.

    Attributes:
        path: The model file.
        card: The model's card, or None if there is no card.
        run: Maps images, float32 (N, 28, 28, 1), 0 to 1, to logits or probabilities, float32
            (N, 10).
    """

    path: Path
    card: SavedCard | None
    run: Classifier

    @property
    def temperature(self) -> float:
        """Temperature for `apply_temperature`: the one on the card, or 1 without a card."""
        return float(self.card["temperature"]) if self.card else 1.0

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predicts calibrated probabilities.

        Args:
            images: Images, float32 (N, 28, 28, 1), from 0 (paper) to 1 (ink).

        Returns:
            Probabilities, float32 (N, 10). Each row sums to 1.

        Raises:
            ModelError: The model failed, or returned numbers that are not finite.
        """
        batches = [self.run(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
        if not batches:
            return np.zeros((0, 10), np.float32)
        outputs = np.concatenate(batches)
        if not np.isfinite(outputs).all():
            raise ModelError(
                f"{self.path} returns numbers that are not finite. Train the model again, or use "
                "another one."
            )
        is_probability = outputs.min() >= 0 and (np.abs(outputs.sum(axis=1) - 1) <= 1e-3).all()
        probabilities = outputs if is_probability else softmax(outputs)
        return apply_temperature(probabilities, self.temperature)


def model_paths(stem: Path) -> tuple[Path, Path, Path]:
    """Returns the paths of a model's `.keras`, `.tflite` and `.json` files.

    Args:
        stem: The path of the model without a suffix.
    """
    return (
        stem.with_name(f"{stem.name}.keras"),
        stem.with_name(f"{stem.name}.tflite"),
        stem.with_name(f"{stem.name}.json"),
    )


def existing_file(stem: Path) -> Path | None:
    """Returns the first existing file of a model, or None. `stem` is its path without a suffix."""
    return next((path for path in model_paths(stem) if path.exists()), None)


def chosen_model(model: str | Path | None) -> Path:
    """Returns `model` as a path, or the path of the pretrained classifier if `model` is None.

    Raises:
        ModelError: `model` is None and the pretrained model is missing.
    """
    if model is None and not PRETRAINED.is_file():
        raise ModelError(
            f"The pretrained model {PRETRAINED} is missing. Restore it (git checkout models), or "
            "pass another model to --model."
        )
    return Path(model or PRETRAINED)


def try_unless_trusted(path: Path, card: SavedCard | None, kind: str = "classifier") -> None:
    """Makes a trial run of a model in a subprocess, unless the model is trusted.

    A model is trusted if its file is in the project's own `models/` folder and its card holds the
    hash of the file. A card alone proves nothing, since anyone can write one for a hostile model.

    Args:
        path: The model file.
        card: The card that `load_card` returned for this file.
        kind: The expected kind of model, "classifier" or "finder".

    Raises:
        ModelError: The model cannot be used.
    """
    own = path.parent.resolve() == MODELS.resolve()
    if not own or card is None or path.suffix[1:] not in card["sha256"]:
        try_in_subprocess(path, kind)


def load_predictor(path: Path, threads: int | None = None) -> Predictor:
    """Loads a `.keras`, `.h5` or `.tflite` classifier for prediction.

    Models trained elsewhere work if they take 28x28, 28x28x1 or 784 numbers from 0 (paper) to 1
    (ink) and return ten logits or probabilities. A `.tflite` model does not need TensorFlow.

    Args:
        path: The model file.
        threads: Number of threads for a `.tflite` model. Defaults to the number of cores, but at
            most 4.

    Raises:
        ModelError: The file is missing, damaged, not allowed or not a classifier.
    """
    _check_file(path, (".keras", ".h5", ".tflite"))
    if is_finder(path):
        raise ModelError(f"{path} is a finder, not a classifier. Pass it to --finder instead.")
    card = load_card(path)
    try_unless_trusted(path, card)
    run = (
        load_tflite_classifier(path, threads)
        if path.suffix == ".tflite"
        else load_keras_classifier(path)
    )
    return Predictor(path, card, run)


def load_finder(path: Path, threads: int | None = None) -> Finder:
    """Loads a finder from its `.tflite` file.

    Args:
        path: The model file.
        threads: Number of threads. Defaults to the number of cores, but at most 4.

    Raises:
        ModelError: The file is missing, damaged, or not a finder.
    """
    _check_file(path, (".tflite",))
    try_unless_trusted(path, load_card(path), "finder")
    return load_tflite_finder(path, threads)


def _check_file(path: Path, suffixes: tuple[str, ...]) -> None:
    if path.is_dir():
        raise ModelError(f"{path} is a folder; expected a model file.")
    if not path.is_file():
        raise ModelError(f"There is no model at {path}.")
    if path.suffix not in suffixes:
        *others, last = suffixes
        expected = f"{', '.join(others)} or {last}" if others else last
        raise ModelError(f"{path} is not a model file; expected {expected}.")
    if path.suffix != ".tflite" and not find_spec("keras"):
        raise ModelError(
            f"{path} needs Keras: pip install -r requirements.txt, or use a .tflite file."
        )
    check_size(path)


def output_stem(output: str) -> Path:
    """Converts the value of `--output` to the path of a model without a suffix.

    Args:
        output: A path, or a name without folders for a model in `models/`.

    Raises:
        UserError: The value does not name a file.
    """
    path = Path(output)
    if not path.name:
        raise UserError(f"--output {output} does not name a file; expected a name or a path.")
    if path.suffix in (".keras", ".h5", ".tflite", ".json"):
        path = path.with_suffix("")
    return MODELS / path if path.parent == Path() and "/" not in output else path
