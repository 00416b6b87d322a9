"""The three scripts work together as commands: training, evaluation and prediction."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from conftest import ROOT, Command, messages
from PIL import Image

from common.data.handwriting import draw_digit
from common.images.listing import list_images

SAMPLES = ROOT / "samples"
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
DIGIT = {"type": "integer", "minimum": 0, "maximum": 9}
LINE = {"type": "integer", "minimum": 0}
BOX = {"type": "array", "items": LINE, "minItems": 4, "maxItems": 4}
MARK = {
    "type": "object",
    "additionalProperties": False,
    "required": ["digit", "confidence", "line", "number", "box", "alternatives"],
    "properties": {
        "digit": DIGIT,
        "confidence": SHARE,
        "line": LINE,
        "number": LINE,
        "box": BOX,
        "alternatives": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["digit", "confidence"],
                "properties": {"digit": DIGIT, "confidence": SHARE},
            },
        },
    },
}
NUMBER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text", "line", "confidence", "box", "raw"],
    "properties": {
        "text": {"type": "string", "pattern": r"^\d+$"},
        "line": LINE,
        "confidence": SHARE,
        "box": BOX,
        "raw": {"type": ["string", "null"], "pattern": r"^\d+([.,+:/-]\d+)+$"},
    },
}
READING = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "text", "lines", "digits", "numbers", "error", "ignored", "models"],
    "properties": {
        "image": {"type": "string"},
        "text": {"type": ["string", "null"], "pattern": r"^(\d+(\n\d+)*)?$"},
        "lines": {"type": "array", "items": {"type": "string", "pattern": r"^\d+$"}},
        "error": {"type": ["string", "null"]},
        "hint": {"type": ["string", "null"]},
        "rotation": {"enum": [0, 90, 180, 270]},
        "digits": {"type": "array", "items": MARK},
        "numbers": {"type": "array", "items": NUMBER},
        "ignored": {"type": "array", "items": MARK},
        "models": {
            "type": "object",
            "additionalProperties": False,
            "required": ["classifier", "finder"],
            "properties": {"classifier": {"type": "string"}, "finder": {"type": "string"}},
        },
    },
}


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ten drawings of each digit, from 0_0.png to 9_9.png."""
    folder = tmp_path_factory.mktemp("drawings")
    generator = np.random.default_rng(0)
    for digit in range(10):
        for number in range(10):
            ink = np.pad(draw_digit(digit, 60, generator, 0.13), 10)
            pixels = np.rint(255 - 255 * ink).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{digit}_{number}.png")
    return folder


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        jsonschema.validate(line, READING)
    return lines


def test_training_reaches_97_percent_and_prints_the_paths_of_its_files(
    trained: subprocess.CompletedProcess[str], project: Path
) -> None:
    assert trained.stderr.count("\n") == 1
    assert "MNIST could not be downloaded" in trained.stderr
    card = json.loads((project / "models" / "digits_fast_cnn.json").read_text())
    assert card["data"] == "digits"
    assert card["test_accuracy"] >= 0.97
    assert f"test accuracy {card['test_accuracy']:.2%}" in trained.stdout
    assert "python evaluate_model.py --model models/digits_fast_cnn.keras" in trained.stdout
    assert "predict_image.py --model models/digits_fast_cnn.tflite samples" in trained.stdout
    plots = project / "plots" / "digits_fast_cnn"
    for name in ("accuracy.png", "loss.png", "architecture.png"):
        assert (plots / name).stat().st_size > 1000
        assert f"plots/digits_fast_cnn/{name}" in trained.stdout
    assert "Dense, softmax" in (plots / "architecture.txt").read_text()
    assert "learning_rate,seconds" in (plots / "history.csv").read_text()
    assert not list((project / "models").glob("*.checkpoint"))
    assert (project / "models" / "digits_fast_cnn.keras").stat().st_size > 100_000


def test_an_output_name_that_another_model_uses_is_refused(command: Command, model: Path) -> None:
    words = ("train_model.py", "--data", "digits", "--output", model.stem)
    refused = command(*words)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"error: models/{model.stem}.keras already exists. Pass --overwrite to replace the model, "
        "or choose another --output.\n"
    )
    planned = command(*words, "--overwrite", "--dry-run")
    assert f"The model will replace models/{model.stem}.keras.\n" in planned.stdout


def test_evaluation_of_keras_and_tflite_files_agrees_with_the_card(
    command: Command, called: Command, model: Path, project: Path, tmp_path: Path
) -> None:
    card = json.loads(model.with_suffix(".json").read_text())
    # The .tflite file has 8-bit weights, so it may read one of the 359 images differently.
    for run, kind, wrong, loss in (
        (command, ".tflite", 0.003, 0.005),
        (called, ".keras", 0.0, 1e-4),
    ):
        report_file = tmp_path / "reports" / f"report{kind}.json"
        done = run("evaluate_model.py", "--model", model.with_suffix(kind), "--json", report_file)
        assert (done.returncode, done.stderr) == (0, "")
        report = json.loads(report_file.read_text())
        assert report["accuracy"] == pytest.approx(card["test_accuracy"], abs=wrong)
        assert report["loss"] == pytest.approx(card["test_loss"], abs=loss)
        assert report["images"] == np.sum(report["confusion_matrix"])
        assert report["images"] == sum(score["support"] for score in report["per_digit"])
        assert set(report) == {
            "model", "data", "images", "accuracy", "loss", "ece", "per_digit", "confusion_matrix"
        }  # fmt: skip
    for name in ("confusion_matrix", "recall", "reliability", "misclassified", "predictions"):
        assert (project / "plots" / model.stem / f"{name}.png").stat().st_size > 5000


def test_most_drawings_are_read_correctly(command: Command, model: Path, drawings: Path) -> None:
    done = command("predict_image.py", "--model", model, "--json", drawings)
    assert (done.returncode, messages(done.stderr)) == (0, "")
    found = records(done)
    names = [Path(str(record["image"])).name for record in found]
    assert names == [f"{digit}_{number}.png" for digit in range(10) for number in range(10)]
    right = [record["text"] == name[0] for record, name in zip(found, names, strict=True)]
    assert np.mean(right) >= 0.8  # trained on only 1,295 images of 8x8 pixels


def test_without_arguments_the_pretrained_models_read_the_samples(
    command: Command, model: Path
) -> None:
    done = command("predict_image.py")
    assert (done.returncode, done.stderr) == (
        0,
        "Reading with models/pretrained.tflite and models/pretrained_finder.tflite.\n",
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["samples/3.png", "3"] in [row[:2] for row in rows]
    assert {row[0] for row in rows if row[0].startswith("samples/")} == {
        str(path.relative_to(ROOT)) for path in list_images(SAMPLES)
    }
    alternatives = command("predict_image.py", "--top", 2, "samples/3.png").stdout.splitlines()
    assert len(alternatives) == 2
    assert alternatives[1].count("%") == 3


def test_ignored_marks_are_reported_and_the_threshold_can_be_set(
    command: Command, model: Path
) -> None:
    words = ("predict_image.py", "--model", ROOT / "models" / "pretrained.tflite")
    letters = command(*words, "samples/letters.png").stdout
    assert letters.startswith(
        "samples/letters.png  no digits found  (5 marks do not look like digits; "
    )
    everything = command(*words, "--min-confidence", 0, "samples/letters.png").stdout
    assert "ignored" not in everything
    wrong = command(*words, "--min-confidence", "1.2", "samples/letters.png")
    assert wrong.returncode == 2
    assert "'1.2' is not a number between 0 and 1" in wrong.stderr


def test_a_bad_image_gives_one_error_and_the_others_are_still_read(
    command: Command, model: Path, drawings: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x")
    images = [drawings / "1_0.png", broken, tmp_path / "missing.png", drawings / "0_0.png"]
    done = command("predict_image.py", "--json", *images)
    assert (done.returncode, messages(done.stderr)) == (1, "")
    found = records(done)
    assert [record["image"] for record in found] == [str(path) for path in images]
    assert [record["error"] is None for record in found] == [True, False, False, True]
    for_people = command("predict_image.py", *images)
    assert len(for_people.stdout.splitlines()) == 2
    assert len(messages(for_people.stderr).splitlines()) == 2


def test_stdin_wildcards_and_csv_output_work(command: Command, model: Path, drawings: Path) -> None:
    content = (drawings / "7_1.png").read_bytes()
    piped = command("predict_image.py", "--json", "-", input=content, text=False)
    assert json.loads(piped.stdout)["image"] == "-"
    done = command("predict_image.py", "--csv", drawings / "8_*.png", "samples/two_lines.png")
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    names = [Path(row["image"]).name for row in rows]
    assert names == [*(f"8_{n}.png" for n in range(10)), "two_lines.png", "two_lines.png"]
    assert [row["line"] for row in rows] == [*["1"] * 11, "2"]
    for row in rows:
        assert row["text"]
        assert 0 < float(row["confidence"]) <= 1


def test_save_writes_one_annotated_image_per_input(
    command: Command, model: Path, tmp_path: Path
) -> None:
    done = command("predict_image.py", "--save", tmp_path / "new", "samples")
    assert done.returncode == 0
    assert len(list((tmp_path / "new").glob("*_read.png"))) == len(list_images(SAMPLES))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(SAMPLES / "3.png", tmp_path / folder)
    images = [tmp_path / "a" / "3.png", tmp_path / "b" / "3.png"]
    assert command("predict_image.py", "--save", tmp_path / "two", *images).returncode == 0
    names = sorted(path.name for path in (tmp_path / "two").iterdir())
    assert names == ["3_read.png", "3_read_2.png"]


def test_wrong_usage_gives_exit_status_2_and_one_line(
    command: Command, called: Command, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.tflite").write_bytes(b"TFL3")
    for run, script, *arguments in (
        (command, "predict_image.py", "--model", tmp_path / "bad.tflite"),
        (called, "predict_image.py", "--model", tmp_path / "none.keras"),
        (called, "predict_image.py", tmp_path / "empty"),
        (called, "predict_image.py", tmp_path / "*.png"),
        (called, "predict_image.py", "--show", "samples/3.png"),
        (command, "evaluate_model.py", "--data", tmp_path / "none"),
        (called, "evaluate_model.py", "--data", "mnist"),
        (command, "train_model.py", "--data", tmp_path / "empty"),
        (called, "train_model.py", "--data", "digits", "--resume"),
        (called, "train_model.py", "--data", "digits", "--output", "/dev/null/x"),
    ):
        done = run(script, *arguments)
        assert done.returncode == 2, (script, arguments, done.stderr)
        assert done.stderr.startswith("error: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
    for arguments in (["--epochs", 0], ["--validation-split", 0.9], ["--network", "x"]):
        assert called("train_model.py", *arguments).returncode == 2


def test_a_dry_run_writes_nothing(command: Command, project: Path) -> None:
    before = sorted(project.rglob("*"))
    done = command("train_model.py", "--data", "digits", "--dry-run", "--output", "dry")
    assert done.returncode == 0
    assert "nothing was trained" in done.stdout
    assert [path for path in sorted(project.rglob("*")) if "__pycache__" not in str(path)] == [
        path for path in before if "__pycache__" not in str(path)
    ]


def test_reading_with_a_tflite_model_does_not_import_tensorflow(model: Path, project: Path) -> None:
    program = (
        "import sys; sys.argv[1:] = ['--json', 'samples']\n"
        "import runpy\n"
        "try: runpy.run_path('predict_image.py', run_name='__main__')\n"
        "except SystemExit as done: assert done.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout.splitlines()) == len(list_images(SAMPLES))
