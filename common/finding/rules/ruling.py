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
DENSEST = 60  # runs a column; where there are more it is a texture, not writing
STEEPEST = 0.2  # rows a column, either way
SLOPES = 201  # tried from one to the other
LIKE_THE_FIRST = 0.02  # rows a column by which further lines may differ from the first
BAND = 3  # pixels: runs whose starts differ less from a straight line may lie on it
COVERED = 0.9  # of a line's course has ink
RIGHT_ACROSS = 0.9  # of the page's width: two lines as long as that are ruled ones ...
PART_OF_THE_WAY = 0.4  # ... and so are three as long as that
SHORTEST = 0.05  # of the page's width: further lines are no shorter, where the page ends
CROSSED = 1.5  # times the line's thickness: where the ink is thicker there is a stroke, too
MOST_LINES = 100
MAX_WORK = 40_000_000  # runs counted along slopes; what takes more is a texture


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
    ruling = _level_lines(mask)
    if not ruling.any():
        return contrast
    # Upright lines are level ones of the page turned on its side. Without level ones to cross
    # they may be 1s.
    ruling |= _level_lines(mask.T).T
    near = cv2.dilate(ruling.astype(np.uint8), np.ones((3, 3), np.uint8))
    whole = cv2.resize(near, contrast.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.where(whole > 0, np.float32(0), contrast)


def _level_lines(mask: np.ndarray) -> np.ndarray:
    """Where runs of ink lie on lines: bool (height, width), as `mask`, which tells the ink."""
    width = mask.shape[1]
    ruling = np.zeros(mask.shape, bool)
    ys, xs, lengths = _runs(mask)
    thin = lengths <= max(3, THICKEST * max(mask.shape))
    ys, xs, lengths = ys[thin], xs[thin], lengths[thin]
    if len(ys) > DENSEST * width:
        return ruling
    slopes = np.linspace(-STEEPEST, STEEPEST, SLOPES)
    left = np.ones(len(ys), bool)
    lines: list[tuple[int, np.ndarray]] = []
    work = 0
    for _ in range(MOST_LINES):
        work += int(left.sum()) * len(slopes)
        if not left.any() or work > MAX_WORK:
            break
        on_line, slope, course = _strongest(ys, xs, left, slopes, mask.shape)
        # At the corners of a tilted page lines are short.
        inside = int(((course >= 0) & (course < len(mask))).sum())
        whole = max(inside, SHORTEST * width) if len(lines) >= 3 else width
        if on_line.sum() < PART_OF_THE_WAY * whole:
            break
        left &= ~on_line
        length = _length(mask, xs[on_line], course)
        if length >= PART_OF_THE_WAY * whole:
            if not lines:
                slopes = slopes[np.abs(slopes - slope) <= LIKE_THE_FIRST]
            lines.append((length, on_line))
    right_across = [line for line in lines if line[0] >= RIGHT_ACROSS * width]
    if len(lines) < 3:
        lines = right_across if len(right_across) >= 2 else []
    for _, on_line in lines:
        # A level stroke along the line is thicker than it.
        own = on_line & (lengths <= CROSSED * np.median(lengths[on_line]) + 1)
        for y, x, run in zip(ys[own], xs[own], lengths[own], strict=True):
            ruling[y : y + run, x] = True
    return ruling


def _length(mask: np.ndarray, columns: np.ndarray, course: np.ndarray) -> int:
    """Columns from the start to the end of a line, but for stray ends; 0 if it is ragged.

    Args:
        mask: bool (height, width), where there is ink.
        columns: int, those in which a run of ink starts on the line.
        course: float (width,), the line's row in each column.
    """
    columns = np.unique(columns)
    stray = len(columns) // 50
    span = np.arange(columns[stray], columns[-1 - stray] + 1)
    rows = np.rint(course[span]).astype(int)
    near = np.clip(rows + np.arange(-BAND, BAND + 1)[:, None], 0, len(mask) - 1)
    # A line goes on below the strokes that cross it; between the bars of 7s there is paper.
    return len(span) if mask[near, span].any(axis=0).mean() >= COVERED else 0


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column where each upright run of ink starts, and its length."""
    steps = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    # Turned, so that starts and ends come column by column, and in the same order.
    xs, starts = np.nonzero(steps.T == 1)
    _, ends = np.nonzero(steps.T == -1)
    return starts, xs, ends - starts


def _strongest(
    ys: np.ndarray, xs: np.ndarray, left: np.ndarray, slopes: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, float, np.ndarray]:
    """The straight line on which the most runs start.

    Returns:
        Which they are, the line's slope, and its row in each column.
    """
    width = shape[1]
    best = (0, 0.0, 0)
    for slope in slopes:
        rows = np.rint(ys[left] - slope * (xs[left] - width / 2)).astype(int)
        counts = np.convolve(np.bincount(rows - rows.min()), np.ones(BAND, int), "same")
        row = int(counts.argmax())
        best = max(best, (int(counts[row]), float(slope), row + int(rows.min())))
    _, slope, row = best
    course = row + slope * (np.arange(width) - width / 2)
    return left & (np.abs(ys - course[xs]) <= BAND), slope, course
