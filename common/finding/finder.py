"""Runs the finder over a page at several scales: grey page -> boxes of digits."""

from dataclasses import dataclass

import cv2
import numpy as np

from common.finding.encoding import (
    BOX,
    CELL,
    HEAT,
    INK,
    SCALE,
    SIZE_UNIT,
    STRIDE,
    VOTE,
    VOTE_UNIT,
    normalised,
)
from common.finding.overlap import overlaps
from common.storage.loading import Finder


@dataclass(frozen=True)
class FindingSettings:
    """What decides which peaks of the network's answer are digits.

    Attributes:
        min_score: Peaks below it are ignored, 0 to 1.
        max_overlap: Two boxes that share more than this (intersection over union) are one digit.
        max_inside: A box of which more than this lies inside a likelier one is a part of it.
        max_digits: Digits of a page at most; the others, the least likely ones, are ignored.
        max_side: Longer side in pixels of the largest scale at which a page is shown.
        max_enlarging: Factor by which small pages are enlarged at most.
    """

    min_score: float = 0.3
    max_overlap: float = 0.35
    max_inside: float = 0.65
    max_digits: int = 1000
    max_side: int = 1536
    max_enlarging: float = 3.0


@dataclass(frozen=True)
class Level:
    """The finder's answer at one scale of the page.

    Attributes:
        scale: Pixels here for one pixel of the page.
        ink: float32 (height, width), probability that a pixel is a digit's ink.
        votes: float32 (height / 4, width / 4, 2), from each cell to the centre of the digit it
            belongs to, in pixels of this level.
    """

    scale: float
    ink: np.ndarray
    votes: np.ndarray


@dataclass(frozen=True)
class Detection:
    """A digit found on a page.

    Attributes:
        x, y, width, height: Its box in pixels of the page.
        score: Confidence of the finder that it is a digit, 0 to 1.
        classes: float32 (10,), the finder's scores for 0 to 9.
        level: Where it was found.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    classes: np.ndarray
    level: Level

    @property
    def middle(self) -> tuple[float, float]:
        """Column and row of the box's centre."""
        return self.x + self.width / 2, self.y + self.height / 2


def page_scales(height: int, width: int, settings: FindingSettings) -> list[float]:
    """The scales at which a page is shown, the smallest first, each twice the one before.

    At the smallest, a digit as large as the page has the largest size that the finder answers to.
    """
    short, long = min(height, width), max(height, width)
    smallest = 0.95 * SCALE.max_size / long
    largest = max(min(settings.max_side / long, settings.max_enlarging), smallest)
    scales = [smallest]
    while scales[-1] * 1.5 < largest:
        scales.append(min(2 * scales[-1], largest))
    # A strip is too low at the small scales for digits of any size.
    fitting = [scale for scale in scales if short * scale >= 1.3 * SCALE.min_size]
    return fitting or scales[-1:]


def find(
    page: np.ndarray, finder: Finder, settings: FindingSettings | None = None
) -> list[Detection]:
    """Finds the digits of a page.

    Args:
        page: uint8 (height, width), ink darker or lighter than the paper.
        finder: The network.
        settings: What decides which of its peaks are digits.

    Returns:
        The digits, the likeliest first.
    """
    settings = settings or FindingSettings()
    found: list[Detection] = []
    for scale in page_scales(page.shape[0], page.shape[1], settings):
        found += _at_scale(page, scale, finder, settings)
    return _without_doubles(found, settings)


def _at_scale(
    page: np.ndarray, scale: float, finder: Finder, settings: FindingSettings
) -> list[Detection]:
    height, width = (max(1, round(side * scale)) for side in page.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    shown = cv2.resize(page, (width, height), interpolation=method)
    padding = ((0, -height % STRIDE), (0, -width % STRIDE))
    padded = np.pad(normalised(shown), padding, mode="edge")
    output = finder(padded[None, ..., None])[0]
    rows, columns = -(-height // CELL), -(-width // CELL)
    output = output[:rows, :columns]
    heat = _sigmoid(output[..., HEAT])
    blocks = _sigmoid(output[..., INK]).reshape(rows, columns, CELL, CELL)
    ink = blocks.transpose(0, 2, 1, 3).reshape(rows * CELL, columns * CELL)
    level = Level(scale, ink[:height, :width], output[..., VOTE] * VOTE_UNIT * CELL)
    best = heat.max(axis=2)
    neighbourhood = cv2.dilate(best, np.ones((3, 3), np.uint8))
    found = []
    for row, column in np.argwhere((best >= neighbourhood) & (best > settings.min_score)):
        dx, dy, log_width, log_height = output[row, column, BOX]
        box_width, box_height = SIZE_UNIT * np.exp(np.clip((log_width, log_height), -4, 1.5))
        size = max(box_width, box_height)
        if not SCALE.min_size / SCALE.margin < size < SCALE.max_size * SCALE.margin:
            continue
        x = (column + 0.5 + dx) * CELL - box_width / 2
        y = (row + 0.5 + dy) * CELL - box_height / 2
        found.append(
            Detection(
                x=float(x / scale),
                y=float(y / scale),
                width=float(box_width / scale),
                height=float(box_height / scale),
                score=float(best[row, column]),
                classes=heat[row, column],
                level=level,
            )
        )
    return found


def _without_doubles(found: list[Detection], settings: FindingSettings) -> list[Detection]:
    """Non-maximum suppression over all scales, of no more than `max_digits` of the likeliest."""
    found = sorted(found, key=lambda digit: -digit.score)[: settings.max_digits]
    boxes = np.array([(d.x, d.y, d.width, d.height) for d in found]).reshape(-1, 4)
    shares, inside = overlaps(boxes, boxes)
    doubles = (shares > settings.max_overlap) | (inside > settings.max_inside)
    remaining = np.ones(len(found), bool)
    for index in range(len(found)):
        if remaining[index]:
            remaining[index + 1 :] &= ~doubles[index, index + 1 :]
    return [digit for digit, is_kept in zip(found, remaining, strict=True) if is_kept]


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values.clip(-30, 30))))
