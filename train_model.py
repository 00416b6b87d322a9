#!/usr/bin/env python3
"""Train a network to read handwritten digits.

    python train_model.py                          the deep CNN on MNIST, a few minutes
    python train_model.py --preset fast            about 99 % after some seconds
    python train_model.py --network simple_cnn     the CNN of the textbooks
    python train_model.py --data my_digits         your own images, in folders 0 to 9
    python train_model.py --data my_digits --from models/pretrained.keras
                                                   teach a trained model your hand
    python train_model.py --resume                 go on after an interruption

Writes models/NAME.keras, .tflite and .json, and plots/accuracy.png, loss.png and history.csv.
Earlier files of the same name are replaced when the training is finished, and not before.
"""

import argparse
import os
import shlex
import sys
from contextlib import nullcontext
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

from common.cli import console

if __name__ == "__main__":
    console.prepare()  # before imports that take long, so that Ctrl-C ends them quietly

from common import PROJECT, UserError, printable
from common.data.datasets import MNIST_SHA256, Dataset, load_dataset, load_mnist, load_own_digits
from common.files import check_writable, shown
from common.storage.card import FINDER, ModelCard
from common.storage.loading import load_network
from common.storage.model_files import (
    BUNDLED_NAME,
    MODELS,
    default_model,
    load_predictor,
    model_paths,
)
from common.storage.saving import save_model
from common.training.distribution import WATCHED, Place, watched
from common.training.recipes import (
    FINE_TUNING,
    PRESETS,
    RECIPE_OPTIONS,
    USUAL_PRESET,
    Run,
    new_run,
    part_sizes,
    run_command,
)

if TYPE_CHECKING:
    from common.training.classifier import Result

PLOTS = PROJECT / "plots"
RUN_OPTIONS = ("preset", "seed", "validation_split")


def main() -> int:
    """Finds out what to do and whether it can be done, and does it; gives the exit status."""
    arguments = parse_arguments()
    place = place_of(arguments) if arguments.distribute else None
    if place and place.coordinator and WATCHED not in os.environ:
        return watched()
    stem = output_stem(arguments.output) if arguments.output else None
    own: Dataset | None = None
    if arguments.resume:
        run, dataset, own, stem = resumed_run(arguments, stem)
    elif arguments.start:
        run, dataset, own = fine_tuning_run(arguments)
        stem = stem or MODELS / default_name(own or dataset, run.recipe.network)
    else:
        dataset = load_dataset(arguments.data)
        run = new_run(dataset, **given(arguments, RECIPE_OPTIONS + RUN_OPTIONS))
        stem = stem or MODELS / default_name(dataset, run.recipe.network)
    if not place or place.process == 0:
        print(describe(run, dataset, own, stem), flush=True)
    if arguments.dry_run:
        print("Dry run: nothing was trained or written.")
        return console.OK
    check_writable(stem.parent, PLOTS, *filter(None, [arguments.tensorboard]))
    # Imported here: TensorFlow takes five seconds, which a wrong argument should not cost.
    from common.training.checkpoint import alone

    with alone(stem) if not place or place.process == 0 else nullcontext():
        return train(arguments, run, dataset, own, stem, place)


def place_of(arguments: argparse.Namespace) -> Place:
    """Which process of a distributed training this is, from the arguments or the environment.

    Raises:
        UserError: they do not fit together.
    """
    named = {
        "coordinator": "KERAS_DISTRIBUTION_JOB_ADDRESSES",
        "processes": "KERAS_DISTRIBUTION_NUM_PROCESSES",
        "process": "KERAS_DISTRIBUTION_PROCESS_ID",
    }
    found = {name: getattr(arguments, name) or os.environ.get(key) for name, key in named.items()}
    if not any(found.values()):
        return Place()
    try:
        processes, process = int(found["processes"] or ""), int(found["process"] or "")
    except ValueError as error:
        raise UserError("--coordinator needs --processes and --process, as numbers.") from error
    name, _, port = str(found["coordinator"]).partition(",")[0].rpartition(":")
    if not name or not port.isdecimal() or not 0 <= process < processes:
        raise UserError(
            f"Process {process} of {processes} at {found['coordinator']}: expected --coordinator "
            "HOST:PORT, --processes N and --process from 0 to N - 1."
        )
    return Place(found["coordinator"], processes, process)


def train(
    arguments: argparse.Namespace,
    run: Run,
    dataset: Dataset,
    own: Dataset | None,
    stem: Path,
    place: Place | None,
) -> int:
    """Trains, saves, plots and says what came of it; gives the exit status."""
    from common.evaluation.comparison import compared
    from common.training import classifier
    from common.training.checkpoint import checkpoint_folder, discard_checkpoint, epochs_done
    from common.training.finder import train_finder

    checkpoint = checkpoint_folder(stem)
    verbose = 1 if sys.stdout.isatty() else 2
    if not arguments.resume:
        refuse_to_lose(checkpoint, epochs_done(checkpoint))
    start = load_network(PROJECT / run.start) if run.start else None
    before = load_predictor(PROJECT / run.start) if run.start and own else None
    try:
        if run.recipe.network == FINDER:
            result = train_finder(
                run,
                dataset,
                checkpoint,
                resume=arguments.resume,
                tensorboard=arguments.tensorboard,
                verbose=verbose,
                start=start,
            )
        else:
            result = classifier.train(
                run,
                dataset,
                checkpoint,
                resume=arguments.resume,
                tensorboard=arguments.tensorboard,
                verbose=verbose,
                start=start,
                own=own,
                place=place,
            )
    except KeyboardInterrupt:
        epochs = epochs_done(checkpoint)
        print(f"\nInterrupted; {epochs} of {counted(run.recipe.epochs)} saved.")
        if epochs:
            output = stem.name if stem.parent == MODELS else str(stem.resolve())
            output = printable(shlex.quote(output))
            print(f"Go on with: python train_model.py --resume --output {output}")
        return console.INTERRUPTED
    if place and place.process != 0:
        return console.OK
    write_results(run, result, stem)
    discard_checkpoint(checkpoint)
    print_summary(result, stem)
    if before and own:
        print("\n" + compared(before, load_predictor(model_paths(stem)[0]), own, dataset))
    return console.OK


def parse_arguments() -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = console.ArgumentParser(
        description=__doc__,
        epilog=presets_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    console.add_data_argument(parser, "mnist, or digits where it cannot be downloaded")
    parser.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="MODEL",
        help="go on from a .keras model: --data is added to MNIST, so that nothing is forgotten, "
        "and may lack digits; a finder goes on with other pages",
    )
    parser.add_argument(
        "--preset",
        choices=[name for name in PRESETS if name != FINE_TUNING],
        help="how to train (default: standard; with --network, its usual one)",
    )
    parser.add_argument(
        "--network",
        choices=USUAL_PRESET,
        help="what to train (default: deep_cnn; with --preset, the preset's)",
    )
    parser.add_argument("--epochs", type=console.positive_int, help="default: the preset's")
    parser.add_argument("--batch-size", type=console.positive_int, help="default: the preset's")
    parser.add_argument("--learning-rate", type=positive_float, help="default: the preset's")
    parser.add_argument("--seed", type=seed, help=f"default: {Run.seed}")
    parser.add_argument(
        "--validation-split",
        type=validation_share,
        metavar="SHARE",
        help="share of the training images held out to watch the training, above 0 and at most "
        f"0.5 (default: {Run.validation_split})",
    )
    parser.add_argument(
        "--output",
        metavar="NAME",
        help="name of the model in models/, or a path (default: digit_cnn; "
        f"{BUNDLED_NAME} for the bundled digits; NAME_cnn for other data)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the training of --output that was interrupted, or with the last one",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and stop")
    several = parser.add_argument_group("several devices or machines (needs JAX; docs/scale.md)")
    several.add_argument(
        "--distribute",
        action="store_true",
        help="share each batch among all devices; alone, among those of this machine",
    )
    several.add_argument(
        "--coordinator", metavar="HOST:PORT", help="of process 0, for all the same"
    )
    several.add_argument("--processes", type=console.positive_int, help="how many there are")
    several.add_argument("--process", help="which this is, from 0; that one writes the files")
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="also write logs for TensorBoard there"
    )
    arguments = parser.parse_args()
    for name in ("coordinator", "processes", "process"):
        if getattr(arguments, name) and not arguments.distribute:
            parser.error(f"--{name} needs --distribute")
    if arguments.distribute and FINDER in (arguments.network, arguments.preset):
        parser.error("--distribute trains classifiers only, not the finder")
    if arguments.start and arguments.resume:
        parser.error("--resume knows what it started from: no --from")
    fixed = ("preset", "network", "seed", "validation_split")
    for name in given(arguments, fixed) if arguments.start else ():
        parser.error(f"--from keeps that of the model: no --{name.replace('_', '-')}")
    if arguments.tensorboard and not console.has_module("tensorboard"):
        parser.error("--tensorboard needs TensorBoard: pip install tensorboard")
    return arguments


def presets_table() -> str:
    """The presets' settings, for `--help`."""
    lines = ["presets:"]
    for name, recipe in PRESETS.items():
        lines.append(
            f"  {name:11} --network {recipe.network} --epochs {recipe.epochs} "
            f"--batch-size {recipe.batch_size} --learning-rate {recipe.learning_rate:g}"
            + (", with augmentation" if recipe.augment else "")
            + (" and synthetic pictures" if recipe.synthetic else "")
        )
    usual = ", ".join(f"{network}: {preset}" for network, preset in USUAL_PRESET.items())
    lines.append(f"\nusual presets of the networks: {usual}")
    lines.append("A small data set is gone through more often and always with augmentation.")
    return "\n".join(lines)


def positive_float(text: str) -> float:
    """Argument type: a finite float above 0."""
    if not 0 < (value := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{value} is not a number above 0")
    return value


def seed(text: str) -> int:
    """Argument type: an int from 0 to 2**32 - 1, as NumPy's seeds are."""
    if not 0 <= (value := int(text)) < 2**32:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and {2**32 - 1}")
    return value


def validation_share(text: str) -> float:
    """Argument type: a float above 0 and at most 0.5."""
    if not 0 < (value := float(text)) <= 0.5:
        raise argparse.ArgumentTypeError(f"{value} is not above 0 and at most 0.5")
    return value


def given(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """The options among `names` that stand on the command line."""
    return {
        name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None
    }


def fine_tuning_run(arguments: argparse.Namespace) -> tuple[Run, Dataset, Dataset | None]:
    """The run that goes on from `--from`, MNIST, and what `--data` adds to it.

    Raises:
        UserError: the model or the data are missing, damaged or of another kind.
    """
    from common.training.runs import start_card

    card = start_card(arguments.start)
    if card["network"] == FINDER:
        return *finder_run_from(arguments, card), None
    own = load_own_digits(arguments.data) if arguments.data else None
    dataset = load_mnist()
    if own and own.sha256 == dataset.sha256:
        own = None
    options = given(arguments, RECIPE_OPTIONS) | {"network": card["network"]}
    # The same images are held out as then: on others, it would look better than it is.
    options |= {"seed": card["seed"], "validation_split": card.get("validation_split", 0.1)}
    if own:
        options |= {"own": own.name, "own_sha256": own.sha256}
    start = start_name(arguments.start)
    return new_run(dataset, preset=FINE_TUNING, start=start, **options), dataset, own


def finder_run_from(arguments: argparse.Namespace, card: dict[str, Any]) -> tuple[Run, Dataset]:
    """The run that trains the finder of `--from` further, on other pages, and its data.

    Raises:
        UserError: The data are missing or damaged.
    """
    dataset = load_dataset(arguments.data)
    # The same digits are held out as then: on others, it would look better than it is.
    options = {"seed": card["seed"], "validation_split": card.get("validation_split", 0.1)}
    options |= given(arguments, RECIPE_OPTIONS) | {"start": start_name(arguments.start)}
    return new_run(dataset, preset=FINDER, **options), dataset


def start_name(path: Path) -> str:
    """The path of a model to start from; inside of the project, relative to it."""
    path = path.resolve()
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)


def resumed_run(
    arguments: argparse.Namespace, stem: Path | None
) -> tuple[Run, Dataset, Dataset | None, Path]:
    """The interrupted run, its data, the user's own where there are some, and its model's place.

    Raises:
        UserError: there is none, the options differ from its own, or its data have changed.
    """
    from common.training.checkpoint import checkpoint_folder, read_state

    if stem is None:
        found = sorted(
            MODELS.glob("*.checkpoint/state.json"), key=lambda path: path.stat().st_mtime
        )
        if not found:
            raise UserError(f"There is no interrupted training to resume in {MODELS}.")
        stem = found[-1].parent.with_suffix("")
    run = Run.from_dict(read_state(checkpoint_folder(stem))["run"])
    for name in RECIPE_OPTIONS + RUN_OPTIONS:
        wanted = getattr(arguments, name)
        had = getattr(run.recipe if name in RECIPE_OPTIONS else run, name)
        if wanted not in (None, had):
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"The interrupted training has {option} {had}, not {wanted}.")
    own = load_own_digits(arguments.data or run.own) if run.own else None
    dataset = load_dataset(run.data if own else arguments.data or run.data)
    for data, expected in ((dataset, run.data_sha256), (own, run.own_sha256)):
        if data and data.sha256 != expected:
            raise UserError(
                f"{data.name} is not the data that the interrupted training began with."
            )
    return run, dataset, own, stem


def refuse_to_lose(checkpoint: Path, epochs: int) -> None:
    """Keeps a new training from taking the place of an interrupted one.

    Raises:
        UserError: `checkpoint` holds finished epochs.
    """
    if epochs:
        folder = shown(checkpoint)
        raise UserError(
            f"{folder} holds an interrupted training ({epochs} epochs). Go on with it: --resume. "
            f"Or delete that folder, or give another --output."
        )


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


def default_name(dataset: Dataset, network: str = "") -> str:
    """The name of the model where `--output` gives none."""
    if network == FINDER:
        return FINDER
    if dataset.sha256 == MNIST_SHA256:
        return "digit_cnn"
    return BUNDLED_NAME if dataset.name == "digits" else f"{Path(dataset.name).stem}_cnn"


def describe(run: Run, dataset: Dataset, own: Dataset | None, stem: Path) -> str:
    """What is about to be done, for people."""
    recipe = run.recipe
    training, validation = part_sizes(run, dataset)
    added = f" and {len(own.train_labels):,} of {printable(own.name)}" if own else ""
    how = f"from {shown(PROJECT / run.start)}" if run.start else f"preset {run.preset}"
    return (
        f"Training {recipe.network} ({how}) for {counted(recipe.epochs)} on "
        f"{training:,} images of {printable(dataset.name)}{added}, "
        f"{validation:,} more for validation; batches of {recipe.batch_size}, learning rate up to "
        f"{recipe.learning_rate:g}, {'with' if recipe.augment else 'no'} augmentation, "
        f"{'with' if recipe.synthetic else 'no'} synthetic pictures, "
        f"seed {run.seed}.\n"
        f"The model goes to {shown(stem)}.keras."
    )


def counted(epochs: int) -> str:
    """A number of epochs in words."""
    return f"{epochs} epoch{'s' if epochs != 1 else ''}"


def write_results(run: Run, result: "Result", stem: Path) -> None:
    """Writes the three model files, the two plots and the history."""
    from common.backend import keras
    from common.evaluation import plots

    card = ModelCard(
        network=run.recipe.network,
        preset=run.preset,
        command=run_command(run),
        data=run.data,
        data_sha256=run.data_sha256,
        seed=run.seed,
        epochs=run.recipe.epochs,
        train_images=result.train_images,
        seconds=round(result.seconds, 1),
        validation_accuracy=result.history[-1]["val_accuracy"],
        test_accuracy=result.test.accuracy,
        test_loss=result.test.loss,
        temperature=result.temperature,
        validation_split=run.validation_split,
        start=run.start,
        own=run.own,
        versions={"python": python_version()}
        | {name: metadata.version(name) for name in ("keras", keras.backend.backend(), "numpy")},
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    save_model(result.network, stem, card)
    title = f"{run.recipe.network} on {Path(run.data).name}"
    plots.plot_accuracy(result.history, result.test.accuracy, title, PLOTS / "accuracy.png")
    plots.plot_loss(result.history, result.test.loss, title, PLOTS / "loss.png")
    plots.save_history(result.history, PLOTS / "history.csv")


def print_summary(result: "Result", stem: Path) -> None:
    """Says how good the model is, where everything went and what to type next."""
    keras_path, tflite_path, card_path = map(shown, model_paths(stem))
    print(f"\ntest accuracy {result.test.accuracy:.2%}, test loss {result.test.loss:.4f}")
    print(f"trained in    {result.seconds:.1f} s")
    print(f"model         {keras_path}, {tflite_path}, card {card_path}")
    plots = ", ".join(shown(PLOTS / n) for n in ("accuracy.png", "loss.png", "history.csv"))
    print(f"plots         {plots}")
    print(f"next          python evaluate_model.py --model {keras_path}")
    if default_model() in model_paths(stem):
        print("              python predict_image.py  (takes this model from now on)")


if __name__ == "__main__":
    console.run(main)
