"""The command line of `train_model.py`."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from common import printable
from common.cli.arguments import (
    ArgumentParser,
    add_data_argument,
    float_or_nan,
    is_installed,
    positive_int,
)
from common.storage.card import FINDER
from common.storage.model_files import MODELS
from common.training.recipes import FINE_TUNING, PRESETS, USUAL_PRESET, Run

CHOSEN_PRESETS = [name for name in PRESETS if name != FINE_TUNING]
"""The presets that `--preset` accepts. `FINE_TUNING` is only for `--from`."""


def parse_arguments(description: str) -> argparse.Namespace:
    """Parses and checks the command line.

    Args:
        description: Text at the top of `--help`.
    """
    parser = ArgumentParser(
        description=description,
        epilog=_preset_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_argument(parser, "mnist, or digits if MNIST cannot be downloaded")
    parser.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="MODEL",
        help="fine-tune an existing .keras model instead of training a new one; a classifier is "
        "trained on --data, in which some digits can be missing, and also on MNIST, so that it "
        "keeps what it learned; a finder is trained on new pages",
    )
    parser.add_argument(
        "--preset",
        choices=CHOSEN_PRESETS,
        help="training settings, listed below (default: standard, or the usual one for --network)",
    )
    parser.add_argument(
        "--network",
        choices=USUAL_PRESET,
        help="network to train (default: deep_cnn, or the network of --preset)",
    )
    _add_recipe(parser)
    _add_run_options(parser)
    _add_device_options(parser)
    arguments = parser.parse_args()
    _check_together(parser, arguments)
    return arguments


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    for option, kind, what in (
        ("--epochs", positive_int, "number of epochs"),
        ("--batch-size", positive_int, "images per batch"),
        ("--learning-rate", _positive_float, "peak learning rate"),
    ):
        parser.add_argument(option, type=kind, help=f"{what} (default: from the preset)")
    parser.add_argument(
        "--seed", type=_seed, help=f"seed for the random number generators (default: {Run.seed})"
    )
    parser.add_argument(
        "--validation-split",
        type=_validation_share,
        metavar="SHARE",
        help="share of the training images to hold out for validation, above 0 and at most 0.5 "
        f"(default: {Run.validation_split})",
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        metavar="NAME",
        help="name of the model in models/, or a path (default: the network, such as mlp; if the "
        "data set is not MNIST, its name comes first, such as digits_mlp)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an existing model; without this option, training saves mlp_2 if mlp exists, "
        "and does not start if --output names an existing model",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the interrupted run of the model that --output names; without --output, "
        "the run that was interrupted last",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan of the run and exit")
    parser.add_argument(
        "--tensorboard",
        type=Path,
        metavar="DIR",
        help="write logs for TensorBoard to a new folder in DIR",
    )


def _add_device_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "several devices or machines", "These options need JAX; see docs/scale.md."
    )
    group.add_argument(
        "--distribute",
        action="store_true",
        help="split each batch among all devices of this machine or, with --coordinator, among all "
        "devices of all machines",
    )
    group.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="address of the process with rank 0; give the same address to all processes",
    )
    group.add_argument(
        "--processes", type=positive_int, metavar="N", help="number of processes on all machines"
    )
    group.add_argument(
        "--process",
        metavar="RANK",
        help="rank of this process, 0 to N - 1; only rank 0 saves the model",
    )


def _check_together(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Exits with a usage message if options conflict or need a library that is missing."""
    for name in ("coordinator", "processes", "process"):
        if getattr(arguments, name) and not arguments.distribute:
            parser.error(f"--{name} needs --distribute")
    if arguments.distribute and FINDER in (arguments.network, arguments.preset):
        parser.error("--distribute trains classifiers only, not the finder")
    if arguments.start and arguments.resume:
        parser.error(
            "--from cannot be combined with --resume, which continues with the run's own model"
        )
    fixed = ("preset", "network", "seed", "validation_split")
    for name in given_options(arguments, fixed) if arguments.start else ():
        option = f"--{name.replace('_', '-')}"
        parser.error(f"{option} cannot be combined with --from, which determines this setting")
    if arguments.tensorboard and not is_installed("tensorboard"):
        parser.error("--tensorboard needs TensorBoard: pip install tensorboard")


def _preset_table() -> str:
    """Formats the settings of the presets that `--preset` accepts, for `--help`."""
    lines = ["presets:"]
    for name in CHOSEN_PRESETS:
        recipe = PRESETS[name]
        lines.append(
            f"  {name:11} --network {recipe.network} --epochs {recipe.epochs} "
            f"--batch-size {recipe.batch_size} --learning-rate {recipe.learning_rate:g}"
            + (", with augmentation" if recipe.augment else "")
            + (" and synthetic images" if recipe.synthetic else "")
        )
    usual = ", ".join(f"{network}: {preset}" for network, preset in USUAL_PRESET.items())
    lines.append(f"\nusual preset of each network: {usual}")
    lines.append("Training on a small data set takes more epochs, and always uses augmentation.")
    return "\n".join(lines)


def _positive_float(text: str) -> float:
    """Converts the text of an option to a finite float above 0."""
    if not 0 < (value := float_or_nan(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _seed(text: str) -> int:
    """Converts the text of an option to a seed for NumPy, an integer from 0 to 2**32 - 1."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number between 0 and {2**32 - 1}"
        )
    return value


def _validation_share(text: str) -> float:
    """Converts the text of an option to a float above 0 and at most 0.5."""
    if not 0 < (value := float_or_nan(text)) <= 0.5:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and at most 0.5")
    return value


def given_options(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """Returns the values of the named options, without the options that the user omitted."""
    return {
        name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None
    }


def resume_command(stem: Path, arguments: argparse.Namespace) -> str:
    """Returns the command that continues an interrupted run."""
    output = stem.name if stem.parent == MODELS else str(stem.resolve())
    words = ["python", "train_model.py", "--resume", "--output", output]
    words += ["--distribute"] if arguments.distribute else []
    for name in ("tensorboard", "coordinator", "processes", "process"):
        if (value := getattr(arguments, name)) is not None:
            words += [f"--{name}", str(value)]
    return printable(shlex.join(words))
