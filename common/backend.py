"""Keras, imported without a screenful of notes on drivers and CPU features."""

import os
from importlib.util import find_spec

from common.quiet import notes_kept_back

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with notes_kept_back():
    import keras
    from keras import layers, ops

    if keras.backend.backend() != "tensorflow" and find_spec("tensorflow"):
        import tensorflow  # noqa: F401 (Keras does so later, by itself, with all its notes)

__all__ = ["keras", "layers", "ops"]
