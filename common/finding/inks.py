"""Extracts the ink of each detected digit, without ruled lines and neighbours."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from common.finding.encoding import CELL
from common.finding.finder import Detection
from common.finding.settings import SETTINGS, Settings
from common.reading import Box, Glyph

CROP_SIZE = 56  # pixels; digits whose longer side is larger are reduced to this size


@dataclass(frozen=True)
class _Crop:
    """A digit's box with a margin, as arrays of the same shape (rows, columns).

    Attributes:
        grey: Grey levels, float32, 0 to 255.
        inside: Whether each pixel is inside the box or very close to it, bool.
        chance: Probability from the finder that each pixel is ink, float32, 0 to 1.
        own: 1 for pixels that the finder assigns to this digit, 0 for those of neighbours, float32.
        rim: Whether each pixel is at an edge of the crop that is not an edge of the page, bool.
    """

    grey: np.ndarray
    inside: np.ndarray
    chance: np.ndarray
    own: np.ndarray
    rim: np.ndarray


def cut_out(page: np.ndarray, found: list[Detection], settings: Settings = SETTINGS) -> list[Glyph]:
    """Cuts the digits out of a page.

    Args:
        page: The upright page, uint8 (height, width). Its ink is darker or lighter than the paper.
        found: The detections on the page.
        settings: Thresholds for ink.

    Returns:
        The digits in the order of `found`. Their boxes are rounded to whole pixels and clipped to
        the page.
    """
    return [
        Glyph(_box(digit, page), _digit_ink(page, digit, found, settings), digit.scores)
        for digit in found
    ]


def _box(digit: Detection, page: np.ndarray) -> Box:
    height, width = page.shape
    left = min(max(math.floor(digit.x), 0), width - 1)
    top = min(max(math.floor(digit.y), 0), height - 1)
    right = min(max(math.ceil(digit.x + digit.width), left + 1), width)
    bottom = min(max(math.ceil(digit.y + digit.height), top + 1), height)
    return Box(left, top, right - left, bottom - top)


def _digit_ink(
    page: np.ndarray, digit: Detection, others: list[Detection], settings: Settings
) -> np.ndarray:
    """Cuts out the ink of one digit.

    A connected component inside the digit's box is either kept or removed as a whole. Some
    components extend beyond the box, such as ruled lines, frames and touching neighbours. Of these,
    only the pixels that the finder assigns to this digit are kept.

    Args:
        page: The page, uint8 (height, width).
        digit: The digit.
        others: All digits on the page.
        settings: Thresholds for ink.

    Returns:
        The ink, float32 (rows, columns); 0 is paper and 1 is full ink.
    """
    crop = _crop(page, digit, others, settings.ink_margin)
    if crop is None:
        return np.zeros((1, 1), np.float32)
    contrast = _contrast(crop, settings)
    count, labels = cv2.connectedComponents(
        (contrast > settings.stroke).astype(np.uint8), connectivity=8
    )
    size = np.bincount(labels.ravel(), minlength=count).clip(1)
    inside = np.bincount(labels.ravel(), crop.inside.ravel(), count) / size
    own = np.bincount(labels.ravel(), crop.own.ravel(), count) / size
    chance = np.bincount(labels.ravel(), crop.chance.ravel(), count) / size
    # The part of a ruled line between the box and the rim of the crop may be short. Components that
    # reach the rim therefore also count as leaving the box.
    leaves = (inside < settings.min_component) | (np.bincount(labels.ravel(), crop.rim.ravel()) > 0)
    whole = ~leaves & (own > 0.5) & (chance > settings.min_ink)
    parted = leaves & (chance * inside > 0)
    whole[0] = parted[0] = False
    gate = (crop.chance * crop.own > (settings.min_ink + settings.sure_ink) / 2) & crop.inside
    kept = whole[labels] | (parted[labels] & gate)
    # Also keep the soft edges of strokes, except those of removed components.
    near = cv2.dilate(kept.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(contrast * (kept | (near & (labels == 0))))


def _crop(
    page: np.ndarray, digit: Detection, others: list[Detection], margin: float
) -> _Crop | None:
    size = max(digit.width, digit.height)
    reach = margin * size
    x0, y0 = max(0, int(digit.x - reach)), max(0, int(digit.y - reach))
    x1 = min(page.shape[1], int(np.ceil(digit.x + digit.width + reach)) + 1)
    y1 = min(page.shape[0], int(np.ceil(digit.y + digit.height + reach)) + 1)
    grey = page[y0:y1, x0:x1]
    if grey.size == 0:
        return None
    scale = min(1.0, CROP_SIZE / size)
    if scale < 1:
        shape = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
        grey = cv2.resize(grey, shape, interpolation=cv2.INTER_AREA)
    rows, columns = grey.shape
    # The centres of the crop's pixels, in page coordinates. Below, `map_x` and `map_y` hold them in
    # coordinates of the level.
    xs = (np.arange(columns, dtype=np.float32) + 0.5) / columns * (x1 - x0) + x0
    ys = (np.arange(rows, dtype=np.float32) + 0.5) / rows * (y1 - y0) + y0
    slack = 0.05 * size + 0.5
    in_x = (xs > digit.x - slack) & (xs < digit.x + digit.width + slack)
    in_y = (ys > digit.y - slack) & (ys < digit.y + digit.height + slack)
    factor = np.float32(digit.level.scale)
    map_x, map_y = np.meshgrid(xs * factor - 0.5, ys * factor - 0.5)
    chance = _sampled(digit.level.ink, map_x, map_y)
    own = _own(digit, others, reach, map_x, map_y)
    rim = np.zeros(grey.shape, bool)
    rim[0], rim[-1] = y0 > 0, y1 < page.shape[0]
    rim[:, 0] |= x0 > 0
    rim[:, -1] |= x1 < page.shape[1]
    return _Crop(grey.astype(np.float32), in_y[:, None] & in_x, chance, own, rim)


def _sampled(values: np.ndarray, map_x: np.ndarray, map_y: np.ndarray) -> np.ndarray:
    return np.asarray(
        cv2.remap(values, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def _own(
    digit: Detection,
    others: list[Detection],
    reach: float,
    map_x: np.ndarray,
    map_y: np.ndarray,
) -> np.ndarray:
    """Assigns each pixel to a digit or to one of its neighbours.

    The finder predicts, for each pixel, the centre of the digit that the pixel belongs to.

    Returns:
        float32 (rows, columns): 1 where the predicted centre is at least as close to this digit as
        to any neighbour, 0 elsewhere.
    """
    near = [
        other
        for other in others
        if other is not digit
        and abs(other.middle[0] - digit.middle[0]) < (other.width + digit.width) / 2 + reach
        and abs(other.middle[1] - digit.middle[1]) < (other.height + digit.height) / 2 + reach
    ]
    if not near:
        return np.ones(map_x.shape, np.float32)
    cell_x, cell_y = (map_x + 0.5) / CELL - 0.5, (map_y + 0.5) / CELL - 0.5
    to_x, to_y = (
        at + _sampled(np.ascontiguousarray(digit.level.votes[..., axis]), cell_x, cell_y)
        for axis, at in enumerate((map_x, map_y))
    )

    def distance(one: Detection) -> np.ndarray:
        x, y = one.middle
        return np.hypot(to_x - x * digit.level.scale, to_y - y * digit.level.scale)

    own, nearest = distance(digit), np.min([distance(other) for other in near], axis=0)
    return (own <= nearest).astype(np.float32)


def _contrast(crop: _Crop, settings: Settings) -> np.ndarray:
    """Returns the contrast between each pixel and the paper; 0 is paper and 1 is full ink."""
    grey = _evenly_lit(crop, settings)
    level, _ = cv2.threshold(
        grey[crop.inside].astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU
    )
    light = grey > level
    # Ink is the side of the threshold for which the finder predicts a higher probability of ink.
    is_light = _mean(crop.chance, light) > _mean(crop.chance, ~light)
    inked = light if is_light else ~light
    paper = (~inked & (crop.chance < settings.sure_ink)).astype(np.float32)
    reach = max(grey.shape) / 3
    usual = float(np.median(grey[~inked])) if (~inked).any() else 255.0 - level
    around = _local_mean(grey, paper, usual, reach)
    difference = grey - around if is_light else around - grey
    sure = inked & crop.inside & (crop.chance * crop.own > settings.min_ink)
    if not sure.any():
        sure = inked & crop.inside
    full = float(np.quantile(difference[sure], 0.6)) if sure.any() else 1.0
    bare = difference[paper > 0]
    noise = 1.5 * float(np.median(np.abs(bare))) if bare.size else 0.0
    floor = min(max(2.5 * noise, 0.08 * full), 0.4 * full)
    return np.asarray(((difference - floor) / max(full - floor, 1.0)).clip(0, 1))


def _evenly_lit(crop: _Crop, settings: Settings) -> np.ndarray:
    """Removes shadows and gradients, which are estimated from pixels that are certainly paper."""
    bare = (crop.chance < settings.min_ink).astype(np.float32)
    if not bare.any():
        return crop.grey
    usual = float(np.median(crop.grey[bare > 0]))
    reach = max(crop.grey.shape) / 6
    light = _local_mean(crop.grey, bare, usual, reach)
    return (crop.grey - light + usual).clip(0, 255)


def _local_mean(grey: np.ndarray, where: np.ndarray, usual: float, reach: float) -> np.ndarray:
    """Returns a weighted mean of `grey` around each pixel, over the pixels where `where` is 1.

    Args:
        grey: Grey levels, float32 (rows, columns).
        where: Weights, float32 (rows, columns), 0 or 1.
        usual: Value of the mean where no pixel nearby has the weight 1.
        reach: Standard deviation in pixels of the Gaussian weights.
    """
    total = cv2.GaussianBlur(grey * where, (0, 0), reach) + 1e-3 * usual
    return np.asarray(total / (cv2.GaussianBlur(where, (0, 0), reach) + 1e-3))


def _mean(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[where].mean()) if where.any() else 0.0
