"""Per-process settings: warnings, OpenCV's threads, memory, signals, the end of workers."""

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from common import printable

STOP_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that stop a program, as Ctrl-C does. Windows has no SIGHUP."""


def prepare_libraries() -> None:
    """Prints warnings as one-line notes and limits OpenCV to one thread."""
    warnings.showwarning = _print_note
    warnings.filterwarnings("ignore", module="PIL")  # `images.decoding` reports what matters
    # Imported here, like everything slow: Ctrl-C is already handled by now.
    import cv2

    # Waking OpenCV's threads takes longer than all its work on a small image. On a photo of
    # 12 megapixels they would save 0.03 s.
    cv2.setNumThreads(1)


def keep_freed_memory() -> None:
    """Makes the C library keep freed memory for the next allocation; only glibc needs it.

    TensorFlow allocates and frees tensors of many sizes in each step. By default, glibc returns the
    large ones to the system, and the pages of the next ones must be mapped and cleared again. With
    batches of several shapes, this took 45 % of the time of training the finder.
    """
    import ctypes

    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # other C libraries, such as musl, have none
        trim_threshold, mmap_max, arena_max = -1, -4, -8  # as in malloc.h
        library.mallopt(mmap_max, 0)
        library.mallopt(trim_threshold, 2**31 - 1)
        library.mallopt(arena_max, 1)


def _print_note(message: Warning | str, *_: object, **__: object) -> None:
    print(f"note: {printable(str(message))}", file=sys.stderr)


@contextmanager
def interrupts_delayed() -> Iterator[None]:
    """Delays Ctrl-C until the block ends. Processes started in the block ignore it for good."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Imported here, as in `exit_with_parent`: reading one image does not need it.
    from multiprocessing import resource_tracker

    # Start the tracker first: multiprocessing unblocks signals whenever it starts it.
    resource_tracker.ensure_running()
    received: list[int] = []
    # Child processes inherit the mask. Here, another thread can still receive the signal.
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
    """Ends this worker process when its parent process ends, even if the parent is killed."""
    import multiprocessing.connection
    import threading

    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def exit_after_parent() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)  # nobody is left to receive the results

    threading.Thread(target=exit_after_parent, daemon=True).start()
