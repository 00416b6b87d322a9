"""A canvas for digits, printed text and signs, which records the position of every digit.

The canvas is used for the test pages in `evaluation_pages` and for forms. The training pages of the
finder come from `training_pages`, which shares no code with this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

MNIST_DIGIT = 20  # pixels; the longer side of a digit in the pictures of a data set
MIN_WORKING_SCALE = 4.0  # digits are redrawn at this scale or a larger one, for smooth edges
MAX_TRIES = 5  # number of pictures of which the one with the most suitable slant is used

Point = tuple[float, float]


@dataclass(frozen=True)
class LabelledPage:
    """The image of a page and the digits on it.

    Attributes:
        image: Grey image, uint8 (height, width).
        text: Digits in reading order, with "/" between lines. Empty if there are no digits.
        boxes: Bounding boxes of the digits in reading order, float64 (N, 4): x, y, width, height in
            pixels.
    """

    image: np.ndarray
    text: str
    boxes: np.ndarray


@dataclass(frozen=True)
class Mark:
    """A digit, word or sign to write.

    Attributes:
        ink: Ink of the mark, float32 (height, width), 0 to 1, cropped to its bounding box.
        digit: The digit, 0 to 9, or None if the mark is not a digit.
        drop: Number of rows of the mark below the baseline; negative if the mark is above it.
    """

    ink: np.ndarray
    digit: int | None = None
    drop: int = 0


@dataclass
class Canvas:
    """A rectangle to write on, which records its digits.

    Attributes:
        height: Height in pixels.
        width: Width in pixels.
        ink: All ink on the canvas, float32 (height, width), 0 to 1.
        lines: Digits of each line.
        outlines: For each digit, points whose convex hull encloses it, float64 (N, 2): x, y in
            pixels.
    """

    height: int
    width: int
    ink: np.ndarray = field(init=False)
    lines: list[list[int]] = field(default_factory=list)
    outlines: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ink = np.zeros((self.height, self.width), np.float32)

    def put(self, mark: Mark, x: float, y: float, opacity: float = 1.0) -> None:
        """Draws a mark with its top left corner at (x, y), clipped at the edges of the canvas.

        A digit is appended to the last line; see `new_line`.
        """
        left, top = round(x), round(y)
        rows, columns = mark.ink.shape
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + columns, self.width), min(top + rows, self.height)
        part = mark.ink[y0 - top : max(y1 - top, 0), x0 - left : max(x1 - left, 0)]
        region = self.ink[y0 : max(y1, y0), x0 : max(x1, x0)]
        np.maximum(region, opacity * part, out=region)
        if mark.digit is not None:
            points = np.argwhere(mark.ink > 0.4)[:, ::-1].astype(np.int32)
            hull = cv2.convexHull(points)[:, 0].astype(np.float64) + np.array((left, top))
            # The hull of the pixels' top left corners, and that of their bottom right corners.
            self.outlines.append(np.concatenate([hull, hull + 1]))
            self.lines[-1].append(mark.digit)

    def new_line(self) -> None:
        """Starts a new line, to which the following digits belong."""
        self.lines.append([])

    def write(
        self,
        marks: Sequence[Mark],
        x: float,
        baseline: float,
        gaps: Sequence[float],
        opacity: float = 1.0,
        slope: float = 0.0,
    ) -> float:
        """Writes marks from left to right.

        Args:
            marks: The marks to write.
            x: Left edge of the first mark, in pixels.
            baseline: Row of the baseline at the first mark.
            gaps: Gap before each mark, in pixels.
            opacity: Opacity of the ink, 0 to 1.
            slope: Number of rows that the baseline falls per column.

        Returns:
            The right edge of the last mark, in pixels.
        """
        start = x
        for mark, gap in zip(marks, gaps, strict=True):
            x += gap
            bottom = baseline + slope * (x - start) + mark.drop
            self.put(mark, x, bottom - mark.ink.shape[0], opacity)
            x += mark.ink.shape[1]
        return x

    def page(self, image: np.ndarray, matrix: np.ndarray | None = None) -> LabelledPage:
        """Labels an image of this canvas with the digits on it.

        Args:
            image: Image of the canvas, uint8 (height, width).
            matrix: Homography from the canvas to the image, float (3, 3); None for the identity.
        """
        height, width = image.shape
        boxes = []
        for outline in self.outlines:
            points = outline
            if matrix is not None:
                points = cv2.perspectiveTransform(outline[None], matrix)[0]
            low = points.min(axis=0).clip(0, (width, height))
            high = points.max(axis=0).clip(0, (width, height))
            boxes.append((*low, *(high - low)))
        text = "/".join("".join(map(str, line)) for line in self.lines if line)
        return LabelledPage(image, text, np.array(boxes, np.float64).reshape(-1, 4))


class Writer:
    """Writes digits of a data set in a consistent style, with similar stroke widths and slants.

    Args:
        images: Pictures of digits, uint8 (N, 28, 28); 255 is ink.
        labels: Labels of the pictures, int (N,), 0 to 9.
        rng: Random number generator for the style and for the choice of pictures.
        pen: Minimum and maximum stroke width, as shares of a digit's height.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        rng: np.random.Generator,
        pen: tuple[float, float] = (0.06, 0.17),
    ) -> None:
        self.images, self.labels, self.rng = images, labels, rng
        self.pen = float(rng.uniform(*pen))
        self.slant = _slant(images[rng.integers(len(images))])
        self.shear = float(rng.uniform(-0.15, 0.15))

    def digit(self, size: float, among: Sequence[int] = range(10), lean: float = 0.0) -> Mark:
        """Writes a digit whose longer side is about `size` pixels.

        Args:
            size: Length of the longer side in pixels.
            among: Digits to choose from.
            lean: Additional slant, in columns to the right per row upwards.
        """
        candidates = self.rng.permutation(np.flatnonzero(np.isin(self.labels, among)))[:MAX_TRIES]
        # All digits of one writer have a similar slant.
        index = min(candidates, key=lambda i: abs(_slant(self.images[i]) - self.slant))
        shear = self.shear + lean + float(self.rng.uniform(-0.04, 0.04))
        return Mark(pen_ink(self.images[index], size, self.pen, shear), int(self.labels[index]))

    def digits(self, count: int, size: float, among: Sequence[int] = range(10)) -> list[Mark]:
        """Writes `count` digits. Their sizes vary from 90 to 105 per cent of `size`."""
        return [self.digit(size * self.rng.uniform(0.9, 1.05), among) for _ in range(count)]


def pen_ink(picture: np.ndarray, size: float, pen: float, shear: float = 0.0) -> np.ndarray:
    """Redraws a digit of a data set with crisp strokes of a given width.

    The edges of the strokes are moved outwards or inwards. If that would close a hole or break a
    stroke, which could turn the digit into another one, the edges are moved less.

    Args:
        picture: Picture of a digit, uint8 (28, 28); 255 is ink.
        size: New length of the longer side of the digit, in pixels.
        pen: Mean stroke width as a share of `size`.
        shear: Slant, in columns to the right per row upwards.

    Returns:
        The ink, float32 (height, width), 0 to 1, cropped to its bounding box.
    """
    scale = size / MNIST_DIGIT
    working = max(scale, MIN_WORKING_SCALE)
    padded = np.pad(picture, 4).astype(np.float32) / 255
    large = cv2.resize(padded, None, fx=working, fy=working, interpolation=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), 0.4 * working)
    inside = (large > 0.45).astype(np.uint8)
    outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - outside
    # The mean distance from the edge of a stroke of width w is w / 4.
    wanted = pen * MNIST_DIGIT * working / 2 - 2 * float(distance[inside > 0].mean())
    steps = [wanted * share for share in (1.0, 0.7, 0.4)]
    grown = next((step for step in steps if _topology(distance > -step) == _topology(inside)), 0.0)
    ink = (distance + grown + 0.5).clip(0, 1)
    height, width = ink.shape
    lean = np.array([[1, -shear, shear * height / 2], [0, 1, 0]])
    ink = _cropped(cv2.warpAffine(ink, lean, (width, height)))
    reduced = (
        max(1, round(ink.shape[1] * scale / working)),
        max(1, round(ink.shape[0] * scale / working)),
    )
    return np.asarray(cv2.resize(ink, reduced, interpolation=cv2.INTER_AREA))


def _slant(picture: np.ndarray) -> float:
    """Measures the slant of a digit, in columns to the right per row upwards."""
    moments = cv2.moments(picture)
    return -moments["mu11"] / max(moments["mu02"], 1.0)


def _topology(mask: np.ndarray) -> tuple[int, int]:
    """Counts the connected components and the holes of a mask."""
    _, hierarchy = cv2.findContours(
        np.asarray(mask, np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
    )
    holes = 0 if hierarchy is None else int((hierarchy[0, :, 3] >= 0).sum())
    return (0 if hierarchy is None else hierarchy.shape[1]) - holes, holes


def _cropped(ink: np.ndarray) -> np.ndarray:
    left, top, width, height = cv2.boundingRect((ink > 0.1).astype(np.uint8))
    return ink[top : top + height, left : left + width]


def touching(marks: Sequence[Mark], overlap: float) -> list[float]:
    """Computes the gaps at which each mark touches the previous one on the same baseline.

    The ink overlaps in at most about a third of the rows. Otherwise, most pairs of 1s would merge
    into one thick stroke.

    Args:
        marks: The marks to write, from left to right.
        overlap: Maximum overlap of two marks in pixels, in the row where they are closest.

    Returns:
        The gap before each mark in pixels. The first gap is 0, and the others may be negative.
    """
    gaps = [0.0]
    for left, right in pairwise(marks):
        rows = min(left.ink.shape[0], right.ink.shape[0])
        before, after = (mark.ink[-rows:] > 0.5 for mark in (left, right))
        common = before.any(axis=1) & after.any(axis=1)
        free_before = before[common, ::-1].argmax(axis=1)
        free_after = after[common].argmax(axis=1)
        free = np.sort(free_before + free_after)
        gaps.append(-min(float(free[0]) + overlap, float(free[len(free) // 3])))
    return gaps


def printed(text: str, font: ImageFont.FreeTypeFont, size: float) -> Mark:
    """Prints text with capitals that are about `size` pixels high."""
    # The size of a font is about 1.4 times the height of its capitals.
    font = font.font_variant(size=max(6, round(1.4 * size)))
    left, top, right, bottom = (round(side) for side in font.getbbox(text, anchor="ls"))
    page = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(page).text((1 - left, 1 - top), text, 255, font, anchor="ls")
    return Mark(np.asarray(page, np.float32) / 255, drop=max(bottom, 0))


def stroked(
    strokes: Sequence[Sequence[Point]], size: float, thickness: float, rng: np.random.Generator
) -> Mark:
    """Draws lines through slightly displaced points, like an unsteady hand.

    Args:
        strokes: Points (x, y) of each line, as shares of `size`.
        size: Size of the drawing in pixels.
        thickness: Width of the lines in pixels.
        rng: Random number generator for the displacements.
    """
    pad = int(thickness) + 2
    points = [
        np.array(line) * size + rng.normal(0, 0.012 * size, (len(line), 2)) for line in strokes
    ]
    extent = np.concatenate(points).max(axis=0).clip(1) + 2 * pad
    ink = np.zeros((int(extent[1]) + 1, int(extent[0]) + 1), np.uint8)
    for line in points:
        fixed = np.rint((line + pad) * 16).astype(np.int32)  # in sixteenths of a pixel
        cv2.polylines(ink, [fixed], False, 255, max(1, round(thickness)), cv2.LINE_AA, shift=4)
    return Mark(_cropped(ink.astype(np.float32) / 255))
