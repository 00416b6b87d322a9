"""The ink of one found digit, without paper, ruled lines and neighbours."""

import cv2
import numpy as np

from common.finding.finder import CELL, Detection

CROP_SIZE = 56  # pixels; the longer side of a digit's box is reduced to this at most
MARGIN = 0.2  # of the longer side, around the box
PAPER = 0.15  # below this probability of ink, a pixel is paper or belongs to something else
INK = 0.5  # above it, a pixel is surely ink


def digit_ink(page: np.ndarray, digit: Detection, others: list[Detection]) -> np.ndarray:
    """How much of a digit's ink there is at each pixel of its box.

    Args:
        page: uint8 (height, width).
        digit: The digit.
        others: The other digits of the page; ink nearer to them is left out.

    Returns:
        float32 (rows, columns), 0 is paper and 1 is full ink.
    """
    size = max(digit.width, digit.height)
    reach = MARGIN * size
    x0, y0 = max(0, int(digit.x - reach)), max(0, int(digit.y - reach))
    x1 = min(page.shape[1], int(np.ceil(digit.x + digit.width + reach)) + 1)
    y1 = min(page.shape[0], int(np.ceil(digit.y + digit.height + reach)) + 1)
    scale = min(1.0, CROP_SIZE / size)
    grey = page[y0:y1, x0:x1]
    if grey.size == 0:
        return np.zeros((1, 1), np.float32)
    if scale < 1:
        shape = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
        grey = cv2.resize(grey, shape, interpolation=cv2.INTER_AREA)
    grey = grey.astype(np.float32)
    rows, columns = grey.shape
    # Centres of the crop's pixels, in pixels of the level that the digit was found on.
    factor = digit.level.scale
    xs = ((np.arange(columns) + 0.5) / columns * (x1 - x0) + x0) * factor - 0.5
    ys = ((np.arange(rows) + 0.5) / rows * (y1 - y0) + y0) * factor - 0.5
    map_x, map_y = np.meshgrid(xs.astype(np.float32), ys.astype(np.float32))
    chance = cv2.remap(
        digit.level.ink, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    own = chance * _own_share(digit, others, map_x, map_y)
    contrast = _contrast(grey, chance, own)
    gate = cv2.dilate(own, np.ones((3, 3), np.uint8))
    return np.asarray(contrast * ((gate - PAPER) / (INK - PAPER)).clip(0, 1))


def _own_share(
    digit: Detection, others: list[Detection], map_x: np.ndarray, map_y: np.ndarray
) -> np.ndarray:
    """1 where the pixel's vote is nearer to the digit than to another one, else 0: bool-like."""
    factor = digit.level.scale
    near = [
        other
        for other in others
        if other is not digit
        and abs(other.x + other.width / 2 - digit.x - digit.width / 2)
        < (other.width + digit.width) / 2 + MARGIN * max(digit.width, digit.height)
        and abs(other.y + other.height / 2 - digit.y - digit.height / 2)
        < (other.height + digit.height) / 2 + MARGIN * max(digit.width, digit.height)
    ]
    if not near:
        return np.ones(map_x.shape, np.float32)
    votes = digit.level.votes
    cells = ((map_x + 0.5) / CELL - 0.5, (map_y + 0.5) / CELL - 0.5)
    vote_x, vote_y = (
        cv2.remap(
            np.ascontiguousarray(votes[..., axis]),
            *cells,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for axis in (0, 1)
    )
    pointed_x, pointed_y = map_x + vote_x, map_y + vote_y

    def distance(one: Detection) -> np.ndarray:
        x = (one.x + one.width / 2) * factor
        y = (one.y + one.height / 2) * factor
        return (pointed_x - x) ** 2 + (pointed_y - y) ** 2

    own = distance(digit)
    nearest = np.min([distance(other) for other in near], axis=0)
    return (own <= nearest).astype(np.float32)


def _contrast(grey: np.ndarray, chance: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The pixels' place between the paper's brightness, 0, and the ink's, 1."""
    paper = (chance < PAPER).astype(np.float32)
    reach = max(grey.shape) / 4
    weight = cv2.GaussianBlur(paper, (0, 0), reach) + 1e-4
    level = (cv2.GaussianBlur(grey * paper, (0, 0), reach) + 1e-4 * float(np.median(grey))) / weight
    difference = grey - level
    inked = own > INK
    if inked.sum() < 4:
        inked = own >= np.partition(own.ravel(), -4)[-4] if own.size > 4 else own >= 0
    strength = float(np.median(difference[inked]))
    difference = difference * np.sign(strength)
    full = float(np.quantile(difference[inked], 0.6))
    bare = difference[paper > 0]
    noise = float(np.median(np.abs(bare))) * 1.5 if bare.size else 0.0
    floor = min(max(2.5 * noise, 0.08 * full), 0.5 * full)
    return np.asarray(((difference - floor) / max(full - floor, 1.0)).clip(0, 1))
