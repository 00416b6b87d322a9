"""Converts the ink of a digit to the 28x28 picture that the classifier sees.

The pictures have the format of MNIST. Images in folders, synthetic training digits and the digits
to read are all converted by this code, so pictures at prediction resemble those in training.
"""

import math
from typing import cast

import cv2
import numpy as np

PICTURE_SIZE = 28  # pixels; side of an MNIST picture
DIGIT_SIZE = 20  # pixels; longer side of the digit in an MNIST picture
INK_THRESHOLD = 0.3  # minimum ink inside a stroke; the soft edge of a stroke has less
EDGE_THRESHOLD = 0.02  # pixels with more ink belong to a digit; they define its bounding box
MAX_CROSSINGS = 500_000  # edges between ink and paper pixels; with more, no outline is traced
MAX_WIDENED_SIDE = 300  # pixels; larger digits are reduced to this size before widening strokes
MIN_STROKE_WIDTH = 0.10  # share of the longer side; it is 0.08 to 0.25 in 98 % of MNIST digits


def digit_picture(ink: np.ndarray) -> np.ndarray:
    """Converts the ink of one digit to a picture in the style of MNIST.

    The digit is scaled to 20 pixels on its longer side, keeping its aspect ratio, and placed in a
    28x28 picture with its centre of mass in the middle (LeCun et al., "Gradient-based learning
    applied to document recognition", 1998). Strokes too thin for the network are widened first.

    Args:
        ink: Ink of the digit, float32 (height, width); 0 is paper and 1 is full ink. Empty margins
            are removed.

    Returns:
        The picture, uint8 (28, 28); 0 is paper and 255 is full ink. Without ink, all pixels are 0.
    """
    left, top, width, height = cv2.boundingRect((ink > EDGE_THRESHOLD).view(np.uint8))
    picture = np.zeros((PICTURE_SIZE, PICTURE_SIZE), np.uint8)
    if width == 0:
        return picture
    ink = _widen_strokes(ink[top : top + height, left : left + width])
    small = resized(ink, DIGIT_SIZE / max(ink.shape))
    height, width = small.shape
    # cv2.moments would mistake a float32 array of two columns for a contour.
    mass = max(float(small.sum()), 1e-6)
    center_x = float(small.sum(axis=0) @ np.arange(width)) / mass
    center_y = float(small.sum(axis=1) @ np.arange(height)) / mass
    # In MNIST, the centre of mass is at index 14.0 of the picture.
    left = round(PICTURE_SIZE / 2 - center_x)
    top = round(PICTURE_SIZE / 2 - center_y)
    left = min(max(left, 0), PICTURE_SIZE - width)
    top = min(max(top, 0), PICTURE_SIZE - height)
    picture[top : top + height, left : left + width] = cv2.convertScaleAbs(small, alpha=255)
    return picture


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    """Resizes an image or ink by the factor `scale`, to at least one pixel per side."""
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cast(np.ndarray, cv2.resize(image, size, interpolation=method))


def stroke_width(ink: np.ndarray) -> float:
    """Estimates the mean stroke width in pixels: twice the ink area over the outline length."""
    mask = (ink > INK_THRESHOLD).view(np.uint8)
    area = cv2.countNonZero(mask)
    crossings = sum(
        np.count_nonzero(one != other)
        for one, other in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1]))
    )
    if crossings > MAX_CROSSINGS:
        # Noise has too many outlines to trace. Instead, their length is estimated from the number
        # of crossings (Cauchy-Crofton formula), which is less accurate for low-resolution digits.
        return 2 * area / (math.pi / 4 * crossings)
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    # A stroke of width w and length l has the area w * l. Its outline, which runs through the
    # centres of the edge pixels, is about 2 * l long.
    length = sum(cv2.arcLength(outline, True) for outline in outlines)
    return 2 * area / length if length else 0.0


def _widen_strokes(ink: np.ndarray) -> np.ndarray:
    """Widens the strokes of a digit if their mean width is below `MIN_STROKE_WIDTH`.

    Thinner strokes would fade in a small picture. Large digits are also reduced.
    """
    missing = MIN_STROKE_WIDTH * max(ink.shape) - stroke_width(ink)
    if missing < 1:
        return ink
    if max(ink.shape) > MAX_WIDENED_SIDE:
        # The time for a dilation grows with the fourth power of the side, so large digits are
        # reduced first. A small dilation before the reduction preserves even the thinnest stroke.
        scale = MAX_WIDENED_SIDE / max(ink.shape)
        block = np.ones((math.ceil(1 / scale), math.ceil(1 / scale)), np.uint8)
        return _widen_strokes(resized(cast(np.ndarray, cv2.dilate(ink, block)), scale))
    reach = round(missing / 2)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cast(np.ndarray, cv2.dilate(np.pad(ink, reach), kernel))


def network_input(pictures: np.ndarray) -> np.ndarray:
    """Converts pictures to the input of a network.

    Args:
        pictures: Pictures of digits, uint8 (N, 28, 28), 0 to 255.

    Returns:
        The input of the network, float32 (N, 28, 28, 1), 0 to 1.
    """
    return (pictures.astype(np.float32) / 255)[..., np.newaxis]
