"""Measures how fast the web server answers, with and without training: python -m benchmarks.load.

The measurement takes about two minutes and uses only the loopback interface. It runs in a copy of
the project, so that your models and saved digits stay as they are. MNIST must be in `data/` or in
Keras's cache.
"""

import json
import os
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.__main__ import processor
from benchmarks.measure import Row
from benchmarks.serving import CLIENTS, DRAWING, load, quantiles, server
from common import PROJECT
from common.data.datasets import load_mnist
from common.storage.model_files import PRETRAINED, PRETRAINED_FINDER, model_paths

SECONDS = 8.0  # time of the measurement for each number of clients
WHY_REQUESTS = 30  # requests for each image
START_SECONDS = 180.0  # limit for the time until training reports progress
STOP_SECONDS = 30.0  # limit for the time until cancelled training has stopped
PHOTO = PROJECT / "samples" / "photo.jpg"
SAVED = {"2_transparent.png": 2, "3.png": 3, "5_chalk.png": 5, "7.jpeg": 7}  # digits to train on


def main() -> None:
    """Runs the measurements, and prints one line for each."""
    load_mnist(download=False)
    print(f"{processor()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, server(copied(Path(folder))) as (port, _):
        for row in rows(f"http://127.0.0.1:{port}"):
            print(f"{row.name:40} {row.figure}" + f" (limit {row.limit})" * bool(row.limit))


def copied(folder: Path) -> Path:
    """Copies the files that serving and training need into a folder; returns the folder."""
    for script in ("draw_digit.py", "train_model.py"):
        shutil.copy(PROJECT / script, folder)
    shutil.copytree(PROJECT / "common", folder / "common")
    (folder / "models").mkdir()
    for model in (PRETRAINED, PRETRAINED_FINDER):
        for path in model_paths(model.with_suffix("")):
            shutil.copy(path, folder / "models")
    if (PROJECT / "data").exists():
        (folder / "data").symlink_to(PROJECT / "data")
    return folder


def rows(address: str) -> Iterator[Row]:
    """Measures `POST /why`, and then `POST /read` before and during training."""
    yield from why(address)
    yield from reading(address, "")
    with training(address):
        yield from reading(address, ", training")
        if asked(f"{address}/training")["state"] != "running":
            raise RuntimeError("Training ended before the measurement was complete.")


def why(address: str) -> Iterator[Row]:
    """Measures the first and the later requests of `POST /why` for one digit of each image."""
    for image in (DRAWING, PHOTO):
        content = image.read_bytes()
        box = asked(f"{address}/look", content)["digits"][0]["box"]
        query = urlencode(dict(zip(("x", "y", "width", "height"), box, strict=True)))
        taken = []
        for _ in range(WHY_REQUESTS):
            started = time.perf_counter()
            asked(f"{address}/why?{query}", content)
            taken.append(time.perf_counter() - started)
        first = f", the first {taken[0] * 1000:.0f} ms"
        yield Row(f"POST /why, {image.name}", quantiles(taken[1:]) + first, limit="300 ms")


def reading(address: str, circumstances: str) -> Iterator[Row]:
    """Measures `POST /read` with each number of concurrent clients."""
    port = int(address.rsplit(":", 1)[1])
    for clients in CLIENTS:
        statuses, taken = load(port, clients, SECONDS)
        unexpected = set(statuses) - {200, 503}
        if unexpected:
            raise RuntimeError(f"Expected status 200 or 503, received {unexpected}.")
        figure = f"{quantiles(taken)}, {statuses[200] / SECONDS:.0f} per second"
        if statuses[503]:
            figure += f", {statuses[503] / statuses.total():.1%} refused with 503"
        limit = "100 ms" if clients == 1 else ""
        name = f"POST /read, {clients} client{'s' * (clients > 1)}{circumstances}"
        yield Row(name, figure, limit=limit)


@contextmanager
def training(address: str) -> Iterator[None]:
    """Saves some digits, and trains on them until the end of the `with` block."""
    for name, digit in SAVED.items():
        content = (PROJECT / "samples" / name).read_bytes()
        box = asked(f"{address}/look", content)["digits"][0]["box"]
        query = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"digit": digit}
        asked(f"{address}/keep?{urlencode(query)}", content)
    asked(f"{address}/train", b"")
    wait(address, START_SECONDS, lambda answer: answer["history"])
    yield
    asked(f"{address}/cancel", b"")
    wait(address, STOP_SECONDS, lambda answer: answer["state"] != "running")


def wait(address: str, seconds: float, is_reached: Callable[[dict[str, Any]], object]) -> None:
    """Waits until the state of training meets a condition."""
    end = time.perf_counter() + seconds
    while not is_reached(answer := asked(f"{address}/training")):
        if answer["state"] == "failed" or time.perf_counter() > end:
            raise RuntimeError(f"Training is in the state {answer['state']}: {answer['error']}")
        time.sleep(0.2)


def asked(address: str, content: bytes | None = None) -> Any:
    """Sends a POST request if there is content, else a GET request; returns the parsed JSON."""
    with urllib.request.urlopen(address, content, timeout=60) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    main()
