"""Pages like those that people draw, scan and photograph are read correctly."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from PIL import Image

from common.data.handwriting import draw_digit
from common.reading import Box
from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED

LINES = ("2859", "6043", "17")


@dataclass(frozen=True)
class Page:
    """A page with synthetic handwriting.

    Attributes:
        ink: Amount of ink at each pixel, float32 (height, width), from 0 (paper) to 1.
        ids: Number of the digit at each pixel, uint8 (height, width), from 1; 0 is paper.
    """

    ink: np.ndarray
    ids: np.ndarray

    def image(self, paper: float = 240, pen: float = 40) -> np.ndarray:
        return np.rint(paper + (pen - paper) * self.ink).astype(np.uint8)

    def rotated(self, degrees: float) -> "Page":
        height, width = self.ink.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        ink = cv2.warpAffine(self.ink, turn, (width, height))
        ids = cv2.warpAffine(self.ids, turn, (width, height), flags=cv2.INTER_NEAREST)
        return Page(np.asarray(ink), np.asarray(ids))

    def boxes(self) -> list[Box]:
        found = []
        for number in range(1, self.ids.max() + 1):
            ys, xs = np.nonzero((self.ids == number) & (self.ink > 0.3))
            found.append(
                Box(int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1)
            )
        return found


def written(height: int, pen: float = 0.09, seed: int = 0, pitch: float = 1.0) -> Page:
    generator = np.random.default_rng(seed)
    shape = int(height * 6.3), int(height * 6)
    ink, ids = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    for row, line in enumerate(LINES):
        for column, character in enumerate(line):
            digit = draw_digit(int(character), height, generator, pen)
            top, left = int(height * (0.8 + 1.6 * row)), int(height * (1 + pitch * column))
            place = slice(top, top + digit.shape[0]), slice(left, left + digit.shape[1])
            ink[place] = np.maximum(ink[place], digit)
            ids[place][digit > 0] = ids.max() + 1
    return Page(ink, ids)


def overlap(one: Box, other: Box) -> float:
    """Returns the intersection over union of two boxes."""
    wide = min(one.right, other.right) - max(one.x, other.x)
    high = min(one.bottom, other.bottom) - max(one.y, other.y)
    shared = max(wide, 0) * max(high, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


@pytest.fixture(scope="module")
def check() -> Callable[..., None]:
    recognizer = DigitRecognizer(PRETRAINED)

    def compare(page: Page, image: np.ndarray | bytes, min_overlap: float = 0.7) -> None:
        reading = recognizer.read(image)
        assert reading.text == "\n".join(LINES)
        for digit, box in zip(reading.digits, page.boxes(), strict=True):
            assert overlap(digit.box, box) > min_overlap

    return compare


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


Check = Callable[..., None]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("paper", "pen"), [(255, 0), (0, 255), (200, 60), (60, 210), (128, 100)])
def test_pages_with_any_contrast_of_paper_and_pen_are_read(
    check: Check, paper: int, pen: int, seed: int
) -> None:
    page = written(60, seed=seed)
    check(page, page.image(paper, pen))


@pytest.mark.parametrize("height", [12, 20, 40, 400])
def test_small_and_large_digits_are_read(check: Check, height: int) -> None:
    page = written(height)
    check(page, page.image())


def test_thin_strokes_on_a_photo_of_twelve_megapixels_are_read(check: Check) -> None:
    page = written(160, 0.05)
    ink, ids = np.zeros((3000, 4000), np.float32), np.zeros((3000, 4000), np.uint8)
    place = slice(1300, 1300 + page.ink.shape[0]), slice(2100, 2100 + page.ink.shape[1])
    ink[place], ids[place] = page.ink, page.ids
    page = Page(ink, ids)
    check(page, page.image(190, 70))


@pytest.mark.parametrize("pen", [0.03, 0.06, 0.14, 0.2])
def test_pencil_and_brush_strokes_are_read(check: Check, pen: float) -> None:
    page = written(80, pen)
    check(page, page.image())


@pytest.mark.parametrize("degrees", [-10, -5, 5, 10])
def test_tilted_pages_are_read(check: Check, degrees: float) -> None:
    page = written(60).rotated(degrees)
    check(page, page.image())


def gradient(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return 1 - 0.35 * rows - 0.35 * columns


def vignette(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return 1 - 0.7 * ((rows - 0.5) ** 2 + (columns - 0.5) ** 2)


def hand(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    edge = 1 / (1 + np.exp(-(rows + 0.7 * columns - 0.9) * 25))
    return 1 - 0.45 * edge


@pytest.mark.parametrize("light", [gradient, vignette, hand])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_pages_with_shadows_are_read(
    check: Check, light: Callable[..., np.ndarray], noise: float
) -> None:
    page = written(90)
    rows, columns = np.mgrid[0 : page.ink.shape[0], 0 : page.ink.shape[1]]
    shade = light(rows / page.ink.shape[0], columns / page.ink.shape[1])
    grain = np.random.default_rng(0).normal(0, noise, page.ink.shape)
    image = cv2.GaussianBlur(215.0 * shade * (1 - 0.6 * page.ink), (0, 0), 1) + grain
    check(page, np.clip(image, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("degrees", [0, -6, 6])
@pytest.mark.parametrize("squared", [False, True])
def test_digits_on_ruled_and_squared_paper_are_read(
    check: Check, degrees: float, squared: bool
) -> None:
    page = written(90)
    height, width = page.ink.shape
    rules = np.zeros((3 * height, 3 * width), np.float32)
    rules[20::55] = rules[21::55] = 0.6
    if squared:
        rules[:, 20::55] = rules[:, 21::55] = 0.6
    rules = cv2.warpAffine(
        rules, cv2.getRotationMatrix2D((1.5 * width, 1.5 * height), degrees, 1), rules.shape[::-1]
    )[height : 2 * height, width : 2 * width]
    page = page.rotated(degrees)
    check(page, np.rint(235 - 180 * np.maximum(page.ink, rules)).astype(np.uint8))


@pytest.mark.parametrize("spacing", [24, 30, 45, 60, 75])
@pytest.mark.parametrize("shade", [150, 215])
def test_thick_strokes_on_thin_grids_are_read(check: Check, spacing: int, shade: int) -> None:
    page = written(70, 0.1)
    margin = ((100, 100), (300, 300))
    page = Page(np.pad(page.ink, margin), np.pad(page.ids, margin))
    image = page.image(255, 20)
    for row in range(7, image.shape[0], spacing):
        image[row] = np.minimum(image[row], shade)
    for column in range(7, image.shape[1], spacing):
        image[:, column] = np.minimum(image[:, column], shade)
    check(page, image)


def test_specks_are_not_read_as_digits(check: Check) -> None:
    page = written(80)
    image = page.image()
    generator = np.random.default_rng(0)
    for y, x in generator.integers(0, image.shape, (60, 2)):
        if not page.ids[max(y - 12, 0) : y + 12, max(x - 12, 0) : x + 12].any():
            cv2.circle(image, (int(x), int(y)), int(generator.integers(1, 4)), 50, -1, cv2.LINE_AA)
    check(page, image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pages_of_every_exif_orientation_are_read(check: Check, orientation: int) -> None:
    page = written(60)
    upright = Image.fromarray(page.image())
    # The image is stored as a camera would store it: applying the orientation turns it upright.
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = upright.transpose(stored[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    check(page, encoded(image, "JPEG", exif=exif, quality=90))


@pytest.mark.parametrize("colour", [(0, 0, 0), (20, 40, 160), (255, 255, 255)])
def test_strokes_on_a_transparent_background_are_read(
    check: Check, colour: tuple[int, int, int]
) -> None:
    page = written(60)
    pixels = np.zeros((*page.ink.shape, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = colour, np.rint(255 * page.ink)
    check(page, encoded(Image.fromarray(pixels)))


def test_images_with_a_colour_palette_are_read(check: Check) -> None:
    page = written(60)
    grey = page.image(225, 90)
    bands = [Image.fromarray(band) for band in (grey, grey // 2 + 90, grey // 3 + 150)]
    coloured = Image.merge("RGB", bands)
    check(page, encoded(coloured.quantize(16)))
    check(page, encoded(coloured.quantize(16), "GIF"))


def test_sixteen_bit_and_float_images_are_read(check: Check) -> None:
    page = written(60)
    deep = (1000 + 3000 * (1 - page.ink)).astype(np.uint16)  # 12-bit values, as from a camera
    check(page, encoded(Image.fromarray(deep)))
    check(page, encoded(Image.fromarray(page.ink), "TIFF"))


@pytest.mark.parametrize("seed", range(3))
def test_touching_digits_are_read(check: Check, seed: int) -> None:
    page = written(80, 0.1, seed, pitch=0.68)
    ink = page.ink.copy()
    for line in range(len(LINES)):
        row = int(80 * (0.8 + 1.6 * line + 0.5)) + 8
        for number in np.unique(page.ids[row])[1:-1]:
            end = np.flatnonzero(page.ids[row] == number).max()
            start = np.flatnonzero(page.ids[row] == number + 1).min()
            cv2.line(ink, (int(end), row), (int(start), row), 1, 6)
    assert cv2.connectedComponents((ink > 0.5).astype(np.uint8))[0] - 1 == len(LINES)
    # Either digit may get the connecting stroke, so a smaller overlap of the boxes is enough.
    check(page, Page(ink, page.ids).image(), min_overlap=0.5)
