import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command
from PIL import Image

from common.data.datasets import Dataset, load_dataset, load_own_digits
from common.data.formats import DataError
from common.evaluation.comparison import fine_tuning_table
from common.networks import build_network
from common.storage.model_files import load_predictor
from common.training import classifier
from common.training.checkpoint import Checkpoint
from common.training.classifier import train
from common.training.recipes import FINE_TUNING, PRESETS, Run

PRETRAINED = ROOT / "models" / "pretrained.keras"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with twenty slightly different images of a 3 and one of a 7."""
    folder = tmp_path / "my_digits"
    for digit, name, count in ((3, "3.png", 20), (7, "7.jpeg", 1)):
        (folder / str(digit)).mkdir(parents=True)
        with Image.open(ROOT / "samples" / name) as picture:
            for number in range(count):
                turned = picture.convert("L").rotate(number - 10, fillcolor="white")
                turned.save(folder / str(digit) / f"{number}.png")
    return folder


def test_own_digits_need_not_cover_all_ten_classes(own: Path) -> None:
    digits = load_own_digits(str(own))
    assert len(digits.train_labels) + len(digits.test_labels) == 21
    assert 7 in digits.train_labels
    assert set(digits.test_labels) == {3}
    with pytest.raises(DataError, match="no image of 0"):
        load_dataset(str(own))
    for path in own.rglob("*.png"):
        Image.new("L", (20, 20), "white").save(path)
    with pytest.raises(DataError, match="no image of a digit"):
        load_own_digits(str(own))
    empty = np.zeros((0, 28, 28), np.uint8)
    labels = np.zeros(0, int)
    np.savez(own / "own.npz", x_train=empty, y_train=labels, x_test=empty, y_test=labels)
    with pytest.raises(DataError, match="no images to train on"):
        load_own_digits(str(own / "own.npz"))


def test_held_out_digits_never_move_to_the_training_set(own: Path) -> None:
    all_of_them = load_own_digits(str(own))
    for path in sorted((own / "3").iterdir())[1::2]:
        path.unlink()
    fewer = load_own_digits(str(own))
    held_out = {picture.tobytes() for picture in all_of_them.test_images}
    assert len(held_out) >= 2
    assert held_out & {picture.tobytes() for picture in fewer.test_images}
    assert not held_out & {picture.tobytes() for picture in fewer.train_images}


def test_few_own_digits_are_repeated_until_they_are_a_fifth_of_the_training_data() -> None:
    images, targets = np.zeros((1000, 28, 28), np.uint8), np.eye(10)[np.arange(1000) % 10]
    mark = np.ones((28, 28), np.uint8)
    for count, expected in ((1, 250), (5, 250), (2000, 2000)):
        own = Dataset("own", np.stack([mark] * count), np.zeros(count, np.int64), *[mark[:0]] * 2)
        more, their_targets = classifier._with_own(images, targets, own)
        assert more[1000:].sum() == expected * 784
        assert np.array_equal(more[:1000], images)
        assert np.array_equal(their_targets[1000:], np.eye(10)[[0] * expected])
    many = np.zeros((5000, 28, 28), np.uint8), np.eye(10)[np.arange(5000) % 10]
    own = Dataset("own", mark[None], np.zeros(1, np.int64), *[mark[:0]] * 2)
    assert len(classifier._with_own(*many, own)[0]) == 5000 + classifier.MAX_REPEATS


def test_fine_tuning_starts_from_the_given_weights_and_changes_them(
    tiny: Dataset, tmp_path: Path
) -> None:
    recipe = replace(PRESETS[FINE_TUNING], network="mlp", epochs=2, learning_rate=1e-5)
    run = Run(FINE_TUNING, recipe, tiny.name, tiny.sha256, start="start.keras")
    network = build_network("mlp")
    before = [weights.copy() for weights in network.get_weights()]
    result = train(run, tiny, tmp_path / "c", start=network, own=tiny, verbose=0)
    for old, new in zip(before, result.network.get_weights(), strict=True):
        assert 0 < np.abs(new - old).max() < 1e-3


def test_resumed_fine_tuning_gives_the_same_weights_as_uninterrupted_fine_tuning(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(PRESETS[FINE_TUNING], network="mlp", batch_size=8)
    run = Run(FINE_TUNING, recipe, tiny.name, tiny.sha256, start="start.keras")
    start = build_network("mlp")
    start.save(tmp_path / "start.keras")

    def tuned(name: str, resume: bool = False) -> list[np.ndarray]:
        network = build_network("mlp")
        network.set_weights(start.get_weights())
        result = train(run, tiny, tmp_path / name, resume, verbose=0, start=network, own=tiny)
        return list(result.network.get_weights())

    expected, save = tuned("uninterrupted"), Checkpoint.on_epoch_end
    assert not np.allclose(expected[0], start.get_weights()[0], atol=1e-5)

    def interrupted(self: Checkpoint, epoch: int, logs: dict[str, float] | None = None) -> None:
        save(self, epoch, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tuned("stopped")
    pairs = zip(expected, tuned("stopped", resume=True), strict=True)
    assert all(np.allclose(one, other, atol=1e-5) for one, other in pairs)


def test_the_table_compares_accuracy_before_and_after_fine_tuning(own: Path, tiny: Dataset) -> None:
    predictor = load_predictor(PRETRAINED.with_suffix(".tflite"))
    digits = load_own_digits(str(own))
    rows = fine_tuning_table(predictor, predictor, digits, tiny).splitlines()
    held_out = str(len(digits.test_labels))
    assert rows[1].split() == ["my_digits,", "held", "out", held_out, "100.00%", "100.00%"]
    assert rows[2].split()[-2:] == ["100.00%", "100.00%"]
    assert rows[3].startswith("tiny, test")
    assert len(rows) == 4
    wrong = replace(digits, train_labels=np.full_like(digits.train_labels, 5))
    assert "5 is still misread in" in fine_tuning_table(predictor, predictor, wrong, tiny)


def test_unusable_start_models_and_options_are_refused_in_one_line(
    called: Command, tmp_path: Path, own: Path
) -> None:
    strange = tmp_path / "strange.keras"
    shutil.copy(PRETRAINED, strange)
    for model, word in (
        (PRETRAINED.with_suffix(".tflite"), "needs a .keras file"),
        (tmp_path / "missing.keras", "no model at"),
        (strange, "has no matching card"),
    ):
        done = called("train_model.py", "--data", own, "--from", model)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert word in done.stderr
    done = called("train_model.py", "--data", own, "--from", PRETRAINED, "--network", "mlp")
    assert done.returncode == 2
    assert "--network cannot be combined with --from" in done.stderr
    done = called("train_model.py", "--resume", "--from", PRETRAINED)
    assert done.returncode == 2
    assert "--from cannot be combined with --resume" in done.stderr
    done = called("train_model.py", "--data", own, "--from", PRETRAINED)
    assert "MNIST could not be downloaded" in done.stderr


@pytest.mark.usefixtures("trial_in_this_process")
def test_fine_tuning_learns_mirrored_digits(
    mnist: Dataset, called: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    less = replace(
        mnist,
        train_images=mnist.train_images[:10_000],
        train_labels=mnist.train_labels[:10_000],
        test_images=mnist.test_images[:2_000],
        test_labels=mnist.test_labels[:2_000],
    )
    for module in ("common.data.datasets", "common.training.runs"):
        monkeypatch.setattr(f"{module}.load_mnist", lambda: less)
    batches = ("--batch-size", "32")  # with 128, there would be so few steps that epochs are added
    network = ("--network", "mlp", "--epochs", "1")
    start = tmp_path / "start"
    assert called("train_model.py", *network, *batches, "--output", start).returncode == 0
    for number, picture in enumerate(mnist.train_images[mnist.train_labels == 7][:20]):
        path = tmp_path / "mirrored" / "7" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - np.pad(picture[:, ::-1], 8)).save(path)
    done = called(
        *("train_model.py", "--data", tmp_path / "mirrored", "--from", f"{start}.keras"),
        *("--output", tmp_path / "taught", *batches),
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[-3:]]
    before, after = ([float(row[at].rstrip("%")) for row in rows] for at in (-2, -1))
    assert before[1] < 30
    assert after[1] > 80
    assert after[2] > before[2] - 2
    card = json.loads((tmp_path / "taught.json").read_text())
    assert (card["start"], card["own"], card["data"]) == (
        f"{start}.keras",
        str(tmp_path / "mirrored"),
        "mnist",
    )
    words = shlex.split(card["command"])[1:]
    told = f"--from {start}.keras --batch-size 32 --data {tmp_path / 'mirrored'}"
    assert told in card["command"]
    assert called(*words, "--dry-run").returncode == 0
