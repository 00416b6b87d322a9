"""Slashes are told apart from 1s by the digits beside them."""

import cv2
import numpy as np
import pytest

from common.finding.signs import Slash, signs_after
from common.finding.slashes import comparisons, slash_probabilities
from common.reading import DOUBTFUL, Box, DigitReading

HEIGHT = 60  # of the digits on the test pages, in pixels
LEFT, RIGHT = Box(20, 40, 40, HEIGHT), Box(120, 40, 40, HEIGHT)


def page_with(lean: int, reach: int = 0) -> tuple[np.ndarray, list[Box]]:
    """A page with a stroke between two upright 1s, and the three boxes.

    Args:
        lean: Number of columns by which the upper end of the stroke is to the right of the lower.
        reach: Number of rows that it reaches above and below the digits.
    """
    page = np.full((150, 180), 230, np.uint8)
    top, bottom = LEFT.y - reach, LEFT.bottom + reach
    for box in (LEFT, RIGHT):
        x = box.x + box.width // 2
        cv2.line(page, (x, box.y + 3), (x, box.bottom - 3), 40, 6, cv2.LINE_AA)
    cv2.line(page, (90 + lean // 2, top + 3), (90 - lean // 2, bottom - 3), 40, 6, cv2.LINE_AA)
    stroke = Box(86 - lean // 2, top, lean + 8, bottom - top)
    return page, [LEFT, stroke, RIGHT]


def ones(boxes: list[Box], digit: int = 1) -> list[DigitReading]:
    shares = tuple(np.eye(10)[digit].tolist())
    return [DigitReading(digit, 0.9, 0, box, shares) for box in boxes]


@pytest.mark.parametrize("light", [False, True])
def test_a_stroke_is_compared_with_the_digits_beside_it(light: bool) -> None:
    page, boxes = page_with(lean=30, reach=12)
    marks = ones(boxes)
    compared = comparisons(255 - page if light else page, marks, marks)
    assert list(compared) == [1]
    above, below, lean = compared[1]
    assert (above, below) == pytest.approx((0.2, 0.2))
    assert lean == pytest.approx(30 / (HEIGHT + 2 * 12 - 6), abs=0.03)


def test_a_long_leaning_stroke_is_a_slash_and_an_upright_one_is_a_digit() -> None:
    for lean, reach, low, high in ((40, 12, 0.9, 1.0), (0, 0, 0.0, 0.1)):
        page, boxes = page_with(lean, reach)
        marks = ones(boxes)
        first, middle, last = slash_probabilities(page, marks, marks)
        assert first == last == 0
        assert low <= middle <= high


def test_only_ones_between_two_digits_can_be_slashes() -> None:
    page, boxes = page_with(lean=40, reach=12)
    for marks in (ones(boxes, digit=7), ones(boxes[:2]), []):
        assert not slash_probabilities(page, marks, marks).any()


def test_an_ignored_mark_between_two_digits_may_be_a_slash() -> None:
    page, (left, stroke, right) = page_with(lean=40, reach=12)
    (chance,) = slash_probabilities(page, ones([stroke]), ones([left, right]))
    assert chance > 0.9
    assert not slash_probabilities(page, ones([stroke]), ones([left])).any()


def test_a_likely_slash_is_a_sign_and_an_unlikely_one_is_doubtful() -> None:
    page, (left, stroke, right) = page_with(lean=40, reach=12)
    elsewhere = Box(stroke.x, stroke.y + 3 * HEIGHT, stroke.width, stroke.height)
    assert signs_after(page, [left, right], [Slash(stroke, 0.95)]) == ["/", ""]
    assert signs_after(page, [left, right], [Slash(stroke, 0.6)]) == [DOUBTFUL, ""]
    assert signs_after(page, [left, right], [Slash(elsewhere, 0.95)]) == ["", ""]
