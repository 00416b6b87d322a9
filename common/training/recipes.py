"""Presets, and the run that the command-line options describe.

This module is separate from `classifier` so that `train_model.py --help` does not import
TensorFlow.
"""

import shlex
from dataclasses import dataclass, replace
from typing import Any

from common.data.datasets import Dataset, split_indices
from common.storage.card import FINDER

MIN_STEPS = 200  # with fewer steps, `adapted` adds epochs
ENOUGH_STEPS = 400  # minimum number of steps after `adapted` has added epochs
RECIPE_OPTIONS = ("network", "epochs", "batch_size", "learning_rate")
"""The attributes of a recipe that the command line can set."""


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training run.

    Attributes:
        network: Name of a network in `networks`.
        epochs: Number of passes through the training images; see `adapted` for small data sets.
        batch_size: Number of pictures per step. The pages of the finder vary in size, so each of
            its steps has about as many pixels as this number of pages of 128x128 pixels.
        learning_rate: Maximum learning rate. The rate rises linearly, then falls along a cosine
            (one cycle; Smith and Topin, "Super-Convergence", 2018).
        weight_decay: Weight decay of AdamW (Loshchilov and Hutter, 2019); 0 gives Adam.
        beta_1, beta_2: Decay rates of Adam's moment estimates.
        warm_up: Share of the steps during which the learning rate rises.
        augment: Whether to augment the training pictures; see `augmentation`.
        mild_share: Share of the epochs that have mild augmentation; these are the last ones.
        synthetic: Whether to add digits in rare styles, low-resolution digits, and pictures that
            are not digits; see `data.synthetic`.
    """

    network: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    warm_up: float = 0.25
    augment: bool = False
    mild_share: float = 0.0
    synthetic: bool = False


_STANDARD = Recipe(
    "deep_cnn",
    epochs=6,
    batch_size=128,
    learning_rate=0.004,
    weight_decay=0.01,
    augment=True,
    synthetic=True,
)
PRESETS = {
    "classic": Recipe("simple_cnn", epochs=10, batch_size=128, learning_rate=0.001),
    "fast": Recipe(
        "fast_cnn",
        epochs=1,
        batch_size=128,
        learning_rate=0.01,
        weight_decay=0.1,
        beta_1=0.7,
        beta_2=0.9,
    ),
    "standard": _STANDARD,
    "best": replace(_STANDARD, epochs=45, batch_size=256, learning_rate=0.003, mild_share=0.2),
}
PRESETS[FINDER] = Recipe(
    "finder", epochs=60, batch_size=16, learning_rate=0.003, weight_decay=0.02, warm_up=0.04
)
FINE_TUNING = "fine_tuning"
PRESETS[FINE_TUNING] = replace(_STANDARD, epochs=2, learning_rate=0.0005)
USUAL_PRESET = {
    "mlp": "classic",
    "simple_cnn": "classic",
    "fast_cnn": "fast",
    "deep_cnn": "standard",
    "finder": FINDER,
}
"""The preset for each network if only the network is given."""


@dataclass(frozen=True)
class Run:
    """Everything that determines the result of a training run; saved in its checkpoint.

    Attributes:
        preset: Name of a preset in `PRESETS`.
        recipe: Recipe of the preset, with the changes from the command line.
        data: Name of the data set.
        data_sha256: Hash of the data set.
        seed: Seed for the validation split, the initial weights, the order of the pictures and the
            augmentation.
        validation_split: Share of the training images held out, above 0 and at most 0.5.
        start: Model file that fine-tuning starts from; None for new random weights.
        own: Name of the user's own digits that fine-tuning adds to the data, or None.
        own_sha256: Hash of the user's own digits, or None.
    """

    preset: str
    recipe: Recipe
    data: str
    data_sha256: str
    seed: int = 0
    validation_split: float = 0.1
    start: str | None = None
    own: str | None = None
    own_sha256: str | None = None

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "Run":
        """Restores a run from the output of `dataclasses.asdict`."""
        return Run(**content | {"recipe": Recipe(**content["recipe"])})


def new_run(
    dataset: Dataset,
    preset: str | None = None,
    network: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    **settings: Any,
) -> Run:
    """Creates a run from the command-line options.

    Args:
        dataset: Data set to train on.
        preset: Name of a preset in `PRESETS`; by default, the usual preset of `network`, or
            "standard" if there is no `network` either.
        network: Name of the network, instead of the preset's.
        epochs: Number of passes through the training images, instead of the preset's.
        batch_size: Number of pictures per step, instead of the preset's.
        learning_rate: Maximum learning rate, instead of the preset's.
        settings: Other attributes of the run.
    """
    name = preset or (USUAL_PRESET[network] if network else "standard")
    run = Run(name, PRESETS[name], dataset.name, dataset.sha256, **settings)
    changes: dict[str, Any] = {
        "network": network,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
    }
    recipe = replace(run.recipe, **{k: v for k, v in changes.items() if v is not None})
    recipe = adapted(recipe, part_sizes(run, dataset)[0])
    return replace(run, recipe=replace(recipe, epochs=epochs) if epochs else recipe)


def part_sizes(run: Run, dataset: Dataset) -> tuple[int, int]:
    """Returns the number of training images and the number of validation images of a run."""
    parts = split_indices(dataset.train_labels, run.validation_split, run.seed)
    return len(parts[0]), len(parts[1])


def adapted(recipe: Recipe, images: int) -> Recipe:
    """Adapts a recipe to a data set of `images` training images.

    If the run would have fewer than `MIN_STEPS` steps, the number of epochs is increased, and
    augmentation is turned on, because there are few images.
    """
    steps = -(-images // recipe.batch_size)
    if recipe.network == FINDER:  # trains on generated pages, as many as it needs
        return recipe
    if steps * recipe.epochs >= MIN_STEPS:
        return recipe
    return replace(recipe, epochs=-(-ENOUGH_STEPS // steps), augment=True)


def run_command(run: Run) -> str:
    """Returns the command that repeats a run."""
    words = ["python", "train_model.py"]
    # Fine-tuning has a fixed preset. The network, the seed and the validation split come from the
    # model that it starts from.
    words += ["--from", run.start] if run.start else ["--preset", run.preset]
    if not run.start:
        words += ["--seed", str(run.seed)]
    preset = PRESETS[run.preset]
    for name in RECIPE_OPTIONS[1:] if run.start else RECIPE_OPTIONS:
        value = getattr(run.recipe, name)
        if value != getattr(preset, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    if run.validation_split != Run.validation_split and not run.start:
        words += ["--validation-split", str(run.validation_split)]
    data = run.own or run.data
    if data != "mnist":
        words += ["--data", data]
    return shlex.join(words)
