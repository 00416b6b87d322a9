"""Trains the finder on synthetic pages, which are generated while the training runs."""

from pathlib import Path
from typing import Any

import numpy as np

from common.backend import keras, ops
from common.data.datasets import Dataset, split_indices
from common.data.page_batches import PageSource, make_batch, make_writer
from common.finding.encoding import (
    BOX,
    BOX_WEIGHT,
    HEAT,
    HEAT_WEIGHT,
    INK,
    INK_WEIGHT,
    VOTE,
    VOTE_WEIGHT,
)
from common.networks import build_network
from common.training.checkpoint import Checkpoint, whole_epochs
from common.training.classifier import Result, Score, callbacks_of
from common.training.optimizer import optimizer
from common.training.recipes import Run

STEPS = 200  # batches per epoch
HELD_OUT_BATCHES = 24  # number of validation batches, and also of test batches
CELLS_PER_DIGIT = 700  # cells of the output maps per digit, on average over the training pages
GLYPHS_PER_SPLIT = 5_000  # maximum number of digits for validation pages, and also for test pages


def train_finder(
    run: Run,
    dataset: Dataset,
    checkpoint: Path,
    resume: bool = False,
    tensorboard: Path | None = None,
    verbose: int = 0,
    start: keras.Model | None = None,
) -> Result:
    """Trains the finder, or resumes an interrupted run.

    Args:
        run: The run to train.
        dataset: Images of digits to place on the pages. Validation pages use the training images
            that are held out, and test pages use the test images.
        checkpoint: Folder in which to save the state after each epoch.
        resume: Whether to continue from the state in `checkpoint`.
        tensorboard: Folder for TensorBoard logs; None for no logs.
        verbose: What to print: nothing (0), a progress bar (1), or a line for each tenth of the
            epochs (2).
        start: Finder whose weights to start from; None for new random weights.

    Raises:
        TrainingError: The loss is not finite, or the checkpoint to resume from is damaged.
        KeyboardInterrupt: The user stopped the run. The checkpoint holds the last complete epoch.
    """
    keras.utils.set_random_seed(run.seed)
    labels = dataset.train_labels
    training, validation = split_indices(labels, run.validation_split, run.seed)
    size = run.recipe.batch_size
    held_out = _pages(dataset.train_images[validation], labels[validation], size, run.seed + 1)
    # Fine-tuning uses different pages from the training of the original model.
    seed = run.seed if start is None else run.seed + 10
    source = PageSource(dataset.train_images[training], labels[training], STEPS, size, seed)
    batches = PageBatches(source)
    saver = Checkpoint(checkpoint, run, batches)
    try:
        with saver.stopped_between_batches():
            network = _compiled(start or build_network("finder"), run)
            if resume:
                saver.restore(network)
            _fit(network, batches, saver, PageBatches(held_out), tensorboard, verbose)
    finally:
        source.close()
    test = _pages(dataset.test_images, dataset.test_labels, size, run.seed + 2)
    loss, accuracy = network.evaluate(PageBatches(test), verbose=0)
    network.compile()  # removes the custom loss and metric, which the model file must not contain
    return Result(network, saver.history, len(training), 1.0, Score(accuracy, loss))


def _compiled(network: keras.Model, run: Run) -> keras.Model:
    network.compile(
        optimizer=optimizer(run.recipe, STEPS), loss=finder_loss, metrics=[PeakAccuracy()]
    )
    network.optimizer.build(network.trainable_variables)
    return network


def _fit(
    network: keras.Model,
    batches: "PageBatches",
    saver: Checkpoint,
    validation: "PageBatches",
    tensorboard: Path | None,
    verbose: int,
) -> None:
    """Trains the network for the remaining epochs."""
    network.fit(
        batches,
        shuffle=False,
        initial_epoch=whole_epochs(saver.history),
        epochs=saver.run.recipe.epochs,
        validation_data=validation,
        callbacks=callbacks_of(saver, tensorboard, verbose),
        verbose=0,  # the callbacks show the progress
    )


class _FixedPages:
    """Batches of pages that are kept in memory and are the same in every epoch."""

    def __init__(self, batches: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.batches, self.steps = batches, len(batches)

    def batch(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the batch of a step. The epoch is ignored."""
        return self.batches[step]


def _pages(images: np.ndarray, labels: np.ndarray, batch_size: int, seed: int) -> _FixedPages:
    writer = make_writer(images[:GLYPHS_PER_SPLIT], labels[:GLYPHS_PER_SPLIT], seed)
    keys = [(seed, 0, step) for step in range(HELD_OUT_BATCHES)]
    return _FixedPages([make_batch(writer, batch_size, key) for key in keys])


class PageBatches(keras.utils.PyDataset):
    """A Keras data set of batches of pages.

    Args:
        source: Provides the batch of each step.
    """

    def __init__(self, source: PageSource | _FixedPages) -> None:
        super().__init__()
        self.source, self.epoch = source, 0

    def shuffle(self, epoch: int) -> None:
        """Switches to the pages of an epoch, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.source.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.source.batch(self.epoch, index)


def finder_loss(targets: Any, outputs: Any) -> Any:
    """Computes the loss of a batch of output maps, whose channels `finding.encoding` describes.

    The loss is a weighted sum of four terms: the penalty-reduced focal loss of the heat maps (Law
    and Deng, "CornerNet", 2018), the absolute errors of the boxes and of the votes, and the binary
    cross-entropy of the ink. The weights bring the terms to the same order of magnitude.
    """
    heat, wanted = outputs[..., HEAT], targets[..., HEAT]
    weight = _channel(targets, HEAT_WEIGHT)
    peak = ops.cast(wanted > 0.999, "float32") * weight
    chance = ops.sigmoid(heat)
    missed = peak * ops.square(1 - chance) * ops.softplus(-heat)
    invented = (weight - peak) * ops.power(1 - wanted, 4) * ops.square(chance) * ops.softplus(heat)
    # The loss of the heat maps is a mean over digits. Without this minimum of the divisor, a batch
    # with few digits would have a very large loss, which makes training unstable.
    usual = ops.sum(ops.ones_like(peak)) / CELLS_PER_DIGIT
    peaks = ops.sum(missed + invented) / ops.maximum(ops.sum(peak), usual)
    box = _mean_error(targets, outputs, BOX, BOX_WEIGHT)
    vote = _mean_error(targets, outputs, VOTE, VOTE_WEIGHT)
    ink_weight = _channel(targets, INK_WEIGHT)
    ink = ops.softplus(outputs[..., INK]) - outputs[..., INK] * targets[..., INK]
    pixels = ops.sum(ink_weight) * ink.shape[-1]
    return peaks + 0.5 * box + 0.3 * vote + 5 * ops.sum(ink_weight * ink) / ops.maximum(pixels, 1)


def _channel(targets: Any, index: int) -> Any:
    return targets[..., index : index + 1]


def _mean_error(targets: Any, outputs: Any, channels: slice, weight_index: int) -> Any:
    weight = _channel(targets, weight_index)
    error = weight * ops.abs(outputs[..., channels] - targets[..., channels])
    return ops.sum(error) / ops.maximum(ops.sum(weight), 1)


class PeakAccuracy(keras.metrics.Metric):
    """Share of the digits that the heat maps recognise at the centre of the digit.

    A digit is recognised if its own class has the highest probability there, and at least 0.3.
    """

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.right = self.add_weight(name="right", initializer="zeros")
        self.all = self.add_weight(name="all", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Updates the metric with one batch."""
        wanted = y_true[..., HEAT]
        counted = ops.cast(ops.max(wanted, axis=-1) > 0.999, "float32") * y_true[..., HEAT_WEIGHT]
        heat = y_pred[..., HEAT]
        same = ops.cast(ops.equal(ops.argmax(wanted, -1), ops.argmax(heat, -1)), "float32")
        sure = ops.cast(ops.sigmoid(ops.max(heat, axis=-1)) >= 0.3, "float32")
        self.right.assign_add(ops.sum(counted * same * sure))
        self.all.assign_add(ops.sum(counted))

    def result(self) -> Any:
        """Returns the accuracy over all batches so far, 0 to 1."""
        return self.right / ops.maximum(self.all, 1)
