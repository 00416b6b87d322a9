import cv2
import numpy as np
import pytest

from common.data.datasets import Dataset
from common.preprocessing import digit_picture, network_input, stroke_width


def test_a_filled_box_becomes_a_centred_square_of_twenty_pixels() -> None:
    picture = digit_picture(np.pad(np.ones((40, 40), np.float32), ((3, 9), (30, 5))))
    expected = np.zeros((28, 28), np.uint8)
    expected[4:24, 4:24] = 255  # 14 - 9.5 = 4.5, which `round` rounds to 4
    assert np.array_equal(picture, expected)


def test_the_aspect_ratio_is_kept_and_the_centre_of_mass_is_in_the_middle() -> None:
    picture = digit_picture(np.ones((100, 30), np.float32))
    rows, columns = np.nonzero(picture)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 6)
    lopsided = np.zeros((40, 40), np.float32)
    lopsided[:, :20] = 1
    lopsided[30:, :] = 1
    weights = digit_picture(lopsided).astype(float)
    middle = (weights.sum(axis=0) @ np.arange(28)) / weights.sum()
    assert abs(middle - 14) <= 0.5


def test_shrinking_to_half_the_size_averages_pixels() -> None:
    ink = np.full((40, 40), 0.9, np.float32)
    ink[:, ::2] = 0.7  # each pixel of the result covers two columns
    picture = digit_picture(ink)
    assert (picture[4:24, 4:24] == 204).all()


def test_empty_ink_gives_an_empty_picture() -> None:
    assert not digit_picture(np.zeros((50, 20), np.float32)).any()


def test_nearly_all_mnist_pictures_are_left_unchanged(mnist: Dataset) -> None:
    images = mnist.test_images[:500]
    same = [np.array_equal(digit_picture(i.astype(np.float32) / 255), i) for i in images]
    assert np.mean(same) > 0.95


def test_network_input_is_scaled_from_0_to_1() -> None:
    given = network_input(np.array([[[0, 51], [255, 102]]], np.uint8))
    assert given.dtype == np.float32
    assert given.shape == (1, 2, 2, 1)
    assert given.ravel().tolist() == pytest.approx([0, 0.2, 1, 0.4])


@pytest.mark.parametrize("width", [3, 6, 12])
def test_the_stroke_width_of_a_bar_equals_the_width_of_the_bar(width: int) -> None:
    bar = np.zeros((200, 60), np.float32)
    bar[20:180, 20 : 20 + width] = 1
    assert stroke_width(bar) == pytest.approx(width, rel=0.15)


def test_thin_strokes_remain_visible() -> None:
    ink = np.zeros((400, 300), np.float32)
    cv2.line(ink, (20, 20), (280, 380), 1, 1)
    assert digit_picture(ink).max() > 200


@pytest.mark.parametrize("width", range(1, 29))
def test_the_centre_of_mass_is_in_the_middle_for_digits_of_any_width(width: int) -> None:
    picture = digit_picture(np.ones((20, width), np.float32)).astype(float)
    rows, columns = np.indices(picture.shape)
    assert (picture * rows).sum() / picture.sum() == pytest.approx(14, abs=1)
    assert (picture * columns).sum() / picture.sum() == pytest.approx(14, abs=1)
