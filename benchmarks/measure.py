"""Times contenders in turn, measures peak memory, and defines the rows of the table."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from common import PROJECT

ROUNDS = 5
PYTHON = sys.executable


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: Name of the benchmark.
        figure: Result of this project, with its unit.
        rival: Name and result of the rival.
        ratio: This project's result divided by the rival's; None without a rival.
        limit: Worst acceptable ratio or, if there is no ratio, worst acceptable figure.
    """

    name: str
    figure: str
    rival: str = ""
    ratio: float | None = None
    limit: str = ""


def in_turn(
    contenders: Mapping[str, Callable[[], float]], rounds: int = ROUNDS
) -> dict[str, float]:
    """Runs the contenders in turn, and returns the median time of each.

    Args:
        contenders: Functions by name. Each does the work once and returns its time in seconds.
        rounds: Number of rounds. Every contender runs once per round.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in tqdm(range(rounds), ", ".join(contenders), leave=False, disable=None):
        for name, work in contenders.items():
            taken[name].append(work())
    return {name: statistics.median(values) for name, values in taken.items()}


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """Wraps `work` in a contender that returns its time in seconds."""

    def contender() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return contender


def command(*words: str | Path) -> Callable[[], float]:
    """Returns a contender that runs a command."""
    return timed(lambda: run(*words))


def run(*words: str | Path) -> str:
    """Runs a command in the project's folder, and returns what it prints on stdout."""
    done = subprocess.run(
        [str(word) for word in words], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout


def peak_memory(*words: str | Path) -> float:
    """Runs a command, and returns its peak memory in megabytes."""
    # A new process starts the command, since ru_maxrss is the maximum over all its children.
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    unit = 1024 if sys.platform != "darwin" else 1024**2
    return int(run(PYTHON, "-c", code, *words)) / unit
