"""Computes the activations of a classifier's layers, to show what each layer responds to."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common.quiet import hidden_stderr
from common.storage.loading import ModelError, load_network

Activations = Callable[[np.ndarray], list[np.ndarray]]
"""Maps a picture, float32 (28, 28), 0 to 1, to the activations of all layers, in order.

The activations of a layer are float32 (maps, height, width). A dense layer has a single map, with
one pixel for each unit.
"""


def load_activations(path: Path) -> Activations:
    """Returns a function that computes the activations of a classifier's layers.

    The function returns the outputs of all convolutional and dense layers except the last, after
    the activation function. A `.keras` or `.h5` model is first converted to `.tflite`, which needs
    TensorFlow.

    Args:
        path: The model file. It must be safe: check an untrusted file with `load_predictor` first.

    Raises:
        ModelError: LiteRT cannot keep the activations of this model.
    """
    interpreter = _interpreter(path)
    input_, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def values(picture: np.ndarray) -> dict[int, np.ndarray]:
        batch = np.zeros(input_["shape"], np.float32)
        batch[0] = picture.reshape(input_["shape"][1:])
        interpreter.set_tensor(input_["index"], batch)
        interpreter.invoke()
        return {index: np.array(interpreter.get_tensor(index)[0]) for index in layers}

    layers = [
        detail["index"]
        for detail in interpreter.get_tensor_details()
        if detail["dtype"] == np.float32
        and len(detail["shape"]) in (2, 4)
        and detail["index"] not in (input_["index"], output["index"])
        and detail["shape"][0] == input_["shape"][0]
        and detail["name"]  # temporary tensors have no name
        and not any(part in detail["name"].lower() for part in ("pool", "reshape"))
    ]
    # Keep only tensors that depend on the picture. Weights do not.
    blank, full = values(np.zeros((28, 28))), values(np.ones((28, 28)))
    layers = [index for index in layers if not np.array_equal(blank[index], full[index])]
    return lambda picture: [_as_maps(value) for value in values(picture).values()]


def _interpreter(path: Path) -> Any:
    """Creates a LiteRT interpreter that keeps the activations of all layers."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    if path.suffix == ".tflite":
        content = path.read_bytes()
    else:
        from common.storage.export import to_tflite

        content = to_tflite(load_network(path))
    try:
        with hidden_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LiteRT warns that keeping tensors is for debugging
            interpreter = Interpreter(
                model_content=content,
                # Without this, later activations overwrite earlier ones in memory.
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"The activations of {path} cannot be computed ({error}).") from error
    return interpreter


def _as_maps(value: np.ndarray) -> np.ndarray:
    """Converts activations, (height, width, maps) or (units,), to (maps, height, width)."""
    if value.ndim == 3:
        return np.moveaxis(value, 2, 0)
    rows = max(side for side in range(1, int(value.size**0.5) + 1) if value.size % side == 0)
    return value.reshape(1, rows, -1)
