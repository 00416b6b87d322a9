"""The history of a training run is saved as a table and as plots."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.evaluation import history
from common.evaluation.history import Row
from common.training.recipes import PRESETS


def run_of(epochs: int) -> list[Row]:
    """Returns the history of a run, with a row for each tenth if there is only one epoch."""
    rows: list[Row] = []
    for epoch in range(1, epochs + 1):
        losses = {"loss": 1 / epoch, "val_loss": 1.1 / epoch}
        accuracies = {
            "accuracy": 1 - 0.51234567891 / epoch,
            "val_accuracy": 0.9 - 0.1 * (epoch % 3),
        }
        rows.append({"epoch": epoch} | losses | accuracies | {"seconds": 1.5})
    if epochs == 1:
        rows = [{"epoch": part / 10, "loss": 2.0, "accuracy": 0.1} for part in range(1, 10)] + rows
    return [row | {"learning_rate": 0.004 / row["epoch"]} for row in rows]


@pytest.mark.parametrize("epochs", [1, 3, 60])
@pytest.mark.parametrize("with_rate", [True, False])
def test_accuracy_and_loss_plots_have_a_fixed_size(
    tmp_path: Path, epochs: int, with_rate: bool
) -> None:
    rows = run_of(epochs)
    if not with_rate:
        rows = [{k: v for k, v in row.items() if k != "learning_rate"} for row in rows]
    history.plot_accuracy(rows, 0.9, "net on data", tmp_path / "accuracy.png")
    history.plot_loss(rows, 0.3, "net on data", tmp_path / "loss.png")
    for name in ("accuracy.png", "loss.png"):
        with Image.open(tmp_path / name) as image:
            assert image.size == (960, 660)


def test_the_last_epoch_is_marked_as_the_saved_model() -> None:
    for name in ("accuracy", "loss"):
        _, axes = history._history_figure(run_of(4), name)
        assert axes.get_legend_handles_labels()[1][-1] == "saved model: epoch 4, the last"
        mark = axes.get_legend_handles_labels()[0][-1]
        assert mark.get_data()[1] == (run_of(4)[-1][f"val_{name}"],)  # type: ignore[attr-defined]


def test_plots_show_the_learning_rate_and_the_duration() -> None:
    figure, _ = history._history_figure(run_of(4), "loss")
    below = figure.axes[1]
    assert below.get_ylabel() == "learning rate"
    rates = np.asarray(below.lines[0].get_ydata())
    assert rates.tolist() == [0.004 / epoch for epoch in (1, 2, 3, 4)]
    assert history._time(run_of(4)) == "\n6.0 s for 4 epochs, 1.5 s each"
    assert history._time(run_of(1)) == "\n1.5 s for one epoch"
    assert history._time([{"epoch": 1.0}]) == ""


def test_the_table_has_complete_epochs_only_and_six_significant_digits(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    history.save_history(run_of(1), path)
    assert path.read_text().splitlines() == [
        "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds",
        "1,1,0.487654,1.1,0.8,0.004,1.5",
    ]
    history.save_history(run_of(12), path)
    with path.open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(n) for n in range(1, 13)]


def test_learning_rates_follow_the_schedule_of_the_recipe() -> None:
    from common.training.results import with_learning_rates

    recipe = PRESETS["standard"]
    rows = with_learning_rates([{"epoch": part / 2} for part in range(1, 13)], recipe)
    rates = [row["learning_rate"] for row in rows]
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=1e-3)
    assert rates.index(max(rates)) == 2  # the rate rises for the first quarter of six epochs
    assert rates[-1] == pytest.approx(recipe.learning_rate / 1000, rel=1e-2)
