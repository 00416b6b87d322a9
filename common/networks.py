"""The networks by name.

Each takes float32 (N, 28, 28, 1), 0 is paper and 1 is ink, and gives ten probabilities.
"""

from collections.abc import Callable

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
    """Few, wide steps: pooling comes before the activation, so that a quarter of it is computed."""
    return [
        layers.Conv2D(24, 5),
        layers.MaxPooling2D(),
        layers.ReLU(),
        layers.Conv2D(32, 3),
        layers.MaxPooling2D(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def deep_cnn() -> list[layers.Layer]:
    """Seven convolutions with batch normalisation; strided ones take the place of pooling."""
    return [
        *_convolution(32, 3),
        *_convolution(32, 3),
        *_convolution(32, 5, strides=2),
        layers.Dropout(0.3),
        *_convolution(64, 3),
        *_convolution(64, 3),
        *_convolution(64, 5, strides=2),
        layers.Dropout(0.3),
        *_convolution(128, 4),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax"),
    ]


def _convolution(filters: int, size: int, strides: int = 1) -> list[layers.Layer]:
    padding = "same" if strides > 1 else "valid"
    # Keras's momentum of 0.99 needs hundreds of steps before its averages can be used.
    return [
        layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False),
        layers.BatchNormalization(momentum=0.95),
        layers.ReLU(),
    ]


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
