import cv2
import numpy as np
import pytest

from common.data.handwriting import draw_digit, write_page
from common.finding.drawings import MAX_MARKS, all_ink, drawn_marks
from common.finding.layout import lines_of
from common.reading import Box, Glyph


def bars(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (200, 300)) -> np.ndarray:
    """Returns a drawing of black rectangles, each given by x, y, width and height."""
    image = np.full(shape, 255, np.uint8)
    for x, y, width, height in boxes:
        image[y : y + height, x : x + width] = 0
    return image


def marks_on(image: np.ndarray) -> list[Glyph]:
    marks = drawn_marks(image)
    assert marks is not None
    return sorted(marks, key=lambda mark: mark.box.x)


def test_each_connected_component_of_ink_is_a_mark_with_a_tight_box() -> None:
    image = bars((120, 20, 20, 60), (30, 25, 20, 60), (40, 120, 20, 60))
    boxes = [mark.box for mark in marks_on(image)]
    assert boxes == [Box(30, 25, 20, 60), Box(40, 120, 20, 60), Box(120, 20, 20, 60)]


@pytest.mark.parametrize(("paper", "pen"), [(255, 0), (0, 255), (200, 150), (60, 110), (255, 243)])
def test_dark_or_light_ink_is_found_at_any_contrast(paper: int, pen: int) -> None:
    drawn = np.pad(draw_digit(3, 100, np.random.default_rng(0)), 20)
    (mark,) = marks_on(np.rint(paper + (pen - paper) * drawn).astype(np.uint8))
    rows, columns = (
        slice(mark.box.y - 2, mark.box.bottom + 2),
        slice(mark.box.x - 2, mark.box.right + 2),
    )
    assert mark.ink.dtype == np.float32
    assert mark.ink[drawn[rows, columns] > 0.95].min() > 0.8
    assert mark.ink[drawn[rows, columns] < 0.05].max() < 0.2


def test_all_ink_returns_the_dark_ink_and_the_light_ink() -> None:
    image = bars((3, 4, 5, 20), (12, 4, 5, 20), shape=(28, 28))
    dark, light = all_ink(image)
    assert dark.box == Box(3, 4, 14, 20)
    assert np.array_equal(dark.ink, image == 0)
    assert light.box == Box(0, 0, 28, 28)
    assert np.array_equal(light.ink, image == 255)
    assert all_ink(np.full((28, 28), 90, np.uint8)) == []


@pytest.mark.parametrize("level", [0, 130, 255])
def test_blank_paper_has_no_marks(level: int) -> None:
    assert drawn_marks(np.full((80, 80), level, np.uint8)) == []


@pytest.mark.parametrize("noise", [0, 2, 4, 8])
@pytest.mark.parametrize("side", [28, 400])
def test_noise_does_not_hide_or_add_marks(noise: int, side: int) -> None:
    rng = np.random.default_rng(noise)
    ink = np.pad(draw_digit(3, side, rng), side // 7)
    page = rng.normal(190 - 100 * ink, noise).round().clip(0, 255).astype(np.uint8)
    (mark,) = marks_on(page)
    assert abs(mark.box.width - np.ptp(np.flatnonzero((ink > 0.5).any(axis=0)))) <= 4
    assert abs(mark.box.height - np.ptp(np.flatnonzero((ink > 0.5).any(axis=1)))) <= 4


@pytest.mark.parametrize("grain", [15, 60])
def test_an_unevenly_lit_or_grainy_photo_is_not_a_drawing(grain: int) -> None:
    rng = np.random.default_rng(0)
    photo = rng.normal(np.linspace(60, 220, 300), grain, (200, 300))
    assert drawn_marks(photo.clip(0, 255).astype(np.uint8)) is None


def test_a_detached_bar_is_part_of_its_five_and_a_speck_is_ignored() -> None:
    image = bars((50, 20, 40, 8), (50, 36, 40, 60), (150, 30, 3, 3))
    assert [mark.box for mark in marks_on(image)] == [Box(50, 20, 40, 76)]


def test_digits_on_lines_close_together_are_not_joined() -> None:
    assert len(marks_on(bars((50, 10, 20, 50), (50, 70, 20, 50)))) == 2


def test_a_drawing_with_overlapping_boxes_is_left_to_the_finder() -> None:
    four = bars((50, 20, 8, 50), (50, 62, 36, 8))
    cv2.line(four, (100, 40), (80, 130), 0, 8)
    assert drawn_marks(four) is None


def test_the_ink_of_a_mark_excludes_its_neighbours() -> None:
    left, right = marks_on(bars((50, 20, 10, 60), (61, 20, 10, 60)))
    assert left.ink.sum() == right.ink.sum() == 600


def test_faint_ink_counts_only_as_part_of_a_stroke() -> None:
    image = bars((50, 20, 20, 40))
    image[60:100, 50:70] = 180
    image[20:100, 200:220] = 215
    assert [mark.box for mark in marks_on(image)] == [Box(50, 20, 20, 80)]


def test_a_crowded_page_is_left_to_the_finder() -> None:
    image = np.full((600, 600), 255, np.uint8)
    image[::20, ::20] = 0
    assert np.count_nonzero(image == 0) > MAX_MARKS
    assert drawn_marks(image) is None


def test_boxes_on_a_large_drawing_are_in_pixels_of_the_original() -> None:
    (mark,) = marks_on(bars((2000, 1000, 200, 400), shape=(3000, 4000)))
    box = np.array([mark.box.x, mark.box.y, mark.box.width, mark.box.height])
    assert np.abs(box - (2000, 1000, 200, 400)).max() <= 4


@pytest.mark.parametrize("tilt", [-6, -3, 0, 3, 6])
def test_the_digits_of_a_written_page_are_in_reading_order(tilt: float) -> None:
    for seed in range(5):
        ink = write_page(["2859", "160 3", "74"], 80, np.random.default_rng(seed), 0.09, tilt)
        marks = marks_on(np.rint(255 - 255 * ink).astype(np.uint8))
        lines = lines_of([mark.box for mark in marks])
        assert [len(line) for line in lines] == [4, 4, 2]
        assert all(line == sorted(line) for line in lines)


def test_each_digit_is_one_mark() -> None:
    generator = np.random.default_rng(1)
    for digit in range(10):
        for _ in range(10):
            ink = np.pad(draw_digit(digit, 90, generator, 0.08), 10)
            assert len(marks_on(np.rint(255 - 255 * ink).astype(np.uint8))) == 1
