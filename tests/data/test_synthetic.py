import numpy as np

from common.data.handwriting import STROKES
from common.data.synthetic import non_digits, small_scans, written_digits


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


def test_small_scans_look_like_their_digit_and_keep_its_label() -> None:
    digits, _ = written_digits(30, seed=0)
    pictures, chosen = small_scans(digits, np.arange(30), 200, seed=4)
    assert pictures.shape == (200, 28, 28)
    assert pictures.dtype == np.uint8
    originals = digits[chosen].astype(float)
    alike = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(pictures, originals, strict=True)
    ]
    others = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in zip(pictures, np.roll(originals, 1, axis=0), strict=True)
    ]
    assert np.mean(alike) > np.mean(others) + 0.2
    again, _ = small_scans(digits, np.arange(30), 200, seed=4)
    assert np.array_equal(pictures, again)


def test_some_small_scans_are_wide_and_some_are_black_and_white() -> None:
    digits, _ = written_digits(30, seed=0)
    pictures, chosen = small_scans(digits, np.arange(30), 300, seed=4)
    widths = pictures.any(axis=1).sum(axis=1) / digits.any(axis=1).sum(axis=1)[chosen]
    assert (widths > 1.3).mean() > 0.1
    soft = ((pictures > 25) & (pictures < 230)).sum(axis=(1, 2)) / (pictures > 25).sum(axis=(1, 2))
    assert (soft < 0.37).mean() > 0.05  # never with grey levels
    assert (soft > 0.88).mean() > 0.05  # never in black and white


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
