"""Reads shards of images in several processes or with Ray."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import pickle
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from common import UserError
from common.batch.shards import Done, Shard
from common.processes import exit_with_parent, interrupts_delayed, prepare_libraries
from common.quiet import discarded_stderr, hidden_stderr
from common.recognizer import Setup

CONNECT_SECONDS = 10  # time-out for connecting to the head node of a Ray cluster


def read_with_processes(shards: Sequence[Shard], setup: Setup, workers: int) -> Iterator[Done]:
    """Reads shards in several worker processes on this machine.

    Each worker has its own pipe and shares no lock with the others. If a worker dies, its pipe
    closes, so the parent process does not wait for it forever.

    Args:
        shards: The shards to read.
        setup: The models and settings to read with.
        workers: Maximum number of worker processes.

    Yields:
        The number and the readings of each shard, in the order in which the shards are finished.

    Raises:
        UserError: A worker was killed, or a model cannot be loaded.
    """
    processes: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(min(workers, len(shards))):
            with interrupts_delayed():  # the worker inherits this, and never reacts to Ctrl-C
                connection, process = _start_worker(setup)
                processes[connection] = process
        yield from _distribute(iter(shards), set(processes))
    finally:  # runs even after Ctrl-C, a full disk or a closed stdout
        for process in processes.values():
            process.kill()
        for process in processes.values():
            process.join()


def _start_worker(setup: Setup) -> tuple[Connection, BaseProcess]:
    # Spawn the process. A forked process would lack the threads of LiteRT and OpenCV.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, setup))
    process.start()
    theirs.close()
    return ours, process


def _distribute(shards: Iterator[Shard], busy: set[Connection]) -> Iterator[Done]:
    """Sends shards to workers when they ask for them, and yields the readings that come back."""
    finishing: set[Connection] = set()  # workers that were told that no shards are left
    try:
        while busy:
            for connection in busy.intersection(multiprocessing.connection.wait(busy)):
                done = connection.recv()
                if isinstance(done, UserError):
                    raise done
                if connection in finishing:
                    busy.remove(connection)
                else:
                    shard = next(shards, None)
                    connection.send(shard)
                    if shard is None:
                        finishing.add(connection)
                if done is not None:
                    yield done
    except (EOFError, OSError) as error:
        raise UserError(
            "A worker process was killed, perhaps because there was too little memory. Use fewer "
            "--jobs. If you use --output, continue with --resume."
        ) from error


def _work(connection: Connection, setup: Setup) -> None:
    """Runs in a worker process: reads shards until none are left or the parent process ends."""
    prepare_libraries()
    exit_with_parent()
    try:
        with discarded_stderr():  # the parent process has already printed the same messages
            recognizer = setup.recognizer(threads=1)
    except UserError as error:
        connection.send(error)
        return
    with suppress(EOFError, ConnectionError):  # the parent process has ended
        # Each message to the parent requests one more shard. The second request is sent before the
        # first shard is read, so the worker never waits for its next shard. It receives that shard
        # before it sends readings: if both processes sent at the same time, both could block.
        connection.send(None)
        shard = connection.recv()
        connection.send(None)
        while shard is not None:
            number, sources = shard
            done = number, list(recognizer.read_many(sources))
            shard = connection.recv()
            connection.send(done)


class RayReader:
    """A Ray actor that loads the models once and then reads many shards."""

    def __init__(self, setup: Setup) -> None:
        prepare_libraries()
        self.recognizer = setup.recognizer(threads=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Reads the pickled shard in `batch["shard"]` and returns its readings, pickled."""
        number, sources = pickle.loads(batch["shard"][0])
        done = number, list(self.recognizer.read_many(sources))
        return {"done": [pickle.dumps(done)]}


def read_with_ray(
    shards: Sequence[Shard], setup: Setup, workers: int, address: str | None
) -> Iterator[Done]:
    """Reads shards with Ray Data.

    Args:
        shards: The shards to read. Ray receives all of them at once.
        setup: The models and settings to read with. Every machine of the cluster must have the
            model files at the same paths.
        workers: Maximum number of actors. Each actor uses one CPU.
        address: Address of a running cluster. None starts a cluster on this machine, and stops it
            at the end.

    Yields:
        The number and the readings of each shard, in the order in which the shards are finished.

    Raises:
        UserError: The cluster cannot be reached, or an actor failed.
    """
    _prepare_ray(local=address is None)
    with hidden_stderr():
        import ray
        import ray.data
        import ray.exceptions

    _join_cluster(address)
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        items = [{"shard": pickle.dumps(_absolute(shard))} for shard in shards]
        if items:
            read = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
                RayReader,
                fn_constructor_args=(_with_absolute_paths(setup),),
                batch_size=1,
                num_cpus=1,
                compute=ray.data.ActorPoolStrategy(size=min(workers, len(items))),
            )
            for row in read.iter_rows():
                yield pickle.loads(row["done"])
    except ray.exceptions.RayError as error:
        raise UserError(f"Ray stopped with an error: {str(error).splitlines()[0]}") from error
    finally:
        ray.shutdown()


def _join_cluster(address: str | None) -> None:
    """Connects to the cluster at `address`, or starts one on this machine.

    Raises:
        UserError: The cluster cannot be reached.
    """
    import ray
    import ray.exceptions

    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    try:
        if port.isdecimal():  # test the connection first: Ray itself would retry for minutes
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        with discarded_stderr():
            ray.init(
                address or "local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
            )
    except ray.exceptions.AuthenticationError as error:
        raise UserError(
            f"Ray at {address} requires an authentication token: set RAY_AUTH_TOKEN, or copy the "
            "file ~/.ray/auth_token from the cluster. If the cluster has no token, set "
            "RAY_AUTH_MODE=disabled."
        ) from error
    except (OSError, OverflowError, ValueError, RuntimeError) as error:
        if address is None:
            raise UserError(f"Cannot start Ray on this machine: {error}") from error
        raise UserError(
            f"Cannot connect to Ray at {address}: {error}. Check that the cluster is running and "
            "that RAY_AUTH_TOKEN or ~/.ray/auth_token contains its token."
        ) from error


def _with_absolute_paths(setup: Setup) -> Setup:
    """Makes the model paths absolute, since actors run in another folder."""
    return replace(setup, model=setup.model.resolve(), finder=setup.finder.resolve())


def _prepare_ray(local: bool) -> None:
    """Sets the environment variables that Ray reads when it is imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Ray listens on all network interfaces and runs code from anyone who connects.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if local:  # otherwise, Ray would write a token to the home folder, where others can read it
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _absolute(shard: Shard) -> Shard:
    """Makes the image paths absolute, since actors run in another folder."""
    number, sources = shard
    return number, [
        (name, source.absolute() if isinstance(source, Path) else source)
        for name, source in sources
    ]
