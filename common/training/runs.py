"""Plans a training run: a new run, a fine-tuning run, or an interrupted run to resume."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from common import PROJECT, UserError, printable
from common.data.datasets import MNIST_SHA256, Dataset, load_dataset, load_mnist, load_own_digits
from common.files import shown
from common.storage.card import FINDER, SavedCard, load_card
from common.storage.loading import ModelError
from common.storage.model_files import MODELS, existing_file
from common.training.recipes import (
    FINE_TUNING,
    RECIPE_OPTIONS,
    USUAL_PRESET,
    Run,
    new_run,
    part_sizes,
)

RUN_OPTIONS = ("preset", "seed", "validation_split")
"""The attributes of a `Run` that command-line options can set."""


@dataclass(frozen=True)
class Plan:
    """A training run with its data and the path of its model.

    Attributes:
        run: The run to train.
        dataset: Training and test data.
        own: The user's own digits, which fine-tuning adds to the training data; None without them.
        stem: Path of the model files without suffix.
        kept: Path, without suffix, of the existing model that would have been replaced if `stem`
            had not been numbered. None if `stem` has no number.
    """

    run: Run
    dataset: Dataset
    own: Dataset | None
    stem: Path
    kept: Path | None = None


def new_plan(data: str | None, stem: Path | None, overwrite: bool, options: dict[str, Any]) -> Plan:
    """Plans a run that starts from new random weights.

    Args:
        data: Name or path of the data set, as for `load_dataset`.
        stem: Path of the model files without suffix; None for the default path.
        overwrite: Whether a model at the default path may be replaced. Otherwise, the new model
            gets a numbered name.
        options: Values by option name, for any of `RECIPE_OPTIONS` and `RUN_OPTIONS`.

    Raises:
        UserError: The data set is missing or damaged.
    """
    dataset = load_dataset(data)
    return _plan(new_run(dataset, **options), dataset, None, stem, overwrite)


def fine_tuning_plan(
    start: Path, data: str | None, stem: Path | None, overwrite: bool, options: dict[str, Any]
) -> Plan:
    """Plans a run that fine-tunes a classifier on MNIST and the user's own digits, or a finder.

    Args:
        start: The `.keras` file of the model to fine-tune.
        data: For a classifier, the user's own digits, as for `load_own_digits`, or None for MNIST
            alone. For a finder, any data set, as for `load_dataset`.
        stem: Path of the model files without suffix; None for the default path.
        overwrite: Whether a model at the default path may be replaced. Otherwise, the new model
            gets a numbered name.
        options: Values by option name, for any of `RECIPE_OPTIONS` except "network".

    Raises:
        UserError: The model or the data set is missing, damaged or of the wrong kind.
    """
    card = start_card(start)
    # Hold out the same images as in the first training. The model has been trained on all other
    # images, so validating on those would overestimate its accuracy.
    settings: dict[str, Any] = {"seed": card["seed"]}
    settings["validation_split"] = card.get("validation_split", 0.1)
    settings |= options | {"start": start_name(start)}
    if card["network"] == FINDER:
        dataset = load_dataset(data)
        run = new_run(dataset, preset=FINDER, **settings)
        return _plan(run, dataset, None, stem, overwrite)
    own = load_own_digits(data) if data else None
    dataset = load_mnist()
    if own and own.sha256 == dataset.sha256:
        own = None
    settings["network"] = card["network"]
    if own:
        settings |= {"own": own.name, "own_sha256": own.sha256}
    run = new_run(dataset, preset=FINE_TUNING, **settings)
    return _plan(run, dataset, own, stem, overwrite)


def _plan(
    run: Run, dataset: Dataset, own: Dataset | None, stem: Path | None, overwrite: bool
) -> Plan:
    """Creates a plan. If `stem` is None, names the model after its data set and its network."""
    if stem:
        return Plan(run, dataset, own, stem)
    default = MODELS / model_name(own or dataset, run.recipe.network)
    if overwrite or not existing_file(default):
        return Plan(run, dataset, own, default)
    numbered = (default.with_name(f"{default.name}_{number}") for number in count(2))
    free = next(stem for stem in numbered if not existing_file(stem))
    return Plan(run, dataset, own, free, kept=default)


def resumed_plan(data: str | None, stem: Path | None, options: dict[str, Any]) -> Plan:
    """Plans to resume an interrupted run.

    Args:
        data: New path of the data set; None if it has not moved.
        stem: Path of the model files without suffix; None for the run that was interrupted last.
        options: Values by option name, for any of `RECIPE_OPTIONS` and `RUN_OPTIONS`. They must
            equal the settings of the run.

    Raises:
        UserError: There is no interrupted run, an option differs from the settings of the run, or
            the data set has changed.
    """
    # Imported here: importing TensorFlow takes five seconds, and a wrong argument should fail at
    # once.
    from common.training.checkpoint import checkpoint_folder, read_state

    stem = stem or _interrupted_last()
    run = Run.from_dict(read_state(checkpoint_folder(stem))["run"])
    for name, wanted in options.items():
        actual = getattr(run.recipe if name in RECIPE_OPTIONS else run, name)
        if wanted != actual:
            option = f"--{name.replace('_', '-')}"
            raise UserError(
                f"The interrupted run has {option} {actual}, not {wanted}. Resume it without "
                f"{option}."
            )
    own = load_own_digits(data or run.own) if run.own else None
    dataset = load_dataset(run.data if own else data or run.data)
    for loaded, expected in ((dataset, run.data_sha256), (own, run.own_sha256)):
        if loaded and loaded.sha256 != expected:
            raise UserError(
                f"{loaded.name} differs from the data of the interrupted run. Restore the data, or "
                "start a new run without --resume."
            )
    return Plan(run, dataset, own, stem)


def _interrupted_last() -> Path:
    found = sorted(MODELS.glob("*.checkpoint/state.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(
            f"There is no interrupted run to resume in {MODELS}. Train without --resume."
        )
    return found[-1].parent.with_suffix("")


def start_card(path: Path) -> SavedCard:
    """Loads the card of a model to fine-tune.

    Raises:
        ModelError: The model is missing, is not a `.keras` file, or was not created by
            `train_model.py`.
    """
    if path.suffix != ".keras":
        raise ModelError(
            f"--from needs a .keras file, because other formats cannot be trained; got {path}."
        )
    if not path.is_file():
        raise ModelError(f"There is no model at {path}. Pass an existing .keras file to --from.")
    card = load_card(path)
    known = ("network", str), ("seed", int)
    if (
        card is None
        or not all(isinstance(card.get(key), kind) for key, kind in known)
        or card["network"] not in USUAL_PRESET
    ):
        raise ModelError(
            f"{path} has no matching card ({path.stem}.json). --from needs a model that "
            "train_model.py created, with its card."
        )
    return card


def start_name(path: Path) -> str:
    """Returns the path of a model, relative to the project folder if it lies in that folder."""
    path = path.resolve()
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)


def model_name(dataset: Dataset, network: str) -> str:
    """Returns the default name of a model, such as mlp for MNIST or digits_mlp for other data."""
    if dataset.sha256 == MNIST_SHA256:
        return network
    return f"{Path(dataset.name).stem}_{network}"


def refuse_existing_model(stem: Path) -> None:
    """Checks that training would not replace an existing model.

    Args:
        stem: Path of the new model's files without suffix.

    Raises:
        UserError: A file of a model exists at this path.
    """
    if found := existing_file(stem):
        raise UserError(
            f"{shown(found)} already exists. Pass --overwrite to replace the model, or choose "
            "another --output."
        )


def describe(plan: Plan) -> str:
    """Describes a planned run: how it trains, and where it saves the model."""
    run, recipe, own = plan.run, plan.run.recipe, plan.own
    training, validation = part_sizes(run, plan.dataset)
    added = f" and {len(own.train_labels):,} of {printable(own.name)}" if own else ""
    how = f"from {shown(PROJECT / run.start)}" if run.start else f"preset {run.preset}"
    return (
        f"Training {recipe.network} ({how}) for {counted(recipe.epochs)} on "
        f"{training:,} images of {printable(plan.dataset.name)}{added}, "
        f"{validation:,} more for validation; batches of {recipe.batch_size}, learning rate up to "
        f"{recipe.learning_rate:g}, {'with' if recipe.augment else 'no'} augmentation, "
        f"{'with' if recipe.synthetic else 'no'} synthetic pictures, "
        f"seed {run.seed}.\n" + _destination(plan)
    )


def _destination(plan: Plan) -> str:
    """Describes where the model will be saved, and whether it replaces an existing one."""
    path = f"{shown(plan.stem)}.keras"
    if plan.kept:
        kept = f"{shown(plan.kept)}.keras"
        return f"The model will be saved to {path}. To replace {kept} instead, pass --overwrite."
    if existing_file(plan.stem):
        return f"The model will replace {path}."
    return f"The model will be saved to {path}."


def counted(epochs: int) -> str:
    """Formats a number of epochs with its unit, such as "1 epoch" or "6 epochs"."""
    return f"{epochs} epoch{'s' if epochs != 1 else ''}"
