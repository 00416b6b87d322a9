"""Damaged, hostile and other unusable model files are refused with a one-line reason."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, Command
from faults import flipped

from common.backend import keras, layers
from common.storage.loading import ModelError
from common.storage.model_files import load_predictor

pytestmark = pytest.mark.usefixtures("trial_in_this_process")

PRETRAINED = ROOT / "models" / "pretrained"


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of intact models by file suffix: an untrained network, and the pretrained one."""
    stem = tmp_path_factory.mktemp("intact") / "net"
    network = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
    network.save(stem.with_suffix(".keras"))
    network.save(stem.with_suffix(".h5"))
    kinds = {kind: stem.with_suffix(kind).read_bytes() for kind in (".keras", ".h5")}
    return kinds | {".tflite": PRETRAINED.with_suffix(".tflite").read_bytes()}


def refusal(path: Path) -> str:
    """Returns the one-line message with which a model is refused; it names the file."""
    with pytest.raises(ModelError) as refused:
        load_predictor(path)
    message = str(refused.value)
    assert "\n" not in message
    assert path.stem in message
    return message


def test_the_command_refuses_an_unusable_model_in_one_line(
    command: Command, tmp_path: Path
) -> None:
    damaged = tmp_path / "model.keras"
    damaged.write_bytes(b"not a model")
    impossible = tmp_path / f"{'long' * 100}.tflite"
    for path, reason in ((damaged, "damaged"), (impossible, "File name too long")):
        done = command("predict_image.py", "--model", path, "samples/3.png", timeout=60)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr.startswith("error: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert path.stem in done.stderr
        assert reason in done.stderr


@pytest.mark.parametrize("kind", [".keras", ".h5", ".tflite"])
def test_damaged_models_are_reported_as_damaged(
    intact: dict[str, bytes], tmp_path: Path, kind: str
) -> None:
    content = intact[kind]
    other = intact[".h5" if kind == ".keras" else ".keras"]
    path = tmp_path / f"model{kind}"
    for damaged in (b"", b"not a model\n" * 99, content[: len(content) // 2], other):
        path.write_bytes(damaged)
        assert "damaged" in refusal(path)
    path.write_bytes(flipped(content[:3000], seed=1, flips=200) + content[3000:])
    assert "damaged" in refusal(path)


def test_missing_files_and_folders_are_not_reported_as_damaged(
    command: Command, tmp_path: Path
) -> None:
    assert "no model at" in refusal(tmp_path / "missing.keras")
    (tmp_path / "folder.keras").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.keras")
    (tmp_path / "model.pt").write_bytes(b"")
    assert "expected .keras, .h5 or .tflite" in refusal(tmp_path / "model.pt")


def test_archives_without_a_model_and_zip_bombs_are_refused(
    intact: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "foreign.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "Dear reader")
    assert "config.json" in refusal(path)
    bomb = tmp_path / "bomb.keras"
    bomb.write_bytes(intact[".keras"])
    with (
        zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros", "w", force_zip64=True) as member,
    ):
        for _ in range(410):
            member.write(bytes(10**6))
    assert "larger than 400 MB when unpacked" in refusal(bomb)


@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_a_nested_lambda_layer_is_refused(tmp_path: Path, kind: str) -> None:
    inner = keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Flatten(), layers.Lambda(lambda values: values * 2)]
    )
    network = keras.Sequential([keras.Input((28, 28, 1)), inner, layers.Dense(10)])
    path = tmp_path / f"code{kind}"
    network.save(path)
    assert "uses Lambda" in refusal(path)


def test_classes_outside_keras_are_refused(intact: dict[str, bytes], tmp_path: Path) -> None:
    path, copy = tmp_path / "intact.keras", tmp_path / "elsewhere.keras"
    path.write_bytes(intact[".keras"])
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][-1] |= {"module": "os", "class_name": "system"}
                content = json.dumps(config).encode()
            target.writestr(name, content)
    assert "uses system of os" in refusal(copy)


@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_the_error_names_the_wrong_shape(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"model{kind}"
    keras.Sequential([keras.Input((32, 32, 1)), layers.Flatten(), layers.Dense(10)]).save(path)
    assert "has the input shape (None, 32, 32, 1); expected" in refusal(path)
    keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(12)]).save(path)
    assert "has the output shape (None, 12); expected" in refusal(path)


@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_networks_that_cannot_run_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"odd{kind}"
    unbuilt = keras.Sequential([layers.Flatten(), layers.Dense(10)])
    unbuilt.save(path)
    assert "build the network before you save it" in refusal(path)
    huge = keras.Sequential([keras.Input((28, 28, 1)), layers.UpSampling2D(20_000)])
    huge.save(path)
    assert "size" in refusal(path)


def test_a_missing_or_wrong_card_is_accepted_but_a_damaged_card_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.tflite"
    shutil.copy(PRETRAINED.with_suffix(".tflite"), path)
    assert load_predictor(path).card is None
    assert capsys.readouterr().err == ""
    card = json.loads(PRETRAINED.with_suffix(".json").read_text())
    card["sha256"]["tflite"] = "0" * 64
    path.with_suffix(".json").write_text(json.dumps(card))
    load_predictor(path)
    printed = capsys.readouterr().err
    assert "hashes differ" in printed
    assert printed.count("\n") == 1
    hot = '{"sha256": {}, "temperature": "hot"}'
    cold = '{"sha256": {}, "temperature": 1e-320, "data": "mnist"}'
    unknown = '{"sha256": {}, "temperature": 1, "data": null}'
    for damaged in ("", "{", "[" * 100_000, '{"sha256": 3}', hot, cold, unknown):
        path.with_suffix(".json").write_text(damaged)
        assert "card" in refusal(path)
