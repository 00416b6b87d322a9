"""Takes the lines of ruled and squared paper off a page, and leaves what is written across them.

Wherever a line alone crosses a column of pixels, there is a short run of ink. The starts of such
runs are counted along all straight lines that are nearly level (the Hough transform: Duda and Hart,
1972); where enough of them lie on one line, they are erased. Where a stroke crosses the line, the
run of ink is longer, and stays.
"""

import cv2
import numpy as np

DETECTION_SIDE = 1000  # pixels; larger pages are reduced before lines are looked for
LEAST_SIDE = 200  # pixels; on smaller images a line may be a stroke
THICKEST = 0.01  # of the page's longer side
STEEPEST = 0.2  # rows a column, either way
SLOPES = 201  # tried from one to the other
LIKE_THE_FIRST = 0.02  # rows a column by which further lines may differ from the first
BAND = 3  # pixels: runs that start no further apart lie on one line
RIGHT_ACROSS = 0.9  # of the page's width: a line as long as that is a ruled one ...
PART_OF_THE_WAY = 0.4  # ... and so are lines as long as that,
LEAST_COUNT = 3  # if there are so many
SHORTEST = 0.05  # of the page's width: further lines are no shorter, where the page ends


def without_ruling(contrast: np.ndarray, least: float) -> np.ndarray:
    """What stands out from the paper, without the lines that were there before anybody wrote.

    Args:
        contrast: float32 (height, width), 0 is paper.
        least: what stands out less is paper, too.

    Returns:
        The same with the ruled lines, if there are any, set to 0.
    """
    if min(contrast.shape) < LEAST_SIDE:
        return contrast
    scale = min(1.0, DETECTION_SIDE / max(contrast.shape))
    size = round(contrast.shape[1] * scale), round(contrast.shape[0] * scale)
    mask = cv2.resize(contrast, size, interpolation=cv2.INTER_AREA) > least
    ruling = _level_lines(mask, PART_OF_THE_WAY)
    # Upright lines are level ones of the page turned on its side. Without level ones to cross,
    # several of them may be 1s, unless they run right across the page.
    ruling |= _level_lines(mask.T, PART_OF_THE_WAY if ruling.any() else RIGHT_ACROSS).T
    if not ruling.any():
        return contrast
    near = cv2.dilate(ruling.astype(np.uint8), np.ones((3, 3), np.uint8))
    whole = cv2.resize(near, contrast.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.where(whole > 0, np.float32(0), contrast)


def _level_lines(mask: np.ndarray, least: float) -> np.ndarray:
    """Where runs of ink lie on lines: bool (height, width).

    Args:
        mask: bool (height, width), where there is ink.
        least: length of a line, as a share of the width, if there are `LEAST_COUNT` of them.
    """
    width = mask.shape[1]
    ys, xs, lengths = _runs(mask)
    thin = lengths <= max(3, THICKEST * max(mask.shape))
    ys, xs, lengths = ys[thin], xs[thin], lengths[thin]
    slopes = np.linspace(-STEEPEST, STEEPEST, SLOPES)
    left = np.ones(len(ys), bool)
    lines: list[tuple[int, np.ndarray]] = []
    while left.any():
        count, on_line, slope, inside = _strongest(ys, xs, left, slopes, mask.shape)
        # At the corners of a tilted page lines are short.
        if count < least * (width if len(lines) < LEAST_COUNT else max(inside, SHORTEST * width)):
            break
        lines.append((count, on_line))
        left &= ~on_line
        slopes = slopes[np.abs(slopes - slope) <= LIKE_THE_FIRST] if len(lines) == 1 else slopes
    if len(lines) < LEAST_COUNT:
        lines = [line for line in lines if line[0] >= RIGHT_ACROSS * width]
    ruling = np.zeros(mask.shape, bool)
    for _, on_line in lines:
        for y, x, length in zip(ys[on_line], xs[on_line], lengths[on_line], strict=True):
            ruling[y : y + length, x] = True
    return ruling


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column where each upright run of ink starts, and its length."""
    steps = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    # Turned, so that starts and ends come column by column, and in the same order.
    xs, starts = np.nonzero(steps.T == 1)
    _, ends = np.nonzero(steps.T == -1)
    return starts, xs, ends - starts


def _strongest(
    ys: np.ndarray, xs: np.ndarray, left: np.ndarray, slopes: np.ndarray, shape: tuple[int, ...]
) -> tuple[int, np.ndarray, float, int]:
    """The straight line on which the most runs start.

    Returns:
        Their count, which they are, the line's slope, and the columns in which it is on the page.
    """
    height, width = shape
    best = (0, 0.0, 0)
    for slope in slopes:
        rows = np.rint(ys[left] - slope * (xs[left] - width / 2)).astype(int)
        counts = np.convolve(np.bincount(rows - rows.min()), np.ones(BAND, int), "same")
        row = int(counts.argmax())
        best = max(best, (int(counts[row]), float(slope), row + int(rows.min())))
    count, slope, row = best
    distance = np.abs(ys - slope * (xs - width / 2) - row)
    course = row + slope * (np.arange(width) - width / 2)
    inside = int(((course >= 0) & (course < height)).sum())
    return count, left & (distance <= BAND), slope, inside
