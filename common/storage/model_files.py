"""A model as files: save, load, export and check it and its card.

One name, three files: `NAME.keras` to evaluate and train on, `NAME.tflite` to predict fast without
TensorFlow, `NAME.json`, the card that says how they came about.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import PROJECT, UserError
from common.calibration import apply_temperature, softmax
from common.storage.card import is_finder, load_card
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

if TYPE_CHECKING:
    pass

MODELS = PROJECT / "models"
PRETRAINED = MODELS / "pretrained.tflite"
PRETRAINED_FINDER = MODELS / "pretrained_finder.tflite"

BUNDLED_NAME = "bundled_digits"
"""Name of the models trained on the bundled set: never the default while there is another."""


@dataclass(frozen=True)
class Predictor:
    """A loaded model, whatever file it came from.

    Attributes:
        path: the model file.
        card: what its card says; None where it has none.
        run: float32 (N, 28, 28, 1), 0 to 1 -> float32 (N, 10), logits or probabilities.
    """

    path: Path
    card: dict[str, Any] | None
    run: Classifier

    @property
    def temperature(self) -> float:
        """For `apply_temperature`; 1 where there is no card."""
        return float(self.card["temperature"]) if self.card else 1.0

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Calibrated probabilities.

        Args:
            images: float32 (N, 28, 28, 1), 0 is paper and 1 is ink.

        Returns:
            float32 (N, 10), rows that sum to 1.

        Raises:
            ModelError: the model gives numbers that are not finite.
        """
        batches = [self.run(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
        if not batches:
            return np.zeros((0, 10), np.float32)
        outputs = np.concatenate(batches)
        if not np.isfinite(outputs).all():
            raise ModelError(f"{self.path} gives numbers that are not finite: it cannot be used.")
        is_probability = outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3)
        probabilities = outputs if is_probability else softmax(outputs)
        return apply_temperature(probabilities, self.temperature)


def model_paths(stem: Path) -> tuple[Path, Path, Path]:
    """The .keras, .tflite and .json paths of one name."""
    return (
        stem.with_name(f"{stem.name}.keras"),
        stem.with_name(f"{stem.name}.tflite"),
        stem.with_name(f"{stem.name}.json"),
    )


def default_model() -> Path | None:
    """The `.tflite` trained last, else the pretrained one, else None.

    One trained on the bundled digits counts only where there is nothing else.
    """
    files = (p for p in MODELS.glob("[!.]*.tflite") if p.is_file() and not is_finder(p))
    found = sorted(files, key=lambda path: path.stat().st_mtime)
    own = [path for path in found if path not in (PRETRAINED, MODELS / f"{BUNDLED_NAME}.tflite")]
    if own:
        return own[-1]
    if PRETRAINED.is_file():
        return PRETRAINED
    return found[-1] if found else None


def chosen_model(model: str | Path | None) -> Path:
    """The model that was named, else the default one.

    Raises:
        ModelError: none was named and there is none.
    """
    path = Path(model) if model else default_model()
    if path is None:
        raise ModelError(
            f"There is no model in {MODELS} yet. Train one: python train_model.py --preset fast"
        )
    return path


def try_unless_trusted(path: Path, card: dict[str, Any] | None, kind: str = "classifier") -> None:
    """Tries a model apart, unless the project's own `models/` folder says what it is.

    Anybody can write a card that fits a hostile model; nobody else writes to that folder.

    Args:
        path: The model file.
        card: What `load_card` gives for it.
        kind: As for `try_in_subprocess`.

    Raises:
        ModelError: The model cannot be used.
    """
    own = path.parent.resolve() == MODELS.resolve()
    if not own or card is None or path.suffix[1:] not in card["sha256"]:
        try_in_subprocess(path, kind)


def load_predictor(path: Path, threads: int | None = None) -> Predictor:
    """Loads a `.keras`, `.h5` or `.tflite` model, ours or another's, for prediction.

    Another's model works where it takes 28x28, 28x28x1 or 784 numbers from 0 to 1, white ink on
    black, and gives ten logits or probabilities. A `.tflite` needs no TensorFlow.

    Args:
        path: the model file.
        threads: of a `.tflite`; by default as many as there are cores, and 4 at most.

    Raises:
        ModelError: missing, damaged, of another kind or of the wrong shape.
    """
    _check_file(path, (".keras", ".h5", ".tflite"))
    if is_finder(path):
        raise ModelError(f"{path} finds digits but does not read them: use it with --finder.")
    card = load_card(path)
    try_unless_trusted(path, card)
    run = (
        load_tflite_classifier(path, threads)
        if path.suffix == ".tflite"
        else load_keras_classifier(path)
    )
    return Predictor(path, card, run)


def load_finder(path: Path, threads: int | None = None) -> Finder:
    """Loads a finder.

    Args:
        path: Its `.tflite` file.
        threads: As for `load_predictor`.

    Raises:
        ModelError: The file is missing, damaged, or no finder.
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
        raise ModelError(f"{path} is no model file; expected {expected}.")
    if path.suffix != ".tflite" and not find_spec("keras"):
        raise ModelError(
            f"{path} needs Keras: pip install -r requirements.txt, or name a .tflite file."
        )
    check_size(path)


def output_stem(output: str) -> Path:
    """`--output` without the suffix of a model file; a bare name stands for one in models/.

    Raises:
        UserError: it names no file.
    """
    path = Path(output)
    if not path.name:
        raise UserError(f"--output {output} names no file.")
    if path.suffix in (".keras", ".h5", ".tflite", ".json"):
        path = path.with_suffix("")
    return MODELS / path if path.parent == Path() and "/" not in output else path
