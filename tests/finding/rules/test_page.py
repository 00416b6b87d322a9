import cv2
import numpy as np
import pytest

from common.data.handwriting import draw_digit, write_page
from common.finding.rules.marks import MAX_MARKS
from common.finding.rules.page import find_digits
from common.reading import Box


def bars(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (200, 300)) -> np.ndarray:
    ink = np.zeros(shape, np.float32)
    for x, y, width, height in boxes:
        ink[y : y + height, x : x + width] = 1
    return ink


def test_joined_boxes_enclose_both() -> None:
    assert Box(10, 20, 5, 5).joined(Box(12, 30, 10, 4)) == Box(10, 20, 12, 14)


def test_digits_are_found_in_reading_order_with_tight_boxes() -> None:
    ink = bars((120, 20, 20, 60), (30, 25, 20, 60), (40, 120, 20, 60))
    glyphs = find_digits(ink)
    assert [(g.box, g.line) for g in glyphs] == [
        (Box(30, 25, 20, 60), 0),
        (Box(120, 20, 20, 60), 0),
        (Box(40, 120, 20, 60), 1),
    ]


def test_the_bar_of_a_five_is_joined_to_it_and_a_speck_is_ignored() -> None:
    ink = bars((50, 20, 40, 8), (50, 36, 40, 60), (150, 30, 3, 3))
    assert [glyph.box for glyph in find_digits(ink)] == [Box(50, 20, 40, 76)]


def test_a_gap_as_narrow_as_the_pen_is_closed() -> None:
    halves = bars((50, 20, 8, 40), (50, 64, 8, 40))
    assert [glyph.box for glyph in find_digits(halves)] == [Box(50, 20, 8, 84)]


def test_strokes_of_an_open_four_are_joined_and_leaning_ones_are_not() -> None:
    four = bars((50, 20, 8, 50), (50, 62, 36, 8))
    cv2.line(four, (100, 40), (80, 130), 1, 8)
    assert cv2.connectedComponents(four.astype(np.uint8))[0] == 3
    (glyph,) = find_digits(four)
    assert (glyph.box.x, glyph.box.y) == (50, 20)
    assert glyph.box.bottom > 130
    ones = np.zeros((200, 300), np.float32)
    for left in (50, 75):
        cv2.line(ones, (left + 40, 30), (left, 130), 1, 8)
    assert len(find_digits(ones)) == 2


def test_digits_in_a_column_are_separate_lines() -> None:
    glyphs = find_digits(bars((50, 10, 20, 50), (50, 75, 20, 50)))
    assert [glyph.line for glyph in glyphs] == [0, 1]


def test_the_cut_out_ink_excludes_neighbours() -> None:
    left, right = find_digits(bars((50, 20, 10, 60), (61, 20, 10, 60)))
    assert left.ink.sum() == right.ink.sum() == 600


def test_a_page_full_of_specks_is_read_only_in_part() -> None:
    ink = np.zeros((600, 600), np.float32)
    ink[::3, ::3] = 1
    with pytest.warns(UserWarning, match="too crowded"):
        digits = find_digits(ink)
    assert 0 < len(digits) <= MAX_MARKS < np.count_nonzero(ink)


def test_a_frame_is_not_a_digit_but_a_zero_around_a_dot_is() -> None:
    ink = bars((100, 60, 20, 60), (150, 60, 20, 60))
    cv2.rectangle(ink, (10, 10), (280, 180), 1, 3)
    assert [glyph.box.x for glyph in find_digits(ink)] == [100, 150]
    zero = np.zeros((200, 300), np.float32)
    cv2.ellipse(zero, (100, 100), (40, 70), 0, 0, 360, 1, 6)
    cv2.circle(zero, (100, 100), 5, 1, -1)
    assert max(glyph.box.height for glyph in find_digits(zero)) > 140


def test_a_stroke_in_the_margin_does_not_join_the_lines() -> None:
    page = write_page(["2859", "1603", "741"], 60, np.random.default_rng(0), 0.09)
    assert len(find_digits(page)) == 11
    page[30:340, 20:24] = 1
    glyphs = find_digits(page)
    assert len(glyphs) == 12
    assert sum(glyph.box.height < 80 for glyph in glyphs) == 11


def test_an_empty_page_has_no_digits() -> None:
    assert find_digits(np.zeros((50, 60), np.float32)) == []


@pytest.mark.parametrize("tilt", [-6, -3, 0, 3, 6])
def test_written_pages_are_found_in_order(tilt: float) -> None:
    lines = ["2859", "160 3", "74"]
    for seed in range(5):
        page = write_page(lines, 80, np.random.default_rng(seed), 0.09, tilt)
        glyphs = find_digits(page)
        counts = np.bincount([glyph.line for glyph in glyphs]).tolist()
        assert counts == [4, 4, 2]
        for line in range(3):
            lefts = [glyph.box.x for glyph in glyphs if glyph.line == line]
            assert lefts == sorted(lefts)


def test_each_digit_is_one_glyph() -> None:
    generator = np.random.default_rng(1)
    for digit in range(10):
        for _ in range(10):
            ink = np.pad(draw_digit(digit, 90, generator, 0.08), 10)
            assert len(find_digits(ink)) == 1
