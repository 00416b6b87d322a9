"""Keras, imported without a screenful of notes on drivers and CPU features."""

import os

from common.quiet import notes_kept_back

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with notes_kept_back():
    import keras
    from keras import layers, ops

__all__ = ["keras", "layers", "ops"]
