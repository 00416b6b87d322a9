"""The card of a model, `NAME.json`: how the model came about."""

import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from common import printable
from common.files import content_of, sha256_of
from common.storage.loading import ModelError

FINDER = "finder"
"""The network that finds digits; the others say which digit each one is."""
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
        network: name in `networks.CLASSIFIERS`.
        preset: name in `recipes.PRESETS`.
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


def is_finder(model: Path) -> bool:
    """Whether a model is a finder by its card, or, where it has none, by its name."""
    try:
        card = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
        return bool(card["network"] == FINDER)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return model.stem.endswith(FINDER)


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
