"""Commands that are stopped at any moment, or run out of disk space, destroy no files."""

import csv
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command, messages, no_network

from common.storage.model_files import load_predictor
from common.training.checkpoint import TrainingError, checkpoint_folder, model_lock, read_state
from common.training.recipes import PRESETS, Run

pytestmark = pytest.mark.usefixtures("trial_in_this_process")

TRAINING = ("train_model.py", "--data", "digits", "--network", "mlp", "--epochs", "30")


def start(project: Path, *words: str) -> "subprocess.Popen[str]":
    """Starts a command, and returns a process whose output can be read line by line."""
    return subprocess.Popen(
        [sys.executable, "-u", *words],
        cwd=project,
        env=no_network(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(process: "subprocess.Popen[str]", word: str) -> bool:
    """Reads the output of a process until a line contains the word.

    Returns:
        False if the output ended without such a line.
    """
    assert process.stdout is not None
    return any(word in line for line in process.stdout)


def history(project: Path, name: str) -> list[dict[str, float]]:
    """Returns the training history of a model without the durations."""
    with (project / "plots" / name / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: float(v) for k, v in row.items() if k != "seconds"} for row in rows]


def assert_intact(stem: Path) -> None:
    """Asserts that all files of a model exist and can be loaded."""
    card = json.loads(stem.with_suffix(".json").read_text())
    assert set(card["sha256"]) == {"keras", "tflite"}
    for kind in (".keras", ".tflite"):
        shares = load_predictor(stem.with_suffix(kind)).predict(np.zeros((1, 28, 28, 1), "float32"))
        assert shares.shape == (1, 10)


def check_kills(
    called: Command, project: Path, stem: Path, epochs: int, kills: int, after: str, delay: float
) -> int:
    """Kills and resumes training at random moments, until it is complete.

    Each kill comes up to `delay` seconds after training has printed the word `after`. Asserts that
    the model is intact each time, and finally equals that of an uninterrupted run.

    Returns:
        How many times training was resumed.
    """
    words = (*TRAINING[:-1], str(epochs), "--output", str(stem), "--overwrite")
    assert called(*words).returncode == 0
    expected = history(project, stem.name)
    hashes = json.loads(stem.with_suffix(".json").read_text())["sha256"]
    generator = random.Random(0)
    state = checkpoint_folder(stem) / "state.json"
    done = resumed = 0

    def resuming() -> list[str]:
        nonlocal resumed
        saved = state.exists() and json.loads(state.read_text())["history"]
        resumed += bool(saved)
        return ["--resume"] if saved else []

    while done < kills:
        process = start(project, *words, *resuming())
        if wait_for(process, after):
            time.sleep(generator.uniform(0, delay))
            process.kill()
            done += 1
        process.wait()
        assert_intact(stem)
    assert called(*words, *resuming()).returncode == 0
    assert not state.exists()
    assert history(project, stem.name) == [pytest.approx(row, rel=1e-3) for row in expected]
    card = json.loads(stem.with_suffix(".json").read_text())
    assert card["sha256"] == {
        kind: hashlib.sha256(stem.with_suffix(f".{kind}").read_bytes()).hexdigest()
        for kind in hashes
    }
    return resumed


def test_a_killed_training_run_can_be_resumed_and_leaves_the_model_intact(
    called: Command, project: Path, tmp_path: Path
) -> None:
    # The line of the third epoch is printed after at least two checkpoints have been saved.
    stem = tmp_path / "killed"
    assert check_kills(called, project, stem, epochs=6, kills=1, after="Epoch 3/", delay=0) == 1


@pytest.mark.long
def test_training_survives_fifty_kills(called: Command, project: Path, tmp_path: Path) -> None:
    # With this delay, a kill can come at any time from the first line of progress to the saved
    # model.
    stem = tmp_path / "killed"
    check_kills(called, project, stem, epochs=30, kills=50, after="Epoch ", delay=2.5)


def test_the_next_training_run_removes_the_temporary_files_of_a_killed_run(tmp_path: Path) -> None:
    left = [tmp_path / f".123.mine.{kind}" for kind in ("keras", "tflite", "json")]
    others = [tmp_path / name for name in (".123.not.mine.keras", "mine.keras", ".123.mine_2.json")]
    for path in left + others:
        path.touch()
    with model_lock(tmp_path / "mine"):
        assert not [path for path in left if path.exists()]
        assert all(path.exists() for path in others)


def test_sigterm_stops_training_and_prints_how_to_resume(project: Path, tmp_path: Path) -> None:
    process = start(project, *TRAINING[:-1], "100", "--output", str(tmp_path / "stopped"))
    assert wait_for(process, "Epoch 10/")
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "Interrupted after " in rest
    assert "--resume --output" in rest
    assert "Traceback" not in rest


def test_ctrl_c_during_imports_prints_no_traceback(project: Path) -> None:
    words = [sys.executable, "-X", "importtime", "predict_image.py", "samples"]
    with subprocess.Popen(words, cwd=project, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("numpy" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode in (130, -signal.SIGINT)
    assert "interrupted" in rest
    assert "Traceback" not in rest


def test_training_interrupted_in_its_last_epoch_can_only_be_resumed(
    called: Command, project: Path
) -> None:
    stem = project / "models" / "stopped"
    state = checkpoint_folder(stem) / "state.json"
    words = (*TRAINING[:-1], "2", "--output", "stopped")
    process = start(project, *words)
    assert wait_for(process, "Epoch 1/2")
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 130, rest
    assert "python train_model.py --resume --output stopped" in rest
    assert "Traceback" not in rest
    assert not stem.with_suffix(".keras").exists()
    assert json.loads(state.read_text())["history"]  # the first epoch is complete
    again = called(*words)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1), again.stderr
    assert "holds an interrupted run" in again.stderr
    other = called("train_model.py", "--resume", "--output", "stopped", "--epochs", 9)
    assert (other.returncode, other.stderr.count("\n")) == (2, 1), other.stderr
    assert "has --epochs 2, not 9" in other.stderr
    done = called("train_model.py", "--resume")  # there is only one checkpoint to resume
    assert done.returncode == 0, done.stderr
    assert not state.exists()
    assert [row["epoch"] for row in history(project, "stopped")] == [1, 2]
    assert_intact(stem)


def test_a_damaged_checkpoint_is_reported_in_one_line(
    called: Command, project: Path, tmp_path: Path
) -> None:
    run = json.dumps(asdict(Run("classic", PRESETS["classic"], "digits", "0")))
    for content in (
        "[" * 100_000,
        "{}",
        '{"run": {}}',
        '{"run": RUN, "weights": "w.npz"}',
        '{"run": RUN, "weights": "../w.npz", "history": []}',
        '{"run": RUN, "weights": "w.npz", "history": [{"epoch": "one"}]}',
    ):
        (tmp_path / "state.json").write_text(content.replace("RUN", run))
        with pytest.raises(TrainingError, match="damaged"):
            read_state(tmp_path)
    shutil.copytree(tmp_path, project / "models" / "odd.checkpoint")
    done = called(*TRAINING, "--output", "odd")
    shutil.rmtree(project / "models" / "odd.checkpoint")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "odd.checkpoint/state.json is damaged" in done.stderr


def test_two_training_runs_cannot_write_the_same_model(called: Command, tmp_path: Path) -> None:
    stem = tmp_path / "twice"
    with model_lock(stem):  # the first run
        second = called(*TRAINING, "--output", stem)
    assert second.returncode == 2
    assert "Another training run is writing" in second.stderr
    assert second.stderr.count("\n") == 1


TRAINING_ON_A_FULL_DISK = """
import resource, sys
import train_model
from common.cli import console
*words, output, limits = sys.argv[1:]
for limit in map(int, limits.split(",")):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    sys.argv[1:] = [*words, f"{output}_{limit}"]
    try:
        console.run(train_model.main)
    except SystemExit as stopped:
        print("status", stopped.code, flush=True)
"""


def test_a_full_disk_ends_training_with_one_line(project: Path, tmp_path: Path) -> None:
    limits = (1_000, 200_000, 1_300_000)
    script = [sys.executable, "-c", TRAINING_ON_A_FULL_DISK]
    done = subprocess.run(
        [*script, *TRAINING[1:], "--output", str(tmp_path / "full"), ",".join(map(str, limits))],
        cwd=tmp_path,
        env=no_network() | {"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout.count("status 2\n") == len(limits), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(limits), done.stderr
    for line in lines:
        assert line.startswith("error: ")
        assert line.endswith("cannot be written: File too large.")
    left = {path.name for path in tmp_path.glob("full_*")}
    assert left <= {f"full_{limit}.checkpoint" for limit in limits}


def test_a_full_disk_leaves_no_partial_annotated_image(project: Path, tmp_path: Path) -> None:
    model = str(ROOT / "models" / "pretrained.tflite")
    words = [sys.executable, "predict_image.py", "--model", model, "--save", str(tmp_path)]
    done = subprocess.run(
        [*words, "samples/photo.jpg"],
        cwd=project,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, messages(done.stderr).count("\n")) == (1, 1), done.stderr
    assert "photo_read.png cannot be written: File too large." in done.stderr
    assert not list(tmp_path.iterdir())


DRAWING = """
import resource, sys
from pathlib import Path
from common import UserError
from common.evaluation import history
row = {"epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}
resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
for name in sys.argv[1:]:
    path = Path(name)
    try:
        if path.suffix == ".csv":
            history.save_history([row], path)
        else:
            history.plot_accuracy([row], 0.5, "title", path)
        sys.exit("nothing was refused")
    except UserError as error:
        print(error)
"""


def test_a_full_disk_keeps_the_previous_plots_and_tables(project: Path, tmp_path: Path) -> None:
    earlier = [tmp_path / "history.csv", tmp_path / "accuracy.png"]
    for path in earlier:
        path.write_text("earlier")
    words = [sys.executable, "-c", DRAWING, *map(str, earlier)]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cannot be written: File too large.") == len(earlier)
    assert [path.read_text() for path in earlier] == ["earlier"] * len(earlier)
    assert sorted(tmp_path.iterdir()) == sorted(earlier)


def test_unwritable_folders_are_reported_before_any_work(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    inside = tmp_path / "file" / "inside"
    model = ROOT / "models" / "pretrained.tflite"
    for words in (
        (*TRAINING, "--output", inside / "model"),
        ("evaluate_model.py", "--data", "digits", "--model", model, "--json", inside / "r.json"),
        ("predict_image.py", "--model", model, "--save", inside, "samples"),
    ):
        done = command(*words)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "Nothing can be written to" in done.stderr
        assert "Epoch" not in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_a_full_disk_behind_stdout_is_reported_in_one_line(project: Path) -> None:
    model = str(ROOT / "models" / "pretrained.tflite")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "predict_image.py", "--model", model, "samples"],
            cwd=project,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert (done.returncode, messages(done.stderr).count("\n")) == (2, 1), done.stderr
    assert "No space left on device" in done.stderr
