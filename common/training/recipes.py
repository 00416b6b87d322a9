"""How networks are trained: the presets, and the run that the command line makes of one.

Apart from `classifier` so that `train_model.py --help` need not wait for TensorFlow.
"""

import shlex
from dataclasses import dataclass, replace
from typing import Any

from common.data.datasets import Dataset, split_indices
from common.storage.card import FINDER

FEW_STEPS = 200  # a network learns little in fewer; see `adapted`
ENOUGH_STEPS = 400
RECIPE_OPTIONS = ("network", "epochs", "batch_size", "learning_rate")
"""The attributes of a recipe that the command line can change."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        network: name of a network in `networks`.
        epochs: passes through MNIST's training images; see `adapted` for small sets.
        batch_size: pictures a step; for the finder, as many pages of 128x128 pixels as make up
            the pixels of a step.
        learning_rate: its highest value; it rises linearly and falls along a cosine (one cycle:
            Smith and Topin, "Super-Convergence", 2018).
        weight_decay: of AdamW (Loshchilov and Hutter, 2019); 0 makes it Adam.
        beta_1, beta_2: Adam's decay rates.
        warm_up: share of the steps in which the learning rate rises to its highest value.
        augment: whether training pictures are varied, see `augmentation`.
        synthetic: whether rare ways to write and what is no digit are shown too, see `synthetic`.
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
    "best": replace(_STANDARD, epochs=30, batch_size=256, learning_rate=0.003),
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
"""The preset of a network that is asked for without one."""


@dataclass(frozen=True)
class Run:
    """Everything that decides the outcome of a training run; kept in its checkpoint.

    Attributes:
        preset: name in `PRESETS`.
        recipe: the preset's, with what the command line changed.
        data: the data set's name, `data_sha256` its hash.
        seed: of the validation split, the weights, the order and the variation of the pictures.
        validation_split: share of the training images held out, above 0 and at most 0.5.
        start: the model file that a fine-tuning begins with; None for fresh weights.
        own, own_sha256: name and hash of the user's own digits that it adds to the data.
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
        """The run that `dataclasses.asdict` made `content` from."""
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
    """The run that trains on `dataset` as the command line's options say.

    Args:
        dataset: what to train on.
        preset: name in `PRESETS`; by default the network's usual one, without both "standard".
        network: takes the place of the preset's, as do the next three.
        epochs: passes through the training images.
        batch_size: pictures a step.
        learning_rate: its highest value.
        settings: other attributes of the run.
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
    """How many images the run trains on and how many it validates on."""
    parts = split_indices(dataset.train_labels, run.validation_split, run.seed)
    return len(parts[0]), len(parts[1])


def adapted(recipe: Recipe, images: int) -> Recipe:
    """The recipe for a data set of `images` training images.

    One too small for `FEW_STEPS` is gone through more often and always with augmentation, which
    takes the place of the images that it lacks.
    """
    steps = -(-images // recipe.batch_size)
    if recipe.network == FINDER:  # its pages are made anew for each step
        return recipe
    if steps * recipe.epochs >= FEW_STEPS:
        return recipe
    return replace(recipe, epochs=-(-ENOUGH_STEPS // steps), augment=True)


def run_command(run: Run) -> str:
    """What to type to repeat a run."""
    words = ["python", "train_model.py"]
    # A fine-tuning has preset, network, seed and split from the model that it starts from.
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
