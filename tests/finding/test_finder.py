"""The finder sees a page at suitable scales, and its output becomes detections.

Most tests replace the network with a stand-in that makes no mistakes.
"""

import numpy as np
import pytest

from common.finding.encoding import BOX, HEAT, INK, OUTPUTS, SCALE, SIZE_UNIT
from common.finding.finder import MAX_PIXELS, MAX_SIDE, _in_bands, find, page_scales


def perfect_network(pages: np.ndarray) -> np.ndarray:
    """Detects the dark rectangle of each page as a 3 if its size is in range."""
    count, height, width, _ = pages.shape
    output = np.zeros((count, height // 4, width // 4, OUTPUTS), np.float32)
    output[..., HEAT] = output[..., INK] = -10
    for page, maps in zip(pages[..., 0], output, strict=True):
        rows, columns = np.nonzero(page < -0.5)
        if rows.size == 0:
            continue
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        if not SCALE.min_size <= max(bottom - top, right - left) <= SCALE.max_size:
            continue
        y, x = (top + bottom) / 8, (left + right) / 8
        row, column = int(y), int(x)
        maps[row, column, HEAT.start + 3] = 3
        maps[row, column, BOX] = (
            x - column - 0.5,
            y - row - 0.5,
            np.log((right - left) / SIZE_UNIT),
            np.log((bottom - top) / SIZE_UNIT),
        )
    return output


@pytest.mark.parametrize("side", [28, 100, 333, 1000, 2500])
@pytest.mark.parametrize("share", [0.08, 0.3, 0.95])
def test_digits_of_every_size_are_found_once_on_pages_of_every_size(
    side: int, share: float
) -> None:
    size = max(round(share * side), 8)
    page = np.full((side, round(1.3 * side)), 255, np.uint8)
    start = (side - size) // 2
    page[start : start + size, start : start + size] = 0
    found = find(page, perfect_network)
    assert len(found) == 1
    box = (found[0].x, found[0].y, found[0].width, found[0].height)
    np.testing.assert_allclose(box, (start, start, size, size), atol=0.08 * size + 1)


def test_large_pages_pass_through_the_network_in_bands_without_seams() -> None:
    page = np.random.default_rng(0).random((1568, 1184), np.float32)
    heights = []

    def every_fourth_pixel(pages: np.ndarray) -> np.ndarray:
        heights.append(pages.shape[1])
        return np.repeat(pages[:, ::4, ::4], OUTPUTS, axis=3)

    assert np.array_equal(_in_bands(page, every_fourth_pixel)[..., 0], page[::4, ::4])
    assert len(heights) == 3
    assert max(heights) * page.shape[1] < 1.3 * MAX_PIXELS


def test_a_blank_page_has_no_digits() -> None:
    assert find(np.full((50, 80), 255, np.uint8), perfect_network) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (28, 28), (40, 900), (9000, 12000)])
def test_a_page_is_searched_at_one_to_twelve_bounded_scales(shape: tuple[int, int]) -> None:
    scales = page_scales(*shape, MAX_SIDE)
    assert 1 <= len(scales) <= 12
    sides = [max(shape) * scale for scale in scales]
    assert max(sides) <= max(MAX_SIDE, SCALE.max_size) + 1e-6
    assert sides == sorted(sides)


def test_a_digit_detected_at_one_of_two_scales_gets_half_the_score() -> None:
    page = np.full((300, 300), 255, np.uint8)
    page[132:168, 140:160] = 0

    def blind_to_large_pages(pages: np.ndarray) -> np.ndarray:
        output = perfect_network(pages)
        if pages.shape[1] > 300:
            output[..., HEAT] = -10
        return output

    (seen_twice,) = find(page, perfect_network)
    (seen_once,) = find(page, blind_to_large_pages)
    assert seen_once.score == pytest.approx(seen_twice.score / 2)
