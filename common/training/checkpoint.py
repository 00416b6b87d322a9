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

MAX_DRAWS = 100_000  # upper limit of the random draws of one layer in one epoch

Row = dict[str, float]


class TrainingError(UserError):
    """A training run cannot start or continue."""


class Batches(Protocol):
    """The batches of a training run."""

    def shuffle(self, epoch: int) -> None:
        """Switches to the batches of `epoch`."""


class Checkpoint(keras.callbacks.Callback):
    """Saves the state after each epoch, and stops training if the loss is not finite.

    The folder holds one `.npz` file with the weights and the optimizer's variables, and
    `state.json`, which names that file. `state.json` is replaced last, so the two match even after
    a crash.

    Args:
        folder: Folder of the checkpoint.
        run: The run being trained.
        batches: The training batches, which are shuffled at the start of each epoch.
        writes: Whether this process saves the state. In distributed training, only one does.
    """

    def __init__(self, folder: Path, run: Run, batches: Batches, writes: bool = True) -> None:
        super().__init__()
        self.folder, self.run, self.batches, self.writes = folder, run, batches, writes
        self.history: list[Row] = []
        self.epoch_started = 0.0
        self.stopping = False

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Saves the initial state, so that a run can be resumed before its first epoch ends."""
        if not self.history:
            self._save()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Makes shuffling, augmentation and dropout depend only on the seed and the epoch.

        Keras does not save the state of its random number generators. Without this, a resumed run
        would draw different numbers from an uninterrupted one.
        """
        self.batches.shuffle(epoch)
        for variable in self.model.variables:
            if variable.path.endswith("seed_generator_state"):
                seed = int(keras.ops.convert_to_numpy(variable)[0])
                variable.assign([seed, epoch * MAX_DRAWS])
        self.epoch_started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stops on a loss that is not finite. Records each batch if there is only one epoch."""
        row = self._finite(logs)
        part = (batch + 1) / self.params["steps"]
        if self.stopping and part < 1:  # after the last batch, the epoch is saved first
            raise KeyboardInterrupt
        if self.run.recipe.epochs == 1 and part < 1:
            self.history.append({"epoch": part} | row)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves the state, unless the training or validation loss is not finite."""
        row = self._finite(logs)
        seconds = round(time.perf_counter() - self.epoch_started, 3)
        self.history.append({"epoch": epoch + 1} | row | {"seconds": seconds})
        self._save()
        if self.stopping:
            raise KeyboardInterrupt

    def _finite(self, logs: dict[str, float] | None) -> Row:
        row = {name: float(value) for name, value in (logs or {}).items()}
        for name, value in row.items():
            if not np.isfinite(value):
                raise TrainingError(
                    f"Training stopped because the {name} is no longer finite in epoch "
                    f"{whole_epochs(self.history) + 1}. No model file has changed. Delete "
                    f"{self.folder} and train with a lower --learning-rate than "
                    f"{self.run.recipe.learning_rate:g}."
                )
        return row

    @contextmanager
    def stopped_between_batches(self) -> Iterator[None]:
        """Makes Ctrl-C and similar signals stop training only between batches.

        An exception raised at any other moment can make TensorFlow abort the process.
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
        """Loads the saved state into `model`, which must be built and compiled as for a new run.

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
        # NumPy rather than Keras's HDF5 files, which give no clear error for a full disk.
        with replacing(weights) as temporary, temporary.open("wb") as file:
            np.savez(file, *map(keras.ops.convert_to_numpy, _variables(self.model)))
        state = {"run": asdict(self.run), "history": self.history, "weights": weights.name}
        with replacing(self.folder / "state.json") as temporary:
            temporary.write_text(json.dumps(state, indent=2), encoding="utf-8")
        for earlier in self.folder.glob("*.npz"):
            if earlier.name != weights.name:
                earlier.unlink(missing_ok=True)


def _variables(model: keras.Model) -> list[Any]:
    """All variables that training changes, in an order that depends only on the network."""
    return [*model.weights, *model.optimizer.variables]


def whole_epochs(history: list[Row]) -> int:
    """The number of complete epochs in a history."""
    return int(history[-1]["epoch"]) if history else 0


@contextmanager
def model_lock(stem: Path) -> Iterator[None]:
    """Holds the lock of a model, so that two runs cannot write the same model.

    Raises:
        TrainingError: Another run holds the lock.
    """
    refusal = TrainingError(
        f"Another training is writing {stem}. Wait until it ends, or choose another --output."
    )
    lock = exclusive_lock(stem.with_name(f".{stem.name}.lock"), refusal)
    try:
        # A run that was killed while it saved has left temporary files of `replacing`.
        temporary = re.compile(rf"\.\d+\.{re.escape(stem.name)}\.(keras|tflite|json)")
        for path in stem.parent.iterdir():
            if temporary.fullmatch(path.name):
                path.unlink()
        yield
    finally:
        lock.release()


def checkpoint_folder(stem: Path) -> Path:
    """The checkpoint folder of the model `stem`."""
    return stem.with_name(f"{stem.name}.checkpoint")


def read_state(folder: Path) -> dict[str, Any]:
    """Reads a checkpoint's `state.json`: the run, its history and the name of the weights file.

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
            raise ValueError("text instead of a number")
        if Path(state["weights"]).name != state["weights"]:
            raise ValueError(f"weights outside the folder: {state['weights']}")
    except FileNotFoundError as error:
        raise TrainingError(
            f"There is no interrupted training to resume in {folder}. Train without --resume."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TrainingError(
            f"The checkpoint {path} is damaged ({error!r}). Delete its folder and train again."
        ) from error
    return dict(state)


def epochs_done(folder: Path) -> int:
    """The number of epochs in a checkpoint, or 0 if there is no checkpoint.

    Raises:
        TrainingError: The checkpoint is damaged.
    """
    return whole_epochs(read_state(folder)["history"]) if (folder / "state.json").exists() else 0


def discard_checkpoint(folder: Path) -> None:
    """Deletes the checkpoint of a completed run."""
    if folder.is_symlink():  # the user's link, for instance to a larger disk: keep it
        for path in (*folder.glob("*.npz"), folder / "state.json"):
            path.unlink()
    else:
        shutil.rmtree(folder)


def refuse_overwrite(checkpoint: Path, epochs: int) -> None:
    """Refuses to start a new run that would overwrite the checkpoint of an interrupted one.

    Args:
        checkpoint: Folder of the checkpoint.
        epochs: Number of epochs in the checkpoint.

    Raises:
        UserError: The checkpoint holds at least one epoch.
    """
    if epochs:
        folder = shown(checkpoint)
        raise UserError(
            f"{folder} holds an interrupted training ({epochs} epochs). Continue it with --resume, "
            "delete the folder, or choose another --output."
        )
