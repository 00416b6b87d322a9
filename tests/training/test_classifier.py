from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.data.datasets import Dataset
from common.networks import build_network
from common.training import classifier
from common.training.augmentation import Augmentation
from common.training.checkpoint import (
    Checkpoint,
    TrainingError,
    checkpoint_folder,
    epochs_done,
    read_state,
)
from common.training.classifier import Result, ShuffledBatches, train
from common.training.recipes import PRESETS, Recipe, Run

QUICK = Recipe(
    "fast_cnn",
    epochs=3,
    batch_size=4,
    learning_rate=0.002,
    augment=True,
    synthetic=True,
    mild_share=0.4,
)


def run_of(dataset: Dataset, recipe: Recipe = QUICK) -> Run:
    return Run("standard", recipe, dataset.name, dataset.sha256, seed=5)


@pytest.fixture(scope="module")
def uninterrupted(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of an uninterrupted training run of three epochs."""
    return train(run_of(tiny), tiny, tmp_path_factory.mktemp("uninterrupted"), verbose=0)


def test_each_epoch_uses_every_image_once_in_a_different_order() -> None:
    images = np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    batches = ShuffledBatches(images, np.eye(10), size=4, seed=1)
    orders = []
    for epoch in (0, 1, 0):
        batches.shuffle(epoch)
        assert [len(batches[i][0]) for i in range(len(batches))] == [4, 4, 2]
        order = np.concatenate([batches[i][1].argmax(axis=1) for i in range(len(batches))])
        seen = np.concatenate([batches[i][0][:, 0, 0, 0] * 255 for i in range(len(batches))])
        assert np.array_equal(np.rint(seen), order)
        assert sorted(order) == list(range(10))
        orders.append(order.tolist())
    assert orders[0] == orders[2] != orders[1]


def test_synthetic_digits_and_non_digits_are_added_to_the_training_data() -> None:
    images = np.full((100, 28, 28), 200, np.uint8)
    targets = np.eye(10, dtype=np.float32)[np.arange(100) % 10]
    more, their_targets = classifier._with_synthetic(images, targets, seed=0)
    assert np.array_equal(more[:100], images)
    assert np.array_equal(their_targets[:100], targets)
    uncertain = (their_targets == np.float32(0.1)).all(axis=1)
    # Added: 15 pictures that are not digits, 8 digits in rare styles, and 12 low-resolution digits.
    assert (len(more), uncertain.sum()) == (135, 15)
    assert np.allclose(their_targets.sum(axis=1), 1)


def test_training_accuracy_is_computed_on_digits_only() -> None:
    accuracy = classifier.DigitAccuracy()
    outputs = np.eye(10, dtype=np.float32)[[3, 4, 5, 0]]
    targets = np.eye(10, dtype=np.float32)[[3, 4, 6, 0]]
    targets[3] = 0.1
    accuracy.update_state(targets, outputs)
    assert float(accuracy.result()) == pytest.approx(2 / 3)


def test_five_training_steps_lower_the_loss_of_their_batch(tiny: Dataset) -> None:
    recipe = replace(QUICK, network="simple_cnn", augment=False)
    model = classifier._compiled(build_network("simple_cnn"), run_of(tiny, recipe), 3)
    pictures, targets = ShuffledBatches(tiny.train_images, np.eye(10)[tiny.train_labels], 40, 0)[0]
    before = model.evaluate(pictures, targets, verbose=0)[0]
    for _ in range(5):
        model.train_on_batch(pictures, targets)
    assert model.evaluate(pictures, targets, verbose=0)[0] < before


def test_a_resumed_training_run_gives_the_same_result_as_an_uninterrupted_run(
    tiny: Dataset, uninterrupted: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(tiny)
    save = Checkpoint.on_epoch_end

    def interrupted(self: Checkpoint, epoch: int, logs: dict[str, float] | None = None) -> None:
        save(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(run, tiny, tmp_path / "stopped", verbose=0)
    resumed = train(run, tiny, tmp_path / "stopped", resume=True, verbose=0)
    assert [row["epoch"] for row in resumed.history] == [1, 2, 3]
    for row, expected in zip(resumed.history, uninterrupted.history, strict=True):
        assert row == pytest.approx(expected | {"seconds": row["seconds"]}, rel=1e-4)
    pairs = zip(resumed.network.get_weights(), uninterrupted.network.get_weights(), strict=True)
    assert max(np.abs(one - other).max() for one, other in pairs) < 1e-4


def test_the_same_seed_gives_the_same_weights(
    tiny: Dataset, uninterrupted: Result, tmp_path: Path
) -> None:
    again = train(run_of(tiny), tiny, tmp_path, verbose=0)
    weights = uninterrupted.network.get_weights()
    assert weights
    for one, other in zip(weights, again.network.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert [row["loss"] for row in again.history] == [row["loss"] for row in uninterrupted.history]
    assert len({row["loss"] for row in again.history}) == 3  # the loss changed in every epoch


def test_augmentation_is_mild_in_the_last_epochs(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strengths, save = [], Checkpoint.on_epoch_end

    def recorded(self: Checkpoint, epoch: int, logs: dict[str, float] | None = None) -> None:
        layers = [layer for layer in self.model.layers if isinstance(layer, Augmentation)]
        strengths.append([float(layer.strength) for layer in layers])
        save(self, epoch, logs)

    monkeypatch.setattr(Checkpoint, "on_epoch_end", recorded)
    recipe = replace(QUICK, network="mlp", epochs=2, mild_share=0.5, synthetic=False)
    train(run_of(tiny, recipe), tiny, tmp_path / "c", verbose=0)
    assert strengths == [3 * [1.0], 3 * [0.5]]


def test_the_history_of_a_run_of_one_epoch_has_several_points(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS_PER_CALL", 2)
    recipe = replace(QUICK, network="mlp", epochs=1, batch_size=4, augment=False)
    history = train(run_of(tiny, recipe), tiny, tmp_path, verbose=0).history
    parts = [row["epoch"] for row in history[:-1]]
    assert parts == sorted(parts)
    assert len(parts) >= 2
    assert parts[-1] < 1
    assert history[-1]["epoch"] == 1
    assert ["val_loss" in row for row in history] == [False] * len(parts) + [True]
    assert epochs_done(tmp_path) == 1


def test_a_loss_that_is_not_finite_stops_training(tiny: Dataset, tmp_path: Path) -> None:
    recipe = replace(PRESETS["classic"], learning_rate=1e10, epochs=3, batch_size=4)
    with pytest.raises(TrainingError, match="a --learning-rate below"):
        train(run_of(tiny, recipe), tiny, tmp_path, verbose=0)
    state = read_state(tmp_path)
    assert not [row for row in state["history"] if not np.isfinite(row["loss"])]
    with np.load(tmp_path / state["weights"]) as arrays:
        assert arrays.files
        for name in arrays.files:
            assert np.isfinite(arrays[name]).all()


def test_without_a_valid_checkpoint_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no interrupted run"):
        read_state(tmp_path / "digit_cnn.checkpoint")
    (tmp_path / "state.json").write_text('{"run": {}}')
    with pytest.raises(TrainingError, match="damaged"):
        read_state(tmp_path)
    assert checkpoint_folder(Path("models/a.b")) == Path("models/a.b.checkpoint")


def test_tensorboard_logs_are_written(tiny: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    recipe = replace(QUICK, network="mlp", epochs=1, augment=False)
    train(run_of(tiny, recipe), tiny, tmp_path / "c", tensorboard=tmp_path / "logs", verbose=0)
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))
