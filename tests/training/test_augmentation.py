import numpy as np
import pytest

from common.backend import keras
from common.data.handwriting import draw_digit
from common.preprocessing import digit_picture, network_input
from common.training.augmentation import (
    MildEpochs,
    RandomClutter,
    RandomStroke,
    RandomWarp,
    augmentation,
)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    generator = np.random.default_rng(0)
    return network_input(np.stack([digit_picture(draw_digit(d, 60, generator)) for d in range(10)]))


def test_pictures_change_only_in_training(pictures: np.ndarray) -> None:
    for layer in augmentation(seed=0):
        assert np.array_equal(layer(pictures, training=False), pictures)
        varied = np.asarray(layer(pictures, training=True))
        assert varied.shape == pictures.shape
        assert 0 <= varied.min() <= varied.max() <= 1.0001
        if not isinstance(layer, RandomClutter):
            assert (np.abs(varied - pictures).max(axis=(1, 2, 3)) > 0.01).all()


def test_the_same_seed_gives_the_same_pictures(pictures: np.ndarray) -> None:
    many = np.repeat(pictures, 20, axis=0)  # clutter is rare, so use many pictures
    for kind in (RandomWarp, RandomStroke, RandomClutter):
        one, same, other = (np.asarray(kind(seed=s)(many, training=True)) for s in (1, 1, 2))
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)


def test_with_ranges_of_zero_pictures_are_unchanged(pictures: np.ndarray) -> None:
    still = RandomWarp(rotation=0, scale=0, shear=0, shift=0, bend=0)
    assert np.asarray(still(pictures, training=True)) == pytest.approx(pictures, abs=1e-5)
    unmoved = RandomStroke(change=0, gamma=1, edge=0)
    assert np.asarray(unmoved(pictures, training=True)) == pytest.approx(pictures, abs=1e-5)
    alone = RandomClutter(share=0)
    assert np.array_equal(alone(pictures, training=True), pictures)


def test_with_a_strength_of_zero_pictures_are_unchanged(pictures: np.ndarray) -> None:
    for layer in augmentation(seed=0):
        layer.strength.assign(0.0)
        assert np.asarray(layer(pictures, training=True)) == pytest.approx(pictures, abs=1e-5)


def test_augmentation_is_half_as_strong_in_the_last_epochs() -> None:
    model = keras.Sequential([keras.Input((28, 28, 1)), *augmentation(seed=0)])
    callback = MildEpochs(share=0.2)
    callback.set_model(model)
    callback.set_params({"epochs": 10})
    strengths = []
    for epoch in range(10):
        callback.on_epoch_begin(epoch)
        strengths.append({float(layer.strength) for layer in model.layers})
    assert strengths == 8 * [{1.0}] + 2 * [{0.5}]


def test_shifts_are_uniform_within_their_limit() -> None:
    dot = np.zeros((200, 28, 28, 1), np.float32)
    dot[:, 14, 14] = 1
    moved = np.asarray(RandomWarp(0, 0, 0, shift=2.5, bend=0, seed=0)(dot, training=True))[..., 0]
    rows = (moved.sum(axis=2) @ np.arange(28)) / moved.sum(axis=(1, 2)) - 14
    assert np.abs(rows).max() <= 2.5
    assert rows.std() == pytest.approx(5 / np.sqrt(12), rel=0.15)


def test_strokes_become_thinner_and_thicker(pictures: np.ndarray) -> None:
    many = np.repeat(pictures[:1], 200, axis=0)
    varied = np.asarray(RandomStroke(gamma=1, edge=0, seed=0)(many, training=True))
    ink = varied.sum(axis=(1, 2, 3)) / pictures[0].sum()
    assert ink.min() < 0.85
    assert ink.max() > 1.3


def test_edges_become_harder_and_softer(pictures: np.ndarray) -> None:
    def grey(picture: np.ndarray) -> float:
        return float(((picture > 0.1) & (picture < 0.9)).sum())

    many = np.repeat(pictures[:1], 200, axis=0)
    varied = np.asarray(RandomStroke(change=0, gamma=1, seed=0)(many, training=True))
    shares = [grey(picture) / grey(pictures[0]) for picture in varied]
    assert min(shares) < 0.5
    assert max(shares) > 1.3


def test_bending_moves_parts_of_a_picture_by_different_amounts(pictures: np.ndarray) -> None:
    bars = np.zeros((100, 28, 28, 1), np.float32)
    bars[:, 4:24, 13:15] = 1
    bent = np.asarray(RandomWarp(0, 0, 0, 0, bend=1.0, seed=0)(bars, training=True))[..., 0]
    columns = (bent @ np.arange(28)) / bent.sum(axis=2).clip(1e-6)
    assert (np.ptp(columns[:, 6:22], axis=1) > 0.5).mean() > 0.8


def test_clutter_crops_digits_interrupts_strokes_and_adds_specks_and_neighbours(
    pictures: np.ndarray,
) -> None:
    many = np.repeat(pictures, 20, axis=0)
    changed = np.asarray(RandomClutter(share=1.0, seed=0)(many, training=True)) - many
    full = np.asarray(RandomClutter(share=1.0, seed=0)(np.ones_like(many), training=True))
    cut = [full[:, :3], full[:, 25:], full[:, :, :3], full[:, :, 25:]]
    blank = [(edge.mean(axis=(1, 2, 3)) < 0.3).mean() for edge in cut]
    assert min(blank[:3]) > 0.05  # the right edge may hold a neighbour instead
    assert (changed[:, 9:19, 9:19] < -0.5).any(axis=(1, 2, 3)).mean() > 0.5  # interrupted strokes
    assert (changed[:, :, :18] > 0.5).any(axis=(1, 2, 3)).mean() > 0.5  # specks
    assert (changed[:, :, 18:] > 0.5).sum() > 2 * (changed[:, :, :10] > 0.5).sum()  # neighbours
