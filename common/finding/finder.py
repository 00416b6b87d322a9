"""Detects the digits on a page by running the finder on it at several scales."""

import warnings
from dataclasses import dataclass, replace

import cv2
import numpy as np

from common.calibration import sigmoid
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
from common.finding.settings import SETTINGS, Settings
from common.reading import sides_of
from common.storage.loading import Finder

MAX_PEAKS = 20_000  # maximum per page, over all scales; a digit has about five
MAX_DETECTIONS = 2_000  # maximum per page
MAX_SIDE = 1536  # pixels; maximum longer side of the page at the largest scale
MAX_PIXELS = 3 * 2**18  # per call of the network, whose memory use grows with the number of pixels
OVERLAP = 3 * STRIDE  # pixels of context above and below each band of a large page
MAX_ENLARGEMENT = 3.0  # largest scale of small pages
STEP = 2**0.5  # ratio of successive scales; averaging several scales reduces errors
MAX_COVERED = 0.9  # maximum share of a box that more likely boxes may cover
MIN_SAME = 0.4  # minimum intersection over union of one digit's boxes at different scales


@dataclass(frozen=True)
class Level:
    """The network's output at one scale of the page.

    Attributes:
        scale: Size of the page at this level, divided by its original size.
        ink: Probability that each pixel is ink of a digit, float32 (height, width).
        votes: Offset from each cell to the centre of the digit there, float32
            (height / 4, width / 4, 2), x and y in pixels of this level.
    """

    scale: float
    ink: np.ndarray
    votes: np.ndarray


@dataclass(frozen=True)
class Detection:
    """A digit found on a page.

    Attributes:
        x, y, width, height: Bounding box in pixels of the page.
        scores: Probability of each digit, float32 (10,), 0 to 1. The sum need not be 1.
        level: Level at which the digit was found.
    """

    x: float
    y: float
    width: float
    height: float
    scores: np.ndarray
    level: Level

    @property
    def score(self) -> float:
        """Probability of the most likely digit."""
        return float(self.scores.max())

    @property
    def middle(self) -> tuple[float, float]:
        """Centre of the box: x and y."""
        return self.x + self.width / 2, self.y + self.height / 2


def find(
    page: np.ndarray, finder: Finder, settings: Settings = SETTINGS, max_side: int = MAX_SIDE
) -> list[Detection]:
    """Finds the digits on a page.

    The network sees the page at several scales, so that most digits have a suitable size at three
    or four of them. The scores of a digit are its mean probabilities at these scales.

    Args:
        page: The page, uint8 (height, width). Its ink is darker or lighter than the paper.
        finder: The network.
        settings: Thresholds for detections.
        max_side: Maximum longer side of the page at the largest scale, in pixels.

    Returns:
        The detections, the most likely first.
    """
    return find_at(page, page_scales(page.shape[0], page.shape[1], max_side), finder, settings)


def find_at(
    page: np.ndarray, scales: list[float], finder: Finder, settings: Settings = SETTINGS
) -> list[Detection]:
    """Finds the digits on a page like `find`, but at the given scales."""
    peaks = [peak for scale in scales for peak in peaks_at(page, scale, finder, settings)]
    peaks = sorted(peaks, key=lambda peak: -peak.score)[:MAX_PEAKS]
    boxes = sides_of(peaks)
    scores = np.array([peak.scores for peak in peaks]).reshape(-1, 10)
    levels = np.array([peak.level.scale for peak in peaks])
    areas = boxes[:, 2] * boxes[:, 3]
    left, covered = np.ones(len(peaks), bool), np.zeros(len(peaks))
    found: list[Detection] = []
    for index, peak in enumerate(peaks):  # non-maximum suppression, the most likely first
        if not left[index] or covered[index] > MAX_COVERED:
            continue
        if len(found) == MAX_DETECTIONS:
            warnings.warn(f"Only the {MAX_DETECTIONS:,} likeliest digits are read.", stacklevel=2)
            break
        shares, inside = (one[0] for one in overlaps(boxes[[index]], boxes))
        left &= (shares <= settings.max_overlap) & (inside <= settings.max_inside)
        covered += inside * np.minimum(areas[index], areas) / areas
        size = max(peak.width, peak.height)
        suitable = [s for s in scales if SCALE.min_size <= size * s <= SCALE.max_size]
        same = shares > MIN_SAME
        at_scales = [
            scores[same & (levels == scale)].max(axis=0, initial=0)
            for scale in {*suitable, peak.level.scale}
        ]
        found.append(replace(peak, scores=np.mean(at_scales, axis=0)))
    likely = [detection for detection in found if detection.score > settings.min_peak]
    return sorted(likely, key=lambda detection: -detection.score)


def page_scales(height: int, width: int, max_side: int) -> list[float]:
    """Returns the scales at which the network sees a page, in ascending order.

    At the smallest scale, a digit as large as the page has nearly the largest size that the network
    detects. Each further scale is `STEP` times the previous one. Only the last step may be smaller.

    Args:
        height: Height of the page in pixels.
        width: Width of the page in pixels.
        max_side: Maximum longer side of the page at the largest scale, in pixels.
    """
    short, long = min(height, width), max(height, width)
    smallest = 0.95 * SCALE.max_size / long
    largest = max(min(max_side / long, MAX_ENLARGEMENT), smallest)
    scales = [smallest]
    while scales[-1] * STEP**0.5 < largest:
        scales.append(min(STEP * scales[-1], largest))
    # Omit scales at which the page is too narrow to contain a digit of a detectable size.
    suitable = [scale for scale in scales if short * scale >= 1.3 * SCALE.min_size]
    return suitable or scales[-1:]


def scale_for(size: float) -> float:
    """Returns the scale at which digits of `size` pixels are in the middle of the range `SCALE`."""
    return float(np.sqrt(SCALE.min_size * SCALE.max_size)) / size


def peaks_at(
    page: np.ndarray, scale: float, finder: Finder, settings: Settings = SETTINGS
) -> list[Detection]:
    """Returns one detection for each peak in the heat maps of a page at one scale."""
    output = _maps_at(page, scale, finder)
    heats = sigmoid(output[..., HEAT])
    heat = heats.max(axis=2)
    rows, columns = heat.shape
    blocks = sigmoid(output[..., INK]).reshape(rows, columns, CELL, CELL)
    ink = blocks.transpose(0, 2, 1, 3).reshape(rows * CELL, columns * CELL)
    height, width = _size_at(page, scale)
    level = Level(scale, ink[:height, :width], output[..., VOTE] * VOTE_UNIT * CELL)
    is_peak = (heat >= cv2.dilate(heat, np.ones((3, 3), np.uint8))) & (heat > settings.min_peak)
    peaks = []
    for row, column in np.argwhere(is_peak):
        dx, dy, log_width, log_height = output[row, column, BOX]
        box_width, box_height = SIZE_UNIT * np.exp(np.clip((log_width, log_height), -4, 1.5))
        size = max(box_width, box_height)
        if not SCALE.min_size / SCALE.margin < size < SCALE.max_size * SCALE.margin:
            continue
        x = (column + 0.5 + dx) * CELL - box_width / 2
        y = (row + 0.5 + dy) * CELL - box_height / 2
        x, y, box_width, box_height = (
            float(side / scale) for side in (x, y, box_width, box_height)
        )
        peaks.append(Detection(x, y, box_width, box_height, heats[row, column], level))
    return peaks


def heat_map(page: np.ndarray, finder: Finder, max_side: int) -> np.ndarray:
    """Returns the probability that each pixel of a page is the centre of a digit, for display.

    Args:
        page: The page, uint8 (height, width).
        finder: The network.
        max_side: Maximum longer side of the page at the largest scale, in pixels.

    Returns:
        The maximum probability over the ten digits and all scales, float32 (height, width).
    """
    height, width = page.shape
    heat = np.zeros(page.shape, np.float32)
    for scale in page_scales(height, width, max_side):
        level = sigmoid(_maps_at(page, scale, finder)[..., HEAT]).max(axis=2)
        rows, columns = _size_at(page, scale)
        cells = cv2.resize(level, None, fx=CELL, fy=CELL)[:rows, :columns]
        np.maximum(heat, cv2.resize(cells, (width, height)), out=heat)
    return heat


def _maps_at(page: np.ndarray, scale: float, finder: Finder) -> np.ndarray:
    """Returns the network's output for a page at one scale, float32 (rows, columns, OUTPUTS)."""
    height, width = _size_at(page, scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(page, (width, height), interpolation=method)
    padding = ((0, -height % STRIDE), (0, -width % STRIDE))
    padded = np.pad(normalised(small), padding, mode="edge")
    rows, columns = -(-height // CELL), -(-width // CELL)
    return _in_bands(padded, finder)[:rows, :columns]


def _in_bands(page: np.ndarray, finder: Finder) -> np.ndarray:
    """Runs the network on a normalised page. A large page is split into horizontal bands.

    Args:
        page: The page, float32 (height, width). Height and width are multiples of `STRIDE`.
        finder: The network.

    Returns:
        The output, float32 (height / 4, width / 4, OUTPUTS).
    """
    height, width = page.shape
    count = -(-height * width // MAX_PIXELS)
    rows = -(-height // (count * STRIDE)) * STRIDE
    bands = []
    for top in range(0, height, rows):
        start = max(top - OVERLAP, 0)
        output = finder(page[None, start : top + rows + OVERLAP, :, None])[0]
        bands.append(output[(top - start) // CELL :][: rows // CELL])
    return np.concatenate(bands)


def _size_at(page: np.ndarray, scale: float) -> tuple[int, int]:
    """Returns the height and width of a page in pixels at a scale."""
    height, width = page.shape
    return max(1, round(height * scale)), max(1, round(width * scale))
