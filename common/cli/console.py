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
    """Runs a script's `main` and exits with the status that it returns.

    An error that the user can mend is reported in one line on stderr, with status 2. After an
    interruption, the status is 130. If the reader of stdout closes it (`| head`), the process exits
    with 0 and no message.
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
    """Runs `main`, prints any error as one line, and returns the exit status."""
    try:
        with _interruption_recognised():
            status = main()
            sys.stdout.flush()
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:
        # Python flushes stdout again at exit, which would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        # With a file name, a path was unusable (no permission, too long). Without one, it was
        # stdout.
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
    """Raises KeyboardInterrupt instead of an error that follows an interruption.

    Native libraries turn a KeyboardInterrupt during their import into an ImportError, for example.
    """
    try:
        yield
    except Exception as error:
        if _interruption.is_set():
            raise KeyboardInterrupt from error
        raise


def _interrupt(*_: object) -> None:
    """Signal handler: raises KeyboardInterrupt. The next signal ends the process at once.

    A second KeyboardInterrupt would interrupt the cleanup after the first one, or Python's exit,
    and print a traceback.
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

    Scripts call this before they import slow libraries, so that Ctrl-C during these imports
    prints no traceback.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the process that started this one
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (open until the process ends)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As on stderr: a file name that cannot be encoded must not end the program.
        sys.stdout.reconfigure(errors="backslashreplace")
    _interruption.clear()
    for number in (signal.SIGINT, *STOP_SIGNALS):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)
    sys.excepthook = _report_early_error
    # Pillow logs some kinds of damage, which it then raises as an error.
    logging.getLogger("PIL").addHandler(logging.NullHandler())


def _report_early_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Reports an interruption or a missing library before `run`, in one line each."""
    if issubclass(kind, KeyboardInterrupt) or _interruption.is_set():
        _let_signals_end_the_process()
        print("\ninterrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if isinstance(error, ModuleNotFoundError) and (what := _package_of(error.name)):
        print(f"error: {error.name} is not installed: pip install {what}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    sys.__excepthook__(kind, error, trace)


def _package_of(module: str | None) -> str | None:
    """Returns what pip has to install for a missing module, or None if it is not one of ours."""
    library = (module or "").partition(".")[0]
    if Path(sys.argv[0]).stem in ("predict_image", "draw_digit"):
        if library == "matplotlib":  # enough to plot, without TensorFlow
            return library
        if library in READING:
            return "-r requirements/predict.txt"
    return "-r requirements.txt" if library in READING + TRAINING else None


@contextmanager
def results_stream() -> Iterator[TextIO]:
    """Reserves stdout for results and redirects all other output to stderr.

    This includes what libraries and their processes write to file descriptor 1.

    Yields:
        The stream for the results.
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
