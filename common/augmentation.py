"""How training pictures are varied: layers that run on whole batches inside the compiled graph."""

import math
from typing import Any

from common.backend import keras, layers, ops


class RandomAffine(layers.Layer):
    """Turns, scales, slants and shifts each picture at random in a single resampling.

    Keras has a layer for each of these; one after the other they would blur a 28x28 picture four
    times. Active in training only.

    Args:
        rotation: largest angle in degrees, either way.
        scale: largest change of width and of height, each on its own, as a share.
        shear: largest slant, as a share of the height.
        shift: largest move along either axis, in pixels.
        seed: of the random numbers.
    """

    def __init__(
        self,
        rotation: float = 15.0,
        scale: float = 0.15,
        shear: float = 0.15,
        shift: float = 2.5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rotation, self.scale, self.shear, self.shift = rotation, scale, shear, shift
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pictures: Any, training: bool = False) -> Any:
        """float32 (N, 28, 28, 1) -> the same shape."""
        if not training:
            return pictures
        batch, height, width = ops.shape(pictures)[0], pictures.shape[1], pictures.shape[2]

        def spread(limit: float) -> Any:
            return keras.random.uniform((batch,), -limit, limit, seed=self.generator)

        angle = spread(math.radians(self.rotation))
        cos, sin = ops.cos(angle), ops.sin(angle)
        wide, high, slant = 1 + spread(self.scale), 1 + spread(self.scale), spread(self.shear)
        # Output position -> input position, both measured from the middle of the picture.
        a0, a1 = wide * cos, wide * (slant * cos - sin)
        b0, b1 = high * sin, high * (slant * sin + cos)
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        a2 = middle_x - a0 * middle_x - a1 * middle_y + spread(self.shift)
        b2 = middle_y - b0 * middle_x - b1 * middle_y + spread(self.shift)
        zero = ops.zeros_like(a0)
        transform = ops.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)
        return ops.image.affine_transform(pictures, transform)


class RandomStroke(layers.Layer):
    """Varies the strokes of each picture.

    They get thinner or fatter (grey erosion, dilation), and their grey edges harder or softer
    (gamma). Active in training only.

    Args:
        change: the largest weight with which an eroded or dilated picture is mixed in, 0 to 1.
        gamma: the largest factor, either way, of the exponent.
        seed: of the random numbers.
    """

    def __init__(
        self, change: float = 0.8, gamma: float = 1.5, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.change, self.gamma = change, gamma
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
        return ops.power(ops.clip(mixed, 1e-6, 1.0), exponent)


def augmentation(seed: int) -> list[layers.Layer]:
    """The layers that stand before a network while it is trained."""
    return [RandomAffine(seed=seed), RandomStroke(seed=seed + 1)]
