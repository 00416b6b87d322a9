"""The ink of a digit is cut out of a page, here with handmade maps instead of a finder."""

import numpy as np
import pytest

from common.finding.finder import Detection, Level
from common.finding.inks import cut_out

SIDE = 64
STROKE = (slice(16, 48), slice(28, 34))


def a_page(ink: np.ndarray, paper: int = 220, pen: int = 40) -> np.ndarray:
    return np.where(ink, pen, paper).astype(np.uint8)


def detection(
    x: int, y: int, width: int, height: int, ink: np.ndarray, votes: np.ndarray | None = None
) -> Detection:
    if votes is None:
        votes = np.zeros((SIDE // 4, SIDE // 4, 2), np.float32)
    level = Level(1.0, ink.astype(np.float32), votes)
    return Detection(x, y, width, height, np.full(10, 0.9, np.float32), level)


def upright_stroke() -> np.ndarray:
    ink = np.zeros((SIDE, SIDE), bool)
    ink[STROKE] = True
    return ink


@pytest.mark.parametrize(("paper", "pen"), [(255, 0), (0, 255), (220, 190), (60, 100)])
def test_a_cut_out_stroke_has_all_of_its_ink_and_no_paper(paper: int, pen: int) -> None:
    ink = upright_stroke()
    digit = detection(28, 16, 6, 32, ink)
    taken = cut_out(a_page(ink, paper, pen), [digit])[0].ink
    assert taken.max() == pytest.approx(1)
    assert (taken > 0.5).sum() == ink.sum()
    assert (taken > 0.02).sum() == ink.sum()


def test_ink_that_the_network_missed_is_still_cut_out() -> None:
    ink = upright_stroke()
    seen = ink.copy()
    seen[16:30] = False
    digit = detection(28, 16, 6, 32, seen)
    assert (cut_out(a_page(ink), [digit])[0].ink > 0.5).sum() == ink.sum()


def test_a_ruled_line_through_a_digit_is_removed() -> None:
    ink = upright_stroke()
    page = ink.copy()
    page[40:42] = True
    digit = detection(28, 16, 6, 32, ink)
    assert (cut_out(a_page(page), [digit])[0].ink > 0.5).sum() == ink.sum()


def test_a_touching_neighbour_is_removed() -> None:
    left, right = np.zeros((2, SIDE, SIDE), bool)
    left[16:48, 26:32] = True
    right[30:34, 32:44] = True
    right[16:48, 44:50] = True
    votes = np.zeros((SIDE // 4, SIDE // 4, 2), np.float32)
    cells = np.arange(SIDE // 4) * 4 + 2
    votes[..., 0] = np.where(cells < 32, 29 - cells, 41 - cells)
    votes[..., 1] = 32 - cells[:, None]
    both = left | right
    one = detection(26, 16, 6, 32, both, votes)
    other = detection(32, 16, 18, 32, both, votes)
    taken = cut_out(a_page(both), [one, other])[0].ink
    assert (taken > 0.5).sum() == left.sum()


def test_a_box_outside_the_page_has_no_ink() -> None:
    ink = upright_stroke()
    digit = detection(200, 200, 10, 10, ink)
    assert cut_out(a_page(ink), [digit])[0].ink.sum() == 0
