"""Shows the progress of a training run, and chooses the folder for its TensorBoard logs."""

import time
from pathlib import Path
from typing import Any

from common.backend import keras

LINES = 10  # maximum number of lines that `ProgressLines` prints in a run


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Shows Keras's progress bar, without counting more steps than an epoch has.

    With `steps_per_execution`, Keras counts steps in groups. Its own bar could therefore end at
    450 of 422 steps.
    """

    def set_params(self, params: dict[str, Any]) -> None:
        """Sets the numbers of steps and epochs, and always shows the bar."""
        super().set_params(params | {"verbose": 1})

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advances the bar."""
        super().on_train_batch_end(min(batch, self.target - 1), logs)


class ProgressLines(keras.callbacks.Callback):
    """Prints a line after each tenth of the epochs, for output to a file or a pipe.

    In a run of at most five epochs, lines are also printed within an epoch.
    """

    epoch = printed = 0  # the current epoch, and the number of lines printed within it

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Resets the number of lines printed within the epoch."""
        self.epoch, self.printed = epoch, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Prints the metrics if a line is due within the epoch."""
        done = (batch + 1) / self.params["steps"]
        due = int(LINES // self.params["epochs"] * done)
        if done < 1 and due > self.printed:
            self.printed = due
            self._print(self.epoch + done, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Prints the metrics if this epoch completes another tenth of the epochs."""
        epochs = self.params["epochs"]
        if LINES * (epoch + 1) // epochs > LINES * epoch // epochs:
            self._print(epoch + 1, logs)

    def _print(self, epoch: float, logs: dict[str, float] | None) -> None:
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        print(f"Epoch {round(epoch, 2):g}/{self.params['epochs']}: {metrics}", flush=True)


def progress_callbacks(verbose: int) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that show the progress: none (0), a bar (1) or lines (2)."""
    return [[], [ProgressBar()], [ProgressLines()]][verbose]


def log_folder(folder: Path, name: str, resume: bool) -> Path:
    """Returns the folder for the TensorBoard logs of one run, `folder/NAME/DATE-TIME`.

    Each run has a folder of its own, because TensorBoard would connect the points of several runs
    in the same folder into one curve.

    Args:
        folder: Folder for the logs of all models.
        name: Name of the model.
        resume: Whether to return the latest existing folder of this model, if there is one.
    """
    earlier = sorted(path for path in (folder / name).glob("*-*") if path.is_dir())
    if resume and earlier:
        return earlier[-1]
    return folder / name / time.strftime("%Y%m%d-%H%M%S")
