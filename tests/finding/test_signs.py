"""Signs between the digits of a line are recognised."""

import cv2
import numpy as np
import pytest

from common.finding.signs import Slash, signs_after
from common.reading import DOUBTFUL, Box

HEIGHT = 60  # of the digits on the test pages, in pixels
LEFT, RIGHT = Box(20, 40, 40, HEIGHT), Box(110, 40, 40, HEIGHT)

Line = tuple[tuple[int, int], tuple[int, int]]
INK: dict[str, list[Line]] = {
    ".": [((84, 96), (85, 96))],
    ",": [((88, 92), (80, 112))],
    "-": [((70, 72), (98, 70))],
    "+": [((70, 70), (98, 71)), ((84, 56), (84, 85))],
    ":": [((84, 62), (84, 62)), ((83, 94), (83, 94))],
}


def page_with(lines: list[Line], thickness: int = 8) -> np.ndarray:
    """Returns a page, uint8 (height, width), with two digits and the given lines between them."""
    page = np.full((150, 170), 230, np.uint8)
    for box in (LEFT, RIGHT):
        cv2.rectangle(page, (box.x, box.y), (box.right - 1, box.bottom - 1), 40, 6)
    for start, end in lines:
        cv2.line(page, start, end, 40, thickness, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("sign", INK)
def test_signs_are_recognised_by_their_shape_and_place(sign: str) -> None:
    page = page_with(INK[sign])
    assert signs_after(page, [LEFT, RIGHT]) == [sign, ""]
    assert signs_after(255 - page, [LEFT, RIGHT]) == [sign, ""]  # light ink


def test_empty_space_between_digits_is_not_a_sign() -> None:
    assert signs_after(page_with([]), [LEFT, RIGHT]) == ["", ""]
    assert signs_after(page_with([]), [LEFT]) == [""]


@pytest.mark.parametrize(
    "lines",
    [
        [((84, 45), (85, 45))],  # a dot at the top
        [((72, 95), (98, 95))],  # a dash at the bottom
        [((72, 55), (98, 85)), ((98, 55), (72, 85))],  # a cross
        [((70, 50), (95, 50)), ((82, 50), (82, 95))],  # a T
        [((84, 50), (84, 95))],  # a line
        [((75, 96), (75, 96)), ((95, 96), (95, 96))],  # two dots
        [((75, 50), (75, 95)), ((95, 50), (75, 75)), ((75, 75), (95, 95))],  # a K
    ],
)
def test_ink_that_is_not_a_sign_makes_the_gap_doubtful(lines: list[Line]) -> None:
    assert signs_after(page_with(lines), [LEFT, RIGHT]) == [DOUBTFUL, ""]


def test_only_slashes_are_recognised_between_small_digits() -> None:
    small = cv2.resize(page_with(INK["."]), None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    boxes = [box.enlarged(0.2) for box in (LEFT, RIGHT)]
    assert signs_after(small, boxes) == ["", ""]
    slash = Slash(Box(84, 40, 10, HEIGHT).enlarged(0.2), 0.95)
    assert signs_after(small, boxes, [slash]) == ["/", ""]
