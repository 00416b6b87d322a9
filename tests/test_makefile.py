"""`make run` and `make read` run the right commands; the tests list them without running them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the files that make needs, as in a fresh clone."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def commands(clone: Path, target: str) -> list[str]:
    """Returns the commands that make would run, in order."""
    # Without --no-print-directory, make prints more lines if `make test` runs this test.
    words = ["make", "--dry-run", "--no-print-directory", target]
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=True)
    return done.stdout.replace("\\\n", "").splitlines()


def position(lines: list[str], text: str) -> int:
    return next(number for number, line in enumerate(lines) if text in line)


def test_make_run_reads_the_samples_before_it_installs_tensorflow(clone: Path) -> None:
    lines = commands(clone, "run")
    steps = (
        "-r requirements/predict.txt",
        ".venv/bin/python predict_image.py samples",
        "-r requirements.txt",
        "train_model.py --output make_run",
        "evaluate_model.py --model models/make_run.keras",
        "predict_image.py --model models/make_run.tflite samples",
    )
    positions = [position(lines, step) for step in steps]
    assert positions == sorted(positions)


def test_make_run_resumes_only_its_own_training(clone: Path) -> None:
    (clone / "models" / "deep_cnn.checkpoint").mkdir(parents=True)
    assert "--preset fast --overwrite" in " ".join(commands(clone, "run"))
    state = clone / "models" / "make_run.checkpoint" / "state.json"
    state.parent.mkdir()
    state.touch()
    assert "--output make_run   --resume" in " ".join(commands(clone, "run")).replace("\t", "")


def test_make_read_installs_only_the_libraries_for_reading(clone: Path) -> None:
    lines = commands(clone, "read")
    assert [line.split()[-1] for line in lines if "pip install" in line] == [
        "requirements/predict.txt"
    ]
    assert lines[-1] == ".venv/bin/python predict_image.py samples"
