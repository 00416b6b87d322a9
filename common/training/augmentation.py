"""Augmentation layers, which process whole batches inside the compiled graph."""

import math
from typing import Any

from common.backend import keras, layers, ops

MILD = 0.5  # strength of the augmentation in the last epochs of some recipes


class Augmentation(layers.Layer):
    """A layer that randomly changes pictures, in training only.

    Args:
        seed: Seed for the random number generator.

    Attributes:
        strength: Factor for the range of every change, 0 to 1, as a variable.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(seed)
        self.strength = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="strength"
        )

    def uniform(self, shape: tuple[Any, ...], limit: float) -> Any:
        """Returns random numbers between plus and minus `limit` times the strength."""
        return limit * self.strength * keras.random.uniform(shape, -1, 1, seed=self.generator)


class MildEpochs(keras.callbacks.Callback):
    """Halves the strength of the augmentation in the last epochs.

    By then, the network has learned from strong changes. Milder changes bring the training pictures
    closer to the pictures that the network will read.

    Args:
        share: Share of the epochs with mild augmentation, 0 to 1. These epochs come last.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Sets the strength for `epoch`."""
        mild = epoch >= round((1 - self.share) * self.params["epochs"])
        for layer in self.model.layers:
            if isinstance(layer, Augmentation):
                layer.strength.assign(MILD if mild else 1.0)


class RandomWarp(Augmentation):
    """Randomly rotates, scales, shears, shifts and bends each picture in a single resampling.

    Keras has layers for most of these changes. Applied in sequence, they would blur a 28x28 picture
    several times. Bending is the elastic distortion of Simard et al., "Best Practices for
    Convolutional Neural Networks", 2003.

    Args:
        rotation: Maximum rotation in degrees, in either direction.
        scale: Maximum relative change of the width and, independently, of the height.
        shear: Maximum horizontal shear, as a share of the height.
        shift: Maximum shift along each axis, in pixels.
        bend: Standard deviation, in pixels, of the displacements on a 4x4 grid of control points.
            Displacements between the control points are interpolated.
        seed: Seed for the random number generator.
    """

    def __init__(
        self,
        rotation: float = 15.0,
        scale: float = 0.15,
        shear: float = 0.15,
        shift: float = 2.5,
        bend: float = 0.4,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rotation, self.scale, self.shear = rotation, scale, shear
        self.shift, self.bend = shift, bend

    def call(self, pictures: Any, training: bool = False) -> Any:
        """Augments float32 (N, 28, 28, 1) pictures; the shape stays the same."""
        if not training:
            return pictures
        batch, height, width = ops.shape(pictures)[0], pictures.shape[1], pictures.shape[2]

        def uniform(limit: float) -> Any:
            return self.uniform((batch, 1, 1), limit)

        angle = uniform(math.radians(self.rotation))
        cos, sin = ops.cos(angle), ops.sin(angle)
        x_scale, y_scale, shear = (
            1 + uniform(self.scale),
            1 + uniform(self.scale),
            uniform(self.shear),
        )
        # Maps output positions to input positions, both relative to the centre of the picture.
        x = ops.reshape(ops.arange(width, dtype="float32") - (width - 1) / 2, (1, 1, width))
        y = ops.reshape(ops.arange(height, dtype="float32") - (height - 1) / 2, (1, height, 1))
        bends = keras.random.normal((batch, 4, 4, 2), 0, self.bend, seed=self.generator)
        bends = self.strength * bends
        bends = ops.image.resize(bends, (height, width), interpolation="bicubic")
        from_x = x_scale * (cos * x + (shear * cos - sin) * y)
        from_x = from_x + uniform(self.shift) + bends[..., 0]
        from_y = y_scale * (sin * x + (shear * sin + cos) * y)
        from_y = from_y + uniform(self.shift) + bends[..., 1]
        return _sampled(pictures, from_x + (width - 1) / 2, from_y + (height - 1) / 2)


def _sampled(pictures: Any, x: Any, y: Any) -> Any:
    """Samples pictures at columns `x` and rows `y` with bilinear interpolation; 0 outside.

    Keras's `map_coordinates` does the same, but needs to know the batch size in advance.
    """
    height, width = pictures.shape[1], pictures.shape[2]
    padded = ops.pad(pictures, ((0, 0), (1, 2), (1, 2), (0, 0)))
    values = ops.reshape(padded, (-1, (height + 3) * (width + 3)))
    x, y = ops.clip(x + 1, 0, width + 1), ops.clip(y + 1, 0, height + 1)
    left, top = ops.floor(x), ops.floor(y)
    right_share, lower_share = x - left, y - top
    corner = ops.cast(top * (width + 3) + left, "int32")

    def corners(offset: int) -> Any:
        taken = ops.take_along_axis(
            values, ops.reshape(corner, (-1, height * width)) + offset, axis=1
        )
        return ops.reshape(taken, (-1, height, width))

    upper = corners(0) * (1 - right_share) + corners(1) * right_share
    lower = corners(width + 3) * (1 - right_share) + corners(width + 4) * right_share
    return (upper * (1 - lower_share) + lower * lower_share)[..., None]


class RandomStroke(Augmentation):
    """Varies the thickness, darkness and sharpness of the strokes in each picture.

    Grey erosion and dilation make strokes thinner or thicker, gamma makes them fainter or darker,
    and edges become sharper (up to black and white) or softer (as in a low-resolution image).

    Args:
        change: Maximum blending weight of the dilated picture, 0 to 1. The maximum for the eroded
            picture is half of it.
        gamma: Maximum gamma exponent; the minimum is its reciprocal.
        edge: Maximum sharpening and softening of edges, 0 to 1.
        seed: Seed for the random number generator.
    """

    def __init__(
        self,
        change: float = 0.8,
        gamma: float = 1.5,
        edge: float = 0.7,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.change, self.gamma, self.edge = change, gamma, edge

    def call(self, pictures: Any, training: bool = False) -> Any:
        """Augments float32 (N, 28, 28, 1) pictures, 0 to 1; shape and range stay the same."""
        if not training:
            return pictures
        shape = (ops.shape(pictures)[0], 1, 1, 1)
        dilated = ops.max_pool(pictures, 3, 1, "same")
        eroded = -ops.max_pool(-pictures, 3, 1, "same")
        change = self.uniform(shape, self.change)
        other = ops.where(change > 0, dilated, eroded)
        # Strokes are about two pixels wide, so erosion gets half the weight of dilation.
        weight = ops.where(change > 0, change, -0.5 * change)
        mixed = pictures + weight * (other - pictures)
        exponent = ops.exp(self.uniform(shape, math.log(self.gamma)))
        grey = ops.power(ops.clip(mixed, 1e-6, 1.0), exponent)
        edge = self.uniform(shape, self.edge)
        soft = grey + 0.6 * ops.maximum(-edge, 0) * (ops.average_pool(grey, 3, 1, "same") - grey)
        steepness = 1 + 4 * ops.square(ops.maximum(edge, 0))
        return ops.clip((soft - 0.5) * steepness + 0.5, 0.0, 1.0)


class RandomClutter(Augmentation):
    """Gives some pictures the defects that digits have on crowded pages.

    There are four kinds of defects: an edge is cut off, a gap breaks the strokes, specks appear,
    or part of a neighbouring digit intrudes.

    Args:
        share: Share of the pictures that get each kind of defect, 0 to 1.
        seed: Seed for the random number generator.
    """

    def __init__(self, share: float = 0.03, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.share = share

    def call(self, pictures: Any, training: bool = False) -> Any:
        """Augments float32 (N, 28, 28, 1) pictures, 0 to 1; shape and range stay the same."""
        if not training:
            return pictures
        batch, height, width = ops.shape(pictures)[0], pictures.shape[1], pictures.shape[2]

        def affected() -> Any:
            number = keras.random.uniform((batch, 1, 1, 1), seed=self.generator)
            return ops.cast(number < self.share * self.strength, "float32")

        # Distance of each pixel from a random edge of its picture.
        x = ops.reshape(ops.arange(width, dtype="float32"), (1, 1, width, 1))
        y = ops.reshape(ops.arange(height, dtype="float32"), (1, height, 1, 1))
        side = keras.random.randint((batch, 1, 1, 1), 0, 4, seed=self.generator)
        along = ops.where(side < 2, x + 0 * y, y + 0 * x)
        distance = ops.where(side % 2 == 0, along, width - 1 - along)
        cut = keras.random.uniform((batch, 1, 1, 1), 3, 6, seed=self.generator)
        pictures = pictures * (1 - affected() * ops.cast(distance < cut, "float32"))
        gap = keras.random.uniform((batch, 1, 1, 1), 8, 20, seed=self.generator)
        pictures = pictures * (1 - affected() * ops.cast(ops.abs(distance - gap) < 1, "float32"))
        dots = keras.random.uniform(ops.shape(pictures), seed=self.generator) > 0.998
        specks = ops.max_pool(ops.cast(dots, "float32"), 2, 1, "same")
        # Another picture of the batch is the neighbour. Shifted by 18 columns, only its edge shows.
        neighbour = ops.roll(ops.roll(pictures, 1, axis=0), 18, axis=2)
        neighbour = neighbour * ops.cast(x >= 18, "float32")
        pictures = ops.maximum(pictures, affected() * specks)
        return ops.maximum(pictures, affected() * neighbour)


def augmentation(seed: int) -> list[layers.Layer]:
    """Returns the augmentation layers that precede a network during training."""
    return [RandomWarp(seed=seed), RandomStroke(seed=seed + 1), RandomClutter(seed=seed + 2)]
