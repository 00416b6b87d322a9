"""Synthetic pages to train the finder on: digits among whatever else pages and photos show.

A page is drawn in three steps: paper and what is printed on it; what is written, digits and other
things; then the camera, see `photography`. The page knows the place and the ink of each digit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from common.data.glyphs import GLYPH_HEIGHT, GlyphBank
from common.data.photography import Photographer

MIN_CONTRAST = 6.0  # grey levels between a digit and the paper around it; fainter ones are unseen
CROWDED = (0, 1, 3, 4, 5, 6)  # kinds of pages on which other things may stand, too
INK_LEVEL = 0.3  # ink above it belongs to a glyph


@dataclass(frozen=True)
class SyntheticPage:
    """An image and the digits on it.

    Attributes:
        image: uint8 (height, width).
        digits: int (N,), 0 to 9, in the order of writing.
        boxes: float32 (N, 4): x, y, width and height of the visible ink in pixels.
        visible: float32 (N,), share of each digit's ink that lies inside the image and is not
            covered; 0 where it cannot be told from the paper.
        owner: int16 (height, width): at ink of digit i, i + 1; elsewhere 0.
    """

    image: np.ndarray
    digits: np.ndarray
    boxes: np.ndarray
    visible: np.ndarray
    owner: np.ndarray


@dataclass(frozen=True)
class Hand:
    """What one writer's glyphs have in common.

    Attributes:
        source: Where digits come from, "data", "strokes" or "fonts".
        pen: Pixels by which strokes are widened (below 0: thinned) on glyphs 60 pixels high.
        slant: Horizontal shift of the top against the bottom, as a share of the height.
        aspect: Factor on the width.
        turn: Rotation of each glyph in degrees.
        ink: Opacity of the pen, 0 to 1.
    """

    source: str
    pen: int
    slant: float
    aspect: float
    turn: float
    ink: float


def random_hand(rng: np.random.Generator, min_ink: float = 0.12) -> Hand:
    """A writer with an own pen."""
    thick = rng.random() < 0.25
    return Hand(
        source=str(rng.choice(["data", "strokes", "fonts"], p=[0.66, 0.2, 0.14])),
        pen=int(rng.integers(2, 8)) if thick else int(rng.integers(-2, 3)),
        slant=float(rng.normal(0, 0.12)),
        aspect=float(np.exp(rng.normal(0, 0.15))),
        turn=float(rng.normal(0, 4)),
        ink=float(rng.uniform(min_ink, 1) if rng.random() < 0.5 else rng.uniform(0.6, 1)),
    )


def drawn_glyph(
    glyph: np.ndarray, scale: float, hand: Hand, rng: np.random.Generator
) -> np.ndarray:
    """A glyph as `hand` writes it.

    Args:
        glyph: uint8 (height, width), see `glyphs`.
        scale: Factor on its size.
        hand: The writer.
        rng: Adds what differs from glyph to glyph.

    Returns:
        float32 (height, width), 0 to 1, cropped to its ink.
    """
    pen = abs(hand.pen)
    glyph = np.pad(glyph, pen + 2)
    if pen:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pen + 1, pen + 1))
        thinned = glyph if hand.pen > 0 else cv2.erode(glyph, kernel)
        # A stroke as thin as the kernel would vanish: it stays as it is.
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
    if scale > 0.5:  # a crisp edge, as of a pen; the level varies the stroke's width a little
        level, steepness = rng.uniform(0.35, 0.65), 1 + 1.5 * scale
        ink = ((ink - level) * steepness + 0.5).clip(0, 1)
    left, top, width, height = cv2.boundingRect((ink > INK_LEVEL).astype(np.uint8))
    return ink[top : top + height, left : left + width]


@dataclass
class Sheet:
    """A page while it is written on.

    Attributes:
        grey: float32 (height, width), 0 to 255.
        owner: as of `SyntheticPage`.
        total: Ink pixels of each digit, those outside of the image included.
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
        """Lays ink on the sheet with its top left corner at (x, y); `digit` -1 is no digit."""
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

    def is_free(self, x: float, y: float, width: float, height: float) -> bool:
        """Whether nothing has been laid inside of a rectangle."""
        left, top = max(round(x), 0), max(round(y), 0)
        return not self.taken[top : round(y + height), left : round(x + width)].any()


class PageWriter:
    """Writes random synthetic pages.

    Args:
        bank: What to write with.
        photographer: What turns sheets into images.
    """

    def __init__(self, bank: GlyphBank, photographer: Photographer) -> None:
        self.bank, self.photographer = bank, photographer

    def page(self, height: int, width: int, rng: np.random.Generator) -> SyntheticPage:
        """A random page; the same random numbers give the same page."""
        kinds: list[tuple[float, Callable[[Sheet, np.random.Generator], None]]] = [
            (0.14, self._single),
            (0.20, self._lines),
            (0.06, self._filled),
            (0.06, self._scattered),
            (0.17, self._expression),
            (0.07, self._form),
            (0.11, self._text),
            (0.08, self._drawing),
            (0.03, self._out_of_scale),
            (0.08, lambda sheet, rng: None),
        ]
        shares = np.array([share for share, _ in kinds])
        index = int(rng.choice(len(kinds), p=shares / shares.sum()))
        natural = index == len(kinds) - 1 and rng.random() < 0.75
        light = self.photographer.light(rng)
        sheet = Sheet(self.photographer.paper(height, width, light, natural, rng))
        if not natural and rng.random() < 0.25:
            self.photographer.rule(sheet.grey, rng)
        kinds[index][1](sheet, rng)
        if index in CROWDED and rng.random() < 0.3:
            self._clutter(sheet, rng)
        covered = self.photographer.cover(sheet.grey, light, rng)
        sheet.owner[covered] = 0
        image = self.photographer.take(sheet.grey, light, rng)
        return _finished(sheet, image)

    def _size(self, sheet: Sheet, rng: np.random.Generator, low: float, high: float) -> float:
        """Height of digits in pixels, no more than the page holds."""
        high = min(high, 0.95 * sheet.grey.shape[0])
        return float(np.exp(rng.uniform(np.log(min(low, high)), np.log(high))))

    def _digit(self, digit: int, size: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
        glyph = self.bank.digit(digit, hand.source, rng)
        # 55: the height that most of the glyphs have.
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
            _frame(sheet, x, y, columns, rows, rng)
        sheet.put(ink, x, y, hand.ink, digit)

    def _lines(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Lines of digits: far apart, close, or touching one another."""
        hand = random_hand(rng)
        size = self._size(sheet, rng, 14, 60)
        closeness = rng.choice(["touching", "close", "apart"], p=[0.3, 0.4, 0.3])
        tilt = rng.normal(0, 0.08) if rng.random() < 0.7 else rng.uniform(-0.36, 0.36)
        y = (
            rng.uniform(-0.2, 0.9) * size
            if rng.random() < 0.5
            else (rng.uniform(0, max(1.0, sheet.grey.shape[0] - size)))
        )
        pitch = rng.uniform(1.2, 2.5) * size
        while y < sheet.grey.shape[0] - 0.6 * size:
            tokens = [int(n) for n in rng.integers(0, 10, 30)]
            self._write(sheet, tokens, size, y, tilt, str(closeness), hand, rng)
            if rng.random() < 0.1:
                _underline(sheet, y + size * rng.uniform(0.95, 1.2), hand, rng)
            y += pitch
            if rng.random() < 0.25:
                break

    def _filled(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """One to three digits that fill the image, as cut out or drawn on a small canvas."""
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
        tokens: list[int | np.ndarray],
        size: float,
        top: float,
        tilt: float,
        closeness: str,
        hand: Hand,
        rng: np.random.Generator,
    ) -> None:
        """Writes digits and glyphs of other things from left to right, until the page ends."""
        width = sheet.grey.shape[1]
        x = rng.uniform(-0.3, 1.0) * size if rng.random() < 0.6 else rng.uniform(0, 0.7) * width
        gap_limits = {"touching": (-0.02, 0.1), "close": (0.05, 0.4), "apart": (0.4, 1.6)}
        before: tuple[np.ndarray, float, float] | None = None
        length = int(rng.integers(1, 12))
        for token in tokens[:length]:
            is_digit = isinstance(token, int)
            if is_digit:
                own_size = size * np.exp(rng.normal(0, 0.07))
                ink = self._digit(token, own_size, hand, rng)
                y = top + size - ink.shape[0] + rng.normal(0, 0.04) * size
            else:
                ink = drawn_glyph(token, size / GLYPH_HEIGHT * rng.uniform(0.7, 1.2), hand, rng)
                y = top + (size - ink.shape[0]) * rng.choice([0.5, 1.0]) + rng.normal(0, 2)
            if 0 in ink.shape:
                continue
            y += tilt * (x - width / 2)
            if before is not None and closeness == "touching" and rng.random() < 0.75:
                x = _touching_x(before, ink, y) + rng.uniform(-0.05, 0.03) * size
            elif before is not None:
                x = before[1] + before[0].shape[1] + rng.uniform(*gap_limits[closeness]) * size
            if x > width - 0.3 * ink.shape[1]:
                break
            sheet.put(ink, x, y, hand.ink, token if is_digit else -1)
            before = (ink, x, y)

    def _expression(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Lines of digits among signs, letters and words."""
        hand = random_hand(rng)
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
            for kind in rng.choice(4, 12, p=kinds):
                source = (None, self.bank.signs, self.bank.letters, self.bank.words)[kind]
                if source is None:
                    tokens.append(int(rng.integers(10)))
                else:
                    tokens.append(source[rng.integers(len(source))])
            closeness = str(rng.choice(["close", "apart"]))
            self._write(sheet, tokens, size, y, tilt, closeness, hand, rng)
            y += rng.uniform(1.3, 2.5) * size

    def _form(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Boxes in a row, a digit in most of them, with a label beside or above."""
        hand = random_hand(rng)
        height, width = sheet.grey.shape
        size = self._size(sheet, rng, 14, 50)
        cell_width, cell_height = size * rng.uniform(1.0, 1.8), size * rng.uniform(1.15, 1.8)
        x0, y0 = rng.uniform(-0.5, 1.0) * size, rng.uniform(0, max(1, height - cell_height))
        line, opacity = int(rng.integers(1, 3)), rng.uniform(0.2, 1)
        label = self.bank.words[rng.integers(len(self.bank.words))]
        printed = random_hand(rng)
        text = drawn_glyph(label, size / GLYPH_HEIGHT * rng.uniform(0.4, 1), printed, rng)
        if rng.random() < 0.5:
            sheet.put(text, x0, y0 - text.shape[0] - rng.uniform(0.05, 0.5) * size, printed.ink)
        else:
            sheet.put(text, x0, y0 + (cell_height - text.shape[0]) / 2, printed.ink)
            x0 += text.shape[1] + rng.uniform(0.2, 0.6) * size
        ruling = np.zeros((height, width), np.float32)
        count = int(rng.integers(1, 9))
        kind = rng.choice(["cells", "comb", "frame"])
        for index in range(count + 1):
            x = round(x0 + index * cell_width)
            if kind != "frame" or index in (0, count):
                top = y0 + (0.6 * cell_height if kind == "comb" else 0)
                cv2.line(ruling, (x, round(top)), (x, round(y0 + cell_height)), 1.0, line)
        right = round(x0 + count * cell_width)
        for y in (y0, y0 + cell_height) if kind != "comb" else (y0 + cell_height,):
            cv2.line(ruling, (round(x0), round(y)), (right, round(y)), 1.0, line)
        sheet.grey *= 1 - opacity * ruling
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
        """Lines of words, in one hand."""
        hand = random_hand(rng)
        size = self._size(sheet, rng, 12, 80)
        y, tilt = rng.uniform(-0.5, 1.0) * size, rng.normal(0, 0.06)
        source = self.bank.letters if rng.random() < 0.3 else self.bank.words
        while y < sheet.grey.shape[0]:
            words: list[int | np.ndarray] = [
                source[rng.integers(len(source))] for _ in range(rng.integers(1, 8))
            ]
            self._write(sheet, words, size, y, tilt, "close", hand, rng)
            y += rng.uniform(1.2, 2.0) * size

    def _drawing(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Doodles, scribbles and diagrams."""
        if rng.random() < 0.25:
            self._diagram(sheet, rng)
            return
        for _ in range(rng.integers(1, 5)):
            hand, size = random_hand(rng), self._size(sheet, rng, 14, 250)
            if rng.random() < 0.5:
                glyphs = self.bank.drawings
                glyph = glyphs[rng.integers(len(glyphs))]
                ink = drawn_glyph(glyph, size / GLYPH_HEIGHT, hand, rng)
            else:
                ink = _shape(size, rng)
            x = rng.uniform(-0.3, 0.9) * sheet.grey.shape[1]
            y = rng.uniform(-0.3, 0.9) * sheet.grey.shape[0]
            sheet.put(ink, x, y, hand.ink)

    def _diagram(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Parts joined by level and upright lines, as in circuits and flow charts."""
        height, width = sheet.grey.shape
        hand = random_hand(rng)
        ink = np.zeros((height, width), np.float32)
        thickness = int(rng.integers(1, 5))
        points = (rng.uniform(-0.1, 1.1, (int(rng.integers(3, 9)), 2)) * (width, height)).astype(
            int
        )
        for (x, y), (other_x, other_y) in zip(points[:-1], points[1:], strict=True):
            bend = (int(other_x), int(y))
            cv2.line(ink, (int(x), int(y)), bend, 1.0, thickness, cv2.LINE_AA)
            if rng.random() < 0.7:
                cv2.line(ink, bend, (int(other_x), int(other_y)), 1.0, thickness, cv2.LINE_AA)
        size = self._size(sheet, rng, 14, 60)
        for x, y in points:
            if rng.random() < 0.7:
                part = _shape(size, rng)
            else:
                glyph = self.bank.letters[rng.integers(len(self.bank.letters))]
                part = drawn_glyph(glyph, size / GLYPH_HEIGHT, hand, rng)
            sheet.put(part, x, y, hand.ink)
        sheet.grey *= 1 - hand.ink * ink.clip(0, 1)

    def _out_of_scale(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Digits so large or so small that another scale of the pyramid shows them."""
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
            tokens = [int(n) for n in rng.integers(0, 10, 30)]
            self._write(sheet, tokens, size, y, 0.0, "close", hand, rng)
            y += rng.uniform(1.3, 4) * size

    def _clutter(self, sheet: Sheet, rng: np.random.Generator) -> None:
        """Other things where the page is still free."""
        height, width = sheet.grey.shape
        for _ in range(rng.integers(1, 5)):
            hand, size = random_hand(rng), self._size(sheet, rng, 8, 60)
            sources = (self.bank.words, self.bank.drawings, self.bank.signs)
            glyphs = sources[rng.choice(3, p=[0.5, 0.2, 0.3])]
            if rng.random() < 0.15:
                ink = _shape(size * 2, rng)
            else:
                glyph = glyphs[rng.integers(len(glyphs))]
                ink = drawn_glyph(glyph, size / GLYPH_HEIGHT, hand, rng)
            x, y = rng.uniform(-0.2, 0.9) * width, rng.uniform(-0.2, 0.95) * height
            if sheet.is_free(x - 3, y - 3, ink.shape[1] + 6, ink.shape[0] + 6):
                sheet.put(ink, x, y, hand.ink)


def _finished(sheet: Sheet, image: np.ndarray) -> SyntheticPage:
    count = len(sheet.digits)
    pixels = np.bincount(sheet.owner.ravel(), minlength=count + 1)[1:]
    boxes = np.zeros((count, 4), np.float32)
    visible = pixels / np.array(sheet.total, np.float32) if count else np.zeros(0, np.float32)
    for index in range(count):
        if pixels[index]:
            ink = sheet.owner == index + 1
            boxes[index] = cv2.boundingRect(ink.astype(np.uint8))
            contrast = _contrast(image, ink, boxes[index].astype(int))
            if contrast < 2 * MIN_CONTRAST:  # hard to see: neither a digit nor none
                visible[index] = min(visible[index], 0.5 if contrast > MIN_CONTRAST else 0)
    digits = np.array(sheet.digits, np.int64)
    return SyntheticPage(image, digits, boxes, visible, sheet.owner)


def _contrast(image: np.ndarray, ink: np.ndarray, box: np.ndarray) -> float:
    """Difference in grey levels between a digit's ink and what surrounds it."""
    x, y, width, height = box
    reach = max(width, height) // 8 + 2
    rows = slice(max(y - reach, 0), y + height + reach)
    columns = slice(max(x - reach, 0), x + width + reach)
    part, ink = image[rows, columns], ink[rows, columns]
    paper = part[cv2.dilate(ink.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0]
    if paper.size == 0:
        return 255.0
    return abs(float(part[ink].mean()) - float(np.median(paper)))


def _touching_x(before: tuple[np.ndarray, float, float], ink: np.ndarray, y: float) -> float:
    """Where ink must stand to just touch the glyph before it."""
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
    # Not farther than half of either: digits touch, they do not hide one another.
    most = 0.5 * min(left.shape[1], ink.shape[1])
    return (
        left_x + max(-distance, left.shape[1] - most)
        if distance < 5000
        else (left_x + left.shape[1])
    )


def _frame(
    sheet: Sheet, x: float, y: float, width: float, height: float, rng: np.random.Generator
) -> None:
    """A box around a digit, in print or by hand."""
    left, top = (rng.uniform(0.02, 0.6, 2) * height).astype(int)
    right, bottom = (rng.uniform(0.02, 0.6, 2) * height).astype(int)
    mask = np.zeros(sheet.grey.shape, np.float32)
    corner = (round(x) - int(left), round(y) - int(top))
    other = (round(x + width) + int(right), round(y + height) + int(bottom))
    cv2.rectangle(mask, corner, other, 1.0, int(rng.integers(1, max(2, round(0.08 * height)) + 1)))
    sheet.grey *= 1 - rng.uniform(0.3, 1) * mask


def _underline(sheet: Sheet, y: float, hand: Hand, rng: np.random.Generator) -> None:
    height, width = sheet.grey.shape
    x0, x1 = sorted(rng.uniform(-0.1, 1.1, 2) * width)
    mask = np.zeros((height, width), np.float32)
    start, end = (round(x0), round(y)), (round(x1), round(y + rng.normal(0, 2)))
    cv2.line(mask, start, end, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
    sheet.grey *= 1 - hand.ink * mask.clip(0, 1)


def _shape(size: float, rng: np.random.Generator) -> np.ndarray:
    """A rectangle, polygon, curve of measurements, arrow or blob as ink, float32 0 to 1."""
    side = max(12, round(size))
    canvas = np.zeros((side + 8, side + 8), np.uint8)
    thickness = int(rng.integers(1, max(2, round(0.1 * side)) + 1))
    kind = rng.integers(8)
    points = rng.integers(4, side + 4, (int(rng.integers(3, 8)), 2)).astype(np.int32)
    if kind == 0:
        fill = -1 if rng.random() < 0.3 else thickness
        wide, high = rng.uniform(0.3, 1, 2) * side
        cv2.rectangle(canvas, (4, 4), (4 + round(wide), 4 + round(high)), 255, fill)
    elif kind == 1:
        cv2.polylines(canvas, [points], True, 255, thickness, cv2.LINE_AA)
    elif kind == 2:
        cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA)
    elif kind == 3:
        rises = rng.normal(0, 0.2 * side, len(points)).cumsum() + side / 2
        xs = np.linspace(4, side + 4, len(points))
        curve = np.stack([xs, rises.clip(4, side + 4)], axis=1).astype(np.int32)
        cv2.polylines(canvas, [curve], False, 255, thickness, cv2.LINE_AA)
    elif kind == 4:
        level = int(rng.integers(4, side + 4))
        rise = int(rng.normal(0, 0.2 * side))
        cv2.arrowedLine(
            canvas, (4, level), (side, level + rise), 255, thickness, cv2.LINE_AA, tipLength=0.3
        )
    elif kind == 5:  # half an ellipse closed by a line, as the sign of a logic gate
        middle = side // 2 + 4
        start = int(rng.choice([0, 90, 180, 270]))
        axes = (round(side * rng.uniform(0.25, 0.5)), round(side * rng.uniform(0.25, 0.5)))
        half = cv2.ellipse2Poly((middle, middle), axes, 0, start, start + 180, 8)
        cv2.polylines(canvas, [half], True, 255, thickness, cv2.LINE_AA)
    elif kind == 6:  # two circles, one inside the other
        middle = (side // 2 + 4, side // 2 + 4)
        for share in (0.5, rng.uniform(0.1, 0.4)):
            fill = -1 if share < 0.3 else thickness
            cv2.circle(canvas, middle, round(share * side), 255, fill, cv2.LINE_AA)
    else:
        noise = cv2.GaussianBlur(rng.normal(0, 1, canvas.shape), (0, 0), side / 6)
        canvas = ((noise > noise.mean()) * 255).astype(np.uint8)
    return canvas.astype(np.float32) / 255
