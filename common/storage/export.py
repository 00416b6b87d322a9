"""Converts a `.keras` model to `.tflite` and updates its card.

    python -m common.storage.export models/NAME.keras

The conversion needs TensorFlow, even if another backend trained the network.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from common import PROJECT, UserError, printable
from common.files import replacing, sha256_of
from common.quiet import hidden_stderr
from common.storage.card import load_card
from common.storage.loading import ModelError, load_network
from common.storage.model_files import model_paths, try_unless_trusted

if TYPE_CHECKING:
    import keras


def to_tflite(network: "keras.Model") -> bytes:
    """Converts a network to a LiteRT model with 8-bit weights (dynamic-range quantisation).

    Layers with few weights remain in float32. Compared with a float32 model, the result takes a
    quarter of the time and space, and is as accurate on MNIST's test images (see
    `benchmarks/RESULTS.md`).

    Keras's own `export(format="litert")` is not used: it needs Keras 3.13, which does not support
    Python 3.10.

    Args:
        network: The trained network.

    Returns:
        The content of the `.tflite` file.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder, hidden_stderr():
        network.export(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return bytes(converter.convert())


def export_in_subprocess(keras_path: Path) -> None:
    """Writes the `.tflite` file of a model in a subprocess, in which Keras uses TensorFlow.

    If TensorFlow is not installed, prints the command that writes the file later.

    Args:
        keras_path: Path of the `.keras` file.

    Raises:
        UserError: The conversion failed.
    """
    command = [sys.executable, "-m", "common.storage.export", str(keras_path.resolve())]
    if not find_spec("tensorflow"):
        print(
            f"note: {keras_path.stem}.tflite was not written, because TensorFlow is not installed. "
            f"To write the file, install TensorFlow and run: python {' '.join(command[1:])}"
        )
        return
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"{keras_path} could not be converted: {done.stderr.strip()}")


def main() -> int:
    """Converts the model that the command line names, and returns the exit status."""
    try:
        export(sys.argv[1:])
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    return 0


def export(arguments: list[str]) -> None:
    """Writes the `.tflite` file of a `.keras` model and updates its card.

    Args:
        arguments: Command-line arguments: the path of one `.keras` file.

    Raises:
        UserError: The arguments are not the path of one `.keras` file, or the model cannot be used.
    """
    if len(arguments) != 1 or not arguments[0].endswith(".keras"):
        raise UserError(f"Expected one .keras file; received {' '.join(arguments) or 'nothing'}.")
    path = Path(arguments[0])
    if not path.is_file():
        raise ModelError(f"There is no model at {path}.")
    card = load_card(path)
    try_unless_trusted(path, card)
    content = to_tflite(load_network(path))
    _, tflite_path, card_path = model_paths(path.with_suffix(""))
    with replacing(tflite_path) as temporary:
        temporary.write_bytes(content)
    if card:
        card["sha256"]["tflite"] = sha256_of(tflite_path)
        with replacing(card_path) as temporary:
            temporary.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
