"""Trains on the user's own digits by running `train_model.py` in a separate process."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from common import PROJECT
from common.storage.card import SavedCard
from common.storage.model_files import existing_file

MAX_LOG_BYTES = 200_000
KILL_SECONDS = 10.0  # time for a cancelled training run to stop before it is killed
STOP_SECONDS = 3.0  # time for a training run to stop before it is killed, when the server stops
NICENESS = 10  # lower priority of training, so that the server stays responsive
LINE = re.compile(r"Epoch ([\d.]+)/(\d+): (.+)")
"""Matches a line of progress; see `common.training.progress.ProgressLines`."""

State = Literal["idle", "running", "done", "failed", "cancelled"]


@dataclass
class _Run:
    """A training run that has been started. Times are Unix times in seconds.

    Attributes:
        name: Name of the new model.
        start: The `.keras` file of the model that it fine-tunes.
        process: The process that runs `train_model.py`.
        log: The file with the output of the process.
        started: Time at which the process was started.
        ended: Time of the last output, or None until the end of the process is noticed.
        cancelled: Time at which the user cancelled the training, or None.
    """

    name: str
    start: Path
    process: subprocess.Popen[bytes]
    log: Path
    started: float
    ended: float | None = None
    cancelled: float | None = None


class Trainer:
    """Starts, observes and cancels training runs, one at a time.

    Args:
        my_digits: Folder with the user's own digits.
        models: Folder for the new models.
    """

    def __init__(self, my_digits: Path, models: Path) -> None:
        self.my_digits, self.models = my_digits, models
        self._run: _Run | None = None

    def start(self, start: Path) -> None:
        """Starts a training run in a new process.

        Args:
            start: The `.keras` file of the model to fine-tune.

        Raises:
            OSError: The process cannot be started.
            RuntimeError: A training run is in progress.
        """
        if self.state() == "running":
            raise RuntimeError
        name = self._free_name()
        options = {"--data": self.my_digits, "--from": start.resolve()}
        options["--output"] = self.models / name
        words = [str(word) for option in options.items() for word in option]
        log = Path(tempfile.mkdtemp()) / "log"
        try:
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, PROJECT / "train_model.py", *words],
                    cwd=PROJECT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C must reach only the server; see `close`
                )
        except OSError:
            shutil.rmtree(log.parent, ignore_errors=True)
            raise
        self._forget_log()
        self._run = _Run(name, start, process, log, time.time())
        if hasattr(os, "setpriority"):  # not on Windows
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)

    def cancel(self) -> None:
        """Asks the training run in progress to stop, which takes up to `KILL_SECONDS`."""
        run = self._run
        if run and self.state() == "running" and run.cancelled is None:
            run.cancelled = time.time()
            run.process.terminate()

    def close(self) -> None:
        """Cancels any training run in progress, waits for its end, and deletes the log."""
        self.cancel()
        if self._run:
            try:
                self._run.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._run.process.kill()
                self._run.process.wait()
            self.state()
            self._forget_log()

    def state(self) -> State:
        """Returns the state of the latest training run.

        Kills a cancelled run that does not stop within `KILL_SECONDS`, and deletes the checkpoint
        of a cancelled run.
        """
        run = self._run
        if run is None:
            return "idle"
        status = run.process.poll()
        if status is None:
            if run.cancelled is not None and time.time() - run.cancelled > KILL_SECONDS:
                run.process.kill()
            return "running"
        if run.ended is None:
            try:
                run.ended = run.log.stat().st_mtime
            except OSError:  # the log was deleted, for example when /tmp was cleaned
                run.ended = time.time()
            # The checkpoint is deleted only after a cancellation. After a failure, it may belong to
            # another server's run of the same name, which made this one fail.
            if status and run.cancelled is not None:
                shutil.rmtree(self.models / f"{run.name}.checkpoint", ignore_errors=True)
        if status == 0:
            return "done"
        return "failed" if run.cancelled is None else "cancelled"

    @property
    def name(self) -> str | None:
        """Name of the model of the latest training run, or None if there was no run."""
        return self._run.name if self._run else None

    @property
    def start_model(self) -> Path | None:
        """The `.keras` file that the latest training run fine-tunes. None if there was no run."""
        return self._run.start if self._run else None

    def has_made(self, name: str, card: SavedCard | None) -> bool:
        """Checks by its name and card whether a model was fine-tuned on the user's own digits."""
        is_named = re.fullmatch(rf"{re.escape(self.my_digits.name)}_[1-9]\d*", name)
        own = card.get("own") if card else None
        return bool(is_named and own) and os.path.realpath(self.my_digits) == own

    @property
    def seconds(self) -> float:
        """Duration of the latest training run so far."""
        run = self._run
        return max(0.0, (run.ended or time.time()) - run.started) if run else 0.0

    def output(self) -> str:
        """Returns the first `MAX_LOG_BYTES` bytes of the latest run's output; "" without a log."""
        if self._run is None:
            return ""
        try:
            with self._run.log.open("rb") as log:
                return log.read(MAX_LOG_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    def _free_name(self) -> str:
        names = (f"{self.my_digits.name}_{number}" for number in count(1))
        return next(
            name
            for name in names
            if not existing_file(self.models / name)
            and not (self.models / f"{name}.checkpoint").exists()
        )

    def _forget_log(self) -> None:
        if self._run:
            shutil.rmtree(self._run.log.parent, ignore_errors=True)


def rows_of(output: str) -> tuple[list[dict[str, float]], int | None]:
    """Parses the progress lines of a training run.

    Args:
        output: What `train_model.py` printed.

    Returns:
        One row for each progress line, with "epoch" and the metrics; and the total number of
        epochs, or None before the first progress line.
    """
    rows, epochs = [], None
    for epoch, total, metrics in LINE.findall(output):
        pairs = (metric.rsplit(" ", 1) for metric in metrics.split(", "))
        rows.append({"epoch": float(epoch)} | {name: float(value) for name, value in pairs})
        epochs = int(total)
    return rows, epochs


def error_of(output: str) -> str:
    """Returns the last error in the output of a training run, or else the last line."""
    lines = output.strip().splitlines() or ["It printed nothing."]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines)[-1]


def comparison_of(output: str) -> str | None:
    """Returns the table with the accuracy before and after training; None if it is missing."""
    start = re.search(r"^accuracy .*before .*after$", output, re.MULTILINE)
    return output[start.start() :].rstrip() if start else None
