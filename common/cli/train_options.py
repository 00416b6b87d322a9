"""The command line of `train_model.py`."""

import argparse
from pathlib import Path
from typing import Any

from common.cli.arguments import ArgumentParser, add_data_argument, has_module, positive_int
from common.storage.card import FINDER
from common.storage.model_files import BUNDLED_NAME
from common.training.recipes import FINE_TUNING, PRESETS, USUAL_PRESET, Run


def parse_arguments(description: str) -> argparse.Namespace:
    """Reads and checks the command line; `description` heads the help."""
    parser = ArgumentParser(
        description=description,
        epilog=_presets_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_argument(parser, "mnist, or digits where it cannot be downloaded")
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
    _add_recipe(parser)
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
    _add_several_devices(parser)
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="also write logs for TensorBoard there"
    )
    arguments = parser.parse_args()
    _check_together(parser, arguments)
    return arguments


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=positive_int, help="default: the preset's")
    parser.add_argument("--batch-size", type=positive_int, help="default: the preset's")
    parser.add_argument("--learning-rate", type=_positive_float, help="default: the preset's")
    parser.add_argument("--seed", type=_seed, help=f"default: {Run.seed}")
    parser.add_argument(
        "--validation-split",
        type=_validation_share,
        metavar="SHARE",
        help="share of the training images held out to watch the training, above 0 and at most "
        f"0.5 (default: {Run.validation_split})",
    )


def _add_several_devices(parser: argparse.ArgumentParser) -> None:
    several = parser.add_argument_group("several devices or machines (needs JAX; docs/scale.md)")
    several.add_argument(
        "--distribute",
        action="store_true",
        help="share each batch among all devices; alone, among those of this machine",
    )
    several.add_argument(
        "--coordinator", metavar="HOST:PORT", help="of process 0, for all the same"
    )
    several.add_argument("--processes", type=positive_int, help="how many there are")
    several.add_argument("--process", help="which this is, from 0; that one writes the files")


def _check_together(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Ends with a usage message where options do not go together, or lack a library."""
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
    if arguments.tensorboard and not has_module("tensorboard"):
        parser.error("--tensorboard needs TensorBoard: pip install tensorboard")


def _presets_table() -> str:
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


def _positive_float(text: str) -> float:
    """Argument type: a finite float above 0."""
    if not 0 < (value := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{value} is not a number above 0")
    return value


def _seed(text: str) -> int:
    """Argument type: an int from 0 to 2**32 - 1, as NumPy's seeds are."""
    if not 0 <= (value := int(text)) < 2**32:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and {2**32 - 1}")
    return value


def _validation_share(text: str) -> float:
    """Argument type: a float above 0 and at most 0.5."""
    if not 0 < (value := float(text)) <= 0.5:
        raise argparse.ArgumentTypeError(f"{value} is not above 0 and at most 0.5")
    return value


def given(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """The options among `names` that stand on the command line."""
    return {
        name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None
    }
