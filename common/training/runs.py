"""The run that the options of a command line ask for."""

from pathlib import Path
from typing import Any

from common.storage.card import load_card
from common.storage.loading import ModelError
from common.training.recipes import USUAL_PRESET


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
