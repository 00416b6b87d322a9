"""The server understands what `train_model.py` prints."""

import pytest

pytest.importorskip("fastapi_offline")

from common.training.progress import ProgressLines
from common.web.training import comparison_of, error_of, rows_of


def test_lines_of_progress_are_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ProgressLines()
    lines.set_params({"epochs": 2, "steps": 4})
    for epoch in range(2):
        lines.on_epoch_begin(epoch)
        for batch in range(4):
            lines.on_train_batch_end(batch, {"accuracy": 0.5, "loss": 0.25})
        lines.on_epoch_end(epoch, {"accuracy": 0.5, "loss": 0.25, "val_loss": 1e-3})
    rows, epochs = rows_of(capsys.readouterr().out)
    assert epochs == 2
    assert rows[0] == {"epoch": 0.25, "accuracy": 0.5, "loss": 0.25}
    assert rows[-1] == {"epoch": 2, "accuracy": 0.5, "loss": 0.25, "val_loss": 0.001}


def test_output_without_progress_is_accepted() -> None:
    assert rows_of("") == ([], None)
    assert comparison_of("Epoch 1/2: loss 1.0000\n") is None
    assert error_of("") == "It printed nothing."
    assert error_of("one\nerror: two\nthree\n") == "two"
