"""One training run: schedule, checkpoint, resume."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import UserError
from common.backend import keras
from common.calibration import apply_temperature, fit_temperature
from common.data.datasets import Dataset, split_indices
from common.data.synthetic import non_digits, written_digits
from common.evaluation.metrics import Report, evaluate
from common.networks import build_network
from common.preprocessing import network_input
from common.training.augmentation import augmentation
from common.training.checkpoint import Checkpoint, Row, whole_epochs
from common.training.distribution import Place, distributed
from common.training.recipes import Recipe, Run

WRITTEN_SHARE = 0.08  # of the training images: digits in rare ways added to them
NON_DIGIT_SHARE = 0.15  # of the training images: what is no digit added to them
OWN_SHARE = 0.25  # of the training images: the user's own digits added to them
MOST_REPEATS = 500  # of each of them in an epoch
STEPS_PER_CALL = 50  # steps that Keras runs between two returns to Python


@dataclass(frozen=True)
class Score:
    """What a network achieves on its test data: accuracy from 0 to 1, and loss."""

    accuracy: float
    loss: float


@dataclass(frozen=True)
class Result:
    """What a training run gave.

    Attributes:
        network: the trained network, without the augmentation before it.
        history: one row an epoch: epoch, loss, accuracy, val_loss, val_accuracy, seconds. Where
            there is one epoch only, rows with parts of an epoch, loss and accuracy come before it.
        train_images: how many of the data set's images the network was trained on.
        temperature: for calibrated probabilities, fitted on the validation images.
        test: the score on the test images, used this once.
    """

    network: keras.Model
    history: list[Row]
    train_images: int
    temperature: float
    test: Score | Report

    @property
    def seconds(self) -> float:
        """Time spent in its epochs, those before an interruption included."""
        return sum(row.get("seconds", 0.0) for row in self.history)


def train(
    run: Run,
    dataset: Dataset,
    checkpoint: Path,
    resume: bool = False,
    tensorboard: Path | None = None,
    verbose: str | int = "auto",
    start: keras.Model | None = None,
    own: Dataset | None = None,
    place: Place | None = None,
) -> Result:
    """Trains a classifier, or continues a run that was interrupted.

    Args:
        run: What to train.
        dataset: What to train it on.
        checkpoint: Folder for the state after each epoch; `discard_checkpoint` removes it.
        resume: Continue after the epoch that `checkpoint` holds.
        tensorboard: Folder for TensorBoard's logs.
        verbose: As in Keras's `fit`.
        start: Network to continue from; by default, the weights are drawn afresh.
        own: The user's own digits, shown besides those of `dataset`.
        place: Which of the processes that train together this is; None does not distribute.

    Raises:
        TrainingError: The loss stopped being finite.
        KeyboardInterrupt: Interrupted; the checkpoint holds the last whole epoch.
    """
    keras.utils.set_random_seed(run.seed)
    train_part, held_out = split_indices(dataset.train_labels, run.validation_split, run.seed)
    pictures = _training_pictures(run, dataset, train_part, own)
    batches = ShuffledBatches(*pictures, run.recipe.batch_size, run.seed, place)
    keeper = Checkpoint(checkpoint, run, batches, writes=batches.place.process == 0)
    images, labels = network_input(dataset.train_images[held_out]), dataset.train_labels[held_out]
    sharing = distributed(place, run.seed) if place else nullcontext(1)
    with sharing as devices, keeper.stopped_between_batches():
        batches.share_among(devices)
        network = _built(run, start)
        model = _compiled(network, run, len(batches))
        if resume:
            keeper.restore(model)
        _fit(model, batches, keeper, (images, _one_hot(labels)), tensorboard, verbose)
    if place:  # the weights lie on all devices: what follows needs one
        network = _built(run, network)
    temperature = fit_temperature(_predicted(network, images), labels)
    test = _predicted(network, network_input(dataset.test_images))
    report = evaluate(apply_temperature(test, temperature), dataset.test_labels)
    return Result(network, keeper.history, len(train_part), temperature, report)


def _fit(
    model: keras.Model,
    batches: "ShuffledBatches",
    keeper: Checkpoint,
    validation: tuple[np.ndarray, np.ndarray],
    tensorboard: Path | None,
    verbose: str | int,
) -> None:
    """Trains the model for the epochs that its checkpoint does not hold yet."""
    devices, writes = batches.devices, batches.place.process == 0
    shared = len(validation[0]) // devices * devices  # all devices get the same number of images
    model.fit(
        batches,
        shuffle=False,  # `batches` does it, in an order that a resumed training repeats
        initial_epoch=whole_epochs(keeper.history),
        epochs=keeper.run.recipe.epochs,
        validation_data=tuple(part[:shared] for part in validation),
        validation_batch_size=500 // devices * devices,
        callbacks=callbacks_of(keeper, tensorboard if writes else None),
        verbose=verbose if writes else 0,
    )


def _predicted(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(network.predict(images, batch_size=500, verbose=0))


def callbacks_of(keeper: Checkpoint, tensorboard: Path | None) -> list[keras.callbacks.Callback]:
    """The checkpoint's callback, and TensorBoard's if its logs are wanted in a folder."""
    return [keeper, *([keras.callbacks.TensorBoard(str(tensorboard))] if tensorboard else [])]


def _training_pictures(
    run: Run, dataset: Dataset, part: np.ndarray, own: Dataset | None
) -> tuple[np.ndarray, np.ndarray]:
    """What a run shows its network: the images of `part`, the user's own and synthetic ones.

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
    """The run's network with the weights of `start`, or with fresh ones."""
    network = build_network(run.recipe.network)
    if start:
        network.set_weights(start.get_weights())
    return network


def _compiled(network: keras.Model, run: Run, steps: int) -> keras.Model:
    """The network behind its augmentation, ready to be fitted for `steps` steps an epoch."""
    recipe = run.recipe
    before = augmentation(run.seed) if recipe.augment else []
    model = keras.Sequential([keras.Input((28, 28, 1)), *before, network])
    model.compile(
        optimizer=optimizer(recipe, steps),
        loss="kl_divergence",  # cross-entropy, less what is left where no digit is the right one
        metrics=[DigitAccuracy(name="accuracy")],
        steps_per_execution=min(STEPS_PER_CALL, steps),
        jit_compile=keras.backend.backend() != "tensorflow",  # there, compiling takes longer
    )
    model.optimizer.build(model.trainable_variables)
    return model


def optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """The recipe's optimizer and learning rate, for `steps` steps an epoch."""
    total = steps * recipe.epochs
    warm_up = max(1, round(recipe.warm_up * total))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 25,
        warmup_target=recipe.learning_rate,
        warmup_steps=warm_up,
        decay_steps=max(1, total - warm_up),
        alpha=0.001,
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=recipe.weight_decay,
        beta_1=recipe.beta_1,
        beta_2=recipe.beta_2,
    )


def _one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[labels]


def _with_own(
    images: np.ndarray, targets: np.ndarray, own: Dataset
) -> tuple[np.ndarray, np.ndarray]:
    """Adds the user's own digits, so often each that they weigh something and do not rule."""
    share = OWN_SHARE * len(images) / len(own.train_images)
    times = round(min(max(share, 1), MOST_REPEATS))
    return (
        np.concatenate([images, np.repeat(own.train_images, times, axis=0)]),
        np.concatenate([targets, np.repeat(_one_hot(own.train_labels), times, axis=0)]),
    )


def _with_synthetic(
    images: np.ndarray, targets: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Adds digits in rare ways, and what is no digit with every digit as likely as the others.

    The latter teaches the network to be unsure of what it does not know (Hendrycks et al., "Deep
    Anomaly Detection with Outlier Exposure", 2019).
    """
    count = len(images)
    written, labels = written_digits(round(WRITTEN_SHARE * count), seed)
    others = non_digits(round(NON_DIGIT_SHARE * count), seed + 1, images)
    unsure = np.full((len(others), 10), 0.1, np.float32)
    return (
        np.concatenate([images, written, others]),
        np.concatenate([targets, _one_hot(labels), unsure]),
    )


class DigitAccuracy(keras.metrics.CategoricalAccuracy):
    """Accuracy on the pictures that are digits; the others have no right answer."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Counts one batch."""
        is_digit = keras.ops.cast(keras.ops.max(y_true, axis=-1) > 0.5, "float32")
        return super().update_state(y_true, y_pred, is_digit)


class ShuffledBatches(keras.utils.PyDataset):
    """Batches in an order that depends on nothing but the seed and the epoch.

    Keras's own shuffling goes on from wherever its random state stands, so a resumed training
    would see another order than an uninterrupted one.

    Args:
        images: uint8 (N, 28, 28).
        targets: float32 (N, 10), the probability that each digit should get.
        size: pictures a batch; the last one holds what is left over.
        seed: of the order.
        place: of the process that takes its share of each batch; shares have the same size, for
            which the last batch may lose a few pictures.
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
        """Puts the pictures into the order of `epoch`."""
        self.order = np.random.default_rng([self.seed, epoch]).permutation(len(self.images))

    def share_among(self, devices: int) -> None:
        """Makes this process's shares multiples of the number of its devices.

        Raises:
            UserError: batches are too small.
        """
        if self.size < devices * self.place.processes:
            raise UserError(
                f"A batch of {self.size} is too small for {devices * self.place.processes} "
                "devices: --batch-size"
            )
        self.devices = devices

    def __len__(self) -> int:
        whole, left = divmod(len(self.images), self.size)
        return whole + (left >= self.place.processes * self.devices)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.size : (index + 1) * self.size]
        share = len(chosen) // (self.place.processes * self.devices) * self.devices
        chosen = chosen[self.place.process * share : (self.place.process + 1) * share]
        return network_input(self.images[chosen]), self.targets[chosen]
