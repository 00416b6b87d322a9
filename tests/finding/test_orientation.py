from collections.abc import Callable

import numpy as np
import pytest

from common.data.handwriting import write_page
from common.finding.encoding import BOX, HEAT, OUTPUTS, SIZE_UNIT
from common.finding.finder import find
from common.finding.orientation import rotation_of, turned, turned_back
from common.reading import Box
from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED

ANGLES = (90, 180, 270)


def sure_where(is_upright: Callable[[np.ndarray], bool], score: float) -> Callable:
    """Returns a finder that detects a row of digits, but only on pages that look upright."""

    def finder(pages: np.ndarray) -> np.ndarray:
        _, height, width, _ = pages.shape
        maps = np.full((1, height // 4, width // 4, OUTPUTS), -10, np.float32)
        if height < 400:  # the digits are too small at other scales
            return maps
        logit = np.log(score / (1 - score)) if is_upright(pages[0, ..., 0]) else -1
        maps[0, height // 8, 2::10, HEAT.start] = logit
        maps[0, height // 8, 2::10, BOX] = 0, 0, np.log(14 / SIZE_UNIT), np.log(20 / SIZE_UNIT)
        return maps

    return finder


def is_darkest_on_top(page: np.ndarray) -> bool:
    half = len(page) // 2
    return bool(page[:half].mean() < page[half:].mean() - 0.1)


@pytest.mark.parametrize("angle", ANGLES)
def test_boxes_on_a_turned_page_are_mapped_back_to_the_original_page(angle: int) -> None:
    page = np.zeros((50, 80), np.uint8)
    page[7:20, 30:35] = 1
    rows, columns = np.nonzero(turned(page, angle))
    box = Box(int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    assert turned_back(box, angle, *page.shape) == Box(30, 7, 5, 13)


@pytest.mark.parametrize("angle", [0, *ANGLES])
def test_the_rotation_with_the_most_certain_digits_is_chosen(angle: int) -> None:
    upright = np.full((160, 160), 220, np.uint8)
    upright[:80] = 100
    finder = sure_where(is_darkest_on_top, 0.95)
    page = turned(upright, -angle)
    assert rotation_of(page, finder, find(page, finder)) == angle


def test_a_page_is_not_turned_for_doubtful_digits() -> None:
    upright = np.full((160, 160), 220, np.uint8)
    upright[:80] = 100
    finder = sure_where(is_darkest_on_top, 0.51)
    page = turned(upright, 90)
    assert rotation_of(page, finder, find(page, finder)) == 0


@pytest.mark.parametrize("angle", ANGLES)
def test_a_page_on_its_side_or_upside_down_is_read(angle: int) -> None:
    rng = np.random.default_rng(3)
    ink = write_page(["4275", "5432", "7364"], 60, rng)
    upright = (220 - 150 * ink + rng.normal(0, 4, ink.shape)).clip(0, 255).astype(np.uint8)
    page = turned(upright, -angle)
    recognizer = DigitRecognizer(PRETRAINED)
    reading = recognizer.read(page)
    assert (reading.text, reading.rotation) == ("4275\n5432\n7364", angle)
    upright_digits = recognizer.read_by_finder(upright).digits
    expected = [turned_back(digit.box, angle, *page.shape) for digit in upright_digits]
    assert [digit.box for digit in reading.digits] == expected
