"""Explains a reading: the finder's heat map, and what the classifier computed for each digit."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from common.calibration import MIN_PROBABILITY
from common.finding.finder import heat_map
from common.finding.orientation import turned
from common.images.decoding import read_image
from common.preprocessing import PICTURE_SIZE, digit_picture, network_input, resized
from common.reading import DigitReading, Reading
from common.recognizer import DigitRecognizer
from common.storage.activations import Activations, load_activations
from common.storage.loading import Finder
from common.storage.model_files import Predictor

MAPS_SHOWN = 16  # activation maps shown for each layer
MAX_SIDE = 768  # pixels; maximum longer side of the image and its heat map
MAX_MARKS = 20  # marks explained for each image
PATCH = 5  # pixels; side of the square that hides a part of a picture


@dataclass(frozen=True)
class MarkExplanation:
    """How the classifier read one mark on the page.

    Attributes:
        mark: The reading of the mark, with its box and its probabilities.
        picture: The input of the classifier, uint8 (28, 28), 255 is ink.
        layers: Activations of the first two layers, each float32 (maps, height, width).
        occlusion: How much each pixel supports the digit, float32 (28, 28); see the function
            `occlusion`.
    """

    mark: DigitReading
    picture: np.ndarray
    layers: list[np.ndarray]
    occlusion: np.ndarray


@dataclass(frozen=True)
class Explanation:
    """How an image was read.

    Attributes:
        image: The grey image, uint8 (height, width), reduced to `MAX_SIDE` pixels if it is larger.
        scale: Size of `image` relative to the original image, at most 1.
        heat: Probability that each pixel is the centre of a digit, float32 (height, width).
        reading: The reading of the image.
        marks: Explanations of the first `MAX_MARKS` digits. If there are no digits, ignored marks
            are explained instead.
    """

    image: np.ndarray
    scale: float
    heat: np.ndarray
    reading: Reading
    marks: list[MarkExplanation]


class Explainer:
    """Explains how a recognizer reads images.

    Args:
        recognizer: The recognizer to explain.
    """

    def __init__(self, recognizer: DigitRecognizer) -> None:
        self.recognizer = recognizer

    @cached_property
    def _activations(self) -> Activations:
        return load_activations(self.recognizer.setup.model)

    def explain(self, source: str | Path | bytes, name: str) -> Explanation:
        """Reads an image, and keeps the intermediate results.

        Args:
            source: Path, address or bytes of the image.
            name: Name of the image.

        Raises:
            ImageError: The image cannot be read.
            ModelError: The activations of the classifier cannot be computed.
        """
        image = read_image(source)
        glyphs, reading = self.recognizer.examine(image, name)
        pictures = {glyph.box: digit_picture(glyph.ink) for glyph in glyphs}
        scale = min(1.0, MAX_SIDE / max(image.shape))
        small = resized(image, scale)
        heat = heat_of(small, reading.rotation, self.recognizer.finder)
        explained = [
            self.explain_mark(mark, pictures[mark.box])
            for mark in (reading.digits or reading.left_out)[:MAX_MARKS]
        ]
        return Explanation(small, scale, heat, reading, explained)

    def explain_mark(self, mark: DigitReading, picture: np.ndarray) -> MarkExplanation:
        """Explains how the classifier read one mark.

        Args:
            mark: The reading of the mark.
            picture: The input of the classifier, uint8 (28, 28), 255 is ink.

        Raises:
            ModelError: The activations of the classifier cannot be computed.
        """
        layers = self._activations(network_input(picture[np.newaxis])[0, ..., 0])[:2]
        hidden = occlusion(picture, mark.digit, self.recognizer.predictor)
        return MarkExplanation(mark, picture, layers, hidden)


def heat_of(image: np.ndarray, rotation: int, finder: Finder) -> np.ndarray:
    """Computes the finder's heat map of an image.

    Args:
        image: Grey image, uint8 (height, width).
        rotation: Clockwise rotation in degrees with which the image was read: 0, 90, 180 or 270.
        finder: The finder.

    Returns:
        Probability that each pixel of `image` is the centre of a digit, float32 (height, width).
    """
    heat = heat_map(turned(image, rotation), finder, MAX_SIDE)
    return turned(heat, -rotation)


def mosaic(maps: np.ndarray) -> np.ndarray:
    """Arranges the first `MAPS_SHOWN` activation maps of a layer in a grid.

    Each map is divided by its own maximum, so that maps with small values remain visible beside
    maps with large values.

    Args:
        maps: Activations, float32 (maps, height, width).

    Returns:
        The grid as an image, float32 (height, width), with values of at most 1.
    """
    shown = maps[:MAPS_SHOWN]
    highest = shown.max(axis=(1, 2), keepdims=True)
    shown = np.pad(shown / np.maximum(highest, 1e-6), ((0, 0), (1, 1), (1, 1)))
    columns = math.ceil(math.sqrt(len(shown)))
    shown = np.pad(shown, ((0, -len(shown) % columns), (0, 0), (0, 0)))
    return np.vstack([np.hstack(row) for row in shown.reshape(-1, columns, *shown.shape[1:])])


def occlusion(picture: np.ndarray, digit: int, predictor: Predictor) -> np.ndarray:
    """Measures how much each pixel of a picture supports a digit.

    A blank square slides over the picture and hides a part of it. The value of a pixel is the mean
    decrease of the digit's log-odds over all squares that hide the pixel (after Zeiler and Fergus,
    "Visualizing and Understanding Convolutional Networks", 2014). Even if the classifier is almost
    certain, log-odds change visibly, unlike probabilities.

    Args:
        picture: Input of the classifier, uint8 (28, 28), 255 is ink.
        digit: The digit, 0 to 9.
        predictor: The classifier.

    Returns:
        Mean decrease of the log-odds, float32 (28, 28). It is positive where the picture supports
        the digit, and negative where it contradicts the digit.
    """
    places = [
        (row, column)
        for row in range(1 - PATCH, PICTURE_SIZE)
        for column in range(1 - PATCH, PICTURE_SIZE)
    ]
    squares = [
        (slice(max(row, 0), row + PATCH), slice(max(column, 0), column + PATCH))
        for row, column in places
    ]
    hidden = np.repeat(picture[np.newaxis], len(squares), axis=0)
    for one, square in zip(hidden, squares, strict=True):
        one[square] = 0
    pictures = network_input(np.concatenate([picture[np.newaxis], hidden]))
    chances = predictor.predict(pictures)[:, digit].clip(MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    whole, *parts = np.log(chances / (1 - chances))
    total = np.zeros(picture.shape, np.float32)
    for part, square in zip(parts, squares, strict=True):
        total[square] += whole - part
    return total / PATCH**2
