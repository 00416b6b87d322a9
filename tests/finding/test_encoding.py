import numpy as np

from common.finding.encoding import (
    BOX,
    BOX_WEIGHT,
    HEAT,
    HEAT_WEIGHT,
    INK,
    SIZE_UNIT,
    VOTE,
    VOTE_UNIT,
    VOTE_WEIGHT,
    encode,
    normalised,
)


def targets_of_box(
    x: int, y: int, width: int, height: int, visible: float = 1.0, side: int = 96
) -> np.ndarray:
    """Returns the training targets for a page with one filled rectangle, labelled as a 7."""
    owner = np.zeros((side, side), np.int16)
    owner[y : y + height, x : x + width] = 1
    boxes = np.array([[x, y, width, height]], np.float32)
    return encode(np.array([7]), boxes, np.array([visible]), owner)


def test_a_digit_gives_a_single_peak_in_the_heat_map_of_its_class() -> None:
    targets = targets_of_box(20, 32, 24, 32)
    peaks = np.argwhere(targets[..., HEAT] == 1)
    assert peaks.tolist() == [[48 // 4, 32 // 4, 7]]


def test_box_and_votes_point_back_to_the_digit() -> None:
    targets = targets_of_box(20, 32, 24, 32)
    dx, dy, log_width, log_height = targets[12, 8, BOX]
    assert (8.5 + dx, 12.5 + dy) == (32 / 4, 48 / 4)
    np.testing.assert_allclose(SIZE_UNIT * np.exp([log_width, log_height]), [24, 32], rtol=1e-6)
    voting = np.argwhere(targets[..., VOTE_WEIGHT] == 1)
    assert len(voting) == 6 * 8
    votes = targets[voting[:, 0], voting[:, 1], VOTE] * VOTE_UNIT + voting[:, ::-1] + 0.5
    np.testing.assert_allclose(votes, np.tile([8, 12], (48, 1)), atol=1e-5)


def test_the_ink_target_marks_each_pixel_of_a_digit() -> None:
    targets = targets_of_box(21, 33, 23, 30)
    rows = targets.shape[0]
    ink = targets[..., INK].reshape(rows, rows, 4, 4).transpose(0, 2, 1, 3).reshape(96, 96)
    expected = np.zeros((96, 96))
    expected[33:63, 21:44] = 1
    np.testing.assert_array_equal(ink, expected)


def test_digits_much_too_small_or_large_for_the_scale_are_background() -> None:
    for size in (8, 90):
        targets = targets_of_box(2, 2, size, size)
        assert targets[..., HEAT].max() == 0
        assert targets[..., INK].max() == 0
        assert targets[..., HEAT_WEIGHT].min() == 1


def test_digits_slightly_off_the_scale_or_half_hidden_do_not_count_in_the_loss() -> None:
    for targets in (targets_of_box(2, 2, 14, 14), targets_of_box(20, 32, 24, 32, visible=0.5)):
        assert targets[..., HEAT].max() == 0
        assert targets[..., BOX_WEIGHT].max() == 0
        assert 0 < (targets[..., HEAT_WEIGHT] == 0).sum() < targets[..., HEAT_WEIGHT].size


def test_normalisation_removes_brightness_and_contrast() -> None:
    page = np.random.default_rng(0).integers(0, 100, (32, 32)).astype(np.uint8)
    np.testing.assert_allclose(normalised(page), normalised(page + 100), atol=1e-4)
    np.testing.assert_allclose(normalised(page), normalised(2 * page), atol=1e-4)


def test_normalisation_does_not_amplify_a_blank_page() -> None:
    page = np.full((32, 32), 200, np.uint8)
    page[::2] += 1
    assert np.abs(normalised(page)).max() < 0.1
