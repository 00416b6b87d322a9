"""Removes the lines of ruled and squared paper from a page, and keeps the writing across them.

Where a ruled line crosses a column of pixels, it leaves a short run of ink. The Hough transform
(Duda and Hart, 1972) counts the starts of such runs along all nearly horizontal lines. If enough
runs lie on one line, they are erased. Where a stroke crosses the line, the run is longer and stays.
"""

import cv2
import numpy as np

DETECTION_SIDE = 1000  # pixels; larger pages are reduced for the detection
MIN_SIDE = 200  # pixels; on smaller images a line may be a stroke
MAX_THICKNESS = 0.01  # share of the page's longer side
MAX_DENSITY = 60  # runs per column; more are a texture rather than writing
MAX_SLOPE = 0.2  # rows per column, up or down
SLOPES = 201  # number of slopes tried between these limits
MAX_SLOPE_DIFFERENCE = 0.02  # rows per column between the first line and any other
BAND = 3  # pixels; largest distance between a line and the start of a run that lies on it
MIN_COVERED = 0.9  # share of a line's columns with ink
MIN_LONG = 0.9  # share of the page's width; two lines of this length are a ruling ...
MIN_LENGTH = 0.4  # ... and so are three of this length
MIN_CORNER_LENGTH = 0.05  # share of the page's width; further lines may be cut short by a corner
MAX_CROSSED = 1.5  # times the line's thickness; a stroke crosses the line where it is thicker
MAX_LINES = 100
MAX_WORK = 40_000_000  # runs times slopes; more are a texture


def without_ruling(contrast: np.ndarray, threshold: float) -> np.ndarray:
    """Removes the ruled lines from a page.

    Args:
        contrast: float32 (height, width), 0 is paper.
        threshold: Contrast up to this value is paper.

    Returns:
        The contrast, with any ruled lines set to 0.
    """
    if min(contrast.shape) < MIN_SIDE:
        return contrast
    scale = min(1.0, DETECTION_SIDE / max(contrast.shape))
    size = round(contrast.shape[1] * scale), round(contrast.shape[0] * scale)
    mask = cv2.resize(contrast, size, interpolation=cv2.INTER_AREA) > threshold
    ruling = _horizontal_lines(mask)
    if not ruling.any():
        return contrast
    # Transposing the page makes vertical lines horizontal. They are ruled lines only if there are
    # horizontal ones as well; alone, they may be 1s.
    ruling |= _horizontal_lines(mask.T).T
    near = cv2.dilate(ruling.astype(np.uint8), np.ones((3, 3), np.uint8))
    whole = cv2.resize(near, contrast.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.where(whole > 0, np.float32(0), contrast)


def _horizontal_lines(mask: np.ndarray) -> np.ndarray:
    """Finds the nearly horizontal ruled lines.

    Args:
        mask: bool (height, width), true where there is ink.

    Returns:
        bool (height, width), true on the ruled lines.
    """
    width = mask.shape[1]
    ruling = np.zeros(mask.shape, bool)
    ys, xs, lengths = _runs(mask)
    thin = lengths <= max(3, MAX_THICKNESS * max(mask.shape))
    ys, xs, lengths = ys[thin], xs[thin], lengths[thin]
    if len(ys) > MAX_DENSITY * width:
        return ruling
    slopes = np.linspace(-MAX_SLOPE, MAX_SLOPE, SLOPES)
    left = np.ones(len(ys), bool)
    lines: list[tuple[int, np.ndarray]] = []
    work = 0
    for _ in range(MAX_LINES):
        work += int(left.sum()) * len(slopes)
        if not left.any() or work > MAX_WORK:
            break
        on_line, slope, course = _strongest(ys, xs, left, slopes, mask.shape)
        # Lines are short at the corners of a tilted page.
        inside = int(((course >= 0) & (course < len(mask))).sum())
        whole = max(inside, MIN_CORNER_LENGTH * width) if len(lines) >= 3 else width
        if on_line.sum() < MIN_LENGTH * whole:
            break
        left &= ~on_line
        length = _length(mask, xs[on_line], course)
        if length >= MIN_LENGTH * whole:
            if not lines:
                slopes = slopes[np.abs(slopes - slope) <= MAX_SLOPE_DIFFERENCE]
            lines.append((length, on_line))
    long_lines = [line for line in lines if line[0] >= MIN_LONG * width]
    if len(lines) < 3:
        lines = long_lines if len(long_lines) >= 2 else []
    for _, on_line in lines:
        # A horizontal stroke along the line is thicker than the line.
        own = on_line & (lengths <= MAX_CROSSED * np.median(lengths[on_line]) + 1)
        for y, x, run in zip(ys[own], xs[own], lengths[own], strict=True):
            ruling[y : y + run, x] = True
    return ruling


def _length(mask: np.ndarray, columns: np.ndarray, course: np.ndarray) -> int:
    """Length of a line in columns, without stray ends; 0 if the line has too many gaps.

    Args:
        mask: bool (height, width), true where there is ink.
        columns: int, the columns in which a run of ink starts on the line.
        course: float (width,), the line's row in each column.
    """
    columns = np.unique(columns)
    stray = len(columns) // 50
    span = np.arange(columns[stray], columns[-1 - stray] + 1)
    rows = np.rint(course[span]).astype(int)
    near = np.clip(rows + np.arange(-BAND, BAND + 1)[:, None], 0, len(mask) - 1)
    # A ruled line continues under the strokes that cross it; the bars of 7s are apart.
    return len(span) if mask[near, span].any(axis=0).mean() >= MIN_COVERED else 0


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of the start of each vertical run of ink, and its length."""
    steps = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    # Transposed, so that starts and ends are both ordered by column and match.
    xs, starts = np.nonzero(steps.T == 1)
    _, ends = np.nonzero(steps.T == -1)
    return starts, xs, ends - starts


def _strongest(
    ys: np.ndarray, xs: np.ndarray, left: np.ndarray, slopes: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, float, np.ndarray]:
    """Finds the straight line on which most runs start.

    Args:
        ys: int (N,), the row of each start.
        xs: int (N,), the column of each start.
        left: bool (N,), true for the runs to count.
        slopes: float, the slopes to try, in rows per column.
        shape: Height and width of the page.

    Returns:
        Which runs start there (bool (N,)), the line's slope, and its row in each column.
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
