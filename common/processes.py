"""Settings of a process that work is done in, and how it is stopped."""

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from common import printable

STOPS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that stop a program as Ctrl-C does; there is no SIGHUP on Windows."""


def prepare_libraries() -> None:
    """How warnings are shown, and how many threads OpenCV has."""
    warnings.showwarning = _note
    warnings.filterwarnings("ignore", module="PIL")  # what matters, `preprocessing` says itself
    # Imported here, as all that takes long: Ctrl-C meanwhile is already understood.
    import cv2

    # To wake OpenCV's threads takes longer than all its work on a small image; on a photo of
    # twelve megapixels they would save 0.03 s.
    cv2.setNumThreads(1)


def _note(message: Warning | str, *_: object, **__: object) -> None:
    """Shows a warning without the place in the code that it comes from."""
    print(f"note: {printable(str(message))}", file=sys.stderr)


@contextmanager
def interrupts_delayed() -> Iterator[None]:
    """Ctrl-C takes effect when the block ends, and never in processes that are started in it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has no signals to delay
        yield
        return
    # Imported here, as in `exit_with_parent`: reading one image needs none of it.
    from multiprocessing import resource_tracker

    # Where multiprocessing starts this process of its own, it lets signals through again.
    resource_tracker.ensure_running()
    received: list[int] = []
    # The mask is for the processes, which inherit it; another thread can still take the signal.
    handler = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)


def exit_with_parent() -> None:
    """Makes this worker process end when the process that started it does, however that ends."""
    import multiprocessing.connection
    import threading

    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def follow() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)  # nobody is left to take what the worker makes

    threading.Thread(target=follow, daemon=True).start()
