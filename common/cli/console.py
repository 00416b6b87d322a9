"""How a script starts and ends: signals, messages, exit statuses and the results on stdout."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

from common import UserError, printable
from common.processes import STOPS, prepare_libraries

OK, SOME_UNREADABLE, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130

READING = ("numpy", "PIL", "cv2", "ai_edge_litert", "tqdm", "filelock")
"""The modules that `requirements/predict.txt` installs: reading needs no others."""

TRAINING = ("tensorflow", "keras", "sklearn", "scipy", "matplotlib")
"""The modules that `requirements.txt` installs besides."""


def run(main: Callable[[], int]) -> None:
    """Runs a script's `main` and ends the process with its exit status.

    A `UserError` is printed as one line on stderr and ends with 2, an interruption with 130; a
    reader of our output that has gone away (`| head`) ends it quietly.
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
    """Runs `main`, says what stopped it, and gives the exit status."""
    try:
        status = main()
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return WRONG_CALL
    except BrokenPipeError:
        # Python flushes stdout once more on its way out: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        # A path that cannot be looked at (closed, too long); where there is none, it is stdout.
        if error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            what = "The output cannot be written"
        else:
            what = f"{printable(str(error.filename))} cannot be used"
        print(f"error: {what}: {error.strerror or error}.", file=sys.stderr)
        return WRONG_CALL
    return status


def _interrupt(*_: object) -> None:
    """Signal handler: raises KeyboardInterrupt; the next signal ends the process at once.

    A second KeyboardInterrupt would be raised amid the cleaning up after the first one, or
    while Python exits, and print a traceback.
    """
    _let_signals_end_the_process()
    raise KeyboardInterrupt


def _let_signals_end_the_process() -> None:
    for number in (signal.SIGINT, *STOPS):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.SIG_DFL)


def prepare() -> None:
    """Prepares this process for a command line: its streams, its signals and how it ends.

    A script calls it before it imports libraries that take long, so that Ctrl-C during these
    imports ends it without a traceback.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (as long as the process)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: no name ends the program
    for number in (signal.SIGINT, *STOPS):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    sys.excepthook = _interrupted_early


def _interrupted_early(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _let_signals_end_the_process()
        print("\ninterrupted", file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and (file := _requirements_of(error.name)):
        print(f"error: {error.name} is not installed: pip install -r {file}", file=sys.stderr)
        sys.exit(WRONG_CALL)
    else:
        sys.__excepthook__(kind, error, trace)


def _requirements_of(module: str | None) -> str | None:
    """The file of requirements that installs what a script lacks, or None where no file does."""
    library = (module or "").partition(".")[0]
    if library in READING and Path(sys.argv[0]).stem in ("predict_image", "draw_digit"):
        return "requirements/predict.txt"
    return "requirements.txt" if library in READING + TRAINING else None


@contextmanager
def results_stream() -> Iterator[TextIO]:
    """Keeps stdout for results; everything else that is written to it goes to stderr meanwhile.

    Libraries and the processes that they start write to file descriptor 1, too.

    Yields:
        The stream to write the results to.
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
