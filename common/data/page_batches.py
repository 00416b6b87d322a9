"""Batches of synthetic pages, made in processes beside the training."""

import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor

import numpy as np

from common.data.glyphs import make_glyph_bank
from common.data.pages import PageWriter
from common.data.photography import Photographer, load_pictures
from common.finding.encoding import CELL, STRIDE, TARGETS, encode, normalised
from common.processes import exit_with_parent, interrupts_delayed

SHAPES = (
    (0.2, 64, 64),
    (0.1, 64, 96),
    (0.3, 128, 128),
    (0.15, 96, 160),
    (0.15, 192, 192),
    (0.1, 256, 192),
)
"""Share of the batches, and height and width of their pages in pixels."""

PIXELS = 128 * 128
"""Of the page of which a batch of `batch_size` has the pixels."""

AHEAD = 8  # batches made before they are asked for

Batch = tuple[np.ndarray, np.ndarray]
"""Pages, float32 (N, height, width, 1), and targets, float32 (N, height / 4, width / 4, 36)."""

_writer: PageWriter  # of this process, where it makes pages


def make_writer(images: np.ndarray, labels: np.ndarray, seed: int) -> PageWriter:
    """A writer of synthetic pages; arguments as of `make_glyph_bank`."""
    return PageWriter(make_glyph_bank(images, labels, seed), Photographer(load_pictures()))


def make_batch(writer: PageWriter, batch_size: int, key: tuple[int, ...]) -> Batch:
    """One batch of random pages, all of one shape.

    Args:
        writer: Writes them.
        batch_size: Pages of 128x128 pixels whose pixels the batch has.
        key: Seed for the random number generator; the last number is the step of the epoch.
    """
    rng = np.random.default_rng(key)
    height, width = _shape(key[-1], rng)
    count = max(1, batch_size * PIXELS // (height * width))
    pages = np.empty((count, height, width, 1), np.float32)
    targets = np.empty((count, height // CELL, width // CELL, TARGETS), np.float32)
    for number in range(count):
        # Pages are seldom multiples of the network's stride: their edges are prolonged.
        short = rng.integers(0, STRIDE, 2) if rng.random() < 0.4 else np.zeros(2, int)
        page = writer.page(height - int(short[0]), width - int(short[1]), rng)
        padding = ((0, int(short[0])), (0, int(short[1])))
        pages[number, ..., 0] = np.pad(normalised(page.image), padding, mode="edge")
        owner = np.pad(page.owner, padding)
        targets[number] = encode(page.digits, page.boxes, page.visible, owner)
    return pages, targets


def _shape(step: int, rng: np.random.Generator) -> tuple[int, int]:
    """Height and width of the pages of a batch."""
    # Keras takes the sides that the first two batches have in common for those of all.
    number = 2 * step if step < 2 else rng.choice(len(SHAPES), p=[share for share, *_ in SHAPES])
    return SHAPES[number][1:]


def _start_worker(images: np.ndarray, labels: np.ndarray, seed: int) -> None:
    global _writer
    exit_with_parent()
    _writer = make_writer(images, labels, seed)


def _batch_of_worker(batch_size: int, key: tuple[int, ...]) -> Batch:
    return make_batch(_writer, batch_size, key)


class PageSource:
    """Makes batches in a process beside this one, the next ones before they are asked for.

    Args:
        images: uint8 (N, 28, 28), digits to write with.
        labels: int (N,), 0 to 9.
        steps: Batches an epoch.
        batch_size: As of `make_batch`.
        seed: Seed for the glyphs and the pages; it, the epoch and the step decide a batch.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, steps: int, batch_size: int, seed: int
    ) -> None:
        # Not forked: TensorFlow and OpenCV have threads, which a fork does not bring along.
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, context, _start_worker, (images, labels, seed))
        with interrupts_delayed():
            self.pool.submit(int)  # starts the process
        self.steps, self.batch_size, self.seed = steps, batch_size, seed
        self.waiting: deque[tuple[int, Future[Batch]]] = deque()

    def batch(self, epoch: int, step: int) -> Batch:
        """The batch of a step of an epoch, both counted from 0."""
        position = epoch * self.steps + step
        if not self.waiting or self.waiting[0][0] != position:
            for _, future in self.waiting:
                future.cancel()
            self.waiting.clear()
        for later in range(position + len(self.waiting), position + AHEAD):
            key = (self.seed, *divmod(later, self.steps))
            future = self.pool.submit(_batch_of_worker, self.batch_size, key)
            self.waiting.append((later, future))
        return self.waiting.popleft()[1].result()

    def close(self) -> None:
        """Ends the process."""
        self.pool.shutdown(wait=False, cancel_futures=True)
