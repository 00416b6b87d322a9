"""Generated test pages have correct labels, are reproducible, and vary as documented."""

import re

import numpy as np
import pytest

from common.data.canvas import Canvas, LabelledPage, Mark, pen_ink, touching
from common.data.datasets import Dataset
from common.data.evaluation_pages import CONDITIONS, ORIENTED, condition_pages
from common.data.scenes import lay_object, on_grey_paper

PAGES = 4


def pages_of(name: str, digits: Dataset, count: int = PAGES) -> list[LabelledPage]:
    pages = list(condition_pages(name, digits.test_images, digits.test_labels, count))
    assert len(pages) == count
    return pages


@pytest.fixture(scope="module", params=CONDITIONS)
def pages(request: pytest.FixtureRequest, digits: Dataset) -> tuple[str, list[LabelledPage]]:
    return request.param, pages_of(request.param, digits)


def test_every_page_has_one_box_inside_it_for_each_digit(
    pages: tuple[str, list[LabelledPage]],
) -> None:
    name, drawn = pages
    for page in drawn:
        height, width = page.image.shape
        assert page.image.dtype == np.uint8
        assert 28 <= min(height, width) <= max(height, width) <= 1600
        assert re.fullmatch(r"(\d+(/\d+)*)?", page.text)
        assert (page.text == "") == (name == "empty")
        assert page.boxes.shape == (len(page.text.replace("/", "")), 4)
        assert (page.boxes[:, :2] >= 0).all()
        assert (page.boxes[:, 2:] >= 3).all()
        assert (page.boxes[:, :2] + page.boxes[:, 2:] <= (width, height)).all()


def test_every_digit_stands_out_from_its_surroundings(
    pages: tuple[str, list[LabelledPage]],
) -> None:
    _, drawn = pages
    for page in drawn:
        for x, y, width, height in np.rint(page.boxes).astype(int):
            inside = page.image[y : y + height, x : x + width]
            assert np.quantile(inside, 0.98) - np.quantile(inside, 0.02) > 10


def test_pages_depend_only_on_their_condition_and_number(digits: Dataset) -> None:
    for name in ("drawing", "noisy", "empty"):
        few, more = pages_of(name, digits, 2), pages_of(name, digits, 3)
        for one, other in zip(few, more, strict=False):
            assert one.text == other.text
            assert np.array_equal(one.image, other.image)
        assert few[0].image.shape != few[1].image.shape or (few[0].image != few[1].image).any()


def test_a_close_up_fills_most_of_the_frame(digits: Dataset) -> None:
    for page in pages_of("close-up", digits):
        assert len(page.text) == 1
        assert page.boxes[0, 2:].max() > 0.5 * min(page.image.shape)


def test_digits_touch_in_the_touching_condition(digits: Dataset) -> None:
    for page in pages_of("touching", digits):
        pairs = page.boxes.reshape(-1, 2, 4)
        right_edges, left_edges = pairs[:, 0, 0] + pairs[:, 0, 2], pairs[:, 1, 0]
        assert (left_edges <= right_edges + 1).all()


def test_each_line_of_a_turned_page_has_a_digit_that_shows_the_orientation(
    digits: Dataset,
) -> None:
    for page in pages_of("turned", digits):
        for line in page.text.split("/"):
            assert {int(digit) for digit in line} & set(ORIENTED)


def test_boxes_of_a_turned_page_refer_to_the_turned_image(digits: Dataset) -> None:
    directions = set()
    for page in pages_of("turned", digits, 12):
        lengths = [len(line) for line in page.text.split("/")]
        first = next((sum(lengths[:i]) for i, n in enumerate(lengths) if n > 1), None)
        if first is None:
            continue
        along = page.boxes[first + 1, :2] - page.boxes[first, :2]
        axis = int(np.abs(along).argmax())
        directions.add((axis, bool(along[axis] > 0)))
    upwards, left, downwards = (1, False), (0, False), (1, True)
    assert directions == {upwards, left, downwards}


def test_an_object_in_the_frame_stays_at_its_side() -> None:
    for seed in range(12):
        for side, free in (
            ("left", np.s_[:, 32:]),
            ("right", np.s_[:, :168]),
            ("top", np.s_[16:]),
            ("bottom", np.s_[:84]),
        ):
            scene = np.full((100, 200), 0.9, np.float32)
            lay_object(scene, side, 0.14, np.random.default_rng(seed))
            assert (scene[free] == np.float32(0.9)).all()
            assert (scene != np.float32(0.9)).any()


def test_boxes_enclose_the_ink_of_the_digits_on_a_canvas() -> None:
    canvas = Canvas(40, 60)
    canvas.new_line()
    canvas.put(Mark(np.ones((10, 6), np.float32), 7), 20, 5)
    canvas.put(Mark(np.ones((4, 4), np.float32)), 0, 0)
    canvas.new_line()
    canvas.put(Mark(np.ones((10, 10), np.float32), 3), -4, 34)
    image = np.zeros((40, 60), np.uint8)
    page = canvas.page(image)
    assert page.text == "7/3"
    assert page.boxes.tolist() == [[20, 5, 6, 10], [0, 34, 6, 6]]
    assert canvas.ink.sum() == 60 + 16 + 36
    doubled = canvas.page(np.zeros((80, 120), np.uint8), np.diag([2.0, 2.0, 1.0]))
    assert doubled.boxes[0].tolist() == [40, 10, 12, 20]


def test_a_thick_pen_leaves_the_holes_of_a_digit_open() -> None:
    ring = np.zeros((28, 28), np.uint8)
    ring[4:24, 8:20] = 255
    ring[8:20, 12:16] = 0
    thin, thick = (pen_ink(ring, 100, pen) for pen in (0.1, 0.6))
    assert thick.sum() > 1.05 * thin.sum()
    inked = np.flatnonzero(thick[thick.shape[0] // 2] > 0.5)
    assert np.diff(inked).max() > 2  # width of the hole in pixels


@pytest.mark.parametrize("pen", [0.1, 0.2])
def test_strokes_have_the_width_of_the_pen(pen: float) -> None:
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 13:16] = 255
    width = pen_ink(bar, 100, pen).sum(axis=1)[40:60].mean()
    assert width == pytest.approx(100 * pen, rel=0.15)


def test_touching_marks_overlap_by_the_requested_amount() -> None:
    left = np.zeros((20, 10), np.float32)
    left[:, :4] = 1
    left[9:12] = 1  # a bar on the right
    gaps = touching([Mark(left), Mark(np.ones((20, 5), np.float32))], 2.0)
    assert gaps == [0.0, -2.0]


def test_noise_on_grey_paper_has_the_requested_strength() -> None:
    rng = np.random.default_rng(0)
    page = on_grey_paper(np.zeros((28, 28), np.uint8), 280, 180, 80, 5, rng)
    assert page.shape == (280, 280)
    assert page.mean() == pytest.approx(180, abs=0.5)
    assert page.std() == pytest.approx(5, rel=0.03)
