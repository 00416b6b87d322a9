"""Opens model files, whoever made them, and runs nothing in them that is no network."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import PROJECT, UserError
from common.quiet import notes_kept_back

if TYPE_CHECKING:
    import keras

CODE_LAYERS = ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
"""Class names under which Keras keeps code in model files."""

TRIAL_SECONDS = 10  # that a model without a card may take to load

MOST_BYTES = 2 * 10**9  # that a model file may unpack to
MOST_UNITS = 10_000  # any number in a network's config: a small file can ask for much memory
NO_AMOUNTS = ("seed", "shared_object_id")  # names of numbers there that stand for no amount

Run = Callable[[np.ndarray], np.ndarray]
"""float32 (N, 28, 28, 1), 0 to 1 -> float32 (N, 10), logits or probabilities."""


class ModelError(UserError):
    """A model file that is missing, damaged or of the wrong shape."""


def load_network(path: Path) -> "keras.Model":
    """Loads a `.keras` or `.h5` model as Keras has it; code inside the file is refused.

    Raises:
        ModelError: damaged, or holds code.
    """
    try:
        _refuse_code(path, json.loads(_network_config(path)))
        # Imported here: a file that is refused should not take the five seconds of TensorFlow.
        from common.backend import keras

        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except ModelError:
        raise
    # Keras passes on whatever its zip, HDF5 and JSON readers and its layers raise.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(f"{path} is damaged or cannot be loaded ({reason[:200]}).") from error


def _network_config(path: Path) -> str | bytes:
    """The JSON in a `.keras` or `.h5` file that says what its layers are."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                raise ModelError(f"{path} would unpack to more than {MOST_BYTES // 10**9} GB.")
            if damaged := archive.testzip():
                raise ModelError(f"{path} is damaged ({damaged} does not fit its checksum).")
            return archive.read("config.json")
    # Imported here: reading images with a .tflite does without.
    import h5py

    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise ModelError(f"{path} holds weights without a network; save the whole model.")
        return file.attrs["model_config"]


def _refuse_code(path: Path, config: Any, key: str = "") -> None:
    """Refuses a network's config that asks for more than Keras's own layers, or for huge ones.

    Keras refuses code, too, but has not always done so, least of all in `.h5` files.

    Args:
        path: the model file.
        config: what Keras saves of a network, or a part of it.
        key: what that part is called.

    Raises:
        ModelError: it holds code or a number above `MOST_UNITS`.
    """
    if isinstance(config, dict):
        name, module = config.get("class_name"), config.get("module")
        foreign = module is not None and str(module).split(".")[0] not in ("keras", "builtins")
        if name in CODE_LAYERS or foreign:
            raise ModelError(f"{path} holds code ({module or 'keras'}: {name}); it is never run.")
        for part, value in config.items():
            _refuse_code(path, value, part)
    elif isinstance(config, list):
        for value in config:
            _refuse_code(path, value, key)
    elif isinstance(config, int) and config > MOST_UNITS and key not in NO_AMOUNTS:
        raise ModelError(f"{path} has {key} {config}; expected {MOST_UNITS:,} at most.")


def keras_runner(path: Path) -> Run:
    """A `.keras` or `.h5` model, ready to run.

    Raises:
        ModelError: damaged, holds code, or of the wrong shape.
    """
    network = load_network(path)
    try:
        shapes = network.input_shape, network.output_shape
    except AttributeError as error:
        raise ModelError(
            f"{path} is no network that takes images; one without an Input layer must be built "
            "before it is saved."
        ) from error
    shape = _input_shape(path, *shapes)

    def run(images: np.ndarray) -> np.ndarray:
        return np.asarray(network.predict_on_batch(images.reshape(-1, *shape)))

    try:
        run(np.zeros((1, 28, 28, 1), np.float32))
    # Keras passes on whatever its layers raise.
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)
        raise ModelError(f"{path} cannot be run ({reason}).") from error
    return run


def _try_apart(path: Path) -> None:
    """Raises a `ModelError` where loading a `.tflite` crashes or does not end."""
    code = (
        "import sys, pathlib; from common.model_loading import tflite_runner; "
        "tflite_runner(pathlib.Path(sys.argv[1]))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path.resolve())],
            cwd=PROJECT,
            capture_output=True,
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{path} is damaged: loading it does not end.") from error
    if done.returncode < 0:
        raise ModelError(f"{path} is damaged: loading it ends with signal {-done.returncode}.")


def tflite_runner(path: Path, vouched_for: bool = True, threads: int | None = None) -> Run:
    """A `.tflite` model, ready to run; without TensorFlow.

    Args:
        path: the model file.
        vouched_for: whether its hash is known to be right. Any other is first tried in a process
            of its own: LiteRT checks a file's form, but some damage makes it wait for ever.
        threads: by default as many as there are cores, and 4 at most.

    Raises:
        ModelError: damaged, or of the wrong shape.
    """
    if not vouched_for:
        _try_apart(path)
    from ai_edge_litert.interpreter import Interpreter

    threads = threads or min(4, os.cpu_count() or 1)
    try:
        # Read here and not by LiteRT, which takes any problem with the file for a missing one.
        content = path.read_bytes()
        with notes_kept_back():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} is damaged or not a .tflite model ({reason}).") from error
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if [detail["dtype"] for detail in inputs + outputs] != [np.float32, np.float32]:
        raise ModelError(f"{path} must take one float32 input and give one float32 output.")
    entry, exit_ = inputs[0]["index"], outputs[0]["index"]
    shape = _input_shape(path, tuple(inputs[0]["shape"]), tuple(outputs[0]["shape"]))
    size = int(inputs[0]["shape"][0])
    any_size = inputs[0]["shape_signature"][0] == -1

    def run(images: np.ndarray) -> np.ndarray:
        nonlocal size
        if any_size and len(images) != size:
            size = len(images)
            interpreter.resize_tensor_input(entry, (size, *shape))
            interpreter.allocate_tensors()
        given = images.reshape(-1, *shape)
        answers = []
        for start in range(0, len(given), size):
            part = given[start : start + size]
            missing = size - len(part)
            if missing:
                part = np.pad(part, [(0, missing), *[(0, 0)] * len(shape)])
            interpreter.set_tensor(entry, part)
            interpreter.invoke()
            answers.append(interpreter.get_tensor(exit_)[: size - missing])
        return np.concatenate(answers)

    try:
        run(np.zeros((1, 28, 28, 1), np.float32))
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged: it cannot be run ({str(error)[:200]}).") from error
    return run


def _input_shape(path: Path, entry: Any, exit_: Any) -> tuple[int, ...]:
    """The shape of one input image, where the model's shapes fit."""
    if not isinstance(entry, tuple) or entry[1:] not in ((28, 28), (28, 28, 1), (784,)):
        raise ModelError(f"{path} takes {entry}; expected (N, 28, 28), (N, 28, 28, 1) or (N, 784).")
    if not isinstance(exit_, tuple) or exit_[1:] != (10,):
        raise ModelError(f"{path} gives {exit_}; expected (N, 10), one value for each digit.")
    return tuple(int(side) for side in entry[1:])
