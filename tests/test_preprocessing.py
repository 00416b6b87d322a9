import cv2
import numpy as np
import pytest
from faults import saved
from PIL import Image

from common.data.datasets import Dataset
from common.data.handwriting import draw_digit
from common.finding.rules.paper import ink_map
from common.images.decoding import read_image
from common.preprocessing import digit_picture, network_input, stroke_width


def test_a_filled_box_becomes_exactly_twenty_centred_pixels() -> None:
    picture = digit_picture(np.pad(np.ones((40, 40), np.float32), ((3, 9), (30, 5))))
    expected = np.zeros((28, 28), np.uint8)
    expected[4:24, 4:24] = 255  # 14.5 - 10 rounds to 4
    assert np.array_equal(picture, expected)


def test_the_aspect_ratio_is_kept_and_the_centre_of_mass_is_centred() -> None:
    picture = digit_picture(np.ones((100, 30), np.float32))
    rows, columns = np.nonzero(picture)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 6)
    lopsided = np.zeros((40, 40), np.float32)
    lopsided[:, :20] = 1
    lopsided[30:, :] = 1
    weights = digit_picture(lopsided).astype(float)
    middle = (weights.sum(axis=0) @ np.arange(28)) / weights.sum()
    assert abs(middle - 14) <= 0.5


def test_halving_averages_pixels() -> None:
    ink = np.full((40, 40), 0.9, np.float32)
    ink[:, ::2] = 0.7  # each pixel of the result covers two columns
    picture = digit_picture(ink)
    assert (picture[4:24, 4:24] == 204).all()


def test_empty_ink_gives_an_empty_picture() -> None:
    assert not digit_picture(np.zeros((50, 20), np.float32)).any()


def test_mnist_pictures_are_left_unchanged(mnist: Dataset) -> None:
    images = mnist.test_images[:500]
    same = [np.array_equal(digit_picture(i.astype(np.float32) / 255), i) for i in images]
    assert np.mean(same) > 0.95


def test_network_input_scales_to_one() -> None:
    given = network_input(np.array([[[0, 51], [255, 102]]], np.uint8))
    assert given.dtype == np.float32
    assert given.shape == (1, 2, 2, 1)
    assert given.ravel().tolist() == pytest.approx([0, 0.2, 1, 0.4])


@pytest.mark.parametrize("width", [3, 6, 12])
def test_the_stroke_width_of_a_bar_is_its_width(width: int) -> None:
    bar = np.zeros((200, 60), np.float32)
    bar[20:180, 20 : 20 + width] = 1
    assert stroke_width(bar) == pytest.approx(width, rel=0.15)


def test_thin_strokes_remain_visible() -> None:
    ink = np.zeros((400, 300), np.float32)
    cv2.line(ink, (20, 20), (280, 380), 1, 1)
    assert digit_picture(ink).max() > 200


@pytest.mark.parametrize(("paper", "pen"), [(255, 0), (0, 255), (200, 150), (90, 60), (60, 110)])
def test_ink_is_found_at_any_polarity_and_contrast(paper: int, pen: int) -> None:
    drawn = np.pad(draw_digit(3, 100, np.random.default_rng(0)), 20)
    image = np.rint(paper + (pen - paper) * drawn).astype(np.uint8)
    ink = ink_map(image)
    assert ink.dtype == np.float32
    assert ink[drawn > 0.95].min() > 0.8
    assert ink[drawn < 0.05].max() < 0.2


def test_ink_is_found_in_uneven_light() -> None:
    drawn = np.pad(draw_digit(8, 100, np.random.default_rng(0), 0.08), 60)
    light = np.linspace(230, 110, drawn.shape[1])[None, :]
    ink = ink_map(np.rint(light * (1 - 0.6 * drawn)).astype(np.uint8))
    assert ((ink > 0.5) == (drawn > 0.5)).mean() > 0.99


@pytest.mark.parametrize("level", [0, 130, 255])
def test_blank_paper_has_no_ink(level: int) -> None:
    noise = np.random.default_rng(0).normal(0, 2, (80, 80))
    paper = np.clip(level + noise, 0, 255).astype(np.uint8)
    assert not ink_map(np.full((80, 80), level, np.uint8)).any()
    assert not ink_map(paper).any()


def test_blank_sixteen_bit_paper_has_no_ink() -> None:
    grain = np.random.default_rng(0).normal(60_000, 30, (80, 80)).astype(np.uint16)
    assert not ink_map(read_image(saved(Image.fromarray(grain), "PNG"))).any()


def vignette(shape: tuple[int, int]) -> np.ndarray:
    """Light that falls from 220 in the centre to 90 in the corners, as under a lamp."""
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.asarray(220 - 65 * (rows**2 + columns**2), dtype=np.float64)


def test_ink_is_found_in_the_dark_corners_of_a_photo() -> None:
    drawn = np.zeros((900, 1200), np.float32)
    digit = draw_digit(3, 120, np.random.default_rng(0), 0.08)
    for top, left in ((20, 20), (380, 540), (700, 1000)):
        drawn[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    grain = np.random.default_rng(1).normal(0, 3, drawn.shape)
    photo = np.clip(vignette(drawn.shape) * (1 - 0.5 * drawn) + grain, 0, 255).astype(np.uint8)
    ink = ink_map(photo)
    assert ((ink > 0.5) == (drawn > 0.5)).mean() > 0.995
    assert (ink[drawn > 0.9] > 0.5).mean() > 0.95


def test_a_dark_table_beside_the_paper_is_not_ink() -> None:
    drawn = np.zeros((900, 1200), np.float32)
    digit = draw_digit(7, 150, np.random.default_rng(0), 0.08)
    drawn[300 : 300 + digit.shape[0], 500 : 500 + digit.shape[1]] = digit
    photo = vignette(drawn.shape) * (1 - 0.4 * drawn)
    photo[:, :30] = 15
    ink = ink_map(photo.astype(np.uint8))
    assert not ink[:, :20].any()
    assert (ink[drawn > 0.9] > 0.5).mean() > 0.95


def test_a_faint_drawing_on_flat_paper_is_found() -> None:
    drawn = np.pad(draw_digit(9, 100, np.random.default_rng(0)), 30)
    ink = ink_map(np.rint(255 - 12 * drawn).astype(np.uint8))
    assert ((ink > 0.5) == (drawn > 0.5)).mean() > 0.98


@pytest.mark.parametrize("width", range(1, 29))
def test_the_centre_of_mass_is_centred_for_digits_of_any_width(width: int) -> None:
    picture = digit_picture(np.ones((20, width), np.float32)).astype(float)
    rows, columns = np.indices(picture.shape)
    assert (picture * rows).sum() / picture.sum() == pytest.approx(14, abs=1)
    assert (picture * columns).sum() / picture.sum() == pytest.approx(14, abs=1)
