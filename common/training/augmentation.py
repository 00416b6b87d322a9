"""How training pictures are varied: layers that run on whole batches inside the compiled graph."""

import math
from typing import Any

from common.backend import keras, layers, ops


class RandomWarp(layers.Layer):
    """Turns, scales, slants, shifts and bends each picture at random in a single resampling.

    Keras has a layer for each of these; one after the other they would blur a 28x28 picture five
    times. The bending is the elastic distortion of Simard et al., "Best Practices for
    Convolutional Neural Networks", 2003. Active in training only.

    Args:
        rotation: largest angle in degrees, either way.
        scale: largest change of width and of height, each on its own, as a share.
        shear: largest slant, as a share of the height.
        shift: largest move along either axis, in pixels.
        bend: standard deviation, in pixels, of the moves of 4x4 points; those between follow.
        seed: of the random numbers.
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
        super().__init__(**kwargs)
        self.rotation, self.scale, self.shear = rotation, scale, shear
        self.shift, self.bend = shift, bend
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pictures: Any, training: bool = False) -> Any:
        """float32 (N, 28, 28, 1) -> the same shape."""
        if not training:
            return pictures
        batch, height, width = ops.shape(pictures)[0], pictures.shape[1], pictures.shape[2]

        def spread(limit: float) -> Any:
            return keras.random.uniform((batch, 1, 1), -limit, limit, seed=self.generator)

        angle = spread(math.radians(self.rotation))
        cos, sin = ops.cos(angle), ops.sin(angle)
        wide, high, slant = 1 + spread(self.scale), 1 + spread(self.scale), spread(self.shear)
        # Output position -> input position, both measured from the middle of the picture.
        x = ops.reshape(ops.arange(width, dtype="float32") - (width - 1) / 2, (1, 1, width))
        y = ops.reshape(ops.arange(height, dtype="float32") - (height - 1) / 2, (1, height, 1))
        moves = keras.random.normal((batch, 4, 4, 2), 0, self.bend, seed=self.generator)
        moves = ops.image.resize(moves, (height, width), interpolation="bicubic")
        from_x = wide * (cos * x + (slant * cos - sin) * y) + spread(self.shift) + moves[..., 0]
        from_y = high * (sin * x + (slant * sin + cos) * y) + spread(self.shift) + moves[..., 1]
        return _sampled(pictures, from_x + (width - 1) / 2, from_y + (height - 1) / 2)


def _sampled(pictures: Any, x: Any, y: Any) -> Any:
    """The pictures' values at columns `x` and rows `y`, between pixels linearly; 0 outside.

    Keras's `map_coordinates` does this too, but not for batches whose size is not known.
    """
    height, width = pictures.shape[1], pictures.shape[2]
    padded = ops.pad(pictures, ((0, 0), (1, 2), (1, 2), (0, 0)))
    values = ops.reshape(padded, (-1, (height + 3) * (width + 3)))
    x, y = ops.clip(x + 1, 0, width + 1), ops.clip(y + 1, 0, height + 1)
    left, top = ops.floor(x), ops.floor(y)
    right_share, lower_share = x - left, y - top
    corner = ops.cast(top * (width + 3) + left, "int32")

    def corners(offset: int) -> Any:
        found = ops.take_along_axis(
            values, ops.reshape(corner, (-1, height * width)) + offset, axis=1
        )
        return ops.reshape(found, (-1, height, width))

    upper = corners(0) * (1 - right_share) + corners(1) * right_share
    lower = corners(width + 3) * (1 - right_share) + corners(width + 4) * right_share
    return (upper * (1 - lower_share) + lower * lower_share)[..., None]


class RandomStroke(layers.Layer):
    """Varies the strokes of each picture.

    They get thinner or fatter (grey erosion, dilation), fainter or stronger (gamma), and their
    edges harder, up to black and white, or softer, as of an image of few pixels. Active in
    training only.

    Args:
        change: the largest weight with which an eroded or dilated picture is mixed in, 0 to 1.
        gamma: the largest factor, either way, of the exponent.
        edge: how hard edges may get, and how soft, 0 to 1.
        seed: of the random numbers.
    """

    def __init__(
        self,
        change: float = 0.8,
        gamma: float = 1.5,
        edge: float = 0.7,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.change, self.gamma, self.edge = change, gamma, edge
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pictures: Any, training: bool = False) -> Any:
        """float32 (N, 28, 28, 1), 0 to 1 -> the same."""
        if not training:
            return pictures
        shape = (ops.shape(pictures)[0], 1, 1, 1)
        fatter = ops.max_pool(pictures, 3, 1, "same")
        thinner = -ops.max_pool(-pictures, 3, 1, "same")
        change = keras.random.uniform(shape, -self.change, self.change, seed=self.generator)
        other = ops.where(change > 0, fatter, thinner)
        # Erosion is the harsher of the two on strokes two pixels wide: half of it is enough.
        weight = ops.where(change > 0, change, -0.5 * change)
        mixed = pictures + weight * (other - pictures)
        limit = math.log(self.gamma)
        exponent = ops.exp(keras.random.uniform(shape, -limit, limit, seed=self.generator))
        grey = ops.power(ops.clip(mixed, 1e-6, 1.0), exponent)
        edge = keras.random.uniform(shape, -self.edge, self.edge, seed=self.generator)
        soft = grey + 0.6 * ops.maximum(-edge, 0) * (ops.average_pool(grey, 3, 1, "same") - grey)
        steepness = 1 + 4 * ops.square(ops.maximum(edge, 0))
        return ops.clip((soft - 0.5) * steepness + 0.5, 0.0, 1.0)


class RandomClutter(layers.Layer):
    """Does to some pictures what happens to digits on crowded pages.

    One is cut off at an edge, another broken, another gets specks, another a piece of its
    neighbour. Active in training only.

    Args:
        share: of the pictures, for each of the four.
        seed: of the random numbers.
    """

    def __init__(self, share: float = 0.03, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pictures: Any, training: bool = False) -> Any:
        """float32 (N, 28, 28, 1), 0 to 1 -> the same."""
        if not training:
            return pictures
        batch, height, width = ops.shape(pictures)[0], pictures.shape[1], pictures.shape[2]

        def chosen() -> Any:
            number = keras.random.uniform((batch, 1, 1, 1), seed=self.generator)
            return ops.cast(number < self.share, "float32")

        # Distance from one of the four edges, another for each picture.
        x = ops.reshape(ops.arange(width, dtype="float32"), (1, 1, width, 1))
        y = ops.reshape(ops.arange(height, dtype="float32"), (1, height, 1, 1))
        side = keras.random.randint((batch, 1, 1, 1), 0, 4, seed=self.generator)
        along = ops.where(side < 2, x + 0 * y, y + 0 * x)
        away = ops.where(side % 2 == 0, along, width - 1 - along)
        cut = keras.random.uniform((batch, 1, 1, 1), 3, 6, seed=self.generator)
        pictures = pictures * (1 - chosen() * ops.cast(away < cut, "float32"))
        gap = keras.random.uniform((batch, 1, 1, 1), 8, 20, seed=self.generator)
        pictures = pictures * (1 - chosen() * ops.cast(ops.abs(away - gap) < 1, "float32"))
        dots = keras.random.uniform(ops.shape(pictures), seed=self.generator) > 0.998
        specks = ops.max_pool(ops.cast(dots, "float32"), 2, 1, "same")
        # The next picture is the neighbour; 18 columns on, only its edge is seen.
        neighbour = ops.roll(ops.roll(pictures, 1, axis=0), 18, axis=2)
        neighbour = neighbour * ops.cast(x >= 18, "float32")
        pictures = ops.maximum(pictures, chosen() * specks)
        return ops.maximum(pictures, chosen() * neighbour)


def augmentation(seed: int) -> list[layers.Layer]:
    """The layers that stand before a network while it is trained."""
    return [RandomWarp(seed=seed), RandomStroke(seed=seed + 1), RandomClutter(seed=seed + 2)]
