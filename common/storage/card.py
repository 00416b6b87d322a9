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
"""Name of the network that finds the digits on a page. All other networks are classifiers."""
MAX_CARD_BYTES = 10**6
CARD_TYPES: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    str | None: (str, type(None)),
    dict[str, str]: (dict,),
}
"""The types that a JSON value may have, for each type of a `ModelCard` field."""


@dataclass(frozen=True)
class ModelCard:
    """A record of how a model was trained.

    `NAME.json` holds these fields, and `sha256` with the hashes of the model files.

    Attributes:
        network: Name of the network, a key of `networks.CLASSIFIERS` or `FINDER`.
        preset: Name of the preset, a key of `recipes.PRESETS`.
        command: Command that repeats the training.
        data: Name of the data set.
        data_sha256: SHA-256 hash of the data set.
        seed: Seed for the random number generators.
        epochs: Number of epochs.
        train_images: Number of training images, without those held out for validation.
        seconds: Training time in seconds.
        validation_accuracy: Validation accuracy after the last epoch, 0 to 1.
        test_accuracy: Test accuracy after the last epoch, 0 to 1.
        test_loss: Mean cross-entropy on the test images, in nats. For a finder, its loss on the
            test pages.
        temperature: Temperature for `apply_temperature`, fitted on the validation images; 1 for a
            finder.
        versions: Versions of Python and of the libraries, by name.
        date: Date and time at the end of the training, in ISO 8601 and UTC.
        validation_split: Share of the training images held out for validation.
        start: Path of the model that was fine-tuned; None for a model trained from scratch.
        own: Name of the user's own digits that the model was fine-tuned on, or None.
        material: For a finder, the sources of the optional fonts, drawings and pictures on its
            training pages. None for a classifier.
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

    `load_card` guarantees that `data`, `temperature` and `sha256` exist. Other keys can be missing
    if another program wrote the card. Only keys that the project reads are listed.
    """

    network: str
    seed: int
    seconds: float
    test_accuracy: float
    validation_split: float
    start: str | None
    own: str | None


def is_finder(model: Path) -> bool:
    """Checks whether a model is a finder, by its card or, without a card, by its file name."""
    try:
        card = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
        return bool(card["network"] == FINDER)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return model.stem.endswith(FINDER)


def load_card(model: Path) -> SavedCard | None:
    """Loads the card beside a model file.

    If the hash of the file differs from the hash on the card, the card belongs to another file. The
    function then prints a note on stderr and ignores the card.

    Args:
        model: The path of the model file.

    Returns:
        The content of the card, or None if there is no card for this file.

    Raises:
        ModelError: The card is damaged, or lacks required values.
    """
    path = model.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        card = json.loads(content_of(path, MAX_CARD_BYTES))
        if not isinstance(card, dict) or "sha256" not in card:
            return None  # a file of another program, not a card
        _check_types(card)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"The model's card {path} is damaged ({str(error)[:200]}). Restore the card, or delete "
            "it to use the model without a card."
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
            f"note: the card of {printable(str(model))} is ignored, because it belongs to another "
            "file (the hashes differ).",
            file=sys.stderr,
        )
        return None
    return cast(SavedCard, card)


def _check_types(card: dict[str, Any]) -> None:
    """Raises a ValueError if a value on a card has the wrong type or contains a NUL character.

    The card may be untrusted.
    """
    types = {field.name: CARD_TYPES[field.type] for field in fields(ModelCard)} | {
        "sha256": (dict,)
    }
    for name, value in card.items():
        if name in types and not isinstance(value, types[name]):
            expected = " or ".join(each.__name__ for each in types[name])
            raise ValueError(f"{name} is {str(value)[:50]!r}; expected {expected}")
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"{name} contains a NUL character")
