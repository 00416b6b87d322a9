"""Runs the benchmarks of `speed` and `serving`; writes a table to stdout and RESULTS.md."""

import os
import platform
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from benchmarks.measure import ROUNDS, Row
from benchmarks.serving import serving
from benchmarks.speed import all_rows
from common.files import replacing

RESULTS = Path(__file__).with_name("RESULTS.md")
LIBRARIES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "opencv-python-headless", "pillow")


def main() -> None:
    """Runs the benchmarks, and prints and saves the table."""
    table = markdown([*all_rows(), *serving()])
    print(table)
    with replacing(RESULTS) as temporary:
        temporary.write_text(table, encoding="utf-8")


def markdown(rows: list[Row]) -> str:
    """Formats the rows as a table, below the date, the machine and the library versions."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    lines = [
        "# Speed",
        "",
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {versions}. Measured by `make bench`. Times are "
        f"medians over 3 or {ROUNDS} rounds in which the contenders take turns. The last column is "
        "the worst acceptable ratio or, without a ratio, the worst acceptable result.",
        "",
        "| benchmark | this project | rival | ratio | limit |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
        lines.append(f"| {row.name} | {row.figure} | {row.rival} | {ratio} | {row.limit} |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Returns the name of the processor on Linux, and the machine type on other systems."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":")[1].strip()
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
