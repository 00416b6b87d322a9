import numpy as np
import pytest

from common.finding.overlap import overlaps


def test_the_overlap_of_each_pair_of_boxes_is_computed() -> None:
    boxes = np.array([[0, 0, 4, 2], [10, 10, 2, 2]])
    others = np.array([[2, 0, 4, 2], [1, 1, 1, 1], [0, 0, 4, 2]])
    shares, inside = overlaps(boxes, others)
    assert shares == pytest.approx(np.array([[4 / 12, 1 / 8, 1], [0, 0, 0]]))
    assert inside == pytest.approx(np.array([[4 / 8, 1, 1], [0, 0, 0]]))


def test_empty_lists_of_boxes_give_empty_overlaps() -> None:
    shares, inside = overlaps(np.zeros((0, 4)), np.ones((3, 4)))
    assert shares.shape == inside.shape == (0, 3)
