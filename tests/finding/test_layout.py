import numpy as np
import pytest

from common.finding.layout import lines_of
from common.reading import Box


def row_of_boxes(count: int, top: float, tilt: float = 0.0) -> list[Box]:
    """Returns boxes of 20x30 pixels, 40 pixels apart, on a line that falls by `tilt` degrees."""
    slope = np.tan(np.radians(tilt))
    return [Box(40 * i, round(top + slope * 40 * i), 20, 30) for i in range(count)]


def test_no_boxes_give_no_lines() -> None:
    assert lines_of([]) == []


def test_boxes_in_any_order_are_read_from_left_to_right() -> None:
    places = row_of_boxes(5, 0)
    shuffled = [places[i] for i in (3, 0, 4, 1, 2)]
    assert lines_of(shuffled) == [[1, 3, 4, 0, 2]]


@pytest.mark.parametrize("tilt", [-20, -10, 0, 10, 20])
def test_tilted_lines_are_kept_apart_and_read_from_top_to_bottom(tilt: float) -> None:
    places = row_of_boxes(6, 200, tilt) + row_of_boxes(6, 270, tilt) + row_of_boxes(6, 130, tilt)
    assert lines_of(places) == [[*range(12, 18)], [*range(6)], [*range(6, 12)]]


def test_boxes_above_each_other_are_separate_lines() -> None:
    assert lines_of([Box(10, 50, 20, 30), Box(12, 0, 20, 30)]) == [[1], [0]]


def test_a_small_box_beside_a_large_one_is_on_the_same_line() -> None:
    assert lines_of([Box(0, 0, 40, 80), Box(50, 25, 20, 30)]) == [[0, 1]]
