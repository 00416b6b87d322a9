"""A training run saves its model and plots in the right place, and replaces no others."""

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import train_model
from common import UserError
from common.cli import console, train_options
from common.data.datasets import MNIST_SHA256, Dataset
from common.networks import build_network
from common.training import checkpoint, results, runs
from common.training.classifier import Result, Score
from common.training.recipes import new_run
from common.training.runs import Plan, describe, new_plan, refuse_existing_model


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of `models/`."""
    monkeypatch.setattr(runs, "MODELS", tmp_path / "models")
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def planned(network: str, overwrite: bool = False, stem: Path | None = None) -> Plan:
    return new_plan("digits", stem, overwrite, {"network": network})


def test_a_model_is_named_after_its_data_and_its_network(
    models: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert planned("mlp").stem == models / "digits_mlp"
    assert planned("finder").stem == models / "digits_finder"
    monkeypatch.setattr(runs, "load_dataset", lambda _: replace(digits, name="/home/me/mine.npz"))
    assert planned("fast_cnn").stem == models / "mine_fast_cnn"
    monkeypatch.setattr(Dataset, "sha256", MNIST_SHA256)
    assert planned("deep_cnn").stem == models / "deep_cnn"


def test_training_replaces_a_model_only_with_overwrite(models: Path) -> None:
    usual = models / "digits_mlp"
    assert describe(planned("mlp")).endswith("The model will be saved to " + str(usual) + ".keras.")
    usual.with_suffix(".tflite").touch()
    assert planned("mlp").stem == models / "digits_mlp_2"
    (models / "digits_mlp_2.json").touch()
    plan = planned("mlp")
    assert plan.stem == models / "digits_mlp_3"
    kept = f"/digits_mlp_3.keras. To replace {usual}.keras instead, pass --overwrite."
    assert describe(plan).endswith(kept)
    replacing = planned("mlp", overwrite=True)
    assert replacing.stem == usual
    assert describe(replacing).endswith(f"The model will replace {usual}.keras.")
    with pytest.raises(UserError, match=r"digits_mlp\.tflite already exists\. Pass --overwrite"):
        refuse_existing_model(usual)
    refuse_existing_model(models / "other")
    assert planned("mlp", stem=models / "other").stem == models / "other"


def test_each_run_keeps_its_plots_and_those_of_the_last_run_are_copied(
    tiny: Dataset, tmp_path: Path
) -> None:
    run = new_run(tiny, network="mlp")
    row = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}
    network = build_network("mlp")
    for name, accuracy in (("one", 0.5), ("two", 0.9)):
        history = [{"epoch": epoch} | row for epoch in (1, 2)]
        result = Result(network, history, 40, 1.0, Score(accuracy, 1 - accuracy))
        results.write_results(run, result, tmp_path / "models" / name, tmp_path / "plots")
        assert json.loads((tmp_path / "models" / f"{name}.json").read_text())["epochs"]
    for plot in ("accuracy.png", "loss.png"):
        content = [(tmp_path / "plots" / each / plot).read_bytes() for each in ("one", "two", "")]
        assert content[0] != content[1] == content[2]
        with Image.open(tmp_path / "plots" / plot) as image:
            assert image.size == (960, 660)
    for name in ("one", "two"):
        assert len((tmp_path / "plots" / name / "history.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "options",
    [
        "",
        " --tensorboard 'my logs'",
        " --distribute",
        " --distribute --coordinator 10.0.0.1:1234 --processes 2 --process 0",
    ],
)
def test_the_resume_command_keeps_the_options_of_the_run(
    tiny: Dataset,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: str,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train_options, "MODELS", models)
    monkeypatch.setattr(train_model, "train_network", interrupted)
    monkeypatch.setattr(checkpoint, "epochs_done", lambda _: 3)
    monkeypatch.setattr(sys, "argv", ["train_model.py", "--resume", *shlex.split(options)])
    plan = Plan(new_run(tiny), tiny, None, models / "mlp")
    assert train_model.train(train_options.parse_arguments(""), plan, None) == console.INTERRUPTED
    command = capsys.readouterr().out.splitlines()[-1]
    assert command == f"Continue with: python train_model.py --resume --output mlp{options}"
