"""From a grey page to ink, and from a digit's ink to the 28x28 picture that the network sees.

Training data and a user's photo go through the same code here, so that the network is shown what
it was taught.
"""

import math
from typing import cast

import cv2
import numpy as np

from common.ruling import without_ruling

PICTURE_SIZE = 28  # pixels, the side of MNIST's pictures
DIGIT_SIZE = 20  # pixels, the longer side of a digit inside them
LEAST_CONTRAST = 0.08  # of the paper's brightness; fainter marks are taken for the paper's own
FLAT_LEAST_CONTRAST = 6.0  # of 255, on paper that is the same all over
FLAT_SHARE = 0.3  # of a drawing's pixels have just the paper's grey; in photos, less than 0.2
SHADOW_SIDE = 100  # pixels; on smaller drawings soft edges cover as much as a shadow
SHADOW = 8  # grey levels by which a shadow differs from the paper at least
SHADOW_SHARE = 0.1  # of the image that a shadow covers at least
FLAT_REACH = 5  # grey levels either way that a drawing's paper may differ
ALONG_EDGE = 0.1  # of an edge of the image: no stroke covers more ...
ALONG_EDGE_LEAST = 40  # ... or more than so many pixels
PAPER_WINDOW = 0.11  # side of the window that paper is looked for in, as a share of the image's
LEAST_PAPER_WINDOW = 60  # pixels; a photo of few pixels shows few digits, and their strokes fill it
BOTH_WAYS = 0.3  # of what stands out one way stands out the other way, too: no paper
INK_THRESHOLD = 0.3  # ink above it belongs to a stroke; below, to its soft edge
EDGE_THRESHOLD = 0.02  # ink above it lies inside the digit's box
MAX_CROSSINGS = 500_000  # of rows and columns with the outlines of strokes that are followed
WIDENED_SIDE = 300  # pixels; digits with thin strokes are reduced to it before these are widened
LEAST_STROKE = 0.10  # stroke width as a share of the longer side; in MNIST, 98 % lie in 0.08-0.25


def ink_map(image: np.ndarray) -> np.ndarray:
    """How much ink there is at each pixel, whatever the paper, the pen and the light.

    Where most of the image has one brightness, that is the paper; otherwise the paper's brightness
    is followed over the page. Ink is what is darker than the paper, or lighter, if that stands out
    more. Where much is darker and much is lighter, it is no paper, but a photo of something else.

    Args:
        image: uint8 (height, width), dark ink on light paper or the other way round.

    Returns:
        float32 (height, width) from 0 (paper) to 1 (full ink); all 0 where nothing stands out.
    """
    counts = np.bincount(image.ravel(), minlength=256)
    paper = _flat_paper(image, counts)
    if paper is not None:
        return _flat_ink(image, counts, paper)
    values, local = image.astype(np.float32), _local_paper(image)
    shade = cv2.GaussianBlur(values, (0, 0), max(image.shape) / 2000) - local
    dark, light = (np.maximum(side, 0) / np.maximum(local, 20) for side in (-shade, shade))
    noise = 1.4826 * float(np.median(np.abs(shade / np.maximum(local, 20))))
    least = max(LEAST_CONTRAST, 4 * noise)
    dark, light = (_without_frame(without_ruling(side, least), least) for side in (dark, light))
    weights = [float(side[side > least].sum()) for side in (dark, light)]
    if min(weights) > BOTH_WAYS * max(weights):
        return np.zeros(image.shape, np.float32)
    darker = _quantile(dark, 0.995) >= _quantile(light, 0.995)
    return _scaled(dark if darker else light, least, 3 * noise)


def _flat_ink(image: np.ndarray, counts: np.ndarray, paper: int) -> np.ndarray:
    """`ink_map` on paper that has the same brightness all over; `counts` are the image's levels."""
    levels = np.flatnonzero(counts)
    contrast = np.arange(256, dtype=np.float32) - paper
    if paper - levels[0] > levels[-1] - paper:
        contrast = -contrast
    paper_levels = slice(max(paper - FLAT_REACH, 0), paper + FLAT_REACH + 1)
    weights = counts[paper_levels]
    noise = float(np.sqrt(weights @ contrast[paper_levels] ** 2 / weights.sum()))
    least = max(FLAT_LEAST_CONTRAST, 6 * noise)
    written = without_ruling(cv2.LUT(image, np.maximum(contrast, 0)), least)
    return _scaled(written, least, 3 * noise)


def _without_frame(contrast: np.ndarray, least: float) -> np.ndarray:
    """Contrast without what runs along the image's edge: a table, a shadow, the next page."""
    mask = (contrast > least).astype(np.uint8)
    count, labels, _, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    frame = np.zeros(count, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        frame |= np.bincount(edge, minlength=count) > max(ALONG_EDGE * len(edge), ALONG_EDGE_LEAST)
    frame[0] = False
    return np.where(frame[labels], np.float32(0), contrast)


def _flat_paper(image: np.ndarray, counts: np.ndarray) -> int | None:
    """The brightness of paper that is the same all over, as in a drawing; None in a photo.

    Args:
        image: uint8 (height, width).
        counts: int (256,), how many of its pixels have each level.
    """
    level = int(counts.argmax())
    if counts[level] <= FLAT_SHARE * image.size or _has_shadow(image, level):
        return None
    return level


def _has_shadow(image: np.ndarray, level: int) -> bool:
    """Whether a part of the paper is darker or lighter than `level`, but not as ink is."""
    if min(image.shape) < SHADOW_SIDE:
        return False
    difference = np.abs(image.astype(np.int16) - level)
    between = (difference > SHADOW) & (difference < 0.6 * difference.max())
    return bool(between.mean() > SHADOW_SHARE)


def _scaled(contrast: np.ndarray, least: float, floor: float) -> np.ndarray:
    """Contrast as ink: 1 where it is that of most strokes, 0 up to `floor`, all 0 below `least`."""
    high = contrast[contrast > max(least, 0.3 * _quantile(contrast, 0.999))]
    if high.size == 0:
        return np.zeros(contrast.shape, np.float32)
    full = _quantile(high, 0.6)
    floor = min(max(floor, 0.1 * full), 0.5 * full)
    return ((contrast - floor) / (full - floor)).clip(0, 1)


def _quantile(values: np.ndarray, share: float) -> float:
    """The value that `share` of the values do not exceed; NumPy's takes ten times as long."""
    place = round(share * (values.size - 1))
    return float(np.partition(values, place, axis=None)[place])


def _local_paper(image: np.ndarray) -> np.ndarray:
    """Brightness of the paper around each pixel: float32 (height, width).

    A median over a window that strokes cannot fill, on a reduced copy.
    """
    height, width = image.shape
    scale = min(1.0, 400 / max(height, width))
    small = resized(image, scale)
    reach = round(max(PAPER_WINDOW * max(small.shape), LEAST_PAPER_WINDOW * scale)) | 1
    padded = np.pad(small, reach, mode="symmetric")
    inner = cv2.medianBlur(padded, reach)[reach:-reach, reach:-reach].astype(np.float32)
    smooth = cv2.GaussianBlur(inner, (0, 0), reach / 6)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))


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
