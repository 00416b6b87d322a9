"""Glyphs to write synthetic pages with: digits, letters, signs, words and drawings.

A glyph is a uint8 array (height, width), 0 is paper and 255 is ink, cropped to its ink. Digits come
from a data set, from hand-made strokes and from fonts; everything else is what a finder of digits
must learn to ignore.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common import PROJECT
from common.data.handwriting import DOODLES, LETTERS, SIGNS, STROKES, draw_strokes

Item = TypeVar("Item")

FONTS = PROJECT / "data" / "fonts"
"""Optional folder of further fonts (.ttf, .otf or .woff), for instance of handwriting."""

DRAWINGS = PROJECT / "data" / "drawings"
"""Optional folder of further drawings (.png), for instance icons: dark on light, no digits."""

GLYPH_HEIGHT = 60
"""Height in pixels at which glyphs are drawn; pages scale them."""

PRINTED_SIGNS = "+-=/()[]{}<>.,:;!?%&*#@~^\"'\u00d7÷√∑∫π€$→°±≤≥"
DISTINCT_LETTERS = "ACEFHJKLMNPQRTUVWXYabcdefhkmnprtuvwxy"
"""Letters that nobody takes for a digit; the others are letters only inside of a word."""

LETTER_FREQUENCIES = dict(
    zip(
        string.ascii_lowercase,
        (8, 2, 3, 4, 12, 2, 2, 6, 7, 1, 1, 4, 3, 7, 8, 2, 1, 6, 6, 9, 3, 1, 2, 1, 2, 1),
        strict=True,
    )
)
"""Rough frequencies of the letters in English, in per cent."""


@dataclass(frozen=True)
class GlyphBank:
    """What synthetic pages are written with.

    Attributes:
        data_digits: glyphs of the data set's digits, one list for each of 0 to 9.
        stroke_digits: likewise, drawn from `handwriting.STROKES`.
        font_digits: likewise, from fonts.
        letters: single letters that cannot be taken for digits.
        signs: punctuation and signs of mathematics.
        words: words of two letters or more, in many fonts.
        drawings: doodles and scribbles.
    """

    data_digits: tuple[list[np.ndarray], ...]
    stroke_digits: tuple[list[np.ndarray], ...]
    font_digits: tuple[list[np.ndarray], ...]
    letters: list[np.ndarray]
    signs: list[np.ndarray]
    words: list[np.ndarray]
    drawings: list[np.ndarray]

    def digit(self, digit: int, source: str, rng: np.random.Generator) -> np.ndarray:
        """A random glyph of a digit from one of the sources "data", "strokes" and "fonts"."""
        glyphs = {
            "data": self.data_digits,
            "strokes": self.stroke_digits,
            "fonts": self.font_digits,
        }[source][digit]
        return glyphs[rng.integers(len(glyphs))]


def make_glyph_bank(images: np.ndarray, labels: np.ndarray, seed: int) -> GlyphBank:
    """Draws the glyphs; the same arguments give the same bank.

    Args:
        images: uint8 (N, 28, 28), digits to write with; 0 is paper.
        labels: int (N,), 0 to 9.
        seed: Seed for the random number generator.
    """
    rng = np.random.default_rng(seed)
    fonts = load_fonts()
    return GlyphBank(
        data_digits=tuple(_enlarged(images[labels == digit]) for digit in range(10)),
        stroke_digits=tuple(
            [_stroke_glyph(STROKES[digit], rng) for _ in range(200)] for digit in range(10)
        ),
        font_digits=tuple([_text_glyph(str(digit), font) for font in fonts] for digit in range(10)),
        letters=[
            *(_text_glyph(_pick(DISTINCT_LETTERS, rng), _pick(fonts, rng)) for _ in range(1000)),
            *(_stroke_glyph(LETTERS[_pick([*LETTERS], rng)], rng) for _ in range(500)),
        ],
        signs=[
            *(_text_glyph(sign, _pick(fonts, rng)) for sign in PRINTED_SIGNS for _ in range(15)),
            *(_stroke_glyph([sign], rng) for sign in SIGNS for _ in range(40)),
        ],
        words=[_text_glyph(_word(rng), _pick(fonts, rng)) for _ in range(5000)],
        drawings=[
            *(_stroke_glyph(DOODLES, rng) for _ in range(150)),
            *(_scribble(rng) for _ in range(250)),
            *load_drawings(),
        ],
    )


@cache
def load_fonts() -> tuple[ImageFont.FreeTypeFont, ...]:
    """The fonts in `FONTS` and the text fonts that Matplotlib ships, sorted by file name.

    Raises:
        OSError: A file in `FONTS` is not a font.
    """
    # Imported here: Matplotlib takes longer to import than an image takes to be read.
    import matplotlib

    shipped = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = [*shipped.glob("DejaVuS*.ttf"), *shipped.glob("STIXGeneral*.ttf")]
    paths = [path for path in paths if "Display" not in path.name]
    paths += [path for path in FONTS.glob("*") if path.suffix in (".ttf", ".otf", ".woff")]
    # 1.3: about two thirds of a font's size is the height of its digits.
    size = round(1.3 * GLYPH_HEIGHT)
    return tuple(ImageFont.truetype(str(path), size) for path in sorted(paths))


def load_drawings() -> list[np.ndarray]:
    """The drawings in `DRAWINGS` as glyphs, sorted by file name.

    Raises:
        OSError: A file there is not an image.
    """
    glyphs = []
    for path in sorted(DRAWINGS.glob("*.png")):
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
        scale = GLYPH_HEIGHT / max(grey.shape)
        ink = cv2.resize(255 - grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if ink.max() > 127:
            glyphs.append(_cropped(ink))
    return glyphs


def _pick(items: Sequence[Item], rng: np.random.Generator) -> Item:
    return items[int(rng.integers(len(items)))]


def _cropped(ink: np.ndarray) -> np.ndarray:
    left, top, width, height = cv2.boundingRect((ink > 40).astype(np.uint8))
    return ink[top : top + height, left : left + width]


def _enlarged(images: np.ndarray) -> list[np.ndarray]:
    """Three times the size with crisp edges; the pictures without ink are left out."""
    glyphs = []
    for image in images:
        if image.max() > 127:
            large = cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
            glyphs.append(_cropped(cv2.GaussianBlur(large, (0, 0), 1.0)))
    return glyphs


def _stroke_glyph(ways: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    pen, wobble = np.exp(rng.uniform(np.log(0.02), np.log(0.2))), rng.uniform(0.01, 0.035)
    ink = draw_strokes(_pick(ways, rng), GLYPH_HEIGHT, rng, float(pen), wobble)
    return _cropped(np.rint(255 * ink).astype(np.uint8))


def _scribble(rng: np.random.Generator) -> np.ndarray:
    """One to four strokes through random points."""
    strokes = [
        " ".join(f"{x},{y}" for x, y in rng.integers(0, 101, (rng.integers(4, 9), 2)))
        for _ in range(rng.integers(1, 5))
    ]
    return _stroke_glyph([" | ".join(strokes)], rng)


def _text_glyph(text: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    left, top, right, bottom = font.getbbox(text)
    canvas = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(canvas).text((4 - left, 4 - top), text, 255, font)
    glyph = _cropped(np.asarray(canvas))
    return glyph if glyph.size else np.full((GLYPH_HEIGHT, 4), 255, np.uint8)


def _word(rng: np.random.Generator) -> str:
    letters, weights = zip(*LETTER_FREQUENCIES.items(), strict=True)
    shares = np.array(weights) / sum(weights)
    word = "".join(rng.choice(letters, size=rng.integers(2, 10), p=shares))
    case = rng.random()
    return word.upper() if case < 0.2 else word.capitalize() if case < 0.45 else word
