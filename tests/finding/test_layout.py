import numpy as np
import pytest

from common.finding.layout import lines_of, numbers_of
from common.reading import Box


def row_of_boxes(count: int, top: float, tilt: float = 0.0) -> list[Box]:
    """Returns boxes of 20x30 pixels, 40 pixels apart, on a line that slopes by `tilt` degrees."""
    slope = np.tan(np.radians(tilt))
    return [Box(40 * i, round(top + slope * 40 * i), 20, 30) for i in range(count)]


def test_no_boxes_give_no_lines() -> None:
    assert lines_of([]) == []


def test_boxes_in_any_order_are_read_from_left_to_right() -> None:
    places = row_of_boxes(5, 0)
    shuffled = [places[i] for i in (3, 0, 4, 1, 2)]
    assert lines_of(shuffled) == [[1, 3, 4, 0, 2]]


@pytest.mark.parametrize("tilt", [-20, -10, 0, 10, 20])
def test_sloping_lines_are_separated_and_read_from_top_to_bottom(tilt: float) -> None:
    places = row_of_boxes(6, 200, tilt) + row_of_boxes(6, 270, tilt) + row_of_boxes(6, 130, tilt)
    assert lines_of(places) == [[*range(12, 18)], [*range(6)], [*range(6, 12)]]


def test_boxes_above_each_other_are_separate_lines() -> None:
    assert lines_of([Box(10, 50, 20, 30), Box(12, 0, 20, 30)]) == [[1], [0]]


def test_a_small_box_beside_a_large_one_is_on_the_same_line() -> None:
    assert lines_of([Box(0, 0, 40, 80), Box(50, 25, 20, 30)]) == [[0, 1]]


@pytest.mark.parametrize(
    ("lefts", "expected"),
    [
        ([0], [0]),
        ([0, 25], [0, 0]),
        ([0, 70], [0, 1]),
        ([0, 110, 220, 330, 440, 464], [0, 1, 2, 3, 4, 4]),
        ([0, 25, 50, 120, 145], [0, 0, 0, 1, 1]),
        ([0, 60, 85, 150], [0, 1, 1, 2]),
    ],
)
def test_a_wide_gap_separates_two_numbers(lefts: list[int], expected: list[int]) -> None:
    assert numbers_of([Box(left, 0, 20, 30) for left in lefts]) == expected


def test_digits_in_evenly_spaced_boxes_are_one_number() -> None:
    assert numbers_of([Box(70 * i, i, 20, 30) for i in range(6)]) == [0] * 6


def test_a_narrow_1_does_not_widen_the_gaps_to_its_neighbours() -> None:
    narrow = [Box(0, 0, 20, 30), Box(34, 0, 4, 30), Box(50, 0, 4, 30), Box(65, 0, 20, 30)]
    assert numbers_of(narrow) == [0] * 4
