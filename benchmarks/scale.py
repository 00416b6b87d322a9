"""Measures how fast one process, two processes and Ray read many images."""

import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from benchmarks.measure import PYTHON, Row, in_turn, peak_memory, timed
from common import PROJECT
from common.data.datasets import Dataset
from common.storage.model_files import PRETRAINED

IMAGES = 20_000
ROUNDS = 3
ENGINES: dict[str, tuple[str, ...]] = {
    "one process": (),
    "--jobs 2": ("--jobs", "2"),
    "--engine ray": ("--engine", "ray"),
}


def scale(data: Dataset, folder: Path) -> list[Row]:
    """Measures images per second, peak memory, and the time for a command with a single image."""
    images = folder / "many"
    images.mkdir()
    for number in range(IMAGES):
        picture = data.test_images[number % len(data.test_images)]
        Image.fromarray(255 - picture).save(images / f"{number}.png")
    engines = dict(ENGINES)
    if not find_spec("ray"):
        del engines["--engine ray"]

    def words(engine: str, *sources: Path) -> list[str | Path]:
        options: list[str | Path] = [
            PYTHON,
            "predict_image.py",
            "--model",
            PRETRAINED,
            *engines[engine],
        ]
        return [*options, "--output", folder / "shards", *sources]

    def contender(engine: str, *sources: Path) -> Callable[[], float]:
        def work() -> None:
            subprocess.run(words(engine, *sources), cwd=PROJECT, capture_output=True, check=True)

        def once() -> float:
            shutil.rmtree(folder / "shards", ignore_errors=True)
            return timed(work)()

        return once

    taken = in_turn({engine: contender(engine, images) for engine in engines}, ROUNDS)
    one = images / "0.png"
    start = in_turn({engine: contender(engine, one) for engine in engines}, ROUNDS)
    rows = []
    for engine in engines:
        figure = f"{IMAGES / taken[engine]:,.0f} per second; {taken[engine]:.1f} s"
        ratio = None if engine == "one process" else taken[engine] / taken["one process"]
        rival = "" if ratio is None else f"one process: {taken['one process']:.1f} s"
        rows.append(Row(f"{IMAGES:,} images into shards, {engine}", figure, rival, ratio))
        rows.append(Row("  with a single image", f"{start[engine]:.1f} s"))
    shutil.rmtree(folder / "shards")
    peak = peak_memory(*words("one process", images))
    rows.append(
        Row(f"{IMAGES:,} images into shards, peak memory", f"{peak:.0f} MB", limit="400 MB")
    )
    return rows
