"""A model as files: save, load, export and check it and its card.

One name, three files: `NAME.keras` to evaluate and train on, `NAME.tflite` to predict fast without
TensorFlow, `NAME.json`, the card that says how they came about.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import PROJECT, printable
from common.files import content_of, replacing
from common.model_loading import (
    BATCH,
    Finder,
    ModelError,
    Run,
    check_size,
    finder_runner,
    keras_runner,
    tflite_runner,
)
from common.model_trial import try_apart

if TYPE_CHECKING:
    import keras

MODELS = PROJECT / "models"
PRETRAINED = MODELS / "pretrained.tflite"
FINDER = "finder"
"""The network that finds digits; the others say which digit each one is."""

BUNDLED_NAME = "bundled_digits"
"""Name of the models trained on the bundled set: never the default while there is another."""

SMALLEST_PROBABILITY = 1e-7  # keeps one sure mistake from making the loss infinite; as in Keras
MAX_CARD_BYTES = 10**6
CARD_TYPES: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    str | None: (str, type(None)),
    dict[str, str]: (dict,),
}
"""What JSON may hold for a field of `ModelCard`, by the field's type."""


@dataclass(frozen=True)
class ModelCard:
    """How a model came about; the content of `NAME.json`.

    Attributes:
        network: name in `networks.NETWORKS`.
        preset: name in `presets.PRESETS`.
        command: what to type to train it again.
        data: the data set's name, `data_sha256` its hash.
        seed, epochs, train_images: of the training run.
        seconds: time trained.
        validation_accuracy, test_accuracy: shares, 0 to 1, after the last epoch.
        test_loss: mean cross-entropy in nats.
        temperature: for `apply_temperature`, fitted on the validation images.
        validation_split: share of the training images that it was not trained on.
        start: the model file that it was fine-tuned from, or None.
        own: the user's own digits that it was fine-tuned on, or None.
        versions: of Python and the libraries.
        date: ISO 8601, UTC.
    """

    network: str
    preset: str
    command: str
    data: str
    data_sha256: str
    seed: int
    epochs: int
    train_images: int
    seconds: float
    validation_accuracy: float
    test_accuracy: float
    test_loss: float
    temperature: float
    versions: dict[str, str]
    date: str
    validation_split: float = 0.1
    start: str | None = None
    own: str | None = None


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
    run: Run

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


def save_model(network: "keras.Model", stem: Path, card: ModelCard) -> None:
    """Writes `stem`.keras, .tflite and .json; a crash leaves each earlier file whole.

    With another backend than TensorFlow, the `.tflite` is made last, in a process of its own.

    Raises:
        UserError: they cannot be written.
    """
    from common import export
    from common.backend import keras

    keras_path, tflite_path, card_path = model_paths(stem)
    if keras.backend.backend() != "tensorflow":
        with replacing(card_path) as card_file, replacing(keras_path) as keras_file:
            network.save(keras_file)
            content = asdict(card) | {"sha256": {"keras": sha256_of(keras_file)}}
            card_file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        tflite_path.unlink(missing_ok=True)  # of an earlier model
        export.export_apart(keras_path)
        return
    with (
        replacing(card_path) as card_file,
        replacing(tflite_path) as tflite_file,
        replacing(keras_path) as keras_file,
    ):
        network.save(keras_file)
        tflite_file.write_bytes(export.converted(network))
        hashes = {"keras": sha256_of(keras_file), "tflite": sha256_of(tflite_file)}
        content = asdict(card) | {"sha256": hashes}
        card_file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


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


def is_finder(model: Path) -> bool:
    """Whether a model is a finder by its card, or, where it has none, by its name."""
    try:
        card = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
        return bool(card["network"] == FINDER)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return model.stem.endswith(FINDER)


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


def load_card(model: Path) -> dict[str, Any] | None:
    """The card beside a model file, or None where there is none.

    A card that describes another file than this is said so on stderr and not used.

    Raises:
        ModelError: the card is damaged.
    """
    path = model.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        card = json.loads(content_of(path, MAX_CARD_BYTES))
        if not isinstance(card, dict) or "sha256" not in card:
            return None  # some other program's file of that name
        _check_types(card)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"The model's card {path} is damaged ({str(error)[:200]}).") from error
    temperature = card.get("temperature")
    if temperature is None or not 0.01 <= temperature <= 100:
        raise ModelError(
            f"The card {path} gives the temperature {temperature}; expected 0.01 to 100."
        )
    if not card.get("data", "").strip():
        raise ModelError(f"The model's card {path} does not say what data it was trained on.")
    expected = card["sha256"].get(model.suffix[1:])
    if expected is not None and expected != sha256_of(model):
        print(
            f"{printable(str(model))} is not the file that its card describes (the hashes "
            "differ): going on without the card.",
            file=sys.stderr,
        )
        return None
    return card


def _check_types(card: dict[str, Any]) -> None:
    """Raises a ValueError where a card, of whatever origin, holds values of other types."""
    kinds = {field.name: CARD_TYPES[field.type] for field in fields(ModelCard)} | {
        "sha256": (dict,)
    }
    for name, value in card.items():
        if name in kinds and not isinstance(value, kinds[name]):
            expected = " or ".join(kind.__name__ for kind in kinds[name])
            raise ValueError(f"{name} is {str(value)[:50]!r}; expected {expected}")
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"{name} holds a NUL character")


def try_unless_vouched_for(
    path: Path, card: dict[str, Any] | None, kind: str = "classifier"
) -> None:
    """Tries a model apart, unless the project's own `models/` folder says what it is.

    Anybody can write a card that fits a hostile model; nobody else writes to that folder.

    Args:
        path: The model file.
        card: What `load_card` gives for it.
        kind: As for `try_apart`.

    Raises:
        ModelError: The model cannot be used.
    """
    own = path.parent.resolve() == MODELS.resolve()
    if not own or card is None or path.suffix[1:] not in card["sha256"]:
        try_apart(path, kind)


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
    try_unless_vouched_for(path, card)
    run = tflite_runner(path, threads) if path.suffix == ".tflite" else keras_runner(path)
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
    try_unless_vouched_for(path, load_card(path), "finder")
    return finder_runner(path, threads)


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


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Softens (above 1) or sharpens (below 1) probabilities: softmax(log p / temperature).

    Args:
        probabilities: float (N, 10), rows that sum to 1.
        temperature: above 0; 1 changes nothing.
    """
    logits = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)) / temperature
    return softmax(logits)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turns logits, float (N, 10), into probabilities: rows that sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def sha256_of(path: Path) -> str:
    """The hash of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
