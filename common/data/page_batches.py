"""Generates batches of synthetic pages in separate processes during training."""

import multiprocessing
import os
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor

import cv2
import numpy as np

from common.data.glyphs import make_glyph_bank
from common.data.photography import Photographer, load_pictures
from common.data.training_pages import PageWriter
from common.finding.encoding import CELL, STRIDE, TARGETS, encode, normalised
from common.processes import exit_with_parent, interrupts_delayed

SHAPES = (
    (0.15, 64, 64),
    (0.1, 64, 96),
    (0.25, 128, 128),
    (0.2, 96, 160),
    (0.15, 192, 192),
    (0.15, 256, 192),
)
"""Shapes of pages: the share of batches with this shape, and the height and width in pixels."""

PIXELS = 128 * 128
"""Number of pixels that `batch_size` counts as one page. Batches of larger pages have fewer pages,
and batches of smaller pages have more."""

AHEAD = 8  # batches that are generated in advance, per worker process

Batch = tuple[np.ndarray, np.ndarray]
"""Pages, float32 (N, height, width, 1), and targets, float32 (N, height / 4, width / 4, 36)."""

_writer: PageWriter  # of this worker process


def make_writer(images: np.ndarray, labels: np.ndarray, seed: int) -> PageWriter:
    """Creates a writer of synthetic pages.

    Args:
        images: Pictures of digits for the pages, uint8 (N, 28, 28).
        labels: Labels of the pictures, int (N,), 0 to 9.
        seed: Seed for the random number generator of the glyphs.
    """
    return PageWriter(make_glyph_bank(images, labels, seed), Photographer(load_pictures()))


def make_batch(writer: PageWriter, batch_size: int, key: tuple[int, ...]) -> Batch:
    """Generates one batch of random pages of the same shape.

    Args:
        writer: Writer of the pages.
        batch_size: The batch has about as many pixels as this number of 128x128 pages.
        key: Seed for the random number generator. The last number is the step in the epoch.
    """
    rng = np.random.default_rng(key)
    height, width = _shape(key[-1], rng)
    count = max(1, batch_size * PIXELS // (height * width))
    pages = np.empty((count, height, width, 1), np.float32)
    targets = np.empty((count, height // CELL, width // CELL, TARGETS), np.float32)
    for number in range(count):
        # The sides of a real page are rarely multiples of the network's stride, so the page is
        # padded by repeating its last row and column. Some training pages are padded likewise.
        short = rng.integers(0, STRIDE, 2) if rng.random() < 0.4 else np.zeros(2, int)
        page = writer.page(height - int(short[0]), width - int(short[1]), rng)
        padding = ((0, int(short[0])), (0, int(short[1])))
        pages[number, ..., 0] = np.pad(normalised(page.image), padding, mode="edge")
        owner = np.pad(page.owner, padding)
        targets[number] = encode(page.digits, page.boxes, page.visible, owner)
    return pages, targets


def _shape(step: int, rng: np.random.Generator) -> tuple[int, int]:
    """Chooses the height and width of the pages in a batch."""
    # Keras infers the input shape from the first two batches. If a side is equal in both, Keras
    # assumes that it is equal in all batches. The first two batches therefore differ in both sides.
    number = 2 * step if step < 2 else rng.choice(len(SHAPES), p=[share for share, *_ in SHAPES])
    return SHAPES[number][1:]


def _start_worker(images: np.ndarray, labels: np.ndarray, seed: int) -> None:
    global _writer
    exit_with_parent()
    cv2.setNumThreads(1)  # each process uses one core
    _writer = make_writer(images, labels, seed)


def _batch_of_worker(batch_size: int, key: tuple[int, ...]) -> Batch:
    pages, targets = make_batch(_writer, batch_size, key)
    # Half precision halves the time to send a batch to the training process.
    return pages.astype(np.float16), targets.astype(np.float16)


class PageSource:
    """Generates batches in advance in worker processes.

    The number of processes is one less than the number of cores, but at least one. Each batch
    depends only on the data, the seed, the epoch and the step.

    Args:
        images: Pictures of digits for the pages, uint8 (N, 28, 28).
        labels: Labels of the pictures, int (N,), 0 to 9.
        steps: Number of batches per epoch.
        batch_size: Size of each batch, as in `make_batch`.
        seed: Seed for the random number generators of the glyphs and the pages.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, steps: int, batch_size: int, seed: int
    ) -> None:
        # Spawn the processes: a forked process lacks the threads of TensorFlow and OpenCV.
        context = multiprocessing.get_context("spawn")
        workers = max(1, (os.cpu_count() or 1) - 1)
        self.pool = ProcessPoolExecutor(workers, context, _start_worker, (images, labels, seed))
        self.ahead = AHEAD * workers
        with interrupts_delayed():
            for _ in range(workers):
                self.pool.submit(int)  # any task starts a process
        self.steps, self.batch_size, self.seed = steps, batch_size, seed
        self.waiting: deque[tuple[int, Future[Batch]]] = deque()

    def batch(self, epoch: int, step: int) -> Batch:
        """Returns the batch of a step in an epoch. Epochs and steps are counted from 0."""
        position = epoch * self.steps + step
        if not self.waiting or self.waiting[0][0] != position:
            for _, future in self.waiting:
                future.cancel()
            self.waiting.clear()
        for later in range(position + len(self.waiting), position + self.ahead):
            key = (self.seed, *divmod(later, self.steps))
            future = self.pool.submit(_batch_of_worker, self.batch_size, key)
            self.waiting.append((later, future))
        pages, targets = self.waiting.popleft()[1].result()
        return pages.astype(np.float32), targets.astype(np.float32)

    def close(self) -> None:
        """Ends the worker processes."""
        self.pool.shutdown(wait=False, cancel_futures=True)
