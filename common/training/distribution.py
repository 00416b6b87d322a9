"""Training on several devices or machines at once, with Keras's own distribution on JAX."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from common import UserError
from common.processes import STOP_SIGNALS

WATCHED = "DIGITS_WATCHED"
"""Environment variable that tells a process that `watched` has started it."""


GONE = (
    "Another process of this training is gone or does not answer. When all have ended, start them "
    "again with --resume."
)


@dataclass(frozen=True)
class Place:
    """Which process of a training this is.

    Attributes:
        coordinator: HOST:PORT of process 0, the same for all; None where there is one process.
        processes: how many there are.
        process: which this is, from 0. It is process 0 that writes.
    """

    coordinator: str | None = None
    processes: int = 1
    process: int = 0


def place_of(coordinator: str | None, processes: int | None, process: str | None) -> Place:
    """Which process of a distributed training this is, from the options or the environment.

    Args:
        coordinator: HOST:PORT of process 0.
        processes: How many there are.
        process: Number of this process.

    Raises:
        UserError: The values do not fit together.
    """
    address = coordinator or os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES")
    count = processes or os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES")
    number = process or os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID")
    if not (address or count or number):
        return Place()
    try:
        place = Place(address, int(count or ""), int(number or ""))
    except ValueError as error:
        raise UserError("--coordinator needs --processes and --process, as numbers.") from error
    name, _, port = str(address).partition(",")[0].rpartition(":")
    if not name or not port.isdecimal() or not 0 <= place.process < place.processes:
        raise UserError(
            f"Process {place.process} of {place.processes} at {address}: expected --coordinator "
            "HOST:PORT, --processes N and --process from 0 to N - 1."
        )
    return place


@contextmanager
def distributed(place: Place, seed: int) -> Iterator[int]:
    """Shares every batch among all devices of all processes while the block runs.

    Each device holds the whole network and works on its part of a batch; what all learn from is
    the mean of their gradients (`keras.distribution.DataParallel`).

    Args:
        place: of this process.
        seed: the same for all.

    Yields:
        How many devices this process has; its share of a batch must be a multiple of it.

    Raises:
        UserError: the backend is not JAX, the others do not come, or one of them is gone.
    """
    from common.backend import keras

    if keras.backend.backend() != "jax":
        raise UserError(
            "--distribute needs JAX: pip install -r requirements/jax.txt, and KERAS_BACKEND=jax "
            "before the command."
        )
    import jax

    keras.utils.set_random_seed(seed)
    try:
        if place.coordinator:
            jax.config.update("jax_cpu_collectives_implementation", "gloo")
            keras.distribution.initialize(place.coordinator, place.processes, place.process)
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )
        yield jax.local_device_count()
    except jax.errors.JaxRuntimeError as error:
        raise UserError(f"{GONE} ({str(error).strip().splitlines()[0][:200]})") from error
    finally:
        keras.distribution.set_distribution(None)


def watched() -> int:
    """Runs this command once more and waits for it; gives its exit status.

    When a process is gone, JAX aborts the others from inside, with a trace of C++ on stderr and
    without a chance for Python. This one tells it in a line.
    """
    with tempfile.TemporaryFile() as notes:
        command = [sys.executable, *sys.orig_argv[1:]]
        process = subprocess.Popen(command, env=os.environ | {WATCHED: "1"}, stderr=notes)
        for number in (signal.SIGINT, *STOP_SIGNALS):
            signal.signal(number, lambda number, _: process.send_signal(number))
        status = process.wait()
        if status == -signal.SIGABRT:
            raise UserError(GONE)
        if status < 0:
            raise UserError(f"The training was ended by signal {-status}. Go on with: --resume")
        if status:
            notes.seek(0)
            sys.stderr.write(notes.read().decode(errors="replace"))
        return status
