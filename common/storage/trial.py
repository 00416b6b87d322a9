"""Tries a model from elsewhere in a process of its own, with limits on time and memory.

    python -m common.storage.trial FILE classifier|finder

A model file can ask for any amount of work. Here it can cost this process, and no other.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from common import PROJECT
from common.storage.loading import (
    BATCH,
    Classifier,
    Finder,
    ModelError,
    check_network,
    check_size,
    load_keras_classifier,
    load_tflite_classifier,
    load_tflite_finder,
)
from common.storage.tflite_safety import RefusedOperatorsError, check_operators

MAX_SECONDS = {".tflite": 30, ".keras": 120, ".h5": 120}
"""By the clock: TensorFlow takes five seconds to import, on a busy machine many more."""
MAX_CPU_SECONDS = 20  # of loading the model and running it on 127 images
MAX_MEGABYTES = 700  # in addition to what the libraries take
REFUSED = 2


def try_in_subprocess(path: Path, kind: str = "classifier") -> None:
    """Tries a model in a process of its own.

    Args:
        path: A `.keras`, `.h5` or `.tflite` file.
        kind: What it should be, "classifier" or "finder".

    Raises:
        ModelError: The model cannot be used, or takes more time or memory than a model may.
    """
    limits = f"a model may use {MAX_CPU_SECONDS} s and {MAX_MEGABYTES} MB to read {BATCH} digits"
    resolved = path.resolve()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "common.storage.trial", str(resolved), kind],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=MAX_SECONDS[path.suffix],
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{path} is damaged or too large: trying it does not end ({limits})."
        ) from error
    if done.returncode == REFUSED:
        raise ModelError(done.stdout.strip().replace(str(resolved), str(path)))
    if done.returncode:
        end = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        raise ModelError(f"{path} is damaged or too large: trying it ended with {end} ({limits}).")


def try_in_this_process(path: Path, kind: str = "classifier") -> None:
    """Loads a model and runs it on blank, full and random images of every size in use.

    Args:
        path: The model file.
        kind: As for `try_in_subprocess`.

    Raises:
        ModelError: The model cannot be used.
    """
    if path.suffix == ".tflite":
        _check_tflite(path)
    if kind == "finder":
        _run_finder(load_tflite_finder(path))
    else:
        run = (
            load_tflite_classifier(path)
            if path.suffix == ".tflite"
            else load_keras_classifier(path)
        )
        _run_classifier(run)


def _run_classifier(run: Classifier) -> None:
    images = np.random.default_rng(0).random((BATCH, 28, 28, 1), np.float32)
    images[0], images[1] = 0, 1
    size = BATCH
    while size:
        run(images[:size])
        size //= 2


def _run_finder(run: Finder) -> None:
    for height, width in ((32, 64), (256, 192), (768, 1024)):
        pages = np.random.default_rng(0).normal(size=(3, height, width, 1)).astype(np.float32)
        pages[0], pages[1] = 0, 1
        for page in pages:
            run(page[np.newaxis])


def _check_tflite(path: Path) -> None:
    check_size(path)
    try:
        check_operators(path.read_bytes())
    except RefusedOperatorsError as error:
        raise ModelError(f"{path} {error}.") from error
    # The reader of the format raises errors of many kinds on damaged files.
    except Exception as error:
        raise ModelError(f"{path} is damaged or not a .tflite model ({error}).") from error


def _limit_this_process() -> None:
    """Bounds the CPU time and the memory that this process may take from now on."""
    if sys.platform != "linux":
        return  # only the time by the clock is bounded there
    import resource

    fields = Path("/proc/self/statm").read_text().split()
    used_bytes = int(fields[5]) * resource.getpagesize()
    used_seconds = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    for what, value in (
        (resource.RLIMIT_DATA, used_bytes + MAX_MEGABYTES * 10**6),
        (resource.RLIMIT_CPU, int(used_seconds) + MAX_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(what)
        limit = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(what, (limit, most))


def _start_keras() -> None:
    """Imports Keras and runs a small network, which starts the threads of its backend."""
    from common.backend import keras

    network = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
    network.predict_on_batch(np.zeros((1, 784), np.float32))


def main() -> int:
    """Tries the model that the command line names; gives the exit status."""
    path = Path(sys.argv[1])
    try:
        if path.suffix != ".tflite":
            check_network(path)
            _start_keras()
        _limit_this_process()
        try_in_this_process(path, sys.argv[2])
    except ModelError as error:
        sys.stdout.buffer.write(str(error).encode("utf-8", "backslashreplace"))
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
