"""From a grey page to its ink: what is darker, or lighter, than the paper."""

import cv2
import numpy as np

from common.finding.rules.ruling import without_ruling
from common.preprocessing import resized

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
SAMPLED_SIDE = 1000  # pixels of a larger image that tell whether its paper is flat
BOTH_WAYS = 0.3  # of what stands out one way stands out the other way, too: no paper


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


def has_flat_paper(image: np.ndarray) -> bool:
    """Whether most of an image, uint8 (height, width), has one brightness, as in a drawing."""
    step = -(-max(image.shape) // SAMPLED_SIDE)
    sample = np.ascontiguousarray(image[::step, ::step])
    return _flat_paper(sample, np.bincount(sample.ravel(), minlength=256)) is not None


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
