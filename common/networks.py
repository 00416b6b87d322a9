"""The networks by name.

Each takes float32 (N, 28, 28, 1), 0 is paper and 1 is ink, and gives ten probabilities.
"""

from collections.abc import Callable

import numpy as np

from common.backend import keras, layers


def mlp() -> list[layers.Layer]:
    """Two dense layers of 128: the smallest network worth showing (118,282 parameters)."""
    return [
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def simple_cnn() -> list[layers.Layer]:
    """The convolutional network of most tutorials (121,930 parameters)."""
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def fast_cnn() -> list[layers.Layer]:
    """Few and narrow layers that learn in one epoch (109,402 parameters).

    Pooling comes before normalisation and activation, which so see a quarter of the pixels.
    """
    return [
        layers.Conv2D(16, 5, use_bias=False),
        layers.MaxPooling2D(),
        *_normalised_relu(),
        layers.Conv2D(32, 3, use_bias=False),
        layers.MaxPooling2D(),
        *_normalised_relu(),
        layers.Flatten(),
        layers.Dense(128, use_bias=False),
        *_normalised_relu(),
        layers.Dense(10, activation="softmax"),
    ]


def deep_cnn() -> list[layers.Layer]:
    """Seven convolutions with batch normalisation; strided ones take the place of pooling.

    327,065 parameters. It can be taught what is no digit, see `synthetic`.
    """
    return [
        *_convolution(32, 3),
        *_convolution(32, 3),
        *_convolution(32, 5, strides=2),
        layers.Dropout(0.15),
        *_convolution(64, 3),
        *_convolution(64, 3),
        *_convolution(64, 5, strides=2),
        layers.Dropout(0.15),
        *_convolution(128, 4),
        layers.Flatten(),
        layers.Dropout(0.15),
        layers.Dense(11, activation="softmax"),
        _eleventh_spread(),
    ]


def _eleventh_spread() -> layers.Layer:
    """Spreads the probability of an eleventh class over the ten digits: float (N, 11) -> (N, 10).

    So a network can say "no digit", and what it gives are still ten probabilities: where it sees
    none, each digit is as likely as the others.
    """
    layer = layers.Dense(10, use_bias=False, trainable=False, name="eleventh_spread")
    layer.build((None, 11))
    layer.set_weights([np.vstack([np.eye(10), np.full((1, 10), 0.1)])])
    return layer


def _convolution(filters: int, size: int, strides: int = 1) -> list[layers.Layer]:
    padding = "same" if strides > 1 else "valid"
    convolution = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)
    return [convolution, *_normalised_relu()]


def _normalised_relu() -> list[layers.Layer]:
    # Keras's momentum of 0.99 needs hundreds of steps before its averages can be used.
    return [layers.BatchNormalization(momentum=0.95), layers.ReLU()]


NETWORKS: dict[str, Callable[[], list[layers.Layer]]] = {
    "mlp": mlp,
    "simple_cnn": simple_cnn,
    "fast_cnn": fast_cnn,
    "deep_cnn": deep_cnn,
}


def build_network(name: str) -> keras.Sequential:
    """Builds a network with fresh weights, drawn under Keras's global random seed.

    Raises:
        KeyError: no network of that name in `NETWORKS`.
    """
    return keras.Sequential([keras.Input((28, 28, 1)), *NETWORKS[name]()], name=name)
