"""Controls how the running process warns, uses threads and memory, handles signals and ends."""

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from common import printable

STOP_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals other than Ctrl-C that ask a program to stop. Windows has no SIGHUP."""


def prepare_libraries() -> None:
    """Makes Python print warnings as one-line notes, and limits OpenCV to one thread."""
    warnings.showwarning = _print_note
    warnings.filterwarnings("ignore", module="PIL")  # `images.decoding` reports damaged files
    # Imported here because this import is slow. By now, the program handles Ctrl-C.
    import cv2

    # Waking OpenCV's threads takes longer than processing a small image, and saves only 0.03 s
    # on a 12-megapixel photo.
    cv2.setNumThreads(1)


def keep_freed_memory() -> None:
    """Makes the C library glibc keep freed memory for the next allocation.

    TensorFlow allocates and frees tensors of many sizes in each training step. By default, glibc
    returns the memory of large tensors to the system, which must clear it before the next tensor
    can use it. This took 45 % of the training time of the finder, whose batches have several
    shapes. Without glibc, the function does nothing.
    """
    import ctypes

    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # missing in other C libraries, such as musl
        trim_threshold, mmap_max, arena_max = -1, -4, -8  # parameter numbers from malloc.h
        library.mallopt(mmap_max, 0)
        library.mallopt(trim_threshold, 2**31 - 1)
        library.mallopt(arena_max, 1)


def _print_note(message: Warning | str, *_: object, **__: object) -> None:
    print(f"note: {printable(str(message))}", file=sys.stderr)


@contextmanager
def interrupts_delayed() -> Iterator[None]:
    """Delays Ctrl-C until the block ends. Processes that the block starts always ignore Ctrl-C.

    On Windows, the function does nothing.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Imported here, as in `exit_with_parent`, because reading one image does not need it.
    from multiprocessing import resource_tracker

    # Start the tracker first, because multiprocessing unblocks signals when it starts the tracker.
    resource_tracker.ensure_running()
    received: list[int] = []
    # Child processes inherit the signal mask. In this process, another thread can still receive the
    # signal, so a handler records it.
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
        os._exit(1)  # no process is left to receive the results

    threading.Thread(target=exit_after_parent, daemon=True).start()
