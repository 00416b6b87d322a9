"""Synthetic pages for training the finder: digits among words, drawings, forms and objects.

A page is created in three steps. `photography` creates paper, sometimes with ruled lines. This
module writes digits and other marks on the paper, and records the position and the ink of each
digit. Finally, `photography` simulates an image of the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from common.data.glyphs import GLYPH_HEIGHT, GlyphBank, letters_from
from common.data.photography import Photographer
from common.data.shapes import draw_boxes, draw_diagram, draw_frame, draw_underline, random_shape
from common.data.sheet import (
    Hand,
    Sheet,
    SyntheticPage,
    drawn_glyph,
    finished,
    random_digits,
    random_hand,
    touching_x,
)

CLUTTERED = (0, 1, 3, 4, 5, 6)  # indices of the `kinds` of pages that may get additional clutter


class PageWriter:
    """Writes random synthetic pages.

    Args:
        bank: Glyphs of the digits and other marks.
        photographer: Creates the paper, and simulates images of the written pages.
    """

    def __init__(self, bank: GlyphBank, photographer: Photographer) -> None:
        self.bank, self.photographer = bank, photographer

    def page(self, height: int, width: int, rng: np.random.Generator) -> SyntheticPage:
        """Writes a random page. The same state of `rng` always gives the same page."""
        kinds: list[tuple[float, Callable[[Sheet, np.random.Generator], None]]] = [
            (0.14, self._single),
            (0.22, self._lines),
            (0.06, self._filled),
            (0.05, self._scattered),
            (0.18, self._expression),
            (0.08, self._form),
            (0.12, self._text),
            (0.10, self._lone),
            (0.08, self._drawing),
            (0.03, self._out_of_scale),
            (0.10, lambda sheet, rng: None),
        ]
        shares = np.array([share for share, _ in kinds])
        index = int(rng.choice(len(kinds), p=shares / shares.sum()))
        natural = index == len(kinds) - 1 and rng.random() < 0.75
        light = self.photographer.light(rng)
        sheet = Sheet(self.photographer.paper(height, width, light, natural, rng))
        if not natural and rng.random() < 0.25:
            self.photographer.rule(sheet.grey, rng)
        kinds[index][1](sheet, rng)
        if index in CLUTTERED and rng.random() < 0.3:
            self._clutter(sheet, rng)
        covered = self.photographer.cover(sheet.grey, light, rng)
        sheet.owner[covered] = 0
        image = self.photographer.take(sheet.grey, light, sheet.digit_size(), rng)
        return finished(sheet, image)

    def _size(self, sheet: Sheet, rng: np.random.Generator, low: float, high: float) -> float:
        """Returns a random digit height in pixels that is less than the height of the page."""
        high = min(high, 0.95 * sheet.grey.shape[0])
        return float(np.exp(rng.uniform(np.log(min(low, high)), np.log(high))))

    def _digit(self, digit: int, size: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
        if digit == 1 and hand.straight:
            ones = self.bank.straight_ones
            glyph = ones[rng.integers(len(ones))]
        else:
            glyph = self.bank.digit(digit, hand.source, rng)
        # Half of the glyphs are scaled to `size`. The others are scaled by a constant factor, so
        # that their sizes vary. Most glyphs are about 55 pixels high.
        scale = size / (max(glyph.shape) if rng.random() < 0.5 else 55)
        return drawn_glyph(glyph, scale, hand, rng)

    def _single(self, sheet: Sheet, rng: np.random.Generator) -> None:
        height, width = sheet.grey.shape
        hand = random_hand(rng)
        digit = int(rng.integers(10))
        ink = self._digit(digit, self._size(sheet, rng, 15, 90), hand, rng)
        rows, columns = ink.shape
        spread = rng.choice([0.1, 0.5, 1.05], p=[0.3, 0.5, 0.2])
        x = (width - columns) * (0.5 + spread * rng.uniform(-0.5, 0.5))
        y = (height - rows) * (0.5 + spread * rng.uniform(-0.5, 0.5))
        if rng.random() < 0.1:
            draw_frame(sheet, x, y, columns, rows, rng)
        sheet.put(ink, x, y, hand.ink, digit)

    def _lines(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Writes lines of digits that are far apart, close or touching."""
        hand = random_hand(rng)
        size = self._size(sheet, rng, 14, 60)
        closeness = rng.choice(["touching", "close", "apart"], p=[0.4, 0.3, 0.3])
        tilt = rng.normal(0, 0.08) if rng.random() < 0.7 else rng.uniform(-0.36, 0.36)
        y = (
            rng.uniform(-0.2, 0.9) * size
            if rng.random() < 0.5
            else (rng.uniform(0, max(1.0, sheet.grey.shape[0] - size)))
        )
        pitch = rng.uniform(1.2, 2.5) * size
        while y < sheet.grey.shape[0] - 0.6 * size:
            tokens: list[int | np.ndarray] = [*random_digits(30, rng)]
            self._write(sheet, tokens, size, y, tilt, str(closeness), hand, rng)
            if rng.random() < 0.1:
                draw_underline(sheet, y + size * rng.uniform(0.95, 1.2), hand, rng)
            y += pitch
            if rng.random() < 0.25:
                break

    def _filled(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Writes one to three digits that fill the page, as in a crop or on a small canvas."""
        height, width = sheet.grey.shape
        hand = random_hand(rng)
        count = int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))
        size = height * rng.uniform(0.75, 1.05)
        inks, digits = [], rng.integers(0, 10, count)
        for digit in digits:
            ink = self._digit(int(digit), size, hand, rng)
            factor = min(1.0, 1.05 * width / count / ink.shape[1])
            inks.append(cv2.resize(ink, None, fx=factor, fy=1.0) if factor < 1 else ink)
        x = rng.uniform(-0.1, 1.1) * (width - sum(ink.shape[1] for ink in inks))
        for digit, ink in zip(digits, inks, strict=True):
            y = (height - ink.shape[0]) * rng.uniform(-0.1, 1.1)
            sheet.put(ink, x, y, hand.ink, int(digit))
            x += ink.shape[1] + rng.uniform(-0.03, 0.08) * size

    def _write(
        self,
        sheet: Sheet,
        tokens: Sequence[int | np.ndarray],
        size: float,
        top: float,
        tilt: float,
        closeness: str,
        hand: Hand,
        rng: np.random.Generator,
        raised: bool = False,
    ) -> None:
        """Writes up to eleven of the tokens from left to right, up to the edge of the page.

        Args:
            sheet: Sheet to write on.
            tokens: Digits as ints, and other glyphs as arrays.
            size: Height of the digits in pixels.
            top: Row of the top of the digits, at the horizontal centre of the page.
            tilt: Slope of the line, in rows per column.
            closeness: Spacing of the glyphs: "touching", "close" or "apart".
            hand: Style of the writer.
            rng: Random number generator.
            raised: Whether some digits are small and raised, like exponents.
        """
        width = sheet.grey.shape[1]
        x = rng.uniform(-0.3, 1.0) * size if rng.random() < 0.6 else rng.uniform(0, 0.7) * width
        gap_limits = {"touching": (-0.02, 0.1), "close": (0.05, 0.4), "apart": (0.4, 1.6)}
        before: tuple[np.ndarray, float, float] | None = None
        length = int(rng.integers(1, 12))
        for token in tokens[:length]:
            ink, y = self._token(token, size, hand, rng, raised)
            y += top + tilt * (x - width / 2)
            if before is not None and closeness == "touching" and rng.random() < 0.75:
                x = touching_x(before, ink, y) + rng.uniform(-0.05, 0.03) * size
            elif before is not None:
                x = before[1] + before[0].shape[1] + rng.uniform(*gap_limits[closeness]) * size
            if x > width - 0.3 * ink.shape[1]:
                break
            sheet.put(ink, x, y, hand.ink, token if isinstance(token, int) else -1)
            before = (ink, x, y)

    def _token(
        self,
        token: int | np.ndarray,
        size: float,
        hand: Hand,
        rng: np.random.Generator,
        raised: bool,
    ) -> tuple[np.ndarray, float]:
        """Draws a token. Returns its ink and its distance from the top of the line in pixels."""
        if not isinstance(token, int):
            ink = drawn_glyph(token, size / GLYPH_HEIGHT * rng.uniform(0.8, 1.5), hand, rng)
            return ink, (size - ink.shape[0]) * rng.choice([0.5, 1.0]) + rng.normal(0, 2)
        own_size, y = size * np.exp(rng.normal(0, 0.07)), rng.normal(0, 0.04) * size
        if raised and rng.random() < 0.15:
            own_size *= rng.uniform(0.45, 0.75)
            y -= rng.uniform(0.5, 0.9) * size
        ink = self._digit(token, own_size, hand, rng)
        return ink, y + size - ink.shape[0]

    def _expression(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Writes lines of digits among signs, letters and words."""
        hand = random_hand(rng)
        # Slashes and straight 1s differ only in slant, so pages with slashes have more straight 1s.
        hand = replace(hand, straight=hand.straight or rng.random() < 0.5)
        size = self._size(sheet, rng, 14, 60)
        kinds = rng.dirichlet([3, 1.5, 0.7, 0.5])
        y = (
            rng.uniform(-0.1, 1.0) * size
            if rng.random() < 0.5
            else (rng.uniform(0, max(1.0, sheet.grey.shape[0] - size)))
        )
        tilt = rng.normal(0, 0.06)
        while y < sheet.grey.shape[0] - 0.6 * size:
            tokens: list[int | np.ndarray] = []
            digits = random_digits(12, rng)
            for kind in rng.choice(4, 12, p=kinds):
                source = (None, self.bank.signs, self.bank.letters, self.bank.words)[kind]
                if source is None:
                    tokens.append(digits.pop())
                else:
                    tokens.append(source[rng.integers(len(source))])
            closeness = str(rng.choice(["close", "apart"]))
            self._write(sheet, tokens, size, y, tilt, closeness, hand, rng, raised=True)
            y += rng.uniform(1.3, 2.5) * size

    def _form(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Draws a form field with a label beside or above it, and writes digits in the field."""
        hand = random_hand(rng)
        height = sheet.grey.shape[0]
        size = self._size(sheet, rng, 14, 50)
        cell_width, cell_height = size * rng.uniform(1.0, 1.8), size * rng.uniform(1.15, 1.8)
        x0, y0 = rng.uniform(-0.5, 1.0) * size, rng.uniform(0, max(1, height - cell_height))
        label = self.bank.words[rng.integers(len(self.bank.words))]
        printed = random_hand(rng)
        text = drawn_glyph(label, size / GLYPH_HEIGHT * rng.uniform(0.4, 1), printed, rng)
        if rng.random() < 0.5:
            sheet.put(text, x0, y0 - text.shape[0] - rng.uniform(0.05, 0.5) * size, printed.ink)
        else:
            sheet.put(text, x0, y0 + (cell_height - text.shape[0]) / 2, printed.ink)
            x0 += text.shape[1] + rng.uniform(0.2, 0.6) * size
        count = int(rng.integers(1, 9))
        draw_boxes(sheet, x0, y0, cell_width, cell_height, count, rng)
        for index in range(count):
            if rng.random() < 0.85:
                digit = int(rng.integers(10))
                ink = self._digit(digit, size * np.exp(rng.normal(0, 0.08)), hand, rng)
                x = x0 + index * cell_width + (cell_width - ink.shape[1]) * rng.uniform(0.2, 0.8)
                y = y0 + (cell_height - ink.shape[0]) * rng.uniform(0.1, 1.0)
                sheet.put(ink, x, y, hand.ink, digit)

    def _scattered(self, sheet: Sheet, rng: np.random.Generator) -> None:
        height, width = sheet.grey.shape
        hand = random_hand(rng)
        size = self._size(sheet, rng, 14, 60)
        for _ in range(rng.integers(2, 12)):
            digit = int(rng.integers(10))
            ink = self._digit(digit, size * np.exp(rng.normal(0, 0.25)), hand, rng)
            x = rng.uniform(-0.1, 1.0) * width
            y = rng.uniform(-0.1, 1.0) * height
            if sheet.is_free(x - 1, y - 1, ink.shape[1] + 2, ink.shape[0] + 2):
                sheet.put(ink, x, y, hand.ink, digit)

    def _text(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Writes lines of words or letters, all in the style of one writer."""
        hand = random_hand(rng)
        size = self._size(sheet, rng, 12, 80)
        y, tilt = rng.uniform(-0.5, 1.0) * size, rng.normal(0, 0.06)
        kind = rng.choice(["words", "letters", "alphabet"], p=[0.6, 0.2, 0.2])
        alphabet = self.bank.alphabets[rng.integers(len(self.bank.alphabets))]
        source = self.bank.letters if kind == "letters" else self.bank.words
        while y < sheet.grey.shape[0]:
            count = int(rng.integers(1, 8))
            words: list[int | np.ndarray] = [
                source[rng.integers(len(source))] for _ in range(count)
            ]
            if kind == "alphabet":
                words = [*letters_from(alphabet, count + 2, rng)]
            closeness = "apart" if kind == "alphabet" and rng.random() < 0.5 else "close"
            self._write(sheet, words, size, y, tilt, closeness, hand, rng)
            y += rng.uniform(1.2, 2.0) * size

    def _lone(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Writes a single letter, sign, drawing or word, and no digit."""
        height, width = sheet.grey.shape
        hand = random_hand(rng)
        sources = (self.bank.letters, self.bank.drawings, self.bank.signs, self.bank.words)
        glyphs = sources[rng.choice(4, p=[0.4, 0.35, 0.1, 0.15])]
        glyph = glyphs[rng.integers(len(glyphs))]
        size = self._size(sheet, rng, 15, 150)
        # The divisor is limited so that long words do not shrink to the width of a letter.
        ink = drawn_glyph(glyph, size / min(max(glyph.shape), 2 * GLYPH_HEIGHT), hand, rng)
        x = (width - ink.shape[1]) * rng.uniform(-0.1, 1.1)
        y = (height - ink.shape[0]) * rng.uniform(-0.1, 1.1)
        sheet.put(ink, x, y, hand.ink)

    def _drawing(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Draws doodles, scribbles and shapes, or a diagram."""
        if rng.random() < 0.25:
            size = self._size(sheet, rng, 14, 60)
            draw_diagram(sheet, self.bank.letters, size, rng)
            return
        for _ in range(rng.integers(1, 5)):
            hand, size = random_hand(rng), self._size(sheet, rng, 14, 250)
            if rng.random() < 0.5:
                glyphs = self.bank.drawings
                glyph = glyphs[rng.integers(len(glyphs))]
                ink = drawn_glyph(glyph, size / GLYPH_HEIGHT, hand, rng)
            else:
                ink = random_shape(size, rng)
            x = rng.uniform(-0.3, 0.9) * sheet.grey.shape[1]
            y = rng.uniform(-0.3, 0.9) * sheet.grey.shape[0]
            sheet.put(ink, x, y, hand.ink)

    def _out_of_scale(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Writes digits that are too large or too small for the finder at this scale."""
        hand = random_hand(rng)
        if rng.random() < 0.6:
            digit = int(rng.integers(10))
            ink = self._digit(digit, float(np.exp(rng.uniform(np.log(75), np.log(600)))), hand, rng)
            x = rng.uniform(-0.5, 0.5) * ink.shape[1]
            y = rng.uniform(-0.7, 0.5) * ink.shape[0]
            sheet.put(ink, x, y, hand.ink, digit)
            return
        size = rng.uniform(4, 12)
        y = rng.uniform(0, 2) * size
        while y < sheet.grey.shape[0]:
            self._write(sheet, random_digits(30, rng), size, y, 0.0, "close", hand, rng)
            y += rng.uniform(1.3, 4) * size

    def _clutter(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Adds words, drawings, signs and shapes to free places on the page."""
        height, width = sheet.grey.shape
        for _ in range(rng.integers(1, 5)):
            hand, size = random_hand(rng), self._size(sheet, rng, 8, 60)
            sources = (self.bank.words, self.bank.drawings, self.bank.signs)
            glyphs = sources[rng.choice(3, p=[0.5, 0.2, 0.3])]
            if rng.random() < 0.15:
                ink = random_shape(size * 2, rng)
            else:
                glyph = glyphs[rng.integers(len(glyphs))]
                ink = drawn_glyph(glyph, size / GLYPH_HEIGHT, hand, rng)
            x, y = rng.uniform(-0.2, 0.9) * width, rng.uniform(-0.2, 0.95) * height
            if sheet.is_free(x - 3, y - 3, ink.shape[1] + 6, ink.shape[0] + 6):
                sheet.put(ink, x, y, hand.ink)
