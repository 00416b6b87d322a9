"""Writes a `.keras` model as `.tflite`.

    python -m common.export models/NAME.keras

It takes TensorFlow, whatever the network was trained with; the model's card is brought up to date.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from common import PROJECT, UserError, console
from common.files import replacing
from common.model_files import load_card, model_paths, sha256_of, try_unless_vouched_for
from common.model_loading import ModelError, load_network
from common.quiet import notes_kept_back

if TYPE_CHECKING:
    import keras


def converted(network: "keras.Model") -> bytes:
    """The network as a LiteRT model with weights of 8 bits (dynamic-range quantisation).

    Layers of few weights stay float32. It takes a quarter of the time and of the bytes; on MNIST's
    test images it costs no accuracy, see README.

    Keras's own `export(format="litert")` writes such files, too, but not before Keras 3.13, which
    Python 3.10 does not have.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder, notes_kept_back():
        network.export(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return bytes(converter.convert())


def export_apart(keras_path: Path) -> None:
    """Runs this module where Keras has another backend; where TensorFlow is missing, says so.

    Raises:
        UserError: it failed.
    """
    command = [sys.executable, "-m", "common.export", str(keras_path.resolve())]
    if not console.has_module("tensorflow"):
        print(
            f"note: {keras_path.stem}.tflite is made where TensorFlow is: {' '.join(command[1:])}"
        )
        return
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"{keras_path} could not be exported: {done.stderr.strip()}")


def main() -> int:
    """Exports the model that the command line names; gives the exit status."""
    if len(sys.argv) != 2 or not sys.argv[1].endswith(".keras"):
        raise UserError("python -m common.export takes one .keras file.")
    path = Path(sys.argv[1])
    if not path.is_file():
        raise ModelError(f"There is no model at {path}.")
    card = load_card(path)
    try_unless_vouched_for(path, card)
    content = converted(load_network(path))
    _, tflite_path, card_path = model_paths(path.with_suffix(""))
    with replacing(tflite_path) as temporary:
        temporary.write_bytes(content)
    if card:
        card["sha256"]["tflite"] = sha256_of(tflite_path)
        with replacing(card_path) as temporary:
            temporary.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return console.OK


if __name__ == "__main__":
    console.run(main)
