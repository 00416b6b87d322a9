"""The format of the finder's outputs and targets: maps at a quarter of the page's resolution.

The maps follow Zhou et al., "Objects as Points", 2019. There is one heat map for each class, 0 to
9. Each digit is a peak in the heat map of its class. At the peak, the box maps hold the exact
centre and the size of the digit's box. The ink maps mark the pixels of digits. In each cell with
ink, the vote maps hold the offset to the centre of the digit that the ink belongs to. The votes
separate touching digits.
"""

from dataclasses import dataclass

import numpy as np

CELL = 4
"""Side of a cell of the maps, in pixels of the network's input."""

STRIDE = 32
"""The sides of the network's input must be multiples of this number of pixels."""

HEAT = slice(0, 10)
BOX = slice(10, 14)
INK = slice(14, 14 + CELL * CELL)
VOTE = slice(30, 32)
OUTPUTS = 32
"""Number of output channels. HEAT and INK hold logits, BOX holds offsets and sizes, and VOTE holds
offsets."""

HEAT_WEIGHT, BOX_WEIGHT, INK_WEIGHT, VOTE_WEIGHT = 32, 33, 34, 35
TARGETS = 36
"""Number of target channels: those of the output, and a weight for each of the four losses."""

SIZE_UNIT = 32.0
"""A side of s pixels is encoded as log(s / SIZE_UNIT)."""

VOTE_UNIT = 4.0
"""A horizontal or vertical offset of n cells to the centre is encoded as n / VOTE_UNIT."""


@dataclass(frozen=True)
class Scale:
    """The range of digit sizes that the network detects. A digit's size is its longer side.

    The network sees the page at several scales, so that the size of each digit is in this range at
    one scale or more (SNIP: Singh and Davis, "An Analysis of Scale Invariance in Object Detection",
    2018).

    Attributes:
        min_size: Minimum size in pixels of digits that must be detected.
        max_size: Maximum size in pixels of digits that must be detected.
        margin: Digits outside this range by up to this factor may be detected, but need not be.
    """

    min_size: float = 16.0
    max_size: float = 60.0
    margin: float = 1.3


SCALE = Scale()


def encode(
    digits: np.ndarray,
    boxes: np.ndarray,
    visible: np.ndarray,
    owner: np.ndarray,
    min_visible: float = 0.75,
    max_hidden: float = 0.3,
) -> np.ndarray:
    """Encodes the digits of one page as targets.

    Args:
        digits: Digits, int (N,), 0 to 9.
        boxes: Bounding boxes, float (N, 4): x, y, width, height in pixels.
        visible: Visible share of each digit, float (N,), 0 to 1.
        owner: Map of the ink, int (height, width): i + 1 for the ink of digit i, 0 elsewhere.
            Height and width are multiples of 4.
        min_visible: Digits with at least this visible share must be detected.
        max_hidden: Digits with at most this visible share must not be detected.

    Returns:
        The targets, float32 (height / 4, width / 4, 36); see the constants of this module.
    """
    rows, columns = owner.shape[0] // CELL, owner.shape[1] // CELL
    targets = np.zeros((rows, columns, TARGETS), np.float32)
    targets[..., HEAT_WEIGHT] = targets[..., INK_WEIGHT] = 1
    wanted = np.zeros(len(digits) + 1, np.int8)  # 1: must be detected, 0: must not be, -1: may be
    for index, (x, y, width, height) in enumerate(boxes):
        size = max(width, height)
        inside = max(SCALE.min_size / max(size, 1e-6), size / SCALE.max_size)
        if visible[index] <= max_hidden or inside > SCALE.margin:
            continue
        wanted[index + 1] = 1 if visible[index] >= min_visible and inside <= 1 else -1
        if wanted[index + 1] < 0:
            cells = (
                slice(int(y) // CELL, int(y + height) // CELL + 1),
                slice(int(x) // CELL, int(x + width) // CELL + 1),
            )
            targets[cells][..., HEAT_WEIGHT] = 0
    owner_of_cell = owner[CELL // 2 :: CELL, CELL // 2 :: CELL]
    for index in np.flatnonzero(wanted[1:] == 1).tolist():
        _encode_digit(targets, int(digits[index]), boxes[index])
        _encode_votes(targets, owner_of_cell == index + 1, boxes[index])
    ink = wanted[owner]
    blocks = ink.reshape(rows, CELL, columns, CELL).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    targets[..., INK] = blocks == 1
    targets[..., INK_WEIGHT] = ~(blocks < 0).any(axis=2)
    return targets


def _encode_votes(targets: np.ndarray, own: np.ndarray, box: np.ndarray) -> None:
    """Encodes the offset to the centre of a box from each cell of `own`, bool (rows, columns)."""
    x, y, width, height = box / CELL
    rows, columns = np.nonzero(own)
    targets[rows, columns, VOTE.start] = (x + width / 2 - columns - 0.5) / VOTE_UNIT
    targets[rows, columns, VOTE.start + 1] = (y + height / 2 - rows - 0.5) / VOTE_UNIT
    targets[rows, columns, VOTE_WEIGHT] = 1


def _encode_digit(targets: np.ndarray, digit: int, box: np.ndarray) -> None:
    rows, columns, _ = targets.shape
    x, y, width, height = box / CELL
    center_x, center_y = x + width / 2, y + height / 2
    column = min(max(int(center_x), 0), columns - 1)
    row = min(max(int(center_y), 0), rows - 1)
    sigma_x, sigma_y = max(0.6, width / 6), max(0.6, height / 6)
    reach_x, reach_y = int(3 * sigma_x) + 1, int(3 * sigma_y) + 1
    top, bottom = max(row - reach_y, 0), min(row + reach_y + 1, rows)
    left, right = max(column - reach_x, 0), min(column + reach_x + 1, columns)
    ys, xs = np.arange(top, bottom)[:, None], np.arange(left, right)[None]
    peak = np.exp(-(((xs - column) / sigma_x) ** 2 + ((ys - row) / sigma_y) ** 2) / 2)
    part = targets[top:bottom, left:right]
    np.maximum(part[..., digit], peak, out=part[..., digit])
    near = peak > np.maximum(part[..., BOX_WEIGHT], 0.6)
    values = np.empty((*peak.shape, 4), np.float32)
    values[..., 0] = center_x - xs - 0.5
    values[..., 1] = center_y - ys - 0.5
    values[..., 2:] = np.log(np.maximum(box[2:], 1) / SIZE_UNIT)
    part[near, BOX] = values[near]
    part[near, BOX_WEIGHT] = peak[near]


def normalised(page: np.ndarray) -> np.ndarray:
    """Normalises the brightness and contrast of a page for the network.

    Args:
        page: One or more pages, uint8 (height, width) or (N, height, width).

    Returns:
        The normalised pages, float32 of the same shape, with mean 0 and a standard deviation of at
        most 1.
    """
    grey = page.astype(np.float32)
    mean = grey.mean(axis=(-2, -1), keepdims=True)
    spread = grey.std(axis=(-2, -1), keepdims=True)
    # The minimum of 12 prevents the noise of a blank page from being amplified.
    return np.asarray((grey - mean) / np.maximum(spread, 12))
