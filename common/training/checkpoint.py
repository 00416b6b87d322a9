"""Saves the state of a training run after each epoch, so that the run can be resumed."""

import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from common import UserError
from common.backend import keras
from common.data.formats import ZIP_DAMAGE
from common.files import exclusive_lock, replacing, shown
from common.processes import STOP_SIGNALS
from common.training.recipes import PRESETS, USUAL_PRESET, Run

MAX_DRAWS = 100_000  # more random draws than any layer makes in one epoch

Row = dict[str, float]
"""Metrics at one moment of a run, by name; "epoch" is the number of epochs so far, such as 0.5."""


class TrainingError(UserError):
    """A training run cannot start or continue."""


class Batches(Protocol):
    """Training batches that can be shuffled for each epoch."""

    def shuffle(self, epoch: int) -> None:
        """Prepares the batches of an epoch, counted from 0."""


class Checkpoint(keras.callbacks.Callback):
    """Saves the training state after each epoch, and stops training if a metric is not finite.

    The folder holds two files: an `.npz` file with the weights and the optimizer's variables, and
    `state.json`, which names the `.npz` file. `state.json` is replaced last, so the two files match
    even after a crash.

    Args:
        folder: Folder of the checkpoint.
        run: The run being trained.
        batches: The training batches. The callback shuffles them at the start of each epoch.
        writes: Whether this process saves the state. In distributed training, only rank 0 saves it.
    """

    def __init__(self, folder: Path, run: Run, batches: Batches, writes: bool = True) -> None:
        super().__init__()
        self.folder, self.run, self.batches, self.writes = folder, run, batches, writes
        self.history: list[Row] = []
        self.epoch_started = 0.0
        self.stopping = False

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Saves the initial state, so that a run interrupted in its first epoch can be resumed."""
        if not self.history:
            self._save()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Makes shuffling, augmentation and dropout depend only on the seed and the epoch.

        The checkpoint does not hold the states of the random number generators. Instead, this
        method sets them at the start of each epoch, so a resumed run draws the same numbers as an
        uninterrupted one.
        """
        self.batches.shuffle(epoch)
        for variable in self.model.variables:
            if variable.path.endswith("seed_generator_state"):
                seed = int(keras.ops.convert_to_numpy(variable)[0])
                variable.assign([seed, epoch * MAX_DRAWS])
        self.epoch_started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stops training after a signal, or if a metric is not finite.

        In a run of one epoch, also records the metrics so far.
        """
        row = self._finite(logs)
        part = (batch + 1) / self.params["steps"]
        if self.stopping and part < 1:  # after the last batch, the epoch is saved first
            raise KeyboardInterrupt
        if self.run.recipe.epochs == 1 and part < 1:
            self.history.append({"epoch": part} | row)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves the state, then stops training if a signal was received.

        If a metric is not finite, stops training without saving the state.
        """
        row = self._finite(logs)
        seconds = round(time.perf_counter() - self.epoch_started, 3)
        self.history.append({"epoch": epoch + 1} | row | {"seconds": seconds})
        self._save()
        if self.stopping:
            raise KeyboardInterrupt

    def _finite(self, logs: dict[str, float] | None) -> Row:
        """Converts metrics to a row, or raises a `TrainingError` if one of them is not finite."""
        row = {name: float(value) for name, value in (logs or {}).items()}
        for name, value in row.items():
            if not np.isfinite(value):
                raise TrainingError(
                    f"Training stopped because the {name} is no longer finite in epoch "
                    f"{whole_epochs(self.history) + 1}. No model file has changed. Delete "
                    f"{self.folder} and train with a --learning-rate below "
                    f"{self.run.recipe.learning_rate:g}."
                )
        return row

    @contextmanager
    def stopped_between_batches(self) -> Iterator[None]:
        """Delays Ctrl-C and similar signals until the current batch is complete.

        An exception in the middle of a batch can make TensorFlow abort the process.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: object) -> None:
            self.stopping = True

        previous = {
            number: signal.signal(number, stop)
            for number in (signal.SIGINT, *STOP_SIGNALS)
            if signal.getsignal(number) != signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def restore(self, model: keras.Model) -> None:
        """Loads the saved weights and optimizer state into a model.

        Args:
            model: The model, built and compiled in the same way as for a new run.

        Raises:
            TrainingError: The saved weights are missing or damaged.
        """
        state = read_state(self.folder)
        try:
            with np.load(self.folder / state["weights"], allow_pickle=False) as arrays:
                for variable, name in zip(_variables(model), arrays.files, strict=True):
                    variable.assign(arrays[name])
        except (*ZIP_DAMAGE, ValueError) as error:
            raise TrainingError(
                f"The checkpoint in {self.folder} is damaged ({error}). Delete the folder and "
                "train again without --resume."
            ) from error
        self.history = state["history"]

    def _save(self) -> None:
        if not self.writes:
            return
        weights = self.folder / f"epoch-{whole_epochs(self.history):04d}.npz"
        # Saved with NumPy, because Keras raises no clear error if the disk becomes full while it
        # writes an HDF5 file.
        with replacing(weights) as temporary, temporary.open("wb") as file:
            np.savez(file, *map(keras.ops.convert_to_numpy, _variables(self.model)))
        state = {"run": asdict(self.run), "history": self.history, "weights": weights.name}
        with replacing(self.folder / "state.json") as temporary:
            temporary.write_text(json.dumps(state, indent=2), encoding="utf-8")
        for earlier in self.folder.glob("*.npz"):
            if earlier.name != weights.name:
                earlier.unlink(missing_ok=True)


def _variables(model: keras.Model) -> list[Any]:
    """Returns all variables that training changes. Their order depends only on the network."""
    return [*model.weights, *model.optimizer.variables]


def whole_epochs(history: list[Row]) -> int:
    """Returns the number of complete epochs in a history."""
    return int(history[-1]["epoch"]) if history else 0


@contextmanager
def model_lock(stem: Path) -> Iterator[None]:
    """Locks a model while the block runs, so that two runs cannot write the same model.

    Args:
        stem: Path of the model files without suffix.

    Raises:
        TrainingError: Another run holds the lock.
    """
    refusal = TrainingError(
        f"Another training run is writing {stem}. Wait until it ends, or choose another --output."
    )
    lock = exclusive_lock(stem.with_name(f".{stem.name}.lock"), refusal)
    try:
        # A run that was killed while saving leaves behind the temporary files of `replacing`.
        temporary = re.compile(rf"\.\d+\.{re.escape(stem.name)}\.(keras|tflite|json)")
        for path in stem.parent.iterdir():
            if temporary.fullmatch(path.name):
                path.unlink()
        yield
    finally:
        lock.release()


def checkpoint_folder(stem: Path) -> Path:
    """Returns the checkpoint folder of the model whose path without suffix is `stem`."""
    return stem.with_name(f"{stem.name}.checkpoint")


def read_state(folder: Path) -> dict[str, Any]:
    """Reads `state.json`, which holds the run, its history and the name of the weights file.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    path = folder / "state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        run = Run.from_dict(state["run"])
        numbers = [*(row["epoch"] for row in state["history"]), run.seed, run.validation_split]
        numbers += [run.recipe.epochs, run.recipe.batch_size, run.recipe.learning_rate]
        if run.recipe.network not in USUAL_PRESET or run.preset not in PRESETS:
            raise ValueError(f"unknown network {run.recipe.network} or preset {run.preset}")
        if not all(isinstance(number, int | float) for number in numbers):
            raise ValueError("an epoch or a setting is not a number")
        if Path(state["weights"]).name != state["weights"]:
            raise ValueError(f"weights outside the checkpoint folder: {state['weights']}")
    except FileNotFoundError as error:
        raise TrainingError(
            f"There is no interrupted run to resume in {folder}. Train without --resume."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TrainingError(
            f"The checkpoint {path} is damaged ({error!r}). Delete its folder and train again "
            "without --resume."
        ) from error
    return dict(state)


def epochs_done(folder: Path) -> int:
    """Returns the number of complete epochs in a checkpoint, or 0 if there is no checkpoint.

    Raises:
        TrainingError: The checkpoint is damaged.
    """
    return whole_epochs(read_state(folder)["history"]) if (folder / "state.json").exists() else 0


def discard_checkpoint(folder: Path) -> None:
    """Deletes the checkpoint of a completed run."""
    if folder.is_symlink():  # keep the user's symbolic link, for instance to a larger disk
        for path in (*folder.glob("*.npz"), folder / "state.json"):
            path.unlink()
    else:
        shutil.rmtree(folder)


def refuse_interrupted_run(checkpoint: Path, epochs: int) -> None:
    """Refuses to start a new run that would overwrite the checkpoint of an interrupted one.

    Args:
        checkpoint: Folder of the checkpoint.
        epochs: Number of complete epochs in the checkpoint.

    Raises:
        UserError: The checkpoint holds at least one complete epoch.
    """
    if epochs:
        folder = shown(checkpoint)
        raise UserError(
            f"{folder} holds an interrupted run (complete epochs: {epochs}). Continue it with "
            "--resume, delete the folder, or choose another --output."
        )
