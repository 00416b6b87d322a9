"""Loads model files from any source without running code that they contain."""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from common import UserError
from common.finding.encoding import OUTPUTS, STRIDE
from common.quiet import hidden_stderr
from common.storage.keras_safety import RefusedConfigError, checked_model

if TYPE_CHECKING:
    import keras

BATCH = 64  # images per call; larger batches are no faster on CPUs and take more memory
MAX_BYTES = 400 * 10**6  # limit for a model file, both packed and unpacked
MAX_CONFIG_BYTES = 5 * 10**6  # limit for the JSON that describes the network
KERAS_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
"""Files in a `.keras` archive. Keras adds other files only for layers that are not allowed."""

Classifier = Callable[[np.ndarray], np.ndarray]
"""Maps at most `BATCH` pictures, float32 (N, 28, 28, 1), to logits or probabilities, (N, 10)."""

Finder = Callable[[np.ndarray], np.ndarray]
"""Maps pages, float32 (N, height, width, 1), whose sides are multiples of 32, to output maps.

`finding.encoding` describes these maps."""


class ModelError(UserError):
    """A model file is missing, damaged or not allowed, or its model has the wrong shape."""


def load_network(path: Path) -> "keras.Model":
    """Loads a `.keras` or `.h5` model that consists only of layers that classifiers use.

    Args:
        path: The model file.

    Raises:
        ModelError: The file is damaged, too large, or contains a part that is not allowed.
    """
    config = json.dumps(check_network(path))
    # Imported here: importing TensorFlow takes five seconds, and a refused file should fail at
    # once. The import is outside the `try` block, because a failed import, for instance after
    # Ctrl-C, does not mean that the file is damaged.
    from common.backend import keras

    try:
        with tempfile.TemporaryDirectory() as folder:
            # Keras loads a private copy with the checked config. Nobody can exchange this copy
            # after the check.
            copy = Path(folder, f"model{path.suffix}")
            (_copy_keras if path.suffix == ".keras" else _copy_h5)(path, copy, config)
            return keras.saving.load_model(copy, compile=False, safe_mode=True)
    # Keras's zip, HDF5 and JSON readers and its layers raise errors of many types.
    except Exception as error:
        raise ModelError(f"{path} is damaged or cannot be loaded ({_reason(error)}).") from error


def check_network(path: Path) -> dict[str, Any]:
    """Checks the config of a `.keras` or `.h5` model without importing TensorFlow.

    Returns:
        A new config, made only of allowed parts.

    Raises:
        ModelError: The file is damaged, too large, or contains a part that is not allowed.
    """
    try:
        return _checked_config(path)
    except ModelError:
        raise
    # The zip, HDF5 and JSON readers raise errors of many types.
    except Exception as error:
        raise ModelError(f"{path} is damaged or cannot be loaded ({_reason(error)}).") from error


def _checked_config(path: Path) -> dict[str, Any]:
    check_size(path)
    try:
        return checked_model(json.loads(_network_config(path)))
    except RefusedConfigError as error:
        raise ModelError(f"{path} {error}.") from error


def _network_config(path: Path) -> str | bytes:
    """Returns the JSON in a `.keras` or `.h5` file that describes the network."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            _check_archive(path, archive)
            config: str | bytes = archive.read("config.json")
    else:
        # Imported here: reading images with a .tflite model does not need it.
        import h5py

        with h5py.File(path) as file:
            if "model_config" not in file.attrs:
                raise ModelError(
                    f"{path} contains only weights. Save the whole model with model.save()."
                )
            config = file.attrs["model_config"]
    if len(config) > MAX_CONFIG_BYTES:
        raise ModelError(
            f"{path} has a network config of {len(config):,} bytes; expected at most "
            f"{MAX_CONFIG_BYTES:,}."
        )
    return config


def _check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises a ModelError if a `.keras` archive is damaged, too large or has unexpected files."""
    if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
        raise ModelError(
            f"{path} is larger than {MAX_BYTES // 10**6} MB when unpacked, the limit for a model."
        )
    names = archive.namelist()
    if len(names) != len(KERAS_MEMBERS) or set(names) != KERAS_MEMBERS:
        others = ", ".join(sorted(set(names) - KERAS_MEMBERS)[:3])
        raise ModelError(
            f"{path} is damaged or not a .keras model: it contains {len(names):,} files "
            f"({others[:80]}); expected {', '.join(sorted(KERAS_MEMBERS))}."
        )
    if damaged := archive.testzip():
        raise ModelError(f"{path} is damaged ({damaged} does not match its checksum).")


def _copy_keras(path: Path, copy: Path, config: str) -> None:
    """Copies a `.keras` file and replaces the config in the copy."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        target.writestr("config.json", config)
        for name in sorted(KERAS_MEMBERS - {"config.json"}):
            with source.open(name) as member, target.open(name, "w") as written:
                shutil.copyfileobj(member, written)


def _copy_h5(path: Path, copy: Path, config: str) -> None:
    """Copies an `.h5` file and replaces the config in the copy."""
    import h5py

    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = config


def load_keras_classifier(path: Path) -> Classifier:
    """Loads a `.keras` or `.h5` classifier.

    Raises:
        ModelError: The file is damaged or not allowed, or the model has the wrong shape.
    """
    network = load_network(path)
    try:
        shapes = network.input_shape, network.output_shape
    except AttributeError as error:
        raise ModelError(
            f"{path} has no input shape. Add an Input layer to the network, or build the network "
            "before you save it."
        ) from error
    shape = _input_shape(path, *shapes)

    def run(images: np.ndarray) -> np.ndarray:
        return np.asarray(network.predict_on_batch(images.reshape(-1, *shape)))

    return _checked_run(path, run)


def load_tflite_classifier(path: Path, threads: int | None = None) -> Classifier:
    """Loads a `.tflite` classifier, without TensorFlow.

    LiteRT validates the file format, but some damaged files make it hang. Try an untrusted file
    with `trial.try_in_subprocess` first.

    Args:
        path: The model file.
        threads: Number of threads. Defaults to the number of cores, but at most 4.

    Raises:
        ModelError: The file is damaged or too large, or the model has the wrong shape.
    """
    interpreter = _interpreter(path, threads)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    shapes = (tuple(detail["shape"].tolist()) for detail in (inputs[0], outputs[0]))
    shape = _input_shape(path, *shapes)
    return _checked_run(path, _tflite_run(interpreter, shape))


def load_tflite_finder(path: Path, threads: int | None = None) -> Finder:
    """Loads a `.tflite` finder, without TensorFlow.

    Args:
        path: The model file. Try an untrusted file with `trial.try_in_subprocess` first.
        threads: Number of threads. Defaults to the number of cores, but at most 4.

    Raises:
        ModelError: The file is damaged, too large, or not a finder.
    """
    interpreter = _interpreter(path, threads)
    input_ = interpreter.get_input_details()[0]
    output = interpreter.get_output_details()[0]
    if input_["shape_signature"].tolist() != [-1, -1, -1, 1] or output["shape"][-1] != OUTPUTS:
        raise ModelError(
            f"{path} is not a finder: it takes {input_['shape_signature'].tolist()} and returns "
            f"{output['shape_signature'].tolist()}; expected [-1, -1, -1, 1] and "
            f"[-1, -1, -1, {OUTPUTS}]."
        )
    shape: tuple[int, ...] = ()
    lock = Lock()

    def run(pages: np.ndarray) -> np.ndarray:
        nonlocal shape
        try:
            with lock:
                if pages.shape != shape:
                    interpreter.resize_tensor_input(input_["index"], pages.shape)
                    interpreter.allocate_tensors()
                    shape = pages.shape
                interpreter.set_tensor(input_["index"], pages)
                interpreter.invoke()
                return np.asarray(interpreter.get_tensor(output["index"]))
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} cannot be run ({_reason(error)}).") from error

    run(np.zeros((1, STRIDE, STRIDE, 1), np.float32))
    return run


def _interpreter(path: Path, threads: int | None) -> Any:
    """Creates a LiteRT interpreter for a model with one float32 input and one float32 output."""
    from ai_edge_litert.interpreter import Interpreter

    threads = threads or min(4, os.cpu_count() or 1)
    check_size(path)
    try:
        # Read the file here: LiteRT reports every file that it cannot read as missing.
        content = path.read_bytes()
        with hidden_stderr():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged or not a .tflite model ({_reason(error)}).") from error
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if [detail["dtype"] for detail in inputs + outputs] != [np.float32, np.float32]:
        types = ", ".join(np.dtype(detail["dtype"]).name for detail in inputs + outputs)
        raise ModelError(
            f"{path} has inputs and outputs of the types {types}; expected one float32 input and "
            "one float32 output."
        )
    return interpreter


def _tflite_run(interpreter: Any, shape: tuple[int, ...]) -> Classifier:
    details = interpreter.get_input_details()[0]
    input_index, output_index = details["index"], interpreter.get_output_details()[0]["index"]
    size = int(details["shape"][0])
    any_size = details["shape_signature"][0] == -1

    def run(images: np.ndarray) -> np.ndarray:
        nonlocal size
        # Batches are padded to powers of two, since every new size takes time to set up. The few
        # remaining sizes can all be tested by the trial run of an untrusted model.
        padded_size = 1 << (len(images) - 1).bit_length()
        if any_size and padded_size != size:
            size = padded_size
            interpreter.resize_tensor_input(input_index, (size, *shape))
            interpreter.allocate_tensors()
        inputs = images.reshape(-1, *shape)
        outputs = []
        for start in range(0, len(inputs), size):
            batch = inputs[start : start + size]
            missing = size - len(batch)
            if missing:
                batch = np.pad(batch, [(0, missing), *[(0, 0)] * len(shape)])
            interpreter.set_tensor(input_index, batch)
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(output_index)[: size - missing])
        return np.concatenate(outputs)

    return run


def _checked_run(path: Path, run: Classifier) -> Classifier:
    """Wraps a classifier so that every failure raises a ModelError, and tests it on a blank image.

    The wrapped classifier is thread-safe.
    """
    lock = Lock()  # a LiteRT interpreter can serve only one thread at a time

    def checked(images: np.ndarray) -> np.ndarray:
        try:
            with lock:
                outputs = run(images)
        # The operators of LiteRT and the layers of Keras raise errors of many types.
        except Exception as error:
            kind = type(error).__name__  # if memory runs out in Keras, only the type says so
            raise ModelError(f"{path} cannot be run ({kind}: {_reason(error)}).") from error
        if outputs.shape != (len(images), 10):
            raise ModelError(
                f"{path} returns {outputs.shape} for {len(images)} images; expected "
                f"({len(images)}, 10)."
            )
        return outputs

    checked(np.zeros((1, 28, 28, 1), np.float32))
    return checked


def check_size(path: Path) -> None:
    """Checks the size of a model file.

    Raises:
        ModelError: The file is empty or larger than `MAX_BYTES`.
    """
    size = path.stat().st_size
    if size == 0:  # also reported by special files such as /proc/kmsg, whose content may never end
        raise ModelError(f"{path} is damaged: it is empty.")
    if size > MAX_BYTES:
        raise ModelError(
            f"{path} has a size of {size // 10**6:,} MB; expected at most {MAX_BYTES // 10**6} MB."
        )


def _reason(error: Exception) -> str:
    """Returns the first line of an error's message, or its type if the message is empty."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _input_shape(path: Path, input_shape: Any, output_shape: Any) -> tuple[int, ...]:
    """Checks the input and output shapes of a classifier, and returns the shape of one image."""
    if not isinstance(input_shape, tuple) or input_shape[1:] not in ((28, 28), (28, 28, 1), (784,)):
        raise ModelError(
            f"{path} has the input shape {input_shape}; expected (N, 28, 28), (N, 28, 28, 1) or "
            "(N, 784)."
        )
    if not isinstance(output_shape, tuple) or output_shape[1:] != (10,):
        raise ModelError(
            f"{path} has the output shape {output_shape}; expected (N, 10), one value for each "
            "digit."
        )
    return tuple(int(side) for side in input_shape[1:])
