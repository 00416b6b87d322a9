"""JAX trains on several devices and in several processes, and agrees with TensorFlow."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import Command, no_network

from common.training.classifier import ShuffledBatches
from common.training.distribution import Place

pytestmark = pytest.mark.skipif(not find_spec("jax"), reason="needs requirements/jax.txt")
TRAINING = ("train_model.py", "--data", "digits", "--network", "simple_cnn", "--batch-size", "64")
MAX_SECONDS = 150  # until a process notices that another one died; JAX's own limit is 100


def backend(name: str) -> dict[str, str]:
    local = {"no_proxy": "127.0.0.1"}  # otherwise, JAX connects its processes through the proxy
    return no_network() | local | {"KERAS_BACKEND": name, "PYTHONUNBUFFERED": "1"}


def history(project: Path, name: str) -> list[dict[str, str]]:
    with (project / "plots" / name / "history.csv").open() as file:
        return list(csv.DictReader(file))


@contextmanager
def started(project: Path, *words: str) -> Iterator[list["subprocess.Popen[str]"]]:
    """Starts a training run in two processes on this machine, and kills them at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    shared = [*words, "--distribute", "--coordinator", coordinator, "--processes", "2"]
    processes = [
        subprocess.Popen(
            [sys.executable, *shared, "--process", str(process)],
            cwd=project,
            env=backend("jax"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for process in range(2)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also kills child processes
            process.communicate()


def test_processes_share_each_batch_without_overlap() -> None:
    images = np.arange(45, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    whole = ShuffledBatches(images, np.eye(45), size=20, seed=1)
    shares = [ShuffledBatches(images, np.eye(45), 20, 1, Place("c", 2, n)) for n in range(2)]
    assert len(whole) == len(shares[0]) == len(shares[1]) == 3
    for index, size in ((0, 20), (1, 20), (2, 4)):
        expected = whole[index][1].argmax(axis=1)[:size]
        parts = [share[index][1].argmax(axis=1) for share in shares]
        assert [len(part) for part in parts] == [size // 2] * 2
        assert np.array_equal(np.concatenate(parts), expected)
    shares[1].share_among(4)
    assert len(shares[1]) == 2
    assert len(shares[1][0][1]) == 8
    assert len(ShuffledBatches(images[:41], np.eye(41), 20, 1, Place("c", 2, 0))) == 2


def test_eight_devices_train_together_and_refuse_a_batch_with_too_few_images(
    command: Command, tmp_path: Path
) -> None:
    devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    words = (*TRAINING, "--epochs", "1", "--distribute", "--output", tmp_path / "eight")
    done = command(*words, env=backend("jax") | devices, timeout=200)
    assert done.returncode == 0, done.stderr
    few = (*TRAINING[:-1], "4", "--distribute", "--output", tmp_path / "few")
    done = command(*few, env=backend("jax") | devices)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "A batch of 4 is too small for 8 devices" in done.stderr


def test_two_processes_reach_the_same_loss_as_one_process(
    command: Command, project: Path, tmp_path: Path
) -> None:
    words = (*TRAINING, "--epochs", "1")
    alone = command(*words, "--distribute", "--output", tmp_path / "alone", env=backend("jax"))
    assert alone.returncode == 0, alone.stderr
    (expected,) = [row for row in history(project, "alone") if row["val_loss"]]
    with started(project, *words, "--output", str(tmp_path / "both")) as together:
        said = [process.communicate(timeout=200) for process in together]
        assert [process.returncode for process in together] == [0, 0], said
    assert [line for line in said[1][0].splitlines() if not line.startswith("[Gloo]")] == []
    assert said[1][1] == ""
    (row,) = [row for row in history(project, "both") if row["val_loss"]]
    for name in ("loss", "val_loss"):
        assert float(row[name]) == pytest.approx(float(expected[name]), rel=0.01)
    assert sorted(path.name for path in tmp_path.glob("both.*")) == [
        "both.json",
        "both.keras",
        "both.tflite",
    ]


@pytest.mark.parametrize("victim", [0, 1])
def test_if_a_process_dies_the_others_stop_and_training_can_be_resumed(
    command: Command, project: Path, tmp_path: Path, victim: int
) -> None:
    words = (*TRAINING, "--epochs", "400", "--output", str(tmp_path / "gone"))
    with started(project, *words) as together:
        output = together[0].stdout
        assert output is not None
        assert any("Epoch 40/" in line for line in output)
        os.killpg(together[victim].pid, signal.SIGKILL)
        said = together[1 - victim].communicate(timeout=MAX_SECONDS)[1]
        assert together[1 - victim].returncode == 2
    assert said.startswith("error: Another process of this training run has ended")
    assert said.count("\n") == 1
    state = json.loads((tmp_path / "gone.checkpoint" / "state.json").read_text())
    assert len(state["history"]) >= 2
    state["run"]["recipe"]["epochs"] = len(state["history"]) + 1  # instead of 400
    (tmp_path / "gone.checkpoint" / "state.json").write_text(json.dumps(state))
    with started(project, "train_model.py", "--resume", *words[-2:]) as again:
        said_again = [process.communicate(timeout=200) for process in again]
        assert [process.returncode for process in again] == [0, 0], said_again
    assert (tmp_path / "gone.keras").is_file()


@pytest.mark.parametrize("backends", [("jax", "tensorflow"), ("tensorflow", "jax")])
def test_a_model_gives_the_same_probabilities_on_both_backends(
    command: Command, project: Path, tmp_path: Path, backends: tuple[str, str]
) -> None:
    stem = tmp_path / "net"
    words = (*TRAINING, "--epochs", "2", "--output", stem)
    assert command(*words, env=backend(backends[0])).returncode == 0
    code = (
        "import sys, pathlib; from common.storage.model_files import load_predictor;"
        "from common.data.datasets import load_bundled_digits;"
        "from common.preprocessing import network_input; import numpy as np;"
        "images = network_input(load_bundled_digits().test_images);"
        "np.save(sys.argv[2], load_predictor(pathlib.Path(sys.argv[1])).predict(images))"
    )
    answers = []
    for name in backends:
        reading = (sys.executable, "-c", code, f"{stem}.keras", str(tmp_path / f"{name}.npy"))
        subprocess.run(reading, cwd=project, env=backend(name), check=True, capture_output=True)
        answers.append(np.load(tmp_path / f"{name}.npy"))
    assert np.abs(answers[0] - answers[1]).max() < 1e-4
    card = json.loads((tmp_path / "net.json").read_text())
    assert backends[0] in card["versions"]
    assert set(card["sha256"]) == {"keras", "tflite"}


def test_inconsistent_options_are_refused_in_one_line(command: Command) -> None:
    for words, said in (
        (("--coordinator", "127.0.0.1:1"), "--processes and --process must be whole numbers"),
        (("--coordinator", "127.0.0.1:1", "--processes", "2", "--process", "2"), "from 0 to N - 1"),
        (("--processes", "2", "--process", "0"), "expected --coordinator"),
        (("--coordinator", "x", "--processes", "2", "--process", "0"), "expected --coordinator"),
    ):
        done = command(*TRAINING, "--distribute", *words, env=backend("jax"))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert said in done.stderr
    done = command(*TRAINING, "--distribute", "--epochs", "1", env=backend("tensorflow"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "--distribute needs JAX" in done.stderr
