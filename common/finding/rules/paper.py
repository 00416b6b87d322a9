"""Separates the ink on a grey page from the paper."""

import cv2
import numpy as np

from common.finding.rules.ruling import without_ruling
from common.preprocessing import resized

MIN_CONTRAST = 0.08  # share of the paper's brightness; fainter marks are texture of the paper
MIN_FLAT_CONTRAST = 6.0  # grey levels; the same for flat paper
MIN_FLAT_SHARE = 0.3  # of a drawing's pixels that have the paper's exact grey; photos: below 0.2
MIN_SHADOW_SIDE = 100  # pixels; on smaller drawings, soft edges cover as much as a shadow
MIN_SHADOW = 8  # grey levels between a shadow and the paper
MIN_SHADOW_SHARE = 0.1  # of the image that a shadow covers
FLAT_RANGE = 5  # grey levels by which flat paper may differ from its main level
MAX_ALONG_EDGE = 0.1  # share of an image edge that a stroke may cover ...
MIN_ALONG_EDGE = 40  # pixels; ... but a stroke may always cover this many
PAPER_WINDOW = 0.11  # side of the median window as a share of the image's longer side
MIN_PAPER_WINDOW = 60  # pixels; small photos show few digits, with strokes that fill small windows
SAMPLED_SIDE = 1000  # pixels; larger images are sampled to tell whether their paper is flat
MAX_BALANCE = 0.3  # weaker over stronger of dark and light contrast; above it, there is no paper


def ink_map(image: np.ndarray) -> np.ndarray:
    """Estimates the amount of ink at each pixel, for any paper, pen and light.

    If much of the image has one brightness, that is the paper. Otherwise the brightness of the
    paper is estimated locally. Ink is darker than the paper, or lighter, whichever stands out more.
    If both stand out, the image is not a page but a photo of something else, and has no ink.

    Args:
        image: uint8 (height, width); dark ink on light paper or the reverse.

    Returns:
        float32 (height, width), 0 is paper, 1 is full ink. All 0 if nothing stands out.
    """
    counts = np.bincount(image.ravel(), minlength=256)
    paper = _flat_paper(image, counts)
    if paper is not None:
        return _flat_ink(image, counts, paper)
    values, local = image.astype(np.float32), _local_paper(image)
    shade = cv2.GaussianBlur(values, (0, 0), max(image.shape) / 2000) - local
    dark, light = (np.maximum(side, 0) / np.maximum(local, 20) for side in (-shade, shade))
    noise = 1.4826 * float(np.median(np.abs(shade / np.maximum(local, 20))))
    threshold = max(MIN_CONTRAST, 4 * noise)
    unruled = (without_ruling(side, threshold) for side in (dark, light))
    dark, light = (_without_border(side, threshold) for side in unruled)
    weights = [float(side[side > threshold].sum()) for side in (dark, light)]
    if min(weights) > MAX_BALANCE * max(weights):
        return np.zeros(image.shape, np.float32)
    darker = _quantile(dark, 0.995) >= _quantile(light, 0.995)
    return _scaled(dark if darker else light, threshold, 3 * noise)


def has_flat_paper(image: np.ndarray) -> bool:
    """Whether the paper of an image, uint8 (height, width), has one brightness, as in drawings."""
    step = -(-max(image.shape) // SAMPLED_SIDE)
    sample = np.ascontiguousarray(image[::step, ::step])
    return _flat_paper(sample, np.bincount(sample.ravel(), minlength=256)) is not None


def _flat_ink(image: np.ndarray, counts: np.ndarray, paper: int) -> np.ndarray:
    """The `ink_map` on flat paper; `counts` is the histogram of the image."""
    levels = np.flatnonzero(counts)
    contrast = np.arange(256, dtype=np.float32) - paper
    if paper - levels[0] > levels[-1] - paper:
        contrast = -contrast
    paper_levels = slice(max(paper - FLAT_RANGE, 0), paper + FLAT_RANGE + 1)
    weights = counts[paper_levels]
    noise = float(np.sqrt(weights @ contrast[paper_levels] ** 2 / weights.sum()))
    threshold = max(MIN_FLAT_CONTRAST, 6 * noise)
    written = without_ruling(cv2.LUT(image, np.maximum(contrast, 0)), threshold)
    return _scaled(written, threshold, 3 * noise)


def _without_border(contrast: np.ndarray, threshold: float) -> np.ndarray:
    """Removes what runs along the image's edges, such as a table, a shadow or another page."""
    mask = (contrast > threshold).astype(np.uint8)
    count, labels, _, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    border = np.zeros(count, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        longest_stroke = max(MAX_ALONG_EDGE * len(edge), MIN_ALONG_EDGE)
        border |= np.bincount(edge, minlength=count) > longest_stroke
    border[0] = False
    return np.where(border[labels], np.float32(0), contrast)


def _flat_paper(image: np.ndarray, counts: np.ndarray) -> int | None:
    """The grey level of flat paper, as in a drawing; None for a photo.

    Args:
        image: uint8 (height, width).
        counts: int (256,), the histogram of the image.
    """
    level = int(counts.argmax())
    if counts[level] <= MIN_FLAT_SHARE * image.size or _has_shadow(image, level):
        return None
    return level


def _has_shadow(image: np.ndarray, level: int) -> bool:
    """Whether part of the paper differs from `level`, but less than ink does."""
    if min(image.shape) < MIN_SHADOW_SIDE:
        return False
    difference = np.abs(image.astype(np.int16) - level)
    between = (difference > MIN_SHADOW) & (difference < 0.6 * difference.max())
    return bool(between.mean() > MIN_SHADOW_SHARE)


def _scaled(contrast: np.ndarray, threshold: float, floor: float) -> np.ndarray:
    """Scales contrast to ink: 0 up to `floor`, 1 for most strokes, all 0 below `threshold`."""
    high = contrast[contrast > max(threshold, 0.3 * _quantile(contrast, 0.999))]
    if high.size == 0:
        return np.zeros(contrast.shape, np.float32)
    full = _quantile(high, 0.6)
    floor = min(max(floor, 0.1 * full), 0.5 * full)
    return ((contrast - floor) / (full - floor)).clip(0, 1)


def _quantile(values: np.ndarray, share: float) -> float:
    """The quantile at `share`; ten times as fast as `np.quantile`."""
    place = round(share * (values.size - 1))
    return float(np.partition(values, place, axis=None)[place])


def _local_paper(image: np.ndarray) -> np.ndarray:
    """Estimates the brightness of the paper around each pixel: float32 (height, width).

    It is the median of a window too large for strokes to fill, computed on a reduced copy.
    """
    height, width = image.shape
    scale = min(1.0, 400 / max(height, width))
    small = resized(image, scale)
    reach = round(max(PAPER_WINDOW * max(small.shape), MIN_PAPER_WINDOW * scale)) | 1
    padded = np.pad(small, reach, mode="symmetric")
    inner = cv2.medianBlur(padded, reach)[reach:-reach, reach:-reach].astype(np.float32)
    smooth = cv2.GaussianBlur(inner, (0, 0), reach / 6)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))
