"""Trains a classifier: prepares its pictures, compiles it, and saves or restores checkpoints."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import UserError
from common.backend import keras
from common.calibration import apply_temperature, fit_temperature
from common.data.datasets import Dataset, split_indices
from common.data.synthetic import non_digits, small_scans, written_digits
from common.evaluation.metrics import Report, evaluate
from common.networks import build_network
from common.preprocessing import network_input
from common.training.augmentation import MildEpochs, augmentation
from common.training.checkpoint import Checkpoint, Row, whole_epochs
from common.training.distribution import Place, distributed
from common.training.optimizer import optimizer
from common.training.progress import progress_callbacks
from common.training.recipes import Run

# The shares are relative to the number of training images.
WRITTEN_SHARE = 0.08  # added digits in rare styles
SCAN_SHARE = 0.12  # added low-resolution digits
NON_DIGIT_SHARE = 0.15  # added pictures that are not digits
OWN_SHARE = 0.25  # added digits of the user, including repetitions
MAX_REPEATS = 500  # how often each of the user's digits can occur in one epoch
STEPS_PER_CALL = 50  # training steps that Keras runs before it returns to Python


@dataclass(frozen=True)
class Score:
    """The accuracy (0 to 1) and loss of a network on its test data."""

    accuracy: float
    loss: float


@dataclass(frozen=True)
class Result:
    """The result of a training run.

    Attributes:
        network: The trained network, without the augmentation layers.
        history: One row per epoch: epoch, loss, accuracy, val_loss, val_accuracy, seconds. If there
            is only one epoch, rows for fractions of it (epoch, loss, accuracy) come first.
        train_images: Number of images of the data set that were used for training.
        temperature: Temperature for calibrated probabilities, fitted on the validation images.
        test: Score on the test images, which are used for nothing else.
    """

    network: keras.Model
    history: list[Row]
    train_images: int
    temperature: float
    test: Score | Report

    @property
    def seconds(self) -> float:
        """Total duration of all epochs, including those before an interruption."""
        return sum(row.get("seconds", 0.0) for row in self.history)


def train(
    run: Run,
    dataset: Dataset,
    checkpoint: Path,
    resume: bool = False,
    tensorboard: Path | None = None,
    verbose: int = 0,
    start: keras.Model | None = None,
    own: Dataset | None = None,
    place: Place | None = None,
) -> Result:
    """Trains a classifier, or resumes an interrupted run.

    Args:
        run: The run to train.
        dataset: Training and test data.
        checkpoint: Folder for the state after each epoch; `discard_checkpoint` deletes it.
        resume: Whether to continue from the state in `checkpoint`.
        tensorboard: Folder for TensorBoard logs; None for no logs.
        verbose: What to print: nothing (0), a progress bar (1), or a line for each tenth of the
            epochs (2).
        start: Network whose weights to start from; None for new random weights.
        own: The user's own digits, used in addition to those of `dataset`.
        place: The place of this process in distributed training; None for training on one device.

    Raises:
        TrainingError: The loss is not finite, or the checkpoint to resume from is damaged.
        UserError: Distributed training is not possible; see `distributed`.
        KeyboardInterrupt: The user stopped the run. The checkpoint holds the last complete epoch.
    """
    keras.utils.set_random_seed(run.seed)
    train_part, held_out = split_indices(dataset.train_labels, run.validation_split, run.seed)
    pictures = _training_pictures(run, dataset, train_part, own)
    batches = ShuffledBatches(*pictures, run.recipe.batch_size, run.seed, place)
    saver = Checkpoint(checkpoint, run, batches, writes=batches.place.rank == 0)
    images, labels = network_input(dataset.train_images[held_out]), dataset.train_labels[held_out]
    distribution = distributed(place, run.seed) if place else nullcontext(1)
    with distribution as devices, saver.stopped_between_batches():
        batches.share_among(devices)
        network = _built(run, start)
        model = _compiled(network, run, len(batches))
        if resume:
            saver.restore(model)
        _fit(model, batches, saver, (images, _one_hot(labels)), tensorboard, verbose)
    if place:  # the weights are distributed over all devices; prediction needs them on one
        network = _built(run, network)
    temperature = fit_temperature(_predicted(network, images), labels)
    report = _tested(network, temperature, dataset)
    return Result(network, saver.history, len(train_part), temperature, report)


def _fit(
    model: keras.Model,
    batches: "ShuffledBatches",
    saver: Checkpoint,
    validation: tuple[np.ndarray, np.ndarray],
    tensorboard: Path | None,
    verbose: int,
) -> None:
    """Trains the model for the remaining epochs."""
    devices, writes = batches.devices, batches.place.rank == 0
    recipe = saver.run.recipe
    callbacks = callbacks_of(saver, tensorboard, verbose) if writes else [saver]
    used = len(validation[0]) // devices * devices  # each device gets the same number of images
    model.fit(
        batches,
        shuffle=False,  # `batches` shuffles, in an order that a resumed run repeats
        initial_epoch=whole_epochs(saver.history),
        epochs=recipe.epochs,
        validation_data=tuple(part[:used] for part in validation),
        validation_batch_size=500 // devices * devices,
        callbacks=[MildEpochs(recipe.mild_share), *callbacks],
        verbose=0,  # the callbacks show the progress
    )


def _tested(network: keras.Model, temperature: float, dataset: Dataset) -> Report:
    """Evaluates a network with calibrated probabilities on the test images."""
    probabilities = _predicted(network, network_input(dataset.test_images))
    return evaluate(apply_temperature(probabilities, temperature), dataset.test_labels)


def _predicted(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(network.predict(images, batch_size=500, verbose=0))


def callbacks_of(
    saver: Checkpoint, tensorboard: Path | None, verbose: int
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a run: checkpoint, progress, and TensorBoard if it has a folder."""
    logs = [keras.callbacks.TensorBoard(str(tensorboard))] if tensorboard else []
    return [saver, *progress_callbacks(verbose), *logs]


def _training_pictures(
    run: Run, dataset: Dataset, part: np.ndarray, own: Dataset | None
) -> tuple[np.ndarray, np.ndarray]:
    """Collects the training pictures: the images of `part`, the user's own and synthetic ones.

    Returns:
        uint8 (N, 28, 28) pictures and float32 (N, 10) targets.
    """
    images, targets = dataset.train_images[part], _one_hot(dataset.train_labels[part])
    if own:
        images, targets = _with_own(images, targets, own)
    if run.recipe.synthetic:
        images, targets = _with_synthetic(images, targets, run.seed)
    return images, targets


def _built(run: Run, start: keras.Model | None) -> keras.Model:
    """Builds the run's network, with the weights of `start` or with new random weights."""
    network = build_network(run.recipe.network)
    if start:
        network.set_weights(start.get_weights())
    return network


def _compiled(network: keras.Model, run: Run, steps: int) -> keras.Model:
    """Compiles the network, with augmentation in front, for `steps` steps per epoch."""
    recipe = run.recipe
    augmentation_layers = augmentation(run.seed) if recipe.augment else []
    model = keras.Sequential([keras.Input((28, 28, 1)), *augmentation_layers, network])
    model.compile(
        optimizer=optimizer(recipe, steps),
        loss="kl_divergence",  # cross-entropy minus the entropy of the target, so its minimum is 0
        metrics=[DigitAccuracy(name="accuracy")],
        steps_per_execution=min(STEPS_PER_CALL, steps),
        # With TensorFlow, JIT compilation takes more time than it saves.
        jit_compile=keras.backend.backend() != "tensorflow",
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[labels]


def _with_own(
    images: np.ndarray, targets: np.ndarray, own: Dataset
) -> tuple[np.ndarray, np.ndarray]:
    """Adds the user's own digits, repeated until their number is `OWN_SHARE` of that of `images`.

    Each digit is added at least once, and at most `MAX_REPEATS` times.
    """
    share = OWN_SHARE * len(images) / len(own.train_images)
    times = round(min(max(share, 1), MAX_REPEATS))
    return (
        np.concatenate([images, np.repeat(own.train_images, times, axis=0)]),
        np.concatenate([targets, np.repeat(_one_hot(own.train_labels), times, axis=0)]),
    )


def _with_synthetic(
    images: np.ndarray, targets: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Adds digits in rare styles, low-resolution digits, and pictures that are not digits.

    Pictures that are not digits have uniform targets, which teach the network to be uncertain about
    unknown inputs (Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure", 2019).
    """
    count = len(images)
    written, labels = written_digits(round(WRITTEN_SHARE * count), seed)
    others = non_digits(round(NON_DIGIT_SHARE * count), seed + 1, images)
    uniform = np.full((len(others), 10), 0.1, np.float32)
    images, targets = (
        np.concatenate([images, written]),
        np.concatenate([targets, _one_hot(labels)]),
    )
    scans, scanned = small_scans(images, targets, round(SCAN_SHARE * count), seed + 2)
    return np.concatenate([images, scans, others]), np.concatenate([targets, scanned, uniform])


class DigitAccuracy(keras.metrics.CategoricalAccuracy):
    """Accuracy on pictures of digits; all other pictures are ignored."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Updates the metric with one batch."""
        is_digit = keras.ops.cast(keras.ops.max(y_true, axis=-1) > 0.5, "float32")
        return super().update_state(y_true, y_pred, is_digit)


class ShuffledBatches(keras.utils.PyDataset):
    """Batches in an order that depends only on the seed and the epoch.

    Keras's own shuffling depends on its current random state, so a resumed run would see a
    different order from an uninterrupted one.

    Args:
        images: Pictures, uint8 (N, 28, 28).
        targets: Target probabilities of the ten digits, float32 (N, 10).
        size: Number of pictures per batch; the last batch may be smaller.
        seed: Seed for the random number generator.
        place: The place of this process in distributed training. All processes get equal shares of
            each batch, so the last batch may lose a few pictures.
    """

    def __init__(
        self,
        images: np.ndarray,
        targets: np.ndarray,
        size: int,
        seed: int,
        place: Place | None = None,
    ) -> None:
        super().__init__()
        self.place, self.devices = place or Place(), 1
        self.images, self.targets = images, targets
        self.size, self.seed = size, seed
        self.shuffle(0)

    def shuffle(self, epoch: int) -> None:
        """Shuffles the pictures into the order of `epoch`."""
        self.order = np.random.default_rng([self.seed, epoch]).permutation(len(self.images))

    def share_among(self, devices: int) -> None:
        """Makes the share of this process a multiple of its number of devices.

        Raises:
            UserError: The batch size is smaller than the total number of devices.
        """
        if self.size < devices * self.place.processes:
            raise UserError(
                f"A batch of {self.size} is too small for {devices * self.place.processes} "
                "devices. Choose a larger --batch-size."
            )
        self.devices = devices

    def __len__(self) -> int:
        whole, left = divmod(len(self.images), self.size)
        return whole + (left >= self.place.processes * self.devices)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.size : (index + 1) * self.size]
        share = len(chosen) // (self.place.processes * self.devices) * self.devices
        chosen = chosen[self.place.rank * share : (self.place.rank + 1) * share]
        return network_input(self.images[chosen]), self.targets[chosen]
