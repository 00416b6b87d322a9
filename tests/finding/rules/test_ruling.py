import cv2
import numpy as np
import pytest

from common.data.handwriting import draw_digit, write_page
from common.finding.rules.ruling import without_ruling


def ruled(ink: np.ndarray, angle: float = 0, squared: bool = False, step: int = 50) -> np.ndarray:
    height, width = ink.shape
    rules = np.zeros((3 * height, 3 * width), np.float32)
    rules[10::step] = rules[11::step] = 0.7
    if squared:
        rules[:, 10::step] = rules[:, 11::step] = 0.7
    middle = 1.5 * width, 1.5 * height
    turned = cv2.warpAffine(
        rules, cv2.getRotationMatrix2D(middle, angle, 1), (3 * width, 3 * height)
    )
    return np.maximum(ink, turned[height : 2 * height, width : 2 * width])


@pytest.mark.parametrize("angle", [-10, -3, 0, 1.3, 10])
@pytest.mark.parametrize("squared", [False, True])
def test_ruled_lines_are_removed_and_digits_kept(angle: float, squared: bool) -> None:
    page = write_page(["2859", "1603"], 90, np.random.default_rng(0), 0.1)
    before = ruled(page, angle, squared)
    after = without_ruling(before, 0.15)
    strokes, paper = cv2.erode(page, np.ones((3, 3))) > 0.9, page == 0
    assert (after[strokes] > 0.5).mean() > 0.97
    assert (after[paper] > 0.2).sum() < 0.05 * (before[paper] > 0.2).sum()


def test_ruled_lines_are_removed_from_a_large_page() -> None:
    ink = ruled(np.zeros((1800, 2400), np.float32), 2, step=120)
    assert (without_ruling(ink, 0.15) > 0.2).sum() < 0.02 * (ink > 0.2).sum()


def test_strokes_are_not_taken_for_ruled_lines() -> None:
    for digit in range(10):
        ink = np.pad(draw_digit(digit, 280, np.random.default_rng(digit), 0.01), 120)
        assert min(ink.shape) > 200
        assert np.array_equal(without_ruling(ink, 0.15), ink)
    ones = np.zeros((300, 300), np.float32)
    ones[30:270, 50:52] = ones[30:270, 150:152] = ones[30:270, 250:252] = 1
    assert np.array_equal(without_ruling(ones, 0.15), ones)
    seven = np.zeros((300, 300), np.float32)
    seven[40:43, 40:260] = 1
    cv2.line(seven, (258, 42), (120, 280), 1, 3)
    assert np.array_equal(without_ruling(seven, 0.15), seven)


def test_rows_of_one_digit_and_tight_crops_are_unchanged() -> None:
    rows = np.zeros((500, 700), np.float32)
    for top in range(40, 440, 110):
        for left in range(30, 660, 95):
            cv2.polylines(
                rows,
                [np.array([[left, top], [left + 60, top], [left + 30, top + 80]], np.int32)],
                False,
                1,
                4,
            )
    assert np.array_equal(without_ruling(rows, 0.15), rows)
    tight = np.zeros((250, 600), np.float32)
    for x in (10, 200, 400, 590):
        tight[:, x : x + 3] = 1
    assert np.array_equal(without_ruling(tight, 0.15), tight)


def test_a_dense_texture_is_unchanged() -> None:
    noise = (np.random.default_rng(0).random((1000, 1000)) > 0.5).astype(np.float32)
    assert np.array_equal(without_ruling(noise, 0.15), noise)


def test_small_images_and_empty_pages_are_unchanged() -> None:
    small = ruled(np.zeros((100, 150), np.float32), step=20)
    assert np.array_equal(without_ruling(small, 0.15), small)
    assert not without_ruling(np.zeros((400, 400), np.float32), 0.15).any()
