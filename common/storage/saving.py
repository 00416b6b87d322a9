"""Saves a trained model as three files: `.keras`, `.tflite` and the card."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from common.files import replacing, sha256_of
from common.storage import export
from common.storage.card import ModelCard
from common.storage.model_files import model_paths

if TYPE_CHECKING:
    import keras


def save_model(network: "keras.Model", stem: Path, card: ModelCard) -> None:
    """Writes the `.keras`, `.tflite` and `.json` files of a model.

    Each file is replaced atomically, so that a crash never damages an earlier model. With a backend
    other than TensorFlow, a subprocess writes the `.tflite` file at the end.

    Args:
        network: The trained network.
        stem: The path of the model without a suffix.
        card: The card. The saved card also contains the hashes of the model files.

    Raises:
        UserError: A file cannot be written.
    """
    from common.backend import keras

    keras_path, tflite_path, card_path = model_paths(stem)
    if keras.backend.backend() != "tensorflow":
        with replacing(card_path) as card_file, replacing(keras_path) as keras_file:
            network.save(keras_file)
            content = asdict(card) | {"sha256": {"keras": sha256_of(keras_file)}}
            card_file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        tflite_path.unlink(missing_ok=True)  # an existing file belongs to an earlier model
        export.export_in_subprocess(keras_path)
        return
    with (
        replacing(card_path) as card_file,
        replacing(tflite_path) as tflite_file,
        replacing(keras_path) as keras_file,
    ):
        network.save(keras_file)
        tflite_file.write_bytes(export.to_tflite(network))
        hashes = {"keras": sha256_of(keras_file), "tflite": sha256_of(tflite_file)}
        content = asdict(card) | {"sha256": hashes}
        card_file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
