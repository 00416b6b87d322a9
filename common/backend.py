"""Imports Keras and hides the log messages of its backend about drivers and CPU features."""

import os
from importlib.util import find_spec

from common.quiet import hidden_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with hidden_stderr():
    import keras
    from keras import layers, ops

    if keras.backend.backend() != "tensorflow" and find_spec("tensorflow"):
        import tensorflow  # noqa: F401 (Keras would import it later, with all its messages)

__all__ = ["keras", "layers", "ops"]
