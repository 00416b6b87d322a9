#!/usr/bin/env python3
"""Train a neural network to read handwritten digits.

    python train_model.py                        train a deep CNN on MNIST (a few minutes)
    python train_model.py --preset fast          reach about 99 % accuracy in a few seconds
    python train_model.py --network simple_cnn   train a textbook CNN
    python train_model.py --data my_digits       train on your own images, in sub-folders 0 to 9
    python train_model.py --data my_digits --from models/pretrained.keras
                                                 fine-tune a model on your handwriting
    python train_model.py --resume               continue an interrupted run

The first run downloads MNIST (11 MB). Each run trains, measures the test accuracy, and saves:

    models/NAME.keras    the model, for evaluation and further training
    models/NAME.tflite   the same model, for prediction without TensorFlow
    models/NAME.json     the model card: settings, data set, accuracy, library versions
    plots/NAME/          accuracy.png, loss.png, history.csv, architecture.png, architecture.txt
    plots/               copies of accuracy.png and loss.png from the latest run

By default, NAME is the name of the network, such as mlp. If the data set is not MNIST, its name
comes first, such as digits_mlp. Existing models are kept unless you pass --overwrite: if mlp
exists, the new model is named mlp_2. Each epoch ends with a checkpoint, so you can stop training
with Ctrl-C and continue with --resume.
"""

import argparse
import os
import shlex
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common.cli import console

if __name__ == "__main__":
    console.prepare()  # before the slow imports, so that Ctrl-C prints no traceback

from common import PROJECT, UserError
from common.cli.arguments import is_installed
from common.cli.train_options import given_options, parse_arguments, resume_command
from common.files import check_writable, shown
from common.processes import keep_freed_memory
from common.storage.card import FINDER
from common.storage.loading import load_network
from common.storage.model_files import load_predictor, model_paths, output_stem
from common.training.distribution import SUPERVISED, Place, place_of, run_supervised
from common.training.recipes import RECIPE_OPTIONS
from common.training.runs import (
    RUN_OPTIONS,
    Plan,
    counted,
    describe,
    fine_tuning_plan,
    new_plan,
    refuse_existing_model,
    resumed_plan,
)

if TYPE_CHECKING:
    from common.training.classifier import Result

PLOTS = PROJECT / "plots"


def main() -> int:
    """Validates the options, trains, and returns the exit status."""
    arguments = parse_arguments(__doc__)
    if not is_installed("keras"):  # checked before `planned`, which may download the data
        raise UserError("Keras is not installed: pip install -r requirements.txt")
    place = None
    if arguments.distribute:
        place = place_of(arguments.coordinator, arguments.processes, arguments.process)
    if place and place.coordinator and SUPERVISED not in os.environ:
        return run_supervised()
    plan = planned(arguments)
    writes = not place or place.rank == 0
    if writes:
        print(describe(plan), flush=True)
    if arguments.dry_run:
        print("Dry run: nothing was trained or saved.")
        return console.OK
    check_writable(plan.stem.parent, PLOTS / plan.stem.name, *filter(None, [arguments.tensorboard]))
    keep_freed_memory()
    # Imported here: importing TensorFlow takes five seconds, and a wrong argument should fail at
    # once.
    from common.training.checkpoint import model_lock

    with model_lock(plan.stem) if writes else nullcontext():
        return train(arguments, plan, place)


def planned(arguments: argparse.Namespace) -> Plan:
    """Plans the run that the command line describes: a new, a fine-tuning or a resumed run.

    Raises:
        UserError: An option, the model or the data set cannot be used.
    """
    stem = output_stem(arguments.output) if arguments.output else None
    options = given_options(arguments, RECIPE_OPTIONS + RUN_OPTIONS)
    if arguments.resume:
        return resumed_plan(arguments.data, stem, options)
    if stem and not arguments.overwrite:
        refuse_existing_model(stem)
    if arguments.start:
        start = arguments.start
        return fine_tuning_plan(start, arguments.data, stem, arguments.overwrite, options)
    return new_plan(arguments.data, stem, arguments.overwrite, options)


def train(arguments: argparse.Namespace, plan: Plan, place: Place | None) -> int:
    """Trains a model, saves it with its plots, prints a summary, and returns the exit status."""
    from common.evaluation.comparison import fine_tuning_table
    from common.training.checkpoint import (
        checkpoint_folder,
        discard_checkpoint,
        epochs_done,
        refuse_interrupted_run,
    )
    from common.training.results import write_results

    run, stem, own = plan.run, plan.stem, plan.own
    checkpoint = checkpoint_folder(stem)
    if not arguments.resume:
        refuse_interrupted_run(checkpoint, epochs_done(checkpoint))
        if not arguments.overwrite:
            refuse_existing_model(stem)  # again: another run may have saved it by now
    before = load_predictor(PROJECT / run.start) if run.start and own else None
    try:
        result = train_network(arguments, plan, checkpoint, place)
    except KeyboardInterrupt:
        epochs = epochs_done(checkpoint)
        print(f"\nInterrupted after {epochs} of {counted(run.recipe.epochs)}. No model was saved.")
        if epochs:
            print(f"Continue with: {resume_command(stem, arguments)}")
        return console.INTERRUPTED
    if place and place.rank != 0:
        return console.OK
    print("Training is complete; saving the model and its plots ...", flush=True)
    write_results(run, result, stem, PLOTS)
    discard_checkpoint(checkpoint)
    print_summary(result, plan)
    if before and own:
        print(
            "\n"
            + fine_tuning_table(before, load_predictor(model_paths(stem)[0]), own, plan.dataset)
        )
    return console.OK


def train_network(
    arguments: argparse.Namespace, plan: Plan, checkpoint: Path, place: Place | None
) -> "Result":
    """Trains the classifier or the finder that the plan names, and returns the result.

    Raises:
        TrainingError: The loss is not finite, or the checkpoint to resume from is damaged.
        KeyboardInterrupt: The user stopped the run. The checkpoint holds the last complete epoch.
    """
    from common.training import classifier
    from common.training.finder import train_finder
    from common.training.progress import log_folder

    run, logs = plan.run, arguments.tensorboard
    start = load_network(PROJECT / run.start) if run.start else None
    train = train_finder
    if run.recipe.network != FINDER:
        train = partial(classifier.train, own=plan.own, place=place)
    return train(
        run,
        plan.dataset,
        checkpoint,
        resume=arguments.resume,
        tensorboard=logs and log_folder(logs, plan.stem.name, arguments.resume),
        verbose=1 if sys.stdout.isatty() else 2,
        start=start,
    )


def print_summary(result: "Result", plan: Plan) -> None:
    """Prints the test accuracy, the training time, the saved files, and commands to try next."""
    stem = plan.stem
    keras_path, tflite_path, card_path = map(shown, model_paths(stem))
    is_finder = plan.run.recipe.network == FINDER
    tested = "generated pages" if is_finder else f"{len(plan.dataset.test_labels):,} images"
    print(f"\ntest accuracy {result.test.accuracy:.2%} on {tested}, loss {result.test.loss:.4f}")
    print(f"training time {result.seconds:.1f} s")
    print(f"model         {keras_path}, {tflite_path}, {card_path}")
    names = ("accuracy.png", "loss.png", "history.csv", "architecture.png", "architecture.txt")
    plots = ", ".join(shown(PLOTS / stem.name / name) for name in names)
    print(f"plots         {plots}")
    option = "--finder" if is_finder else "--model"
    print(f"next          python evaluate_model.py --model {shlex.quote(keras_path)}")
    print(f"              python predict_image.py {option} {shlex.quote(tflite_path)} samples")


if __name__ == "__main__":
    console.run(main)
