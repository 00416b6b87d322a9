"""The state of a training run on disk: kept after each epoch, so that it can be resumed."""

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

MOST_DRAWS = 100_000  # random draws of one layer in one epoch

Row = dict[str, float]


class TrainingError(UserError):
    """A training run that cannot start or go on."""


class Batches(Protocol):
    """The batches of a training run."""

    def shuffle(self, epoch: int) -> None:
        """Puts the batches into the order of `epoch`."""


class Checkpoint(keras.callbacks.Callback):
    """Keeps the state after each epoch on disk, and stops on a loss that is not finite.

    The folder holds one `.npz` (weights and the optimiser's variables) and `state.json`, which
    names it and is replaced last: whatever the moment of a crash, the two belong together.

    Args:
        folder: where to keep it.
        run: what is being trained.
        batches: told the epoch, so that it shuffles.
        writes: whether it saves; of the processes that train together, one does.
    """

    def __init__(self, folder: Path, run: Run, batches: Batches, writes: bool = True) -> None:
        super().__init__()
        self.folder, self.run, self.batches, self.writes = folder, run, batches, writes
        self.history: list[Row] = []
        self.epoch_started = 0.0
        self.stopping = False

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Saves the state before the first epoch, so that a run can be resumed from the start."""
        if not self.history:
            self._save()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Makes shuffling, augmentation and dropout depend on nothing but the seed and the epoch.

        Keras does not save the states of its random generators, so a resumed training would
        otherwise draw other numbers than an uninterrupted one.
        """
        self.batches.shuffle(epoch)
        for variable in self.model.variables:
            if variable.path.endswith("seed_generator_state"):
                seed = int(keras.ops.convert_to_numpy(variable)[0])
                variable.assign([seed, epoch * MOST_DRAWS])
        self.epoch_started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stops on a loss that is not finite; notes the course of a training of one epoch."""
        row = self._finite(logs)
        part = (batch + 1) / self.params["steps"]
        if self.stopping and part < 1:  # after its last batch, an epoch is worth being kept
            raise KeyboardInterrupt
        if self.run.recipe.epochs == 1 and part < 1:
            self.history.append({"epoch": part} | row)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves, unless validation shows that the last step made the loss not finite."""
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
                    f"The {name} is no longer finite in epoch {whole_epochs(self.history) + 1}: "
                    f"training stopped, no model file was changed. Delete {self.folder} and train "
                    f"with a lower --learning-rate than {self.run.recipe.learning_rate:g}."
                )
        return row

    @contextmanager
    def stopped_between_batches(self) -> Iterator[None]:
        """While the block runs, Ctrl-C and its like end the training at the end of a batch.

        An exception that is raised anywhere else can make TensorFlow abort the process.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: object) -> None:
            self.stopping = True

        before = {
            number: signal.signal(number, stop)
            for number in (signal.SIGINT, *STOP_SIGNALS)
            if signal.getsignal(number) != signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def restore(self, model: keras.Model) -> None:
        """Loads the saved state into `model`, which is built and compiled as at the start.

        Raises:
            TrainingError: the saved weights are missing or damaged.
        """
        state = read_state(self.folder)
        try:
            with np.load(self.folder / state["weights"], allow_pickle=False) as arrays:
                for variable, name in zip(_variables(model), arrays.files, strict=True):
                    variable.assign(arrays[name])
        except (*ZIP_DAMAGE, ValueError) as error:
            raise TrainingError(f"The checkpoint in {self.folder} is damaged ({error}).") from error
        self.history = state["history"]

    def _save(self) -> None:
        if not self.writes:
            return
        weights = self.folder / f"epoch-{whole_epochs(self.history):04d}.npz"
        # Not as Keras does it: HDF5 has no plain error for a full disk.
        with replacing(weights) as temporary, temporary.open("wb") as file:
            np.savez(file, *map(keras.ops.convert_to_numpy, _variables(self.model)))
        state = {"run": asdict(self.run), "history": self.history, "weights": weights.name}
        with replacing(self.folder / "state.json") as temporary:
            temporary.write_text(json.dumps(state, indent=2), encoding="utf-8")
        for earlier in self.folder.glob("*.npz"):
            if earlier.name != weights.name:
                earlier.unlink(missing_ok=True)


def _variables(model: keras.Model) -> list[Any]:
    """All that training changes, in an order that depends on the network only."""
    return [*model.weights, *model.optimizer.variables]


def whole_epochs(history: list[Row]) -> int:
    """How many epochs a history covers."""
    return int(history[-1]["epoch"]) if history else 0


@contextmanager
def alone(stem: Path) -> Iterator[None]:
    """Keeps a second training from writing to the same model while the block runs.

    Raises:
        TrainingError: another one does so.
    """
    refusal = TrainingError(
        f"Another training is writing {stem}: wait for its end, or give another --output."
    )
    lock = exclusive_lock(stem.with_name(f".{stem.name}.lock"), refusal)
    try:
        # What `replacing` left in a training that was killed while it saved.
        left = re.compile(rf"\.\d+\.{re.escape(stem.name)}\.(keras|tflite|json)")
        for path in stem.parent.iterdir():
            if left.fullmatch(path.name):
                path.unlink()
        yield
    finally:
        lock.release()


def checkpoint_folder(stem: Path) -> Path:
    """Where the training of the model `stem` keeps its checkpoint."""
    return stem.with_name(f"{stem.name}.checkpoint")


def read_state(folder: Path) -> dict[str, Any]:
    """The content of a checkpoint's `state.json`: run, history and the name of the weights file.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    path = folder / "state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        run = Run.from_dict(state["run"])
        numbers = [*(row["epoch"] for row in state["history"]), run.seed, run.validation_split]
        numbers += [run.recipe.epochs, run.recipe.batch_size, run.recipe.learning_rate]
        if run.recipe.network not in USUAL_PRESET or run.preset not in PRESETS:
            raise ValueError(f"no network {run.recipe.network} or preset {run.preset}")
        if not all(isinstance(number, int | float) for number in numbers):
            raise ValueError("text in place of numbers")
        if Path(state["weights"]).name != state["weights"]:
            raise ValueError(f"weights outside of it: {state['weights']}")
    except FileNotFoundError as error:
        raise TrainingError(
            f"There is no interrupted training to resume in {folder}; start one without --resume."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TrainingError(f"The checkpoint {path} is damaged ({error!r}).") from error
    return dict(state)


def epochs_done(folder: Path) -> int:
    """How many epochs a checkpoint holds; 0 where there is none.

    Raises:
        TrainingError: it is damaged.
    """
    return whole_epochs(read_state(folder)["history"]) if (folder / "state.json").exists() else 0


def discard_checkpoint(folder: Path) -> None:
    """Removes a checkpoint whose training has come to its end and is saved."""
    if folder.is_symlink():  # to a larger disk: the user's own, to be used again
        for path in (*folder.glob("*.npz"), folder / "state.json"):
            path.unlink()
    else:
        shutil.rmtree(folder)


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
