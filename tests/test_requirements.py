"""Lists of dependencies agree, and errors name the requirements file of a missing library."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import train_model
from common import UserError

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read pyproject.toml")


def requirements(name: str) -> list[str]:
    """Returns the requirements in a file, without comments and without included files."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    stated = (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines)
    return [line for line in stated if line and not line.startswith("-r ")]


@pytest.mark.parametrize(
    ("extra", "file"),
    [
        (None, "requirements/predict.txt"),
        ("train", "requirements.txt"),
        ("photos", "requirements/photos.txt"),
        ("web", "requirements/web.txt"),
        ("ray", "requirements/ray.txt"),
        ("notebook", "requirements/notebook.txt"),
        ("jax", "requirements/jax.txt"),
    ],
)
def test_pyproject_and_the_requirements_files_agree(extra: str | None, file: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    assert listed
    assert listed == requirements(file)


@pytest.mark.parametrize(
    ("script", "module", "file"),
    [
        ("predict_image.py", "numpy", "requirements/predict.txt"),
        ("draw_digit.py", "cv2", "requirements/predict.txt"),
        ("evaluate_model.py", "numpy", "requirements.txt"),
        ("evaluate_model.py", "matplotlib", "requirements.txt"),
        ("train_model.py", "numpy", "requirements.txt"),
    ],
)
def test_the_error_for_a_missing_library_names_the_requirements_file(
    tmp_path: Path, script: str, module: str, file: str
) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError(name={module!r})")
    done = subprocess.run(
        [sys.executable, script],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    expected = f"error: {module} is not installed: pip install -r {file}\n"
    # stdout is not checked, because OpenCV may print a message about NumPy there.
    assert (done.returncode, done.stderr) == (2, expected)


def test_training_without_keras_is_refused_before_the_data_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["train_model.py", "--data", "nowhere"])
    monkeypatch.setattr(train_model, "is_installed", lambda name: name != "keras")
    with pytest.raises(
        UserError, match=r"^Keras is not installed: pip install -r requirements.txt$"
    ):
        train_model.main()
