"""Training pictures that data sets lack: digits in rare styles, and pictures that are not digits.

Most pictures that are not digits are cut from small generated pages by the code that also processes
users' images, so that the pictures in training resemble those in use.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.data.handwriting import DOODLES, LETTERS, STROKES, draw_strokes
from common.finding.drawings import drawn_marks
from common.preprocessing import digit_picture

PRINTED = "ACEFHJKLMNPQRTUVWXacdefhkmnprtuvwxy#@?+=<>{}~*"
"""Printed characters that do not look like digits."""

PENS = 0.05, 0.2  # minimum and maximum stroke width, as a share of the height
SCAN_HEIGHTS = 7, 24  # pixels; minimum and maximum height of digits in small scans
BLACK_AND_WHITE = 0.4  # share of small scans that are black and white
MAX_PER_PAGE = 12  # pictures taken from one page, so that no page dominates

Page = np.ndarray
"""Grey page, uint8 (height, width), dark on light."""


def written_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws random digits; four fifths are handwritten, and the others are printed.

    Each variant of each digit in `handwriting.STROKES` is equally likely.

    Args:
        count: Number of pictures.
        seed: Seed for the random number generator.

    Returns:
        Pictures from `digit_picture`, uint8 (count, 28, 28), and their labels, int64 (count,).
    """
    generator = np.random.default_rng(seed)
    fonts = _fonts(48)
    ways = [(digit, way) for digit, all_ways in STROKES.items() for way in all_ways]
    pictures, labels = [], []
    for index in generator.integers(0, len(ways), count):
        digit, way = ways[index]
        if generator.random() < 0.2:
            ink = _printed(str(digit), fonts[generator.integers(len(fonts))])
        else:
            ink = _drawn(way, generator)
        pictures.append(digit_picture(ink))
        labels.append(digit)
    return np.stack(pictures), np.array(labels, dtype=np.int64)


def small_scans(
    images: np.ndarray, labels: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Creates pictures of digits that have been reduced to few pixels, as in small scans.

    Some digits are also stretched, have thicker or thinner strokes, or are black and white. Data
    sets of scans often contain such digits.

    Args:
        images: Pictures of digits, uint8 (N, 28, 28).
        labels: Their labels or target probabilities, (N, ...).
        count: Number of pictures to create.
        seed: Seed for the random number generator.

    Returns:
        Pictures from `digit_picture`, uint8 (count, 28, 28), and their labels, (count, ...).
    """
    generator = np.random.default_rng(seed)
    chosen = generator.choice(np.flatnonzero(images.any(axis=(1, 2))), count)
    return np.stack([_scanned(images[index], generator) for index in chosen]), labels[chosen]


def non_digits(count: int, seed: int, digits: np.ndarray) -> np.ndarray:
    """Draws pictures that are not digits: letters, scribbles, shapes, textures and pairs of digits.

    Args:
        count: Number of pictures.
        seed: Seed for the random number generator.
        digits: Pictures of digits for the pairs, uint8 (N, 28, 28).

    Returns:
        Pictures from `digit_picture`, uint8 (count, 28, 28).
    """
    generator = np.random.default_rng(seed)
    fonts = [font for size in (14, 24, 48) for font in _fonts(size)]
    pages: list[tuple[float, Callable[[], Page]]] = [
        (0.3, lambda: _written_word(generator)),
        (0.2, lambda: _printed_text(generator, fonts)),
        (0.15, lambda: _on_paper(_scribble(generator))),
        (0.1, lambda: _shapes(generator)),
        (0.1, lambda: _texture(generator)),
    ]
    pictures: list[np.ndarray] = []
    for share, page in pages:
        end = len(pictures) + round(share * count)
        while len(pictures) < end:
            glyphs = drawn_marks(page()) or []
            chosen = generator.permutation(len(glyphs))[: min(MAX_PER_PAGE, end - len(pictures))]
            pictures += [digit_picture(glyphs[index].ink) for index in chosen]
    digits = digits[digits.any(axis=(1, 2))]
    pairs = count - len(pictures)
    pictures += [digit_picture(_two_digits(generator, digits)) for _ in range(pairs)]
    return np.stack(pictures)


def _scanned(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Simulates a scan with few pixels of a digit, uint8 (28, 28). Returns it as a picture."""
    ink = image[image.any(axis=1)][:, image.any(axis=0)]
    ink = cv2.resize(ink, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    pen = int(generator.integers(-2, 6))  # pixels; a stroke is about 7 pixels wide at this size
    change = cv2.erode if pen < 0 else cv2.dilate
    ink = np.pad(ink, max(pen, 0))
    thick = change(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (abs(pen) + 1, abs(pen) + 1)))
    ink = thick if thick.any() else ink
    height = generator.uniform(*SCAN_HEIGHTS)
    # The aspect ratio is between nearly square and slightly more extreme than the digit's own.
    width = height * (ink.shape[1] / ink.shape[0]) ** generator.uniform(0.1, 1.1)
    size = max(2, round(width)), max(2, round(height))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if generator.random() < BLACK_AND_WHITE:
        small = (small > generator.uniform(0.3, 0.6) * small.max()).astype(np.float32)
    return digit_picture(small)


def _fonts(size: int) -> list[ImageFont.FreeTypeFont]:
    """Loads the text fonts bundled with Matplotlib, `size` pixels high."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = sorted([*folder.glob("DejaVuS*.ttf"), *folder.glob("STIXGeneral*.ttf")])
    return [ImageFont.truetype(str(path), size) for path in paths if "Display" not in path.name]


def _on_paper(ink: np.ndarray) -> Page:
    return np.rint(255 - 255 * np.pad(ink, 8)).astype(np.uint8)


def _drawn(
    strokes: str, generator: np.random.Generator, pens: tuple[float, float] = PENS
) -> np.ndarray:
    pen, wobble = generator.uniform(*pens), generator.uniform(0.01, 0.035)
    return draw_strokes(strokes, 60, generator, pen, wobble)


def _printed(text: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """Returns the ink of printed text, which may have several lines."""
    canvas = Image.new("L", (1, 1))
    left, top, right, bottom = ImageDraw.Draw(canvas).multiline_textbbox((0, 0), text, font)
    canvas = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(canvas).multiline_text((2 - left, 2 - top), text, 255, font)
    return np.asarray(canvas, dtype=np.float32) / 255


def _written_word(generator: np.random.Generator) -> Page:
    """Draws a row of one to five letters or doodles, some of which touch."""
    ways = [*DOODLES, *(way for all_ways in LETTERS.values() for way in all_ways)]
    letters = [
        _drawn(ways[index], generator)
        for index in generator.integers(0, len(ways), generator.integers(1, 6))
    ]
    height = max(len(letter) for letter in letters)
    word = np.zeros((height, 0), np.float32)
    for letter in letters:
        letter = np.pad(letter, ((height - len(letter), 0), (0, 0)))
        overlap = min(generator.integers(-4, 16), word.shape[1], letter.shape[1])
        if overlap > 0:
            shared = np.maximum(word[:, -overlap:], letter[:, :overlap])
            word = np.hstack([word[:, :-overlap], shared, letter[:, overlap:]])
        else:
            word = np.hstack([np.pad(word, ((0, 0), (0, -overlap))), letter])
    return _on_paper(word)


def _printed_text(generator: np.random.Generator, fonts: list[ImageFont.FreeTypeFont]) -> Page:
    """Prints up to four lines of meaningless words."""
    words = [
        "".join(PRINTED[index] for index in generator.integers(0, len(PRINTED), length))
        for length in generator.integers(1, 7, generator.integers(1, 9))
    ]
    lines = [" ".join(words[start : start + 2]) for start in range(0, len(words), 2)]
    return _on_paper(_printed("\n".join(lines), fonts[generator.integers(len(fonts))]))


def _scribble(generator: np.random.Generator) -> np.ndarray:
    """Draws a scribble of one to three strokes through random points."""
    strokes = [
        " ".join(f"{x},{y}" for x, y in generator.integers(0, 101, (generator.integers(4, 9), 2)))
        for _ in range(generator.integers(1, 4))
    ]
    return _drawn(" | ".join(strokes), generator, (0.04, 0.12))


def _shapes(generator: np.random.Generator) -> Page:
    """Draws one to three boxes, grids, filled ellipses, arrows, or lines too flat to be a 1."""
    page = np.full((160, 160), 255, np.uint8)
    for _ in range(generator.integers(1, 4)):
        x, y, width, height = (
            int(n) for n in generator.integers((10, 10, 20, 20), (90, 90, 60, 60))
        )
        thickness, corner = int(generator.integers(1, 6)), (x + width, y + height)
        kind = generator.integers(5)
        if kind == 0:
            cv2.rectangle(page, (x, y), corner, 0, generator.choice([-1, thickness]), cv2.LINE_AA)
        elif kind == 1:
            for share in np.linspace(0, 1, generator.integers(3, 6)):
                column, row = x + round(share * width), y + round(share * height)
                cv2.line(page, (column, y), (column, y + height), 0, thickness, cv2.LINE_AA)
                cv2.line(page, (x, row), (x + width, row), 0, thickness, cv2.LINE_AA)
        elif kind == 2:
            radii = (max(width, height) // 2, height // 2)
            cv2.ellipse(page, (x, y), radii, 0, 0, 360, 0, -1, cv2.LINE_AA)
        elif kind == 3:
            cv2.arrowedLine(page, (x, y), corner, 0, thickness, cv2.LINE_AA, tipLength=0.4)
        else:
            rise = int(generator.integers(-10, 10))
            cv2.line(page, (x, y), (x + width, y + rise), 0, thickness, cv2.LINE_AA)
    return page


def _texture(generator: np.random.Generator) -> Page:
    """Creates smooth noise that resembles cloth, wood or a wall; sometimes, it is thresholded."""
    noise = generator.normal(0, 1, (60, 60))
    # Vertical smoothing is weaker, to avoid vertical streaks, which could look like 1s.
    sigma = generator.uniform(0.5, 8)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma, sigmaY=sigma * generator.uniform(0.2, 1))
    if generator.random() < 0.3:
        smooth = (smooth > np.quantile(smooth, generator.uniform(0.4, 0.9))).astype(float)
    darkest, lightest = np.sort(generator.integers(0, 256, 2))
    low, high = smooth.min(), smooth.max()
    return np.asarray(darkest + (smooth - low) / (high - low) * (lightest - darkest), np.uint8)


def _two_digits(generator: np.random.Generator, digits: np.ndarray) -> np.ndarray:
    """Returns the ink of two digits that touch or almost touch, in a row or in a column."""
    first, second = (digits[index] for index in generator.integers(0, len(digits), 2))
    first, second = (digit[digit.any(axis=1)][:, digit.any(axis=0)] for digit in (first, second))
    if generator.random() < 0.2:
        return _side_by_side(first.T, second.T, generator).T
    return _side_by_side(first, second, generator)


def _side_by_side(
    left: np.ndarray, right: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Places two digits side by side, touching or with a small gap.

    Args:
        left: Ink of the left digit, uint8 (height, width).
        right: Ink of the right digit, uint8 (height, width).
        generator: Random number generator for the positions.

    Returns:
        The ink of both digits, float32 (height, width), 0 to 1.
    """
    height = max(len(left), len(right))
    tops = [int(generator.integers(0, height - len(digit) + 1)) for digit in (left, right)]
    left, right = (
        np.pad(digit, ((top, height - len(digit) - top), (0, 0))).astype(np.float32) / 255
        for digit, top in zip((left, right), tops, strict=True)
    )
    overlap = int(generator.integers(-4, 1))
    if overlap == 0:
        overlap = _touching(cv2.dilate(left, np.ones((3, 3))), right)
    width = left.shape[1] + right.shape[1] - overlap
    both = np.zeros((2, height, width), np.float32)
    both[0, :, : left.shape[1]] = left
    both[1, :, width - right.shape[1] :] = right
    return np.asarray(both.max(axis=0))


def _touching(left: np.ndarray, right: np.ndarray) -> int:
    """Returns the smallest overlap of two pictures, in columns, at which their ink overlaps.

    If their ink overlaps nowhere, the result is the maximum overlap.
    """
    max_overlap = min(left.shape[1], right.shape[1]) - 1
    for overlap in range(1, max_overlap):
        if (np.minimum(left[:, -overlap:], right[:, :overlap]) > 0.5).any():
            return overlap
    return max_overlap
