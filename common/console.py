"""What the command lines share: arguments, messages, exit statuses."""

import argparse
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TextIO

from common import UserError, printable

OK, SOME_UNREADABLE, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130
STOPS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that stop a program as Ctrl-C does; there is no SIGHUP on Windows."""

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
    """Settings of a process: streams, signals, and those of libraries."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (as long as the process)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: no name ends the program
    for number in (signal.SIGINT, *STOPS):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    prepare_libraries()


def prepare_libraries() -> None:
    """How warnings are shown, and how many threads OpenCV has."""
    warnings.showwarning = _note
    warnings.filterwarnings("ignore", module="PIL")  # what matters, `preprocessing` says itself
    # Imported here, as all that takes long: Ctrl-C meanwhile is already understood.
    import cv2

    # To wake OpenCV's threads takes longer than all its work on a small image; on a photo of
    # twelve megapixels they would save 0.03 s.
    cv2.setNumThreads(1)


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


sys.excepthook = _interrupted_early  # until `run` takes over, while libraries are imported


def _note(message: Warning | str, *_: object, **__: object) -> None:
    """Shows a warning without the place in the code that it comes from."""
    print(f"note: {printable(str(message))}", file=sys.stderr)


class ArgumentParser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` whose error messages show control characters as escapes."""

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the message on stderr, and ends with status 2."""
        super().error(printable(message))


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


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--model`."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a .keras, .h5 or .tflite file (default: the one you trained last, else the "
        "pretrained one that comes with the project; bundled_digits does not count)",
    )


def add_finder_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--finder`."""
    parser.add_argument(
        "--finder",
        type=Path,
        metavar="FILE",
        help="find the digits with this trained network, a .tflite file (default: with rules)",
    )


def add_min_confidence_argument(parser: argparse.ArgumentParser, default: float) -> None:
    """Adds `--min-confidence`; `default` is what it is without."""
    parser.add_argument(
        "--min-confidence",
        type=share,
        default=default,
        metavar="SHARE",
        help="leave out what is a digit with less confidence than this, from 0 (nothing) to 1 "
        "(default: %(default)s)",
    )


def positive_int(text: str) -> int:
    """Argument type: an int above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def share(text: str) -> float:
    """Argument type: a float from 0 to 1."""
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 1")
    return value


def add_data_argument(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds `--data`; `default` says what is taken without it."""
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="mnist; digits (bundled with scikit-learn); an .npz file as Keras has it; a folder "
        "with the four IDX files; or a folder with sub-folders 0 to 9 of images "
        f"(default: {default})",
    )


def has_module(name: str) -> bool:
    """Whether a library is installed."""
    return find_spec(name) is not None


def shown(path: Path) -> str:
    """A path as short as it can be typed from the current folder, fit to be printed."""
    try:
        # Not Path.resolve, which raises a RuntimeError for links that lead to themselves.
        return printable(str(Path(os.path.realpath(path)).relative_to(Path.cwd())))
    except ValueError:
        return printable(str(path))
