"""Shows how far a training run is, and where TensorBoard finds its logs."""

import time
from pathlib import Path
from typing import Any

from common.backend import keras

LINES = 10  # of progress in a file or a pipe


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras's progress bar, for a terminal. It ends at the last step of an epoch.

    Keras counts the steps in groups of `steps_per_execution`, so that its own bar would show
    450 of 422 steps.
    """

    def set_params(self, params: dict[str, Any]) -> None:
        """Takes the number of steps and of epochs, but not Keras's verbosity."""
        super().set_params(params | {"verbose": 1})

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advances the bar."""
        super().on_train_batch_end(min(batch, self.target - 1), logs)


class ProgressLines(keras.callbacks.Callback):
    """Prints a line for each tenth of the epochs, for output that is not a terminal.

    Runs of less than ten epochs also print lines within an epoch.
    """

    epoch = printed = 0  # the present epoch, and the number of its lines so far

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts counting the lines of an epoch."""
        self.epoch, self.printed = epoch, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Prints the metrics so far if another part of the epoch is complete."""
        done = (batch + 1) / self.params["steps"]
        due = int(LINES // self.params["epochs"] * done)
        if done < 1 and due > self.printed:
            self.printed = due
            self._print(self.epoch + done, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Prints the metrics if another tenth of the epochs is complete."""
        epochs = self.params["epochs"]
        if LINES * (epoch + 1) // epochs > LINES * epoch // epochs:
            self._print(epoch + 1, logs)

    def _print(self, epoch: float, logs: dict[str, float] | None) -> None:
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        print(f"Epoch {round(epoch, 2):g}/{self.params['epochs']}: {metrics}", flush=True)


def progress_callbacks(verbose: int) -> list[keras.callbacks.Callback]:
    """The callbacks that show the progress: none (0), a bar (1) or lines (2)."""
    return [[], [ProgressBar()], [ProgressLines()]][verbose]


def log_folder(folder: Path, name: str, resume: bool) -> Path:
    """Chooses the folder for the TensorBoard logs of one training run, `folder/NAME/DATE-TIME`.

    In a shared folder, TensorBoard would connect the points of all runs into one curve.

    Args:
        folder: The folder of all logs.
        name: Name of the model.
        resume: Whether to continue the last logs of this name.
    """
    earlier = sorted(path for path in (folder / name).glob("*-*") if path.is_dir())
    if resume and earlier:
        return earlier[-1]
    return folder / name / time.strftime("%Y%m%d-%H%M%S")
