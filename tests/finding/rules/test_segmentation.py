from collections.abc import Sequence

import cv2
import numpy as np

from common.finding.rules.marks import InkOnPage
from common.finding.rules.page import find_digits
from common.reading import Box


def bars(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (200, 400)) -> np.ndarray:
    ink = np.zeros(shape, np.float32)
    for x, y, width, height in boxes:
        ink[y : y + height, x : x + width] = 1
    return ink


def size(ink: np.ndarray) -> tuple[int, int]:
    ys, xs = np.nonzero(ink)
    return (int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1) if len(ys) else (0, 0)


def confident_of_upright_ink(inks: Sequence[np.ndarray]) -> np.ndarray:
    """A network that is confident of everything at least twice as high as wide."""
    sizes = [size(ink) for ink in inks]
    return np.array([0.99 if 0 < wide <= 0.5 * high else 0.1 for wide, high in sizes])


def never_confident(inks: Sequence[np.ndarray]) -> np.ndarray:
    return np.full(len(inks), 0.1)


TOUCHING = bars((50, 20, 20, 90), (70, 60, 40, 8), (110, 20, 20, 90), (200, 20, 20, 90))


def test_touching_digits_are_cut_where_the_network_is_confident_of_the_pieces() -> None:
    glyphs = find_digits(TOUCHING, confident_of_upright_ink)
    assert [glyph.box.height for glyph in glyphs] == [90, 90, 90]
    assert 70 < glyphs[0].box.right == glyphs[1].box.x < 110
    assert sum(glyph.ink.sum() for glyph in glyphs) == TOUCHING.sum()


def test_the_pieces_returned_are_those_that_the_network_judged() -> None:
    seen: list[np.ndarray] = []

    def remembering(inks: Sequence[np.ndarray]) -> np.ndarray:
        seen.extend(inks)
        sizes = [size(ink) for ink in inks]
        return np.array([0.99 if 0 < wide <= 0.8 * high else 0.1 for wide, high in sizes])

    leaning = np.zeros(
        (48, 200), np.float32
    )  # the height at which marks are cut, so nothing is scaled
    for left in (10, 40, 70):
        cv2.line(leaning, (left + 12, 2), (left, 40), 1, 5)
    cv2.line(leaning, (14, 20), (76, 20), 1, 3)
    leaning[2:41, 150:156] = 1
    glyphs = find_digits(leaning, remembering)
    assert len(glyphs) == 4
    inks = [ink.sum() for ink in seen]
    assert all(any(abs(glyph.ink.sum() - ink) < 1 for ink in inks) for glyph in glyphs)


def test_without_a_confident_network_nothing_is_cut() -> None:
    whole = [Box(50, 20, 80, 90), Box(200, 20, 20, 90)]
    assert [glyph.box for glyph in find_digits(TOUCHING)] == whole
    assert [glyph.box for glyph in find_digits(TOUCHING, never_confident)] == whole


def test_a_single_mark_is_cut_only_if_it_is_wide() -> None:
    letter_or_two = TOUCHING[:, :180]
    assert len(find_digits(letter_or_two, confident_of_upright_ink)) == 1
    five = bars(*((50 + 40 * i, 20, 20, 90) for i in range(5)), (50, 60, 180, 8))
    assert len(find_digits(five, confident_of_upright_ink)) == 5


def test_parts_side_by_side_are_joined_if_only_the_whole_is_a_digit() -> None:
    parts = bars((50, 20, 30, 50), (85, 60, 30, 50), *((x, 20, 30, 90) for x in (200, 260, 320)))

    def confident_of_tall_ink(inks: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([0.95 if size(ink)[1] >= 85 else 0.2 for ink in inks])

    boxes = [glyph.box for glyph in find_digits(parts, confident_of_tall_ink)]
    assert boxes == [Box(50, 20, 65, 90), *(Box(x, 20, 30, 90) for x in (200, 260, 320))]
    assert len(find_digits(parts, never_confident)) == 5


def test_the_network_can_separate_neighbours_that_were_joined_by_position() -> None:
    leaning = bars((50, 20, 8, 50), (50, 62, 36, 8))  # an open 4, or an L and a 1
    cv2.line(leaning, (100, 40), (80, 130), 1, 8)
    assert len(find_digits(leaning)) == 1

    def confident_of_parts(inks: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([0.9 if size(ink)[1] < 105 else 0.3 for ink in inks])

    assert len(find_digits(leaning, confident_of_parts)) == 2
    assert len(find_digits(leaning, never_confident)) == 1


def test_the_network_judges_only_doubtful_marks_and_each_only_once() -> None:
    asked: list[int] = []

    def counting(inks: Sequence[np.ndarray]) -> np.ndarray:
        asked.append(len(inks))
        return np.full(len(inks), 0.99)

    clear = bars(*((20 + 80 * i, 20, 40, 90) for i in range(4)))
    find_digits(clear, counting)
    assert asked == []
    clear[60:64, 340:399] = 1
    find_digits(clear, counting)
    assert sum(asked) == 5


def test_faint_ink_is_a_mark_only_as_part_of_a_stroke() -> None:
    ink = bars((50, 20, 20, 40))
    ink[60:100, 50:70] = 0.25
    ink[20:100, 200:220] = 0.25
    assert [mark.box for mark in InkOnPage(ink).marks] == [Box(50, 20, 20, 80)]
