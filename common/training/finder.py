"""Trains the finder on synthetic pages that are made while it learns."""

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
from common.training.classifier import Result, Score, callbacks_of, optimizer
from common.training.recipes import Run

STEPS = 200  # batches an epoch
HELD_OUT_BATCHES = 24  # for validation, and as many for the test
GLYPHS_PER_SPLIT = 5_000  # of the held-out digits and of the test images that pages are made with


def train_finder(
    run: Run,
    dataset: Dataset,
    checkpoint: Path,
    resume: bool = False,
    tensorboard: Path | None = None,
    verbose: str | int = "auto",
    start: keras.Model | None = None,
) -> Result:
    """Trains the finder, or continues a run that was interrupted.

    Args:
        run: What to train.
        dataset: Digits to write the pages with: those held out are for validation, the test
            images for the test.
        checkpoint: Folder for the state after each epoch.
        resume: Continue after the epoch that `checkpoint` holds.
        tensorboard: Folder for TensorBoard's logs.
        verbose: As in Keras's `fit`.
        start: A finder to continue from; by default, the weights are drawn afresh.

    Raises:
        TrainingError: The loss stopped being finite.
        KeyboardInterrupt: Interrupted; the checkpoint holds the last whole epoch.
    """
    keras.utils.set_random_seed(run.seed)
    labels = dataset.train_labels
    training, validation = split_indices(labels, run.validation_split, run.seed)
    size = run.recipe.batch_size
    held_out = _pages(dataset.train_images[validation], labels[validation], size, run.seed + 1)
    # A finder that is trained further sees other pages than before.
    seed = run.seed if start is None else run.seed + 10
    source = PageSource(dataset.train_images[training], labels[training], STEPS, size, seed)
    batches = PageBatches(source)
    keeper = Checkpoint(checkpoint, run, batches)
    try:
        with keeper.stopped_between_batches():
            network = _compiled(start or build_network("finder"), run)
            if resume:
                keeper.restore(network)
            _fit(network, batches, keeper, PageBatches(held_out), tensorboard, verbose)
    finally:
        source.close()
    test = _pages(dataset.test_images, dataset.test_labels, size, run.seed + 2)
    loss, accuracy = network.evaluate(PageBatches(test), verbose=0)
    network.compile()  # the loss is not part of the model file
    return Result(network, keeper.history, len(training), 1.0, Score(accuracy, loss))


def _compiled(network: keras.Model, run: Run) -> keras.Model:
    network.compile(
        optimizer=optimizer(run.recipe, STEPS), loss=finder_loss, metrics=[PeakAccuracy()]
    )
    network.optimizer.build(network.trainable_variables)
    return network


def _fit(
    network: keras.Model,
    batches: "PageBatches",
    keeper: Checkpoint,
    validation: "PageBatches",
    tensorboard: Path | None,
    verbose: str | int,
) -> None:
    """Trains the network for the epochs that its checkpoint does not hold yet."""
    network.fit(
        batches,
        shuffle=False,
        initial_epoch=whole_epochs(keeper.history),
        epochs=keeper.run.recipe.epochs,
        validation_data=validation,
        callbacks=callbacks_of(keeper, tensorboard),
        verbose=verbose,
    )


class _FixedPages:
    """The same batches in every epoch, kept in memory."""

    def __init__(self, batches: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.batches, self.steps = batches, len(batches)

    def batch(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The batch of a step, whatever the epoch."""
        return self.batches[step]


def _pages(images: np.ndarray, labels: np.ndarray, batch_size: int, seed: int) -> _FixedPages:
    writer = make_writer(images[:GLYPHS_PER_SPLIT], labels[:GLYPHS_PER_SPLIT], seed)
    keys = [(seed, 0, step) for step in range(HELD_OUT_BATCHES)]
    return _FixedPages([make_batch(writer, batch_size, key) for key in keys])


class PageBatches(keras.utils.PyDataset):
    """Batches of pages as Keras's `fit` takes them.

    Args:
        source: Where they come from.
    """

    def __init__(self, source: PageSource | _FixedPages) -> None:
        super().__init__()
        self.source, self.epoch = source, 0

    def shuffle(self, epoch: int) -> None:
        """Goes to the pages of `epoch`."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.source.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.source.batch(self.epoch, index)


def finder_loss(targets: Any, outputs: Any) -> Any:
    """The loss of a batch of maps; see `finding.encoding` for their channels.

    Penalty-reduced focal loss on the heat maps (Law and Deng, "CornerNet", 2018), absolute errors
    of boxes and votes, binary cross-entropy of ink; the factors bring the four to one order.
    """
    heat, wanted = outputs[..., HEAT], targets[..., HEAT]
    weight = _channel(targets, HEAT_WEIGHT)
    peak = ops.cast(wanted > 0.999, "float32") * weight
    chance = ops.sigmoid(heat)
    missed = peak * ops.square(1 - chance) * ops.softplus(-heat)
    invented = (weight - peak) * ops.power(1 - wanted, 4) * ops.square(chance) * ops.softplus(heat)
    peaks = ops.sum(missed + invented) / ops.maximum(ops.sum(peak), 1)
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
    """Share of the digits at whose centre the finder gives the right digit, with 0.3 or more."""

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.right = self.add_weight(name="right", initializer="zeros")
        self.all = self.add_weight(name="all", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts one batch."""
        wanted = y_true[..., HEAT]
        counted = ops.cast(ops.max(wanted, axis=-1) > 0.999, "float32") * y_true[..., HEAT_WEIGHT]
        heat = y_pred[..., HEAT]
        same = ops.cast(ops.equal(ops.argmax(wanted, -1), ops.argmax(heat, -1)), "float32")
        sure = ops.cast(ops.sigmoid(ops.max(heat, axis=-1)) >= 0.3, "float32")
        self.right.assign_add(ops.sum(counted * same * sure))
        self.all.assign_add(ops.sum(counted))

    def result(self) -> Any:
        """The share so far, 0 to 1."""
        return self.right / ops.maximum(self.all, 1)
