"""Starts and ends a script: streams, signals, error messages and exit statuses."""

import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

from common import UserError, printable
from common.processes import STOP_SIGNALS, prepare_libraries

OK, SOME_UNREADABLE, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130

READING = ("numpy", "PIL", "cv2", "ai_edge_litert", "tqdm", "filelock")
"""Modules that `requirements/predict.txt` installs. Reading images needs no others."""

TRAINING = ("tensorflow", "keras", "sklearn", "scipy", "matplotlib")
"""Modules that `requirements.txt` installs in addition to `READING`."""

_interruption = threading.Event()
"""Set once a signal has interrupted this process."""


def run(main: Callable[[], int]) -> None:
    """Runs a script's `main` function and exits with the status that it returns.

    If `main` raises a `UserError` or an `OSError`, the script prints one line on stderr and exits
    with status 2. After an interruption, the status is 130. If stdout is closed early, as by
    `| head`, the status is 0 and no error is printed.
    """
    prepare()
    try:
        prepare_libraries()
        status = _status_of(main)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        status = INTERRUPTED
    _let_signals_end_the_process()
    sys.exit(status)


def _status_of(main: Callable[[], int]) -> int:
    """Runs `main`, prints an expected error as one line, and returns the exit status."""
    try:
        with _interruption_recognised():
            status = main()
            sys.stdout.flush()
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:
        # Python flushes stdout again at exit. On a closed pipe, that would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        # An error with a file name is about that file, for instance a missing permission. An error
        # without a file name is about stdout.
        if error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            what = "The output cannot be written"
        else:
            what = f"{printable(str(error.filename))} cannot be used"
        print(f"error: {what}: {error.strerror or error}.", file=sys.stderr)
        return USAGE_ERROR
    return status


@contextmanager
def _interruption_recognised() -> Iterator[None]:
    """Raises a KeyboardInterrupt instead of any other error that an interruption caused.

    For example, if Ctrl-C interrupts the import of a native library, Python raises an ImportError.
    """
    try:
        yield
    except Exception as error:
        if _interruption.is_set():
            raise KeyboardInterrupt from error
        raise


def _interrupt(*_: object) -> None:
    """Raises KeyboardInterrupt on the first signal, and lets the next one end the process at once.

    If a second KeyboardInterrupt occurred during the cleanup or the shutdown of the interpreter,
    Python would print a traceback.
    """
    _interruption.set()
    _let_signals_end_the_process()
    raise KeyboardInterrupt


def _let_signals_end_the_process() -> None:
    for number in (signal.SIGINT, *STOP_SIGNALS):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, signal.SIG_DFL)


def prepare() -> None:
    """Sets up the streams, signals and error handling of this process.

    Scripts call this function before they import slow libraries. Ctrl-C during these imports then
    prints no traceback.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the parent process closed this stream
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (open until the process ends)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As on stderr, printing a file name that cannot be encoded must not raise an error.
        sys.stdout.reconfigure(errors="backslashreplace")
    _interruption.clear()
    for number in (signal.SIGINT, *STOP_SIGNALS):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)
    sys.excepthook = _report_early_error
    # Pillow logs some errors before it raises them. Without a handler, they would appear on stderr.
    logging.getLogger("PIL").addHandler(logging.NullHandler())


def _report_early_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Prints one line, not a traceback, after an early Ctrl-C or if a library is missing."""
    if issubclass(kind, KeyboardInterrupt) or _interruption.is_set():
        _let_signals_end_the_process()
        print("\ninterrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if isinstance(error, ModuleNotFoundError) and (what := _package_of(error.name)):
        print(f"error: {error.name} is not installed: pip install {what}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    sys.__excepthook__(kind, error, trace)


def _package_of(module: str | None) -> str | None:
    """Returns the arguments of `pip install` for a missing module; None for an unknown module."""
    library = (module or "").partition(".")[0]
    if Path(sys.argv[0]).stem in ("predict_image", "draw_digit"):
        if library == "matplotlib":  # these scripts draw plots, but do not need TensorFlow
            return library
        if library in READING:
            return "-r requirements/predict.txt"
    return "-r requirements.txt" if library in READING + TRAINING else None


@contextmanager
def results_stream() -> Iterator[TextIO]:
    """Reserves stdout for results, and redirects all other output from stdout to stderr.

    Output that libraries or child processes write to file descriptor 1 is redirected as well.

    Yields:
        The stream for results, which writes to the original stdout.
    """
    sys.stdout.flush()
    number = sys.stdout.fileno()
    stdout = os.dup(number)
    os.dup2(sys.stderr.fileno(), number)
    try:
        with open(
            stdout, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False
        ) as results:
            if isinstance(sys.stdout, io.TextIOWrapper):
                results.reconfigure(write_through=sys.stdout.write_through)  # python -u
            yield results
    finally:
        sys.stdout.flush()
        os.dup2(stdout, number)
        os.close(stdout)
