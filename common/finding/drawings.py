"""Finds the marks on a drawing that may be digits, without a network.

A drawing is an image whose paper has a single grey level, apart from noise, such as a canvas or an
evenly lit scan. Everything else is ink. Each connected component of ink is a mark or a part of one.
"""

import cv2
import numpy as np

from common.finding.overlap import overlaps
from common.finding.settings import SETTINGS, Settings
from common.preprocessing import resized
from common.reading import Box, Glyph, sides_of

MAX_MARKS = 200  # an image with more marks is not treated as a drawing
MAX_SIDE = 2000  # pixels; larger drawings are reduced first
MIN_RANGE, MAX_RANGE = 5, 30  # grey levels; limits of the tolerance for noise of the paper
LEVELS = np.arange(256, dtype=np.float32)
LAPLACE = np.array([1, -2, 1])  # the second derivative, in x and in y
FLOOR = 0.1  # share of full ink; on small images, less counts as paper
MARGIN = 2  # pixels; margin around a mark that contains its soft edge


def drawn_marks(image: np.ndarray, settings: Settings = SETTINGS) -> list[Glyph] | None:
    """Finds the marks on a drawing.

    Args:
        image: The upright image, uint8 (height, width), with ink darker or lighter than the paper.
        settings: Thresholds for paper, ink and marks.

    Returns:
        The marks in any order. None if the image is not a drawing, or if the boxes of marks
        overlap, because such marks may be parts of one digit.
    """
    factor = max(1.0, max(image.shape) / MAX_SIDE)
    ink = _ink(image if factor == 1 else resized(image, 1 / factor), settings)
    if ink is None:
        return None
    mask = (ink > settings.faint_ink).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    # Hysteresis thresholding, as in Canny's edge detector (1986): a stroke may be faint in places,
    # but not everywhere.
    is_mark = np.zeros(count, bool)
    is_mark[labels[ink > settings.strong_ink]] = True
    marks = np.flatnonzero(is_mark)
    if len(marks) > MAX_MARKS:
        return None
    height = _digit_height(stats[marks, :4])
    marks = marks[stats[marks, 2:4].max(axis=1, initial=0) >= settings.min_mark_size * height]
    owner = np.zeros(count, np.int32)
    owner[marks] = marks
    for part, whole in _parts(stats[marks, :4], height, settings):
        owner[owner == marks[part]] = owner[marks[whole]]
    components = [marks[owner[marks] == mark] for mark in sorted(set(owner[marks].tolist()))]
    boxes = [_enclosing(stats[parts, :4]) for parts in components]
    if _overlap(boxes):
        return None
    return [
        _glyph(ink, owner, labels, owner[parts[0]], box, factor)
        for parts, box in zip(components, boxes, strict=True)
    ]


def all_ink(image: np.ndarray, settings: Settings = SETTINGS) -> list[Glyph]:
    """Treats all the ink on a small image as one digit, as in data sets of single digits.

    A digit that fills its image hides most of the paper. The paper is therefore unknown, and dark
    and light ink are both possible.

    Args:
        image: The upright image, uint8 (height, width).
        settings: Thresholds for ink.

    Returns:
        Two glyphs, one for dark ink and one for light ink; none if there is too little contrast.
    """
    low, high = float(image.min()), float(image.max())
    if high - low < settings.min_contrast:
        return []
    light = (image - np.float32(low)) / np.float32(high - low)
    glyphs = []
    for ink in (1 - light, light):
        clean = ((ink - FLOOR) / (1 - FLOOR)).clip(0, 1)
        box = Box(*cv2.boundingRect((clean > settings.faint_ink).view(np.uint8)))
        glyphs.append(Glyph(box, clean))
    return glyphs


def _ink(image: np.ndarray, settings: Settings) -> np.ndarray | None:
    """Returns the ink, float32 (height, width), 0 to 1; None if the image is not a drawing."""
    counts = np.bincount(image.ravel(), minlength=256)
    reach = min(max(round(3 * _noise(image)), MIN_RANGE), MAX_RANGE)
    shares = np.convolve(counts, np.ones(2 * reach + 1), "same") / image.size
    if shares.max() < settings.min_paper:
        return None
    middle = int(shares.argmax())
    near = slice(max(middle - reach, 0), middle + reach + 1)
    paper = round(float(counts[near] @ LEVELS[near] / counts[near].sum()))
    levels = np.flatnonzero(counts)
    contrast = LEVELS - paper
    if paper - levels[0] > levels[-1] - paper:
        contrast = -contrast
    noise = float(np.sqrt(counts[near] @ contrast[near] ** 2 / counts[near].sum()))
    threshold = max(settings.min_contrast, 6 * noise)
    inked = np.where(contrast > threshold, counts, 0)
    if not inked.any():
        return np.zeros(image.shape, np.float32)
    # Exclude the soft edges of strokes. The quantile ignores a few pixels with much stronger ink.
    inked[contrast < 0.3 * _quantile(contrast, inked, 0.99)] = 0
    full = _quantile(contrast, inked, 0.6)
    floor = min(max(3 * noise, 0.1 * full), 0.5 * full)
    return np.asarray(cv2.LUT(image, ((contrast - floor) / (full - floor)).clip(0, 1)))


def _noise(image: np.ndarray) -> float:
    """Estimates the standard deviation of white noise in an image, in grey levels.

    The method is that of Immerkær, "Fast Noise Variance Estimation", 1996, but uses the median
    instead of the mean, because the median ignores the edges of strokes.
    """
    response = cv2.sepFilter2D(image, cv2.CV_16S, LAPLACE, LAPLACE)
    return float(np.median(np.abs(response))) / (0.6745 * LAPLACE @ LAPLACE)


def _quantile(values: np.ndarray, counts: np.ndarray, share: float) -> float:
    """Returns the quantile of `values` at `share`, 0 to 1. Each value occurs `counts` times."""
    order = values.argsort()
    return float(values[order][np.searchsorted(counts[order].cumsum(), share * counts.sum())])


def _digit_height(boxes: np.ndarray) -> float:
    """Returns the median height of boxes, weighted by area so that specks hardly count."""
    if len(boxes) == 0:
        return 0.0
    return _quantile(boxes[:, 3], boxes[:, 2] * boxes[:, 3], 0.5)


def _parts(boxes: np.ndarray, height: float, settings: Settings) -> list[tuple[int, int]]:
    """Finds detached strokes of larger marks above or below them, such as the bar of a 5.

    Args:
        boxes: Boxes of the marks, int (N, 4): x, y, width, height.
        height: Height of the digits in pixels.
        settings: Parameter `max_gap`.

    Returns:
        Pairs of indices into `boxes`: a part, and the larger mark that it belongs to. The smallest
        part is first.
    """
    order = (boxes[:, 2] * boxes[:, 3]).argsort(kind="stable")
    starts, ends = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    pairs = []
    for place, small in enumerate(order[:-1]):
        others = order[place + 1 :]
        shared = np.minimum(ends[others], ends[small]) - np.maximum(starts[others], starts[small])
        whole = np.maximum(ends[others], ends[small]) - np.minimum(starts[others], starts[small])
        fits = shared[:, 0] >= 0.5 * np.minimum(boxes[others, 2], boxes[small, 2])
        fits &= (-shared[:, 1] <= settings.max_gap * height) & (whole[:, 1] <= 1.5 * height)
        if fits.any():
            pairs.append((int(small), int(others[fits.argmax()])))
    return pairs


def _enclosing(boxes: np.ndarray) -> Box:
    left, top = boxes[:, :2].min(axis=0).tolist()
    right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0).tolist()
    return Box(left, top, right - left, bottom - top)


def _overlap(boxes: list[Box]) -> bool:
    """Checks whether any two boxes overlap."""
    if len(boxes) < 2:
        return False
    sides = sides_of(boxes)
    shares, _ = overlaps(sides, sides)
    return bool((shares > 0).sum() > len(boxes))  # each box overlaps itself


def _glyph(
    ink: np.ndarray, owner: np.ndarray, labels: np.ndarray, mark: int, box: Box, factor: float
) -> Glyph:
    """Cuts out the ink of one mark.

    Args:
        ink: Ink of the drawing, float32 (height, width).
        owner: Number of the mark that each connected component belongs to, int (N,); 0 for none.
        labels: Index of the connected component of each pixel, int (height, width); 0 is paper.
        mark: Number of the mark in `owner`.
        box: Bounding box of the mark in pixels of `ink`.
        factor: Size of the original image divided by the size of `ink`.
    """
    rows = slice(max(box.y - MARGIN, 0), box.bottom + MARGIN)
    columns = slice(max(box.x - MARGIN, 0), box.right + MARGIN)
    nearby = labels[rows, columns]
    own = owner[nearby] == mark
    edge = cv2.dilate(own.view(np.uint8), np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) > 0
    kept = np.where(own | (edge & (nearby == 0)), ink[rows, columns], np.float32(0))
    return Glyph(box.enlarged(factor), kept)
