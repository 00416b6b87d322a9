import numpy as np
import pytest

from common.finding.overlap import best_matches, overlaps
from common.finding.settings import SETTINGS


def test_the_overlap_of_each_pair_of_boxes_is_computed() -> None:
    boxes = np.array([[0, 0, 4, 2], [10, 10, 2, 2]])
    others = np.array([[2, 0, 4, 2], [1, 1, 1, 1], [0, 0, 4, 2]])
    shares, inside = overlaps(boxes, others)
    assert shares == pytest.approx(np.array([[4 / 12, 1 / 8, 1], [0, 0, 0]]))
    assert inside == pytest.approx(np.array([[4 / 8, 1, 1], [0, 0, 0]]))


def test_empty_lists_of_boxes_give_empty_overlaps() -> None:
    shares, inside = overlaps(np.zeros((0, 4)), np.ones((3, 4)))
    assert shares.shape == inside.shape == (0, 3)


def test_each_mark_matches_the_digit_that_overlaps_it_most() -> None:
    marks = np.array([[0, 0, 10, 20], [12, 0, 10, 20]])
    digits = np.array([[11, 1, 12, 20], [0, 0, 11, 19], [0, 0, 8, 20]])
    matches = best_matches(marks, digits, SETTINGS)
    assert matches is not None
    assert matches.tolist() == [1, 0]
    assert best_matches(marks, digits[1:], SETTINGS) is None
    assert best_matches(marks, np.zeros((0, 4)), SETTINGS) is None


def test_a_mark_of_two_touching_digits_matches_neither() -> None:
    mark = np.array([[0, 0, 20, 20]])
    digits = np.array([[0, 0, 11, 20], [9, 0, 11, 20]])
    assert best_matches(mark, digits, SETTINGS) is None
