import numpy as np
import pytest

from common.data.page_batches import PageSource, make_batch, make_writer
from common.data.sheet import drawn_glyph, random_hand
from common.data.training_pages import PageWriter
from common.finding.encoding import TARGETS


def some_digits() -> tuple[np.ndarray, np.ndarray]:
    """Returns twenty pictures of random blobs, two for each label."""
    images = np.zeros((20, 28, 28), np.uint8)
    images[:, 4:24, 8:20] = np.random.default_rng(0).integers(128, 256, (20, 20, 12))
    return images, np.arange(20) % 10


@pytest.fixture(scope="module")
def writer() -> PageWriter:
    """A page writer that all tests share, because creating it takes seconds."""
    return make_writer(*some_digits(), seed=0)


def test_the_same_seed_writes_the_same_page(writer: PageWriter) -> None:
    for seed in range(5):
        one, other = (writer.page(64, 96, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.owner, other.owner)


def test_successive_pages_differ(writer: PageWriter) -> None:
    rng = np.random.default_rng(1)
    images = [writer.page(64, 64, rng).image for _ in range(20)]
    assert len({image.tobytes() for image in images}) >= 18


def test_boxes_enclose_the_ink_of_their_digits(writer: PageWriter) -> None:
    rng = np.random.default_rng(2)
    digits = 0
    for _ in range(40):
        page = writer.page(128, 128, rng)
        for index, (x, y, width, height) in enumerate(page.boxes):
            rows, columns = np.nonzero(page.owner == index + 1)
            if rows.size:
                digits += 1
                assert (columns.min(), rows.min()) == (x, y)
                assert (columns.max() + 1, rows.max() + 1) == (x + width, y + height)
    assert digits > 40


def test_a_glyph_whose_ink_disappears_is_a_single_pixel() -> None:
    faint = np.full((30, 20), 20, np.uint8)  # too faint for a pen stroke
    rng = np.random.default_rng(0)
    assert all(drawn_glyph(faint, 1.0, random_hand(rng), rng).shape == (1, 1) for _ in range(20))


def test_labelled_digits_are_visible(writer: PageWriter) -> None:
    rng = np.random.default_rng(3)
    labelled = 0
    for _ in range(60):
        page = writer.page(96, 96, rng)
        for index in np.flatnonzero(page.visible > 0.75):
            ink = page.owner == index + 1
            x, y, width, height = page.boxes[index].astype(int)
            around = page.image[max(y - 3, 0) : y + height + 3, max(x - 3, 0) : x + width + 3]
            assert np.ptp(around) > 8
            assert ink.sum() > 0
            labelled += 1
    assert labelled > 60


def test_worker_processes_make_the_same_batches_as_the_training_process(
    writer: PageWriter,
) -> None:
    source = PageSource(*some_digits(), steps=3, batch_size=2, seed=0)
    try:
        from_workers = [
            source.batch(0, 1),
            source.batch(0, 2),
            source.batch(1, 0),
            source.batch(4, 1),
        ]
    finally:
        source.close()
    for (pages, targets), key in zip(
        from_workers, [(0, 0, 1), (0, 0, 2), (0, 1, 0), (0, 4, 1)], strict=True
    ):
        same_pages, same_targets = make_batch(writer, 2, key)
        # Workers send batches in half precision.
        np.testing.assert_array_equal(pages, same_pages.astype(np.float16))
        np.testing.assert_array_equal(targets, same_targets.astype(np.float16))
        assert targets.shape[-1] == TARGETS


def test_the_first_two_batches_have_different_heights_and_widths(writer: PageWriter) -> None:
    """If both shared a height or width, Keras would take it as fixed and refuse later batches."""
    for seed in range(5):
        (first, _), (second, _) = (make_batch(writer, 2, (seed, 0, step)) for step in (0, 1))
        assert first.shape[1] != second.shape[1]
        assert first.shape[2] != second.shape[2]
