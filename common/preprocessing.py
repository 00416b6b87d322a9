"""From the ink of a digit to the 28x28 picture that the classifier sees.

Training data and a user's photo go through the same code here, so that the network is shown what
it was taught.
"""

import math
from typing import cast

import cv2
import numpy as np

PICTURE_SIZE = 28  # pixels, the side of MNIST's pictures
DIGIT_SIZE = 20  # pixels, the longer side of a digit inside them
INK_THRESHOLD = 0.3  # ink above it belongs to a stroke; below, to its soft edge
EDGE_THRESHOLD = 0.02  # ink above it lies inside the digit's box
MAX_CROSSINGS = 500_000  # of rows and columns with the outlines of strokes that are followed
WIDENED_SIDE = 300  # pixels; digits with thin strokes are reduced to it before these are widened
LEAST_STROKE = 0.10  # stroke width as a share of the longer side; in MNIST, 98 % lie in 0.08-0.25


def digit_picture(ink: np.ndarray) -> np.ndarray:
    """The picture of one digit as MNIST has it.

    The digit is scaled, keeping its aspect, so that its longer side is 20 pixels, and placed with
    its centre of mass in the middle of 28x28 (LeCun et al., "Gradient-based learning applied to
    document recognition", 1998). Strokes too thin for the network are widened first.

    Args:
        ink: float32 (height, width), 0 is paper, 1 is full ink, with any margin.

    Returns:
        uint8 (28, 28), 0 is paper, 255 is full ink. All 0 where there is no ink.
    """
    left, top, width, height = cv2.boundingRect((ink > EDGE_THRESHOLD).view(np.uint8))
    picture = np.zeros((PICTURE_SIZE, PICTURE_SIZE), np.uint8)
    if width == 0:
        return picture
    ink = _widen_strokes(ink[top : top + height, left : left + width])
    small = resized(ink, DIGIT_SIZE / max(ink.shape))
    height, width = small.shape
    # Not cv2.moments: it takes a float32 array of two columns for an outline.
    mass = max(float(small.sum()), 1e-6)
    center_x = float(small.sum(axis=0) @ np.arange(width)) / mass
    center_y = float(small.sum(axis=1) @ np.arange(height)) / mass
    # MNIST's digits have their centre of mass at index 14.0 of the picture.
    left = round(PICTURE_SIZE / 2 - center_x)
    top = round(PICTURE_SIZE / 2 - center_y)
    left = min(max(left, 0), PICTURE_SIZE - width)
    top = min(max(top, 0), PICTURE_SIZE - height)
    picture[top : top + height, left : left + width] = cv2.convertScaleAbs(small, alpha=255)
    return picture


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    """An image or ink of `scale` times the size, anti-aliased; never less than one pixel."""
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cast(np.ndarray, cv2.resize(image, size, interpolation=method))


def stroke_width(ink: np.ndarray) -> float:
    """Mean width of the strokes in pixels: twice their area over the length of their outlines."""
    mask = (ink > INK_THRESHOLD).view(np.uint8)
    area = cv2.countNonZero(mask)
    crossings = sum(
        np.count_nonzero(one != other)
        for one, other in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1]))
    )
    if crossings > MAX_CROSSINGS:
        # The outlines of noise are millions. The crossings of a grid with them tell their length,
        # too (Cauchy-Crofton formula), but less exactly on the few pixels of a digit.
        return 2 * area / (math.pi / 4 * crossings)
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    # An outline runs through the centres of the edge pixels, half a pixel inside the stroke: a
    # stroke of width w and length l has the area w*l and outlines of about 2*l in all.
    length = sum(cv2.arcLength(outline, True) for outline in outlines)
    return 2 * area / length if length else 0.0


def _widen_strokes(ink: np.ndarray) -> np.ndarray:
    """Thickens strokes that would vanish when the digit is reduced to 20 pixels."""
    missing = LEAST_STROKE * max(ink.shape) - stroke_width(ink)
    if missing < 1:
        return ink
    if max(ink.shape) > WIDENED_SIDE:
        # The time to widen grows with the fourth power of the side. What is larger is reduced
        # by its maximum, which no stroke is too thin to survive.
        scale = WIDENED_SIDE / max(ink.shape)
        block = np.ones((math.ceil(1 / scale), math.ceil(1 / scale)), np.uint8)
        return _widen_strokes(resized(cast(np.ndarray, cv2.dilate(ink, block)), scale))
    reach = round(missing / 2)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cast(np.ndarray, cv2.dilate(np.pad(ink, reach), kernel))


def network_input(pictures: np.ndarray) -> np.ndarray:
    """uint8 (N, 28, 28), 0 to 255 -> float32 (N, 28, 28, 1), 0 to 1, as every network takes it."""
    return (pictures.astype(np.float32) / 255)[..., np.newaxis]
