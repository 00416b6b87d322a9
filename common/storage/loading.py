"""Opens model files, whoever made them, and runs nothing in them but a network."""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import UserError
from common.finding.encoding import OUTPUTS, STRIDE
from common.quiet import hidden_stderr
from common.storage.keras_safety import RefusedConfigError, checked_model

if TYPE_CHECKING:
    import keras

BATCH = 64  # images a call at most; larger ones are no faster on CPUs and take more memory
MAX_BYTES = 400 * 10**6  # of a model file, and of what it unpacks to
MAX_CONFIG_BYTES = 5 * 10**6  # of the JSON in it that describes the network
KERAS_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
"""Files in a `.keras` archive. Keras has more for layers that are not on the allow-list."""

Classifier = Callable[[np.ndarray], np.ndarray]
"""float32 (N, 28, 28, 1), 0 to 1, N at most `BATCH` -> float32 (N, 10), logits or probabilities."""

Finder = Callable[[np.ndarray], np.ndarray]
"""float32 (N, height, width, 1), sides multiples of 32 -> the maps of `finding.encoding`."""


class ModelError(UserError):
    """A model file that is missing, damaged or of the wrong shape."""


def load_network(path: Path) -> "keras.Model":
    """Loads a `.keras` or `.h5` model; anything in it but a classifier's layers is refused.

    Raises:
        ModelError: The file is damaged, too large, or asks for what is not on the allow-list.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            # Keras reads a copy that holds what was checked, whatever happens to the file.
            copy = Path(folder, f"model{path.suffix}")
            config = json.dumps(_checked_config(path))
            (_copy_keras if path.suffix == ".keras" else _copy_h5)(path, copy, config)
            # Imported here: a file that is refused should not take the five seconds of TensorFlow.
            from common.backend import keras

            return keras.saving.load_model(copy, compile=False, safe_mode=True)
    except ModelError:
        raise
    # Keras passes on whatever its zip, HDF5 and JSON readers and its layers raise.
    except Exception as error:
        raise ModelError(f"{path} is damaged or cannot be loaded ({_reason(error)}).") from error


def check_network(path: Path) -> None:
    """Checks what a `.keras` or `.h5` model says of itself, without TensorFlow.

    Raises:
        ModelError: The file is damaged, too large, or asks for what is not on the allow-list.
    """
    try:
        _checked_config(path)
    except ModelError:
        raise
    # The zip, HDF5 and JSON readers raise errors of many kinds.
    except Exception as error:
        raise ModelError(f"{path} is damaged or cannot be loaded ({_reason(error)}).") from error


def _checked_config(path: Path) -> dict[str, Any]:
    check_size(path)
    try:
        return checked_model(json.loads(_network_config(path)))
    except RefusedConfigError as error:
        raise ModelError(f"{path} {error}.") from error


def _network_config(path: Path) -> str | bytes:
    """The JSON in a `.keras` or `.h5` file that says what its layers are."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            _check_archive(path, archive)
            config: str | bytes = archive.read("config.json")
    else:
        # Imported here: reading images with a .tflite does without.
        import h5py

        with h5py.File(path) as file:
            if "model_config" not in file.attrs:
                raise ModelError(f"{path} holds weights without a network; save the whole model.")
            config = file.attrs["model_config"]
    if len(config) > MAX_CONFIG_BYTES:
        raise ModelError(
            f"{path} describes its network in {len(config):,} bytes; expected "
            f"{MAX_CONFIG_BYTES:,} at most."
        )
    return config


def _check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuses an archive that is damaged, too large, or holds more than config and weights."""
    if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
        raise ModelError(f"{path} would unpack to more than {MAX_BYTES // 10**6} MB.")
    names = archive.namelist()
    if len(names) != len(KERAS_MEMBERS) or set(names) != KERAS_MEMBERS:
        others = ", ".join(sorted(set(names) - KERAS_MEMBERS)[:3])
        raise ModelError(
            f"{path} is damaged or not a .keras model: it holds {len(names):,} files "
            f"({others[:80]}); expected {', '.join(sorted(KERAS_MEMBERS))}."
        )
    if damaged := archive.testzip():
        raise ModelError(f"{path} is damaged ({damaged} does not fit its checksum).")


def _copy_keras(path: Path, copy: Path, config: str) -> None:
    """Copies a `.keras` file with another config."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        target.writestr("config.json", config)
        for name in sorted(KERAS_MEMBERS - {"config.json"}):
            with source.open(name) as member, target.open(name, "w") as written:
                shutil.copyfileobj(member, written)


def _copy_h5(path: Path, copy: Path, config: str) -> None:
    """Copies an `.h5` file with another config."""
    import h5py

    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = config


def load_keras_classifier(path: Path) -> Classifier:
    """A `.keras` or `.h5` model, ready to run.

    Raises:
        ModelError: The file is damaged, refused, or of the wrong shape.
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

    return _checked_run(path, run)


def load_tflite_classifier(path: Path, threads: int | None = None) -> Classifier:
    """A `.tflite` model, ready to run; without TensorFlow.

    LiteRT checks a file's form, but some damage makes it wait for ever: a file from elsewhere must
    have passed its trial, see `trial`.

    Args:
        path: The model file.
        threads: By default as many as there are cores, and 4 at most.

    Raises:
        ModelError: The file is damaged, too large, or of the wrong shape.
    """
    interpreter = _interpreter(path, threads)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    entry, exit_ = inputs[0]["shape"].tolist(), outputs[0]["shape"].tolist()
    shape = _input_shape(path, tuple(entry), tuple(exit_))
    return _checked_run(path, _tflite_run(interpreter, shape))


def load_tflite_finder(path: Path, threads: int | None = None) -> Finder:
    """A finder's `.tflite`, ready to run; without TensorFlow.

    Args:
        path: The model file; one from elsewhere must have passed its trial, see `trial`.
        threads: As for `load_tflite_classifier`.

    Raises:
        ModelError: The file is damaged, too large, or no finder.
    """
    interpreter = _interpreter(path, threads)
    entry = interpreter.get_input_details()[0]
    exit_ = interpreter.get_output_details()[0]
    if entry["shape_signature"].tolist() != [-1, -1, -1, 1] or exit_["shape"][-1] != OUTPUTS:
        raise ModelError(
            f"{path} is not a finder: it takes {entry['shape_signature'].tolist()} and gives "
            f"{exit_['shape_signature'].tolist()}; expected [-1, -1, -1, 1] and "
            f"[-1, -1, -1, {OUTPUTS}]."
        )
    shape: tuple[int, ...] = ()

    def run(pages: np.ndarray) -> np.ndarray:
        nonlocal shape
        try:
            if pages.shape != shape:
                interpreter.resize_tensor_input(entry["index"], pages.shape)
                interpreter.allocate_tensors()
                shape = pages.shape
            interpreter.set_tensor(entry["index"], pages)
            interpreter.invoke()
            return np.asarray(interpreter.get_tensor(exit_["index"]))
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} cannot be run ({_reason(error)}).") from error

    run(np.zeros((1, STRIDE, STRIDE, 1), np.float32))
    return run


def _interpreter(path: Path, threads: int | None) -> Any:
    """LiteRT with a model that takes one float32 tensor and gives one."""
    from ai_edge_litert.interpreter import Interpreter

    threads = threads or min(4, os.cpu_count() or 1)
    check_size(path)
    try:
        # Read here and not by LiteRT, which takes any problem with the file for a missing one.
        content = path.read_bytes()
        with hidden_stderr():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged or not a .tflite model ({_reason(error)}).") from error
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if [detail["dtype"] for detail in inputs + outputs] != [np.float32, np.float32]:
        raise ModelError(f"{path} must take one float32 input and give one float32 output.")
    return interpreter


def _tflite_run(interpreter: Any, shape: tuple[int, ...]) -> Classifier:
    details, exit_ = (
        interpreter.get_input_details()[0],
        interpreter.get_output_details()[0]["index"],
    )
    entry, size = details["index"], int(details["shape"][0])
    any_size = details["shape_signature"][0] == -1

    def run(images: np.ndarray) -> np.ndarray:
        nonlocal size
        # Only powers of two: few enough for the trial to try them all, and each new size costs.
        wanted = 1 << (len(images) - 1).bit_length()
        if any_size and wanted != size:
            size = wanted
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

    return run


def _checked_run(path: Path, run: Classifier) -> Classifier:
    """The same, whose every failure is a `ModelError`; tried once on an empty image."""

    def checked(images: np.ndarray) -> np.ndarray:
        try:
            outputs = run(images)
        # LiteRT and Keras pass on whatever their operators and layers raise.
        except Exception as error:
            kind = type(error).__name__  # where Keras lacks memory, nothing else says so
            raise ModelError(f"{path} cannot be run ({kind}: {_reason(error)}).") from error
        if outputs.shape != (len(images), 10):
            raise ModelError(
                f"{path} gives {outputs.shape} for {len(images)} images; expected "
                f"({len(images)}, 10)."
            )
        return outputs

    checked(np.zeros((1, 28, 28, 1), np.float32))
    return checked


def check_size(path: Path) -> None:
    """Refuses a model file that is empty or too large.

    Some system files report a size of 0, but block or never end when they are read.

    Raises:
        ModelError: It is empty, or larger than `MAX_BYTES`.
    """
    size = path.stat().st_size
    if size == 0:
        raise ModelError(f"{path} is damaged: it is empty.")
    if size > MAX_BYTES:
        raise ModelError(
            f"{path} has {size // 10**6:,} MB; expected {MAX_BYTES // 10**6} MB at most."
        )


def _reason(error: Exception) -> str:
    """The first line of an error's text, for a message."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _input_shape(path: Path, entry: Any, exit_: Any) -> tuple[int, ...]:
    """The shape of one input image, where the model's shapes fit."""
    if not isinstance(entry, tuple) or entry[1:] not in ((28, 28), (28, 28, 1), (784,)):
        raise ModelError(f"{path} takes {entry}; expected (N, 28, 28), (N, 28, 28, 1) or (N, 784).")
    if not isinstance(exit_, tuple) or exit_[1:] != (10,):
        raise ModelError(f"{path} gives {exit_}; expected (N, 10), one value for each digit.")
    return tuple(int(side) for side in entry[1:])
