"""Glyphs for synthetic pages: digits, letters, signs, words and drawings.

A glyph is a uint8 array (height, width), where 0 is paper and 255 is ink, cropped to its ink. The
digits come from a data set, from predefined strokes and from fonts. The other glyphs are examples
of marks that the finder must learn to ignore.
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
from common.data.handwriting import (
    ARITHMETIC_SIGNS,
    DOODLES,
    LETTERS,
    OTHER_SIGNS,
    STROKES,
    draw_strokes,
    smooth,
)

Item = TypeVar("Item")

FONTS = PROJECT / "data" / "fonts"
"""Optional folder of additional fonts (.ttf, .otf or .woff), for instance handwriting fonts."""

DRAWINGS = PROJECT / "data" / "drawings"
"""Optional folder of additional drawings (.png), for instance icons. They must be dark on a light
background and must not contain digits."""

SOURCES = PROJECT / "data" / "SOURCES.txt"
"""Optional text file that names the sources of the files in `FONTS`, `DRAWINGS` and
`photography.PICTURES`. The model card of the finder quotes it."""

GLYPH_HEIGHT = 60
"""Height in pixels at which glyphs are drawn. Pages scale them to their final size."""

PRINTED_SIGNS = "+-=/()[]{}<>.,:;!?%&*#@~^\"'\u00d7÷√∑∫π€$→°±≤≥"
DISTINCT_LETTERS = "ACEFHJKLMNPQRTUVWXYabcdefhkmnprtuvwxy"
"""Letters that do not look like digits in print. All others occur only in words and alphabets."""

LETTER_FREQUENCIES = dict(
    zip(
        string.ascii_lowercase,
        (8, 2, 3, 4, 12, 2, 2, 6, 7, 1, 1, 4, 3, 7, 8, 2, 1, 6, 6, 9, 3, 1, 2, 1, 2, 1),
        strict=True,
    )
)
"""Approximate frequencies of the letters in English, in per cent."""

CURSIVE_STROKES = (
    ((0.0, 0.0), (0.45, 0.6), (0.3, 1.0), (0.1, 0.7), (0.3, 0.1), (0.6, 0.0)),
    ((0.0, 0.0), (0.4, 0.3), (0.3, 0.5), (0.1, 0.3), (0.25, 0.0), (0.5, 0.05)),
    ((0.0, 0.0), (0.15, 0.5), (0.15, 0.0), (0.4, 0.5), (0.5, 0.4), (0.45, 0.0)),
    ((0.0, 0.0), (0.1, 0.5), (0.1, 0.1), (0.3, 0.0), (0.5, 0.45), (0.5, 0.1), (0.6, 0.0)),
    ((0.0, 0.0), (0.4, 0.5), (0.15, 0.4), (0.1, 0.1), (0.35, 0.1), (0.45, 0.5), (0.5, 0.0)),
    ((0.0, 0.0), (0.1, 0.5), (0.2, 0.1), (0.4, 0.5), (0.35, -0.5), (0.15, -0.4), (0.5, 0.0)),
)
"""Letter shapes for imitations of cursive words. Each shape is a list of points (x, y), as shares
of the letter height. On the baseline, y is 0; above it, y is positive."""

LOOKALIKES = "bgiloqsz"
"""Letters that look like digits in lower or upper case."""


@dataclass(frozen=True)
class GlyphBank:
    """The glyphs for synthetic pages.

    Attributes:
        data_digits: Digits from the data set, in one list for each of 0 to 9.
        stroke_digits: Digits drawn from `handwriting.STROKES`, in one list for each of 0 to 9.
        font_digits: Digits from fonts, in one list for each of 0 to 9.
        straight_ones: 1s that consist of a single straight stroke.
        letters: Single letters that do not look like digits, and the signs + and ?.
        alphabets: Alphabets, each a list of the 26 letters in one font.
        signs: Punctuation marks and mathematical symbols.
        words: Words of two or more letters in many fonts, and imitations of cursive handwriting.
        drawings: Doodles, scribbles and the drawings in `DRAWINGS`.
    """

    data_digits: tuple[list[np.ndarray], ...]
    stroke_digits: tuple[list[np.ndarray], ...]
    font_digits: tuple[list[np.ndarray], ...]
    straight_ones: list[np.ndarray]
    letters: list[np.ndarray]
    alphabets: list[list[np.ndarray]]
    signs: list[np.ndarray]
    words: list[np.ndarray]
    drawings: list[np.ndarray]

    def digit(self, digit: int, source: str, rng: np.random.Generator) -> np.ndarray:
        """Returns a random glyph of a digit from a source: "data", "strokes" or "fonts"."""
        glyphs = {
            "data": self.data_digits,
            "strokes": self.stroke_digits,
            "fonts": self.font_digits,
        }[source][digit]
        return glyphs[rng.integers(len(glyphs))]


def make_glyph_bank(images: np.ndarray, labels: np.ndarray, seed: int) -> GlyphBank:
    """Draws the glyphs for synthetic pages. The same arguments always give the same glyphs.

    Args:
        images: Pictures of digits, uint8 (N, 28, 28); 0 is paper.
        labels: Labels of the pictures, int (N,), 0 to 9.
        seed: Seed for the random number generator.
    """
    rng = np.random.default_rng(seed)
    fonts = load_fonts()
    return GlyphBank(
        data_digits=tuple(_enlarged(images[labels == digit]) for digit in range(10)),
        stroke_digits=tuple(
            [_stroke_glyph(STROKES[digit], rng) for _ in range(400)] for digit in range(10)
        ),
        font_digits=tuple([_text_glyph(str(digit), font) for font in fonts] for digit in range(10)),
        straight_ones=[_stroke_glyph(["50,0 51,50 50,100"], rng, 0.015) for _ in range(500)],
        letters=[
            *(_text_glyph(_pick(DISTINCT_LETTERS, rng), _pick(fonts, rng)) for _ in range(4000)),
            *(_stroke_glyph(LETTERS[_pick([*LETTERS], rng)], rng) for _ in range(1000)),
        ],
        alphabets=[_alphabet(rng, _pick(fonts, rng)) for _ in range(200)],
        signs=[
            *(_text_glyph(sign, _pick(fonts, rng)) for sign in PRINTED_SIGNS for _ in range(60)),
            *(_stroke_glyph([sign], rng) for sign in ARITHMETIC_SIGNS for _ in range(300)),
            *(_stroke_glyph([sign], rng) for sign in OTHER_SIGNS for _ in range(100)),
        ],
        words=[
            *(_text_glyph(_word(rng), _pick(fonts, rng)) for _ in range(5000)),
            *(_cursive_word(rng) for _ in range(700)),
        ],
        drawings=[
            *(_stroke_glyph(DOODLES, rng) for _ in range(150)),
            *(_scribble(rng) for _ in range(250)),
            *load_drawings(),
        ],
    )


@cache
def load_fonts() -> tuple[ImageFont.FreeTypeFont, ...]:
    """Loads the bundled fonts and those in `FONTS`.

    Raises:
        OSError: A file in `FONTS` is not a font.
    """
    paths = [path for path in FONTS.glob("*") if path.suffix in (".ttf", ".otf", ".woff")]
    return (*bundled_fonts(), *map(_font, sorted(paths)))


@cache
def bundled_fonts() -> tuple[ImageFont.FreeTypeFont, ...]:
    """Loads the text fonts bundled with Matplotlib, sorted by path."""
    # Imported here because importing Matplotlib takes longer than reading one image.
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = [*folder.glob("DejaVuS*.ttf"), *folder.glob("STIXGeneral*.ttf")]
    return tuple(_font(path) for path in sorted(paths) if "Display" not in path.name)


def _font(path: Path) -> ImageFont.FreeTypeFont:
    # The height of digits is only about 70 % of the font size, so the size must be larger.
    return ImageFont.truetype(str(path), round(1.3 * GLYPH_HEIGHT))


def load_drawings() -> list[np.ndarray]:
    """Loads the drawings in `DRAWINGS` as glyphs, sorted by file name.

    Raises:
        OSError: A file in `DRAWINGS` is not an image.
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


def letters_from(
    alphabet: list[np.ndarray], count: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Chooses letters of an alphabet: in order, in random order, or one letter repeatedly."""
    start = int(rng.integers(len(alphabet) - count))
    kind = rng.random()
    if kind < 0.4:
        return alphabet[start : start + count]
    if kind < 0.75:
        return [alphabet[index] for index in rng.permutation(len(alphabet))[:count]]
    # A row of equal lookalikes could not be distinguished from a number.
    distinct = [
        glyph
        for letter, glyph in zip(string.ascii_lowercase, alphabet, strict=True)
        if letter not in LOOKALIKES
    ]
    return [distinct[start % len(distinct)]] * count


def material() -> str | None:
    """Returns the content of `SOURCES`, or None if there is no such file."""
    return SOURCES.read_text(encoding="utf-8").strip() if SOURCES.is_file() else None


def _pick(items: Sequence[Item], rng: np.random.Generator) -> Item:
    return items[int(rng.integers(len(items)))]


def _cropped(ink: np.ndarray) -> np.ndarray:
    left, top, width, height = cv2.boundingRect((ink > 40).astype(np.uint8))
    return ink[top : top + height, left : left + width]


def _enlarged(images: np.ndarray) -> list[np.ndarray]:
    """Enlarges pictures to three times their size, with smooth edges. Omits blank pictures."""
    glyphs = []
    for image in images:
        if image.max() > 127:
            large = cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
            glyphs.append(_cropped(cv2.GaussianBlur(large, (0, 0), 1.0)))
    return glyphs


def _stroke_glyph(
    ways: Sequence[str], rng: np.random.Generator, max_wobble: float = 0.035
) -> np.ndarray:
    pen, wobble = np.exp(rng.uniform(np.log(0.02), np.log(0.2))), rng.uniform(0.01, max_wobble)
    ink = draw_strokes(_pick(ways, rng), GLYPH_HEIGHT, rng, float(pen), wobble)
    return _cropped(np.rint(255 * ink).astype(np.uint8))


def _scribble(rng: np.random.Generator) -> np.ndarray:
    """Draws a scribble of one to four strokes through random points."""
    strokes = [
        " ".join(f"{x},{y}" for x, y in rng.integers(0, 101, (rng.integers(4, 9), 2)))
        for _ in range(rng.integers(1, 5))
    ]
    return _stroke_glyph([" | ".join(strokes)], rng)


def _cursive_word(rng: np.random.Generator) -> np.ndarray:
    """Draws joined strokes that look like a cursive word in an unknown alphabet."""
    points, x = [], 0.0
    for _ in range(rng.integers(3, 9)):
        letter = np.array(CURSIVE_STROKES[rng.integers(len(CURSIVE_STROKES))])
        letter += rng.normal(0, 0.05, letter.shape)
        letter[:, 0] += x
        points.append(letter)
        x = letter[-1, 0] + rng.uniform(0.0, 0.15)
    curve = smooth(np.concatenate(points)) * (GLYPH_HEIGHT, -GLYPH_HEIGHT)
    curve = np.rint(curve - curve.min(axis=0) + 8).astype(np.int32)
    width, height = curve.max(axis=0) + 9
    canvas = np.zeros((height, width), np.uint8)
    cv2.polylines(canvas, [curve], False, 255, int(rng.integers(2, 8)), cv2.LINE_AA)
    return _cropped(canvas)


def _text_glyph(text: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    left, top, right, bottom = font.getbbox(text)
    canvas = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(canvas).text((4 - left, 4 - top), text, 255, font)
    glyph = _cropped(np.asarray(canvas))
    return glyph if glyph.size else np.full((GLYPH_HEIGHT, 4), 255, np.uint8)


def _alphabet(rng: np.random.Generator, font: ImageFont.FreeTypeFont) -> list[np.ndarray]:
    """Draws the 26 letters of a font, all in lower case or all in upper case."""
    letters = string.ascii_lowercase if rng.random() < 0.7 else string.ascii_uppercase
    return [_text_glyph(letter, font) for letter in letters]


def _word(rng: np.random.Generator) -> str:
    letters, weights = zip(*LETTER_FREQUENCIES.items(), strict=True)
    shares = np.array(weights) / sum(weights)
    if rng.random() < 0.3:  # more lookalikes: only their neighbours show that they are letters
        shares = np.where([letter in LOOKALIKES for letter in letters], 5 * shares, shares)
    word = "".join(rng.choice(letters, size=rng.integers(2, 10), p=shares / shares.sum()))
    if set(word) <= set(LOOKALIKES):  # such a word could be a number
        word += "e"
    case = rng.random()
    return word.upper() if case < 0.2 else word.capitalize() if case < 0.45 else word
