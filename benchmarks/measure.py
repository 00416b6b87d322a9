"""How the benchmarks measure: contenders in turn, medians, ratios, one table."""

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
    """One line of the table.

    Attributes:
        what: what was measured.
        figure: of this project, with its unit.
        rival: whom it is compared with, and its figure.
        ratio: this project's over the rival's; None where there is nothing to compare.
        limit: what the ratio, or the figure, should not exceed, in words.
    """

    what: str
    figure: str
    rival: str = ""
    ratio: float | None = None
    limit: str = ""


def in_turn(
    contenders: Mapping[str, Callable[[], float]], rounds: int = ROUNDS
) -> dict[str, float]:
    """Medians over `rounds` rounds in each of which every contender has its turn.

    Args:
        contenders: functions that do the work once and give what it took.
        rounds: how often.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in tqdm(range(rounds), ", ".join(contenders), leave=False, disable=None):
        for name, work in contenders.items():
            taken[name].append(work())
    return {name: statistics.median(values) for name, values in taken.items()}


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """A contender that gives the seconds which `work` takes."""

    def contender() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return contender


def command(*words: str | Path) -> Callable[[], float]:
    """A contender that gives the seconds which a command takes from start to end."""
    return timed(lambda: run(*words))


def run(*words: str | Path) -> str:
    """What a command prints on stdout; run in the project's folder."""
    done = subprocess.run(
        [str(word) for word in words], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout


def peak_memory(*words: str | Path) -> float:
    """The most memory in megabytes that a command holds at a time."""
    # A process of its own, since the figure is that of the hungriest child so far.
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    unit = 1024 if sys.platform != "darwin" else 1024**2
    return int(run(PYTHON, "-c", code, *words)) / unit
