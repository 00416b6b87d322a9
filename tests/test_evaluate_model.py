"""evaluate_model.py evaluates classifiers, finders and the whole reader, and reports scores."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import evaluate_model
from common import UserError
from common.cli import console
from common.data.datasets import Dataset
from common.data.evaluation_pages import CONDITIONS
from common.finding.encoding import OUTPUTS
from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED


@pytest.fixture(autouse=True)
def plots_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder into which the script writes its plots in these tests."""
    monkeypatch.setattr(evaluate_model, "PLOTS", tmp_path / "plots")
    return tmp_path / "plots"


def evaluate(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["evaluate_model.py", *map(str, arguments)])
    return evaluate_model.main()


@pytest.fixture
def finder(tmp_path: Path) -> Path:
    """A model file whose card says that the model is a finder."""
    path = tmp_path / "finder.tflite"
    shutil.copy(PRETRAINED, path)
    card = json.loads(PRETRAINED.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | {"network": "finder", "data": "digits"}))
    return path


def test_a_finder_is_evaluated_on_generated_pages(
    finder: Path,
    tmp_path: Path,
    plots_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def sees_nothing(pages: np.ndarray) -> np.ndarray:
        _, height, width, _ = pages.shape
        return np.full((1, height // 4, width // 4, OUTPUTS), -10, np.float32)

    # The stand-in saves time: the pretrained finder takes a second for each page.
    monkeypatch.setattr("common.recognizer.load_finder", lambda *_: sees_nothing)
    reader = DigitRecognizer(PRETRAINED)
    monkeypatch.setattr(evaluate_model, "DigitRecognizer", lambda *_, **__: reader)
    report_file = tmp_path / "report.json"
    status = evaluate(monkeypatch, "--model", finder, "--pages", 1, "--json", report_file)
    assert status == console.OK
    report = json.loads(report_file.read_text())
    assert [group["name"] for group in report["groups"]] == list(CONDITIONS)
    assert report["overall"]["images"] == len(CONDITIONS)
    assert (report["data"], report["pages_per_condition"]) == ("digits", 1)
    printed = capsys.readouterr().out
    rows = {line[:17].strip(): line[17:].split() for line in printed.splitlines()}
    exact = {name: float(rows[name][1].rstrip("%")) / 100 for name in CONDITIONS}
    assert exact == {group["name"]: group["exact"] for group in report["groups"]}
    with Image.open(plots_folder / finder.stem / "worst_pages.png") as plot:
        assert plot.width > 1000


def test_a_folder_with_labels_evaluates_the_whole_reader(
    tmp_path: Path,
    plots_folder: Path,
    digits: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    image = 255 - np.repeat(np.repeat(digits.test_images[0], 3, axis=0), 3, axis=1)
    Image.fromarray(image).save(folder / "one.png")
    label = digits.test_labels[0]
    rows = [f"one.png,{label},drawn", "one.png,77,wrong", "broken\x1b.png,1,drawn"]
    (folder / "labels.csv").write_text("\n".join(["path,label,kind", *rows]))
    report_file = tmp_path / "report.json"
    status = evaluate(monkeypatch, "--model", PRETRAINED, "--data", folder, "--json", report_file)
    assert status == console.SOME_UNREADABLE
    printed = capsys.readouterr()
    assert printed.err.startswith("not scored: ")
    assert printed.err.count("\n") == 1
    assert "\x1b" not in printed.err
    report = json.loads(report_file.read_text())
    assert {group["name"]: group["exact"] for group in report["groups"]} == {"drawn": 1, "wrong": 0}
    assert report["overall"]["digit_errors"] == 2
    assert len(report["unreadable"]) == 1
    assert "box recall" not in printed.out
    assert (plots_folder / PRETRAINED.stem / "misread_images.png").stat().st_size > 5000


def test_without_kinds_the_table_has_a_single_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (28, 28), 255).save(tmp_path / "blank.png")
    (tmp_path / "labels.csv").write_text("path,label\nblank.png,\n")
    assert evaluate(monkeypatch, "--model", PRETRAINED, "--data", tmp_path) == console.OK
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert [line.split()[:3] for line in table[1:]] == [["all", "1", "100.0%"]]


def test_a_folder_with_damaged_labels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "labels.csv").write_text("path,label\nx.png,seven\n")
    with pytest.raises(UserError, match=r"line 2: .*'seven'; expected"):
        evaluate(monkeypatch, "--model", PRETRAINED, "--data", tmp_path)


def test_several_classifiers_are_compared_on_the_same_images(
    tmp_path: Path,
    plots_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other.tflite"
    shutil.copy(PRETRAINED, other)
    report_file = tmp_path / "report.json"
    words = ("--model", PRETRAINED, "--model", other, "--data", "digits", "--json", report_file)
    assert evaluate(monkeypatch, *words) == console.OK
    table = capsys.readouterr().out.splitlines()
    assert table[0] == "data  digits, 359 test images"
    assert [line.split()[0] for line in table[3:5]] == ["models/pretrained.tflite", str(other)]
    report = json.loads(report_file.read_text())
    assert [model["model"] for model in report["models"]] == [
        "models/pretrained.tflite",
        str(other),
    ]
    assert {model["accuracy"] for model in report["models"]} == {report["models"][0]["accuracy"]}
    assert [path.name for path in plots_folder.iterdir()] == ["compare.png"]


def test_finders_and_labelled_folders_cannot_be_compared(
    finder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="Only classifiers can be compared"):
        evaluate(monkeypatch, "--model", PRETRAINED, "--model", finder)
    (tmp_path / "labels.csv").write_text("path,label\nx.png,7\n")
    with pytest.raises(UserError, match=r"a labels\.csv, pass --model only once"):
        evaluate(monkeypatch, "--model", PRETRAINED, "--model", PRETRAINED, "--data", tmp_path)
