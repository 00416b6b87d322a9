import numpy as np

from common.data.handwriting import STROKES
from common.data.synthetic import non_digits, written_digits


def test_synthetic_digits_cover_all_variants_and_are_reproducible() -> None:
    pictures, labels = written_digits(400, seed=1)
    assert pictures.shape == (400, 28, 28)
    assert pictures.dtype == np.uint8
    variants = np.array([len(STROKES[digit]) for digit in range(10)])
    shares = np.bincount(labels, minlength=10) / 400
    assert np.allclose(shares, variants / variants.sum(), atol=0.06)
    again, _ = written_digits(400, seed=1)
    assert np.array_equal(pictures, again)
    other, _ = written_digits(400, seed=2)
    assert not np.array_equal(pictures, other)


def test_the_requested_number_of_non_digits_is_drawn_and_each_has_ink() -> None:
    digits, _ = written_digits(20, seed=0)
    pictures = non_digits(300, seed=3, digits=digits)
    assert pictures.shape == (300, 28, 28)
    assert pictures.dtype == np.uint8
    assert (pictures.max(axis=(1, 2)) > 0).all()
    assert np.array_equal(pictures, non_digits(300, seed=3, digits=digits))
    assert len(np.unique(pictures.reshape(300, -1), axis=0)) > 290


def test_blank_pictures_among_the_digits_are_skipped() -> None:
    digits, _ = written_digits(20, seed=0)
    digits[::2] = 0
    assert len(non_digits(100, seed=0, digits=digits)) == 100
