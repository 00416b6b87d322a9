"""A sheet to write on, which records the digit that each ink pixel belongs to."""

from dataclasses import dataclass, field

import cv2
import numpy as np

MIN_CONTRAST = 6.0  # grey levels; minimum contrast between a visible digit and its surroundings
INK_LEVEL = 0.3  # minimum ink of the pixels that belong to a glyph


@dataclass(frozen=True)
class SyntheticPage:
    """The image of a synthetic page and the digits on it.

    Attributes:
        image: Grey image, uint8 (height, width).
        digits: Digits in the order of writing, int (N,), 0 to 9.
        boxes: Bounding box of the visible ink of each digit, float32 (N, 4): x, y, width, height in
            pixels.
        visible: Share of each digit's ink that is visible, float32 (N,), 0 to 1. Ink is not visible
            if it is hidden or outside the image. The share is reduced if the contrast is low.
        owner: Map of the ink, int16 (height, width): i + 1 for the ink of digit i, 0 elsewhere.
    """

    image: np.ndarray
    digits: np.ndarray
    boxes: np.ndarray
    visible: np.ndarray
    owner: np.ndarray


@dataclass(frozen=True)
class Hand:
    """The style of one writer.

    Attributes:
        source: Source of the digits: "data", "strokes" or "fonts".
        pen: Change of the stroke width in pixels, for glyphs that are 60 pixels high. Negative
            values make strokes thinner.
        slant: Mean shift of the top of a glyph to the right, as a share of its height.
        aspect: Factor for the width of each glyph.
        turn: Mean rotation of the glyphs in degrees.
        ink: Opacity of the ink, 0 to 1.
        straight: Whether each 1 is a single straight stroke.
        gaps: Share of the strokes without ink, 0 to 1, like the gaps that chalk or a dry brush
            leaves.
    """

    source: str
    pen: int
    slant: float
    aspect: float
    turn: float
    ink: float
    straight: bool
    gaps: float


def random_hand(rng: np.random.Generator, min_ink: float = 0.12) -> Hand:
    """Returns a random style of writing. The opacity of the ink is at least `min_ink`."""
    thick = rng.random() < 0.25
    return Hand(
        source=str(rng.choice(["data", "strokes", "fonts"], p=[0.66, 0.2, 0.14])),
        pen=int(rng.integers(2, 8)) if thick else int(rng.integers(-2, 3)),
        slant=float(rng.normal(0, 0.12)),
        aspect=float(np.exp(rng.normal(0, 0.15))),
        turn=float(rng.normal(0, 4)),
        ink=float(rng.uniform(min_ink, 1) if rng.random() < 0.5 else rng.uniform(0.6, 1)),
        straight=bool(rng.random() < 0.3),
        gaps=float(rng.uniform(0.1, 0.5)) if rng.random() < 0.15 else 0.0,
    )


def random_digits(count: int, rng: np.random.Generator) -> list[int]:
    """Returns random digits. In half of the cases, a few digits are much more frequent."""
    shares = rng.dirichlet(np.full(10, rng.choice([0.3, 100.0])))
    return [int(digit) for digit in rng.choice(10, count, p=shares)]


def drawn_glyph(
    glyph: np.ndarray, scale: float, hand: Hand, rng: np.random.Generator
) -> np.ndarray:
    """Draws a glyph in the style of a writer.

    Args:
        glyph: The glyph, uint8 (height, width); 255 is ink.
        scale: Factor for the size of the glyph.
        hand: Style of the writer.
        rng: Random number generator for the variation between glyphs.

    Returns:
        The ink, float32 (height, width), 0 to 1, cropped to its bounding box. If there is no ink
        left, a single pixel.
    """
    pen = abs(hand.pen)
    glyph = np.pad(glyph, pen + 2)
    if pen:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pen + 1, pen + 1))
        thinned = glyph if hand.pen > 0 else cv2.erode(glyph, kernel)
        # Erosion would remove strokes that are thinner than the kernel. If it removes too much, the
        # glyph is not eroded.
        if hand.pen > 0:
            glyph = cv2.dilate(glyph, kernel)
        elif thinned.sum() > 0.4 * glyph.sum():
            glyph = thinned
    if scale < 0.5:
        glyph = cv2.GaussianBlur(glyph, (0, 0), 0.35 / scale)
    slant, angle = hand.slant + rng.normal(0, 0.03), np.radians(hand.turn + rng.normal(0, 3))
    wide = scale * hand.aspect * np.exp(rng.normal(0, 0.05))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[wide, -slant * scale], [0, scale]])
    height, width = glyph.shape
    corners = matrix @ np.array([[0, width, 0, width], [0, 0, height, height]])
    low = corners.min(axis=1)
    columns, rows = np.ceil(corners.max(axis=1) - low).astype(int) + 2
    affine = np.column_stack([matrix, 1 - low])
    ink = cv2.warpAffine(glyph, affine, (int(columns), int(rows))).astype(np.float32) / 255
    # Make the edges crisp, like those of pen strokes. The random level varies the stroke width.
    if scale > 0.5:
        level, steepness = rng.uniform(0.35, 0.65), 1 + 1.5 * scale
        ink = ((ink - level) * steepness + 0.5).clip(0, 1)
    if hand.gaps and min(ink.shape) > 12:  # smaller strokes would fall apart
        ink = ink * (1 - _gaps(ink.shape, hand.gaps, rng))
    left, top, width, height = cv2.boundingRect((ink > INK_LEVEL).astype(np.uint8))
    return ink[top : top + max(height, 1), left : left + max(width, 1)]


def _gaps(shape: tuple[int, ...], share: float, rng: np.random.Generator) -> np.ndarray:
    """Creates a mask of random grains or hatching: float32 of `shape`, 0 (full ink) to 1 (none)."""
    height, width = shape
    largest = max(1.0, 0.05 * max(shape))
    across, along = np.exp(rng.uniform(0, np.log(largest) + 0.7, 2))
    rows, columns = int(height / across) + 2, int(width / along) + 2
    grains = (rng.random((rows, columns)) < share).astype(np.float32)
    return np.asarray(rng.uniform(0.3, 0.9) * cv2.resize(grains, (width, height)), np.float32)


@dataclass
class Sheet:
    """A page that is being written.

    Attributes:
        grey: Grey levels, float32 (height, width), 0 to 255.
        owner: Map of the ink, as in `SyntheticPage`.
        taken: Mask of the bounding boxes of all marks, bool (height, width).
        digits: Digits in the order of writing.
        total: Number of ink pixels of each digit, including pixels outside the image.
    """

    grey: np.ndarray
    owner: np.ndarray = field(init=False)
    taken: np.ndarray = field(init=False)
    digits: list[int] = field(default_factory=list)
    total: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owner = np.zeros(self.grey.shape, np.int16)
        self.taken = np.zeros(self.grey.shape, bool)

    def put(self, ink: np.ndarray, x: float, y: float, opacity: float, digit: int = -1) -> None:
        """Draws ink with its top left corner at (x, y). `digit` is -1 unless the ink is a digit."""
        left, top = round(x), round(y)
        height, width = self.grey.shape
        if digit >= 0:
            self.digits.append(digit)
            self.total.append(max(1, int((ink > INK_LEVEL).sum())))
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + ink.shape[1], width), min(top + ink.shape[0], height)
        if x1 <= x0 or y1 <= y0:
            return
        part = ink[y0 - top : y1 - top, x0 - left : x1 - left]
        self.grey[y0:y1, x0:x1] *= 1 - opacity * part
        self.taken[y0:y1, x0:x1] |= True
        marked = part > INK_LEVEL
        if digit >= 0:
            self.owner[y0:y1, x0:x1][marked] = len(self.digits)

    def digit_size(self) -> float:
        """Returns the median longer side of the visible digits in pixels; 0 if there are none."""
        sizes = [
            max(cv2.boundingRect((self.owner == number).astype(np.uint8))[2:])
            for number in np.unique(self.owner)
            if number
        ]
        return float(np.median(sizes)) if sizes else 0.0

    def is_free(self, x: float, y: float, width: float, height: float) -> bool:
        """Checks whether a rectangle contains no marks."""
        left, top = max(round(x), 0), max(round(y), 0)
        return not self.taken[top : round(y + height), left : round(x + width)].any()


def finished(sheet: Sheet, image: np.ndarray) -> SyntheticPage:
    """Labels the image of a sheet with its digits and the visible share of each digit."""
    count = len(sheet.digits)
    pixels = np.bincount(sheet.owner.ravel(), minlength=count + 1)[1:]
    boxes = np.zeros((count, 4), np.float32)
    visible = pixels / np.array(sheet.total, np.float32) if count else np.zeros(0, np.float32)
    for index in range(count):
        if pixels[index]:
            ink = sheet.owner == index + 1
            boxes[index] = cv2.boundingRect(ink.astype(np.uint8))
            contrast = _contrast(image, ink, boxes[index].astype(int))
            # The finder may detect a digit with low contrast, but need not.
            if contrast < 2 * MIN_CONTRAST:
                visible[index] = min(visible[index], 0.5 if contrast > MIN_CONTRAST else 0)
    digits = np.array(sheet.digits, np.int64)
    return SyntheticPage(image, digits, boxes, visible, sheet.owner)


def _contrast(image: np.ndarray, ink: np.ndarray, box: np.ndarray) -> float:
    """Returns the difference in grey levels between the ink of a digit and its surroundings."""
    x, y, width, height = box
    reach = max(width, height) // 8 + 2
    rows = slice(max(y - reach, 0), y + height + reach)
    columns = slice(max(x - reach, 0), x + width + reach)
    part, ink = image[rows, columns], ink[rows, columns]
    paper = part[cv2.dilate(ink.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0]
    if paper.size == 0:
        return 255.0
    return abs(float(part[ink].mean()) - float(np.median(paper)))


def touching_x(before: tuple[np.ndarray, float, float], ink: np.ndarray, y: float) -> float:
    """Returns the x position at which a glyph just touches the previous glyph.

    Args:
        before: Ink, x and y of the previous glyph.
        ink: Ink of the glyph, float32 (height, width).
        y: Top of the glyph, in pixels.
    """
    left, left_x, left_y = before
    top, bottom = round(max(left_y, y)), round(min(left_y + len(left), y + len(ink)))
    if bottom - top < 2:
        return left_x + left.shape[1]
    left_rows = left[max(top - round(left_y), 0) :][: bottom - top] > INK_LEVEL
    right_rows = ink[max(top - round(y), 0) :][: bottom - top] > INK_LEVEL
    rows = min(len(left_rows), len(right_rows))
    left_rows, right_rows = left_rows[:rows], right_rows[:rows]
    ends = np.where(
        left_rows.any(axis=1), left.shape[1] - left_rows[:, ::-1].argmax(axis=1), -10_000
    )
    starts = np.where(right_rows.any(axis=1), right_rows.argmax(axis=1), 10_000)
    distance = int((starts - ends).min())
    # Limit the overlap to half of the narrower glyph, so that glyphs do not hide each other.
    max_overlap = 0.5 * min(left.shape[1], ink.shape[1])
    return (
        left_x + max(-distance, left.shape[1] - max_overlap)
        if distance < 5000
        else (left_x + left.shape[1])
    )
