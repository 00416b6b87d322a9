import numpy as np
import pytest

from common.finding.context import line_support


def row(count: int, size: float = 20.0, y: float = 0.0) -> np.ndarray:
    return np.array([(1.2 * size * index, y, 0.6 * size, size) for index in range(count)])


def test_a_detection_without_neighbours_has_no_support() -> None:
    assert line_support(row(1), np.array([0.9])) == pytest.approx([0])
    assert line_support(np.zeros((0, 4)), np.zeros(0)).shape == (0,)


def test_digits_on_the_same_line_support_a_doubtful_digit_but_other_marks_do_not() -> None:
    among_digits = line_support(row(4), np.array([0.9, 0.2, 0.9, 0.9]))[1]
    in_a_word = line_support(row(4), np.array([0.1, 0.2, 0.1, 0.1]))[1]
    assert among_digits > 0.5
    assert in_a_word < -0.5


def test_more_neighbours_give_more_support() -> None:
    one, three = (line_support(row(n), np.full(n, 0.9))[0] for n in (2, 4))
    assert 0 < one < three < 1


def test_neighbours_on_other_lines_or_of_other_sizes_give_little_support() -> None:
    scores = np.array([0.2, 0.9])
    for other in (row(1, y=60.0), row(1, size=200.0, y=-90.0)):
        assert abs(line_support(np.concatenate([row(1), other]), scores)[0]) < 0.05
