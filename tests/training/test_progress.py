"""Training prints its progress, and chooses the folder for its TensorBoard logs."""

from pathlib import Path

import pytest

from common.training.progress import log_folder, progress_callbacks


def show_progress(verbose: int, epochs: int, steps: int, steps_per_call: int = 1) -> None:
    """Calls the callbacks as in a training run; Keras reports `steps_per_call` steps at a time."""
    (callback,) = progress_callbacks(verbose)
    callback.set_params({"verbose": 0, "epochs": epochs, "steps": steps})
    callback.on_train_begin()
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch)
        for start in range(0, steps, steps_per_call):
            callback.on_train_batch_end(start + steps_per_call - 1, {"loss": 0.5})
        callback.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.25})


def test_the_progress_bar_never_shows_more_steps_than_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_progress(1, epochs=2, steps=422, steps_per_call=50)
    shown = capsys.readouterr().out
    assert "Epoch 2/2" in shown
    assert "422/422" in shown
    assert "450/422" not in shown


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (6, 6), (400, 10)])
def test_without_a_terminal_training_prints_a_line_for_each_tenth_of_the_epochs(
    capsys: pytest.CaptureFixture[str], epochs: int, lines: int
) -> None:
    show_progress(2, epochs=epochs, steps=1)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == lines
    assert shown[-1] == f"Epoch {epochs}/{epochs}: loss 0.5000, val_loss 0.2500"


@pytest.mark.parametrize(("epochs", "lines"), [(1, 10), (2, 10), (3, 9), (6, 6), (15, 10)])
def test_short_runs_print_lines_within_an_epoch(
    capsys: pytest.CaptureFixture[str], epochs: int, lines: int
) -> None:
    show_progress(2, epochs=epochs, steps=700, steps_per_call=50)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == lines
    done = [float(line.split()[1].split("/")[0]) for line in shown]
    assert done == sorted(set(done))
    if epochs == 2:
        assert shown[0] == "Epoch 0.21/2: loss 0.5000"


def test_each_run_has_its_own_tensorboard_logs_and_a_resumed_run_continues_them(
    tmp_path: Path,
) -> None:
    first = log_folder(tmp_path, "mlp", resume=False)
    assert first.parent == tmp_path / "mlp"
    earlier = [tmp_path / "mlp" / f"2020010{day}-120000" for day in (1, 2)]
    for folder in earlier:
        folder.mkdir(parents=True)
    assert log_folder(tmp_path, "mlp", resume=True) == earlier[-1]
    assert log_folder(tmp_path, "mlp", resume=False) not in earlier
    assert log_folder(tmp_path, "deep_cnn", resume=True).parent == tmp_path / "deep_cnn"
