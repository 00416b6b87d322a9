"""Tries an untrusted model in a subprocess with limits on time and memory.

    python -m common.storage.trial FILE classifier|finder

A hostile model file can demand any amount of time and memory, or crash the process that loads it.
If this happens in the subprocess, the program reports an error and continues.
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
"""Wall-clock limits. Importing TensorFlow takes five seconds, and longer if the CPUs are busy."""
MAX_CPU_SECONDS = 20  # for loading a model and running it on 127 images or, for a finder, 9 pages
MAX_MEGABYTES = 700  # in addition to the memory that the libraries use
REFUSED = 2  # exit status of the subprocess


def try_in_subprocess(path: Path, kind: str = "classifier") -> None:
    """Loads and runs a model in a subprocess with limits on time and memory.

    Args:
        path: A `.keras`, `.h5` or `.tflite` file.
        kind: The expected kind of model, "classifier" or "finder".

    Raises:
        ModelError: The model cannot be used, or exceeds a limit.
    """
    limits = f"the limits are {MAX_CPU_SECONDS} s of CPU time and {MAX_MEGABYTES} MB of memory"
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
            f"{path} is damaged or too large: a trial run did not finish within "
            f"{MAX_SECONDS[path.suffix]} s ({limits})."
        ) from error
    if done.returncode == REFUSED:
        raise ModelError(done.stdout.strip().replace(str(resolved), str(path)))
    if done.returncode:
        end = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        raise ModelError(
            f"{path} is damaged or too large: a trial run ended with {end} ({limits})."
        )


def try_in_this_process(path: Path, kind: str = "classifier") -> None:
    """Loads a model and runs it on images with constant or random pixels.

    A classifier gets batches of several sizes, and a finder gets pages of several sizes.

    Args:
        path: The model file.
        kind: The expected kind of model, "classifier" or "finder".

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
    # The parser raises errors of many types on damaged files.
    except Exception as error:
        raise ModelError(f"{path} is damaged or not a .tflite model ({error}).") from error


def _limit_this_process() -> None:
    """Limits how much more CPU time and memory this process can use (Linux only)."""
    if sys.platform != "linux":
        return
    import resource

    fields = Path("/proc/self/statm").read_text().split()
    used_bytes = int(fields[5]) * resource.getpagesize()
    used_seconds = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    for resource_type, value in (
        (resource.RLIMIT_DATA, used_bytes + MAX_MEGABYTES * 10**6),
        (resource.RLIMIT_CPU, int(used_seconds) + MAX_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard_limit = resource.getrlimit(resource_type)
        limit = value if hard_limit == resource.RLIM_INFINITY else min(value, hard_limit)
        resource.setrlimit(resource_type, (limit, hard_limit))


def _start_keras() -> None:
    """Imports Keras and runs a small network, so that the limits exclude the start-up of Keras."""
    from common.backend import keras

    network = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
    network.predict_on_batch(np.zeros((1, 784), np.float32))


def main() -> int:
    """Tries the model that the command line names, and returns the exit status."""
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
