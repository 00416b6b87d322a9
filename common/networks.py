"""Defines the networks: four classifiers and the finder.

A classifier maps pictures of single digits, float32 (N, 28, 28, 1), where 0 is paper and 1 is ink,
to probabilities of the ten digits. The finder locates the digits on a whole page.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from common.backend import keras, layers
from common.finding.encoding import HEAT, INK, OUTPUTS


def mlp() -> list[layers.Layer]:
    """Returns the layers of a simple baseline: two dense hidden layers (118,282 parameters)."""
    return [
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def simple_cnn() -> list[layers.Layer]:
    """Returns the layers of a CNN as used in many tutorials (121,930 parameters)."""
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
    """Returns the layers of a small CNN that trains in one epoch (109,402 parameters).

    Pooling comes before normalisation and activation, so those layers process only a quarter of the
    pixels.
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
    """Returns the layers of a CNN with seven convolutional layers (327,065 parameters).

    Each convolution is followed by batch normalisation, and strides replace pooling. The network
    has an eleventh class, "not a digit". `data.synthetic` draws training pictures of this class.
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
    """Builds a fixed layer that spreads the probability of the eleventh class over the ten digits.

    The layer maps float (N, 11) to (N, 10), so the network outputs ten probabilities like every
    other classifier. The eleventh class means "not a digit". If the network is certain of this
    class, all ten probabilities are equal.
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
    """Builds the network that locates the digits on a page (1,168,240 parameters).

    The network has the shape of an hourglass. Strided convolutions and residual blocks (He et al.,
    "Deep Residual Learning", 2016) reduce the resolution to 1/32. Upsampling then restores it to
    1/4. Each upsampling step adds the earlier maps of the same resolution (Lin et al., "Feature
    Pyramid Networks", 2017).

    The input is float32 (N, height, width, 1), normalised by `finding.encoding.normalised`. Height
    and width are multiples of 32. The output is float32 (N, height / 4, width / 4, 32);
    `finding.encoding` describes its channels.
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
    # Digits and their ink are rare. A low initial bias keeps the many empty cells from dominating
    # the loss in the first steps.
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
    """Converts `maps` to the resolution and number of channels of `finer`, and adds both."""
    reduced = _normalised(layers.Conv2D(finer.shape[-1], 1, use_bias=False)(maps))
    return layers.ReLU()(layers.Add()([layers.UpSampling2D()(reduced), finer]))


def _normalised(maps: Any) -> Any:
    return layers.BatchNormalization(momentum=0.98)(maps)


def _normalised_relu() -> list[layers.Layer]:
    # With Keras's default momentum of 0.99, the moving averages need hundreds of steps to settle.
    return [layers.BatchNormalization(momentum=0.95), layers.ReLU()]


CLASSIFIERS: dict[str, Callable[[], list[layers.Layer]]] = {
    "mlp": mlp,
    "simple_cnn": simple_cnn,
    "fast_cnn": fast_cnn,
    "deep_cnn": deep_cnn,
}


def build_network(name: str) -> keras.Model:
    """Builds a network with random weights, which depend on Keras's global seed.

    Raises:
        KeyError: There is no network with this name.
    """
    if name == "finder":
        return finder()
    return keras.Sequential([keras.Input((28, 28, 1)), *CLASSIFIERS[name]()], name=name)
