"""Reads parts of many images one after the other, on several processes, or with Ray."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import UserError, console
from common.parts import Done, Part
from common.quiet import discarded_notes, notes_kept_back
from common.recognizer import DigitRecognizer

CONNECT_SECONDS = 10  # for the head of a Ray cluster to answer
AHEAD = 2  # parts a worker that are handed out before the first of them comes back


def on_processes(
    parts: Iterable[Part], model: Path, min_confidence: float, jobs: int
) -> Iterator[Done]:
    """Reads parts on `jobs` processes of this machine.

    Yields:
        The parts as they are done, in any order.

    Raises:
        UserError: a process was killed, or the model cannot be loaded.
    """
    # Not forked: LiteRT and OpenCV have threads, which a fork does not bring along.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (model, min_confidence))
    waiting: set[Future[Done]] = set()
    try:
        for part in parts:
            with _interrupts_ignored():  # the workers, which are started here, take it over
                waiting.add(pool.submit(_read_part, part))
            if len(waiting) >= AHEAD * jobs:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    except BrokenProcessPool as error:
        raise UserError(
            "A process that read images was killed, perhaps for want of memory. With --output, "
            "--resume goes on."
        ) from error
    except BaseException:  # Ctrl-C, a full disk, nobody who takes the rows: nothing to wait for
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_recognizer: DigitRecognizer | UserError  # of this process, where it is a worker


def _start_worker(model: Path, min_confidence: float) -> None:
    global _recognizer
    console.prepare_libraries()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)  # nobody is there to take what is read

    threading.Thread(target=follow, daemon=True).start()
    try:
        with discarded_notes():  # the process that hands out has told them
            _recognizer = DigitRecognizer(model, min_confidence, threads=1)
    except UserError as error:
        _recognizer = error


def _read_part(part: Part) -> Done:
    if isinstance(_recognizer, UserError):
        raise _recognizer
    number, sources = part
    return number, list(_recognizer.read_many(sources))


class RayReader:
    """What a Ray actor runs: loads the model once and reads one part after the other."""

    def __init__(self, model: Path, min_confidence: float) -> None:
        console.prepare_libraries()
        self.recognizer = DigitRecognizer(model, min_confidence, threads=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Reads the part in `batch["part"]`, pickled; gives it back read, pickled."""
        number, sources = pickle.loads(batch["part"][0])
        done = number, list(self.recognizer.read_many(sources))
        return {"done": [pickle.dumps(done)]}


def on_ray(
    parts: Iterable[Part], model: Path, min_confidence: float, jobs: int, address: str | None
) -> Iterator[Done]:
    """Reads parts with Ray Data on `jobs` actors.

    Args:
        parts: what to read; all of them are handed to Ray at once.
        model: a model file that every machine of the cluster has at this path.
        min_confidence: as of `DigitRecognizer`.
        jobs: how many actors, of one CPU each.
        address: of a running cluster; None starts one here, and stops it at the end.

    Yields:
        The parts as they are done, in any order.

    Raises:
        UserError: the cluster cannot be reached, or reading ended with an error.
    """
    # Before the import: nothing is sent anywhere, nothing but what ends it is told.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with notes_kept_back():
        import ray
        import ray.data
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
    except (OSError, OverflowError, ValueError, RuntimeError) as error:
        raise UserError(f"Ray cannot be reached at {address}: {error}") from error
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        items = [{"part": pickle.dumps(_absolute(part))} for part in parts]
        if items:
            read = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
                RayReader,
                fn_constructor_args=(model.resolve(), min_confidence),
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


def _absolute(part: Part) -> Part:
    """The part with paths that hold in whatever folder a worker runs."""
    number, sources = part
    return number, [
        (name, source.absolute() if isinstance(source, Path) else source)
        for name, source in sources
    ]
