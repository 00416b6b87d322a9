"""The networks by name.

The classifiers take float32 (N, 28, 28, 1), 0 is paper and 1 is ink, and give ten probabilities.
The finder takes a whole page and says where digits are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from common.backend import keras, layers
from common.finding.encoding import HEAT, INK, OUTPUTS


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


def finder() -> keras.Model:
    """Finds the digits of a page (1,168,240 parameters).

    An hourglass: strided convolutions down to 1/32 of the resolution, with residual blocks (He et
    al., "Deep Residual Learning", 2016) on the way, then back up to 1/4, where each stage adds what
    the way down saw (Lin et al., "Feature Pyramid Networks", 2017).

    It takes float32 (N, height, width, 1) as of `finding.encoding.normalised`, both sides multiples
    of 32, and gives float32 (N, height / 4, width / 4, 32), the maps of `finding.encoding`.
    """
    page = keras.Input((None, None, 1))
    half = _stage(page, 16, 5, strides=2)
    quarter = _residual(_stage(half, 32, 3, strides=2))
    eighth = _residual(_residual(_stage(quarter, 64, 3, strides=2)))
    sixteenth = _residual(_residual(_stage(eighth, 96, 3, strides=2)))
    thirty_second = _residual(_stage(sixteenth, 128, 3, strides=2))
    up = _stage(_up(thirty_second, sixteenth), 96, 3)
    up = _stage(_up(up, eighth), 64, 3)
    up = _stage(_residual(_up(up, quarter)), 64, 3)
    # At first, digits and their ink are rare: so the first steps do not unlearn everything else.
    bias = np.zeros(OUTPUTS, np.float32)
    bias[HEAT], bias[INK] = -4.6, -3.0
    head = layers.Conv2D(OUTPUTS, 1)
    network = keras.Model(page, head(up), name="finder")
    head.bias.assign(bias)
    return network


def _stage(maps: Any, filters: int, size: int, strides: int = 1) -> Any:
    convolution = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)
    return layers.ReLU()(_normalised(convolution(maps)))


def _residual(maps: Any) -> Any:
    filters = maps.shape[-1]
    inner = _stage(maps, filters, 3)
    inner = layers.Conv2D(filters, 3, padding="same", use_bias=False)(inner)
    return layers.ReLU()(layers.Add()([maps, _normalised(inner)]))


def _up(maps: Any, finer: Any) -> Any:
    """Maps at twice the resolution, added to the finer ones."""
    reduced = _normalised(layers.Conv2D(finer.shape[-1], 1, use_bias=False)(maps))
    return layers.ReLU()(layers.Add()([layers.UpSampling2D()(reduced), finer]))


def _normalised(maps: Any) -> Any:
    return layers.BatchNormalization(momentum=0.98)(maps)


def _normalised_relu() -> list[layers.Layer]:
    # Keras's momentum of 0.99 needs hundreds of steps before its averages can be used.
    return [layers.BatchNormalization(momentum=0.95), layers.ReLU()]


CLASSIFIERS: dict[str, Callable[[], list[layers.Layer]]] = {
    "mlp": mlp,
    "simple_cnn": simple_cnn,
    "fast_cnn": fast_cnn,
    "deep_cnn": deep_cnn,
}


def build_network(name: str) -> keras.Model:
    """Builds a network with fresh weights, drawn under Keras's global random seed.

    Raises:
        KeyError: There is no network of that name.
    """
    if name == "finder":
        return finder()
    return keras.Sequential([keras.Input((28, 28, 1)), *CLASSIFIERS[name]()], name=name)
