"""Trains on several devices or machines at once, with Keras's distribution API on JAX."""

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

SUPERVISED = "DIGITS_SUPERVISED"
"""Environment variable that marks a process started by `run_supervised`."""

PROCESS_LOST = (
    "Another process of this training run has ended or does not respond. Wait until all processes "
    "have ended, then restart them with --resume."
)


@dataclass(frozen=True)
class Place:
    """The rank of this process in distributed training, and how to reach the other processes.

    Attributes:
        coordinator: HOST:PORT of the process with rank 0, the same for all processes. None if there
            is only one process.
        processes: Number of processes.
        rank: Rank of this process, from 0 to `processes` - 1. Only rank 0 writes files.
    """

    coordinator: str | None = None
    processes: int = 1
    rank: int = 0


def place_of(coordinator: str | None, processes: int | None, process: str | None) -> Place:
    """Returns the place of this process, from the options or Keras's environment variables.

    Args:
        coordinator: HOST:PORT of the process with rank 0; None to use the environment variable.
        processes: Number of processes; None to use the environment variable.
        process: Rank of this process, from 0; None to use the environment variable.

    Raises:
        UserError: A value is missing or invalid.
    """
    address = coordinator or os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES")
    count = processes or os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES")
    number = process or os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID")
    if not (address or count or number):
        return Place()
    try:
        place = Place(address, int(count or ""), int(number or ""))
    except ValueError as error:
        raise UserError(
            f"If --coordinator is given, --processes and --process must be whole numbers; got "
            f"{count or 'no value'} and {number or 'no value'}."
        ) from error
    name, _, port = str(address).partition(",")[0].rpartition(":")
    if not name or not port.isdecimal() or not 0 <= place.rank < place.processes:
        raise UserError(
            f"Got --coordinator {address}, --processes {place.processes} and --process "
            f"{place.rank}; expected --coordinator HOST:PORT, --processes N and --process RANK, "
            "with RANK from 0 to N - 1."
        )
    return place


@contextmanager
def distributed(place: Place, seed: int) -> Iterator[int]:
    """Splits every batch among all devices of all processes while the block runs.

    Each device holds the whole network and processes its part of the batch. The gradients are
    averaged over all devices (`keras.distribution.DataParallel`).

    Args:
        place: The rank of this process and the address of rank 0.
        seed: Seed for the random number generators, the same for all processes.

    Yields:
        The number of devices of this process. The number of images that the process gets from a
        batch must be a multiple of this number.

    Raises:
        UserError: The backend is not JAX, or another process did not start or has ended.
    """
    from common.backend import keras

    if keras.backend.backend() != "jax":
        raise UserError(
            f"--distribute needs JAX, but the Keras backend is {keras.backend.backend()}. Run "
            "pip install -r requirements/jax.txt and set KERAS_BACKEND=jax."
        )
    import jax

    keras.utils.set_random_seed(seed)
    try:
        if place.coordinator:
            jax.config.update("jax_cpu_collectives_implementation", "gloo")
            keras.distribution.initialize(place.coordinator, place.processes, place.rank)
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )
        yield jax.local_device_count()
    except jax.errors.JaxRuntimeError as error:
        raise UserError(f"{PROCESS_LOST} ({str(error).strip().splitlines()[0][:200]})") from error
    finally:
        keras.distribution.set_distribution(None)


def run_supervised() -> int:
    """Runs this command again in a child process and returns the exit status of the child.

    If one process of a distributed run ends, JAX aborts the others and prints a C++ stack trace.
    Python code in the aborted process cannot prevent this, so the parent process hides the trace
    and reports a one-line error instead.

    Raises:
        UserError: JAX aborted the child process, or a signal ended it.
    """
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, *sys.orig_argv[1:]]
        process = subprocess.Popen(command, env=os.environ | {SUPERVISED: "1"}, stderr=errors)
        for number in (signal.SIGINT, *STOP_SIGNALS):
            signal.signal(number, lambda number, _: process.send_signal(number))
        status = process.wait()
        if status == -signal.SIGABRT:
            raise UserError(PROCESS_LOST)
        if status < 0:
            raise UserError(f"Signal {-status} ended the run. Continue it with --resume.")
        if status:
            errors.seek(0)
            sys.stderr.write(errors.read().decode(errors="replace"))
        return status
