"""The card of a model, `NAME.json`, which records how the model was trained."""

import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypedDict, cast

from common import printable
from common.files import content_of, sha256_of
from common.storage.loading import ModelError

FINDER = "finder"
"""Name of the network that finds digits. All other networks are classifiers."""
MAX_CARD_BYTES = 10**6
CARD_TYPES: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    str | None: (str, type(None)),
    dict[str, str]: (dict,),
}
"""Allowed types of a JSON value, by the type of the field of `ModelCard`."""


@dataclass(frozen=True)
class ModelCard:
    """How a model was trained. `NAME.json` holds these fields and the hashes of the model files.

    Attributes:
        network: Name of the network, a key of `networks.CLASSIFIERS` or `FINDER`.
        preset: Name of the preset, a key of `recipes.PRESETS`.
        command: Command that trains the model again.
        data: Name of the data set.
        data_sha256: Hash of the data set.
        seed: Seed for the random number generators.
        epochs: Number of epochs.
        train_images: Number of images trained on.
        seconds: Duration of the training.
        validation_accuracy: Validation accuracy after the last epoch, 0 to 1.
        test_accuracy: Test accuracy after the last epoch, 0 to 1.
        test_loss: Mean cross-entropy on the test images, in nats.
        temperature: Temperature for `apply_temperature`, fitted on the validation images.
        versions: Versions of Python and the libraries.
        date: Date and time of training, in ISO 8601 and UTC.
        validation_split: Share of the training images held out for validation.
        start: The model that was fine-tuned, or None.
        own: The user's own digits that the model was fine-tuned on, or None.
        material: Sources of the optional fonts, drawings and pictures on a finder's pages, or None.
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
    material: str | None = None


class _CheckedCard(TypedDict):
    data: str
    temperature: float
    sha256: dict[str, str]


class SavedCard(_CheckedCard, total=False):
    """The content of a card file: fields of `ModelCard`, and `sha256` with the model files' hashes.

    `load_card` guarantees `data`, `temperature` and `sha256`. Other keys can be missing, since
    a card can come from elsewhere. Keys that no code reads are not listed.
    """

    network: str
    seed: int
    seconds: float
    test_accuracy: float
    validation_split: float
    start: str | None
    own: str | None


def is_finder(model: Path) -> bool:
    """Checks whether a model is a finder, by its card or else by its name."""
    try:
        card = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
        return bool(card["network"] == FINDER)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return model.stem.endswith(FINDER)


def load_card(model: Path) -> SavedCard | None:
    """Loads the card beside a model file.

    If the card describes another file, prints a note on stderr and ignores the card.

    Args:
        model: The path of the model file.

    Returns:
        The content of the card, or None if there is no card for this file.

    Raises:
        ModelError: The card is damaged.
    """
    path = model.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        card = json.loads(content_of(path, MAX_CARD_BYTES))
        if not isinstance(card, dict) or "sha256" not in card:
            return None  # a file of some other program
        _check_types(card)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"The model's card {path} is damaged ({str(error)[:200]}): restore it, or delete it to "
            "use the model without a card."
        ) from error
    temperature = card.get("temperature")
    if temperature is None or not 0.01 <= temperature <= 100:
        raise ModelError(
            f"The model's card {path} has the temperature {temperature}; expected 0.01 to 100."
        )
    if not card.get("data", "").strip():
        raise ModelError(
            f'The model\'s card {path} does not name the training data; expected a name in "data".'
        )
    expected = card["sha256"].get(model.suffix[1:])
    if expected is not None and expected != sha256_of(model):
        print(
            f"note: the card of {printable(str(model))} is ignored, because it describes another "
            "file (the hashes differ).",
            file=sys.stderr,
        )
        return None
    return cast(SavedCard, card)


def _check_types(card: dict[str, Any]) -> None:
    """Raises a ValueError if a card, which may be untrusted, has values of the wrong type."""
    types = {field.name: CARD_TYPES[field.type] for field in fields(ModelCard)} | {
        "sha256": (dict,)
    }
    for name, value in card.items():
        if name in types and not isinstance(value, types[name]):
            expected = " or ".join(each.__name__ for each in types[name])
            raise ValueError(f"{name} is {str(value)[:50]!r}; expected {expected}")
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"{name} contains a NUL character")
