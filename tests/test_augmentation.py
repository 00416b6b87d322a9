import numpy as np
import pytest
from handwriting import draw_digit

from common.augmentation import RandomAffine, RandomStroke, augmentation
from common.preprocessing import digit_picture, network_input


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    generator = np.random.default_rng(0)
    return network_input(np.stack([digit_picture(draw_digit(d, 60, generator)) for d in range(10)]))


def test_pictures_change_in_training_only(pictures: np.ndarray) -> None:
    for layer in augmentation(seed=0):
        assert np.array_equal(layer(pictures, training=False), pictures)
        varied = np.asarray(layer(pictures, training=True))
        assert varied.shape == pictures.shape
        assert 0 <= varied.min() <= varied.max() <= 1.0001
        assert (np.abs(varied - pictures).max(axis=(1, 2, 3)) > 0.01).all()


def test_the_same_seed_gives_the_same_pictures(pictures: np.ndarray) -> None:
    for kind in (RandomAffine, RandomStroke):
        one, same, other = (np.asarray(kind(seed=s)(pictures, training=True)) for s in (1, 1, 2))
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)


def test_without_room_to_vary_pictures_stay(pictures: np.ndarray) -> None:
    still = RandomAffine(rotation=0, scale=0, shear=0, shift=0)
    assert np.asarray(still(pictures, training=True)) == pytest.approx(pictures, abs=1e-5)
    unmoved = RandomStroke(change=0, gamma=1)
    assert np.asarray(unmoved(pictures, training=True)) == pytest.approx(pictures, abs=1e-5)


def test_a_shift_moves_by_no_more_than_its_limit() -> None:
    dot = np.zeros((200, 28, 28, 1), np.float32)
    dot[:, 14, 14] = 1
    moved = np.asarray(RandomAffine(0, 0, 0, shift=2.5, seed=0)(dot, training=True))[..., 0]
    rows = (moved.sum(axis=2) @ np.arange(28)) / moved.sum(axis=(1, 2)) - 14
    assert np.abs(rows).max() <= 2.5
    assert rows.std() == pytest.approx(5 / np.sqrt(12), rel=0.15)


def test_strokes_get_both_thinner_and_fatter(pictures: np.ndarray) -> None:
    many = np.repeat(pictures[:1], 200, axis=0)
    varied = np.asarray(RandomStroke(gamma=1, seed=0)(many, training=True))
    ink = varied.sum(axis=(1, 2, 3)) / pictures[0].sum()
    assert ink.min() < 0.85
    assert ink.max() > 1.3
