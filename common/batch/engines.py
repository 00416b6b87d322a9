"""Reads shards of many images one after the other, on several processes, or with Ray."""

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
from common.quiet import discarded_notes, notes_kept_back
from common.recognizer import Setup

CONNECT_SECONDS = 10  # for the head of a Ray cluster to answer


def on_processes(shards: Sequence[Shard], setup: Setup, jobs: int) -> Iterator[Done]:
    """Reads shards on `jobs` processes of this machine.

    Each worker has a pipe of its own and no lock in common with the others. A worker that dies
    closes its pipe, so that nothing waits for the rest of a message that it was sending.

    Yields:
        The shards as they are done, in any order.

    Raises:
        UserError: a process was killed, or the model cannot be loaded.
    """
    workers: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(min(jobs, len(shards))):
            with interrupts_delayed():  # for good in the worker, which inherits this
                connection, process = _started_worker(setup)
                workers[connection] = process
        yield from _handed_out(iter(shards), set(workers))
    finally:  # also after Ctrl-C, on a full disk, or when nobody takes the rows
        for process in workers.values():
            process.kill()
        for process in workers.values():
            process.join()


def _started_worker(setup: Setup) -> tuple[Connection, BaseProcess]:
    # Not forked: LiteRT and OpenCV have threads, which a fork does not copy.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, setup))
    process.start()
    theirs.close()
    return ours, process


def _handed_out(shards: Iterator[Shard], busy: set[Connection]) -> Iterator[Done]:
    finishing: set[Connection] = set()  # have been told that there are no more shards
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
            "A process that read images was killed, perhaps because memory ran out. With "
            "--output, resume with --resume."
        ) from error


def _work(connection: Connection, setup: Setup) -> None:
    """Runs in a worker: reads one shard after the other until it is killed."""
    prepare_libraries()
    exit_with_parent()
    try:
        with discarded_notes():  # the parent has shown them already
            recognizer = setup.recognizer(threads=1)
    except UserError as error:
        connection.send(error)
        return
    with suppress(EOFError, ConnectionError):  # the parent is gone
        # Each message asks for a shard. One shard waits here while another is read, and it is
        # received before the readings are sent: the two ends never send at the same time.
        connection.send(None)
        shard = connection.recv()
        connection.send(None)
        while shard is not None:
            number, sources = shard
            done = number, list(recognizer.read_many(sources))
            shard = connection.recv()
            connection.send(done)


class RayReader:
    """What a Ray actor runs: loads the model once and reads one shard after the other."""

    def __init__(self, setup: Setup) -> None:
        prepare_libraries()
        self.recognizer = setup.recognizer(threads=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Reads the shard in `batch["shard"]`, pickled; gives it back read, pickled."""
        number, sources = pickle.loads(batch["shard"][0])
        done = number, list(self.recognizer.read_many(sources))
        return {"done": [pickle.dumps(done)]}


def on_ray(shards: Sequence[Shard], setup: Setup, jobs: int, address: str | None) -> Iterator[Done]:
    """Reads shards with Ray Data on `jobs` actors.

    Args:
        shards: what to read; all of them are handed to Ray at once.
        setup: What the actors read with; every machine of the cluster has its models at the same
            paths.
        jobs: how many actors, of one CPU each.
        address: of a running cluster; None starts one here, and stops it at the end.

    Yields:
        The shards as they are done, in any order.

    Raises:
        UserError: the cluster cannot be reached, or reading ended with an error.
    """
    _prepare_ray(local=address is None)
    with notes_kept_back():
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
                compute=ray.data.ActorPoolStrategy(size=min(jobs, len(items))),
            )
            for row in read.iter_rows():
                yield pickle.loads(row["done"])
    except ray.exceptions.RayError as error:
        raise UserError(f"Ray stopped: {str(error).splitlines()[0]}") from error
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
        if port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        with discarded_notes():
            ray.init(
                address or "local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
            )
    except ray.exceptions.AuthenticationError as error:
        raise UserError(
            f"Ray at {address} lets in only those who have its token: set RAY_AUTH_TOKEN, or copy "
            "the file ~/.ray/auth_token from that cluster. For a cluster without a token, set "
            "RAY_AUTH_MODE=disabled."
        ) from error
    except (OSError, OverflowError, ValueError, RuntimeError) as error:
        raise UserError(
            f"Ray cannot be reached at {address}: {error}. Check that it is running, and that "
            "RAY_AUTH_TOKEN or ~/.ray/auth_token has its token."
        ) from error


def _with_absolute_paths(setup: Setup) -> Setup:
    """The same models, whatever folder an actor runs in."""
    return replace(setup, model=setup.model.resolve(), finder=setup.finder.resolve())


def _prepare_ray(local: bool) -> None:
    """Sets what Ray takes from the environment when it is imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Ray listens on all interfaces and runs the code of whoever connects.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if local:  # Ray would write a token to the home folder, where other users can read it
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _absolute(shard: Shard) -> Shard:
    """The shard with paths that hold in whatever folder a worker runs."""
    number, sources = shard
    return number, [
        (name, source.absolute() if isinstance(source, Path) else source)
        for name, source in sources
    ]
