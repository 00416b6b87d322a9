"""Whatever model file they are given, the commands say in one line what is wrong with it."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, Command
from faults import flipped

from common.backend import keras, layers

PRETRAINED = ROOT / "models" / "pretrained"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of a small trained model by kind."""
    stem = tmp_path_factory.mktemp("whole") / "net"
    network = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
    network.save(stem.with_suffix(".keras"))
    network.save(stem.with_suffix(".h5"))
    kinds = {kind: stem.with_suffix(kind).read_bytes() for kind in (".keras", ".h5")}
    return kinds | {".tflite": PRETRAINED.with_suffix(".tflite").read_bytes()}


def refusal(command: Command, path: Path) -> str:
    """What the command says of a model, which is one line."""
    done = command("predict_image.py", "--model", path, "samples/3.png", timeout=60)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert path.stem in done.stderr
    return done.stderr


@pytest.mark.parametrize("kind", [".keras", ".h5", ".tflite"])
def test_damaged_files_are_called_damaged(
    command: Command, whole: dict[str, bytes], tmp_path: Path, kind: str
) -> None:
    content = whole[kind]
    other = whole[".h5" if kind == ".keras" else ".keras"]
    path = tmp_path / f"model{kind}"
    for damaged in (b"", b"no model\n" * 99, content[: len(content) // 2], other):
        path.write_bytes(damaged)
        assert "damaged" in refusal(command, path)
    path.write_bytes(flipped(content[:3000], seed=1, flips=200) + content[3000:])
    assert "damaged" in refusal(command, path)


def test_what_is_no_file_is_not_called_damaged(command: Command, tmp_path: Path) -> None:
    assert "no model at" in refusal(command, tmp_path / "missing.keras")
    (tmp_path / "folder.keras").mkdir()
    assert "is a folder" in refusal(command, tmp_path / "folder.keras")
    (tmp_path / "model.pt").write_bytes(b"")
    assert "expected .keras, .h5 or .tflite" in refusal(command, tmp_path / "model.pt")


def test_foreign_and_hostile_archives(
    command: Command, whole: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "foreign.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "Dear reader")
    assert "config.json" in refusal(command, path)
    bomb = tmp_path / "bomb.keras"
    bomb.write_bytes(whole[".keras"])
    with (
        zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros", "w", force_zip64=True) as member,
    ):
        for _ in range(410):
            member.write(bytes(10**6))
    assert "would unpack to more than 400 MB" in refusal(command, bomb)


@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_code_is_refused_and_not_run(command: Command, tmp_path: Path, kind: str) -> None:
    inner = keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Flatten(), layers.Lambda(lambda values: values * 2)]
    )
    network = keras.Sequential([keras.Input((28, 28, 1)), inner, layers.Dense(10)])
    path = tmp_path / f"code{kind}"
    network.save(path)
    assert "asks for Lambda" in refusal(command, path)


def test_classes_from_elsewhere_are_refused(
    command: Command, whole: dict[str, bytes], tmp_path: Path
) -> None:
    path, copy = tmp_path / "whole.keras", tmp_path / "elsewhere.keras"
    path.write_bytes(whole[".keras"])
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][-1] |= {"module": "os", "class_name": "system"}
                content = json.dumps(config).encode()
            target.writestr(name, content)
    assert "asks for system of os" in refusal(command, copy)


@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_wrong_shapes_are_named(command: Command, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"model{kind}"
    keras.Sequential([keras.Input((32, 32, 1)), layers.Flatten(), layers.Dense(10)]).save(path)
    assert "takes (None, 32, 32, 1); expected" in refusal(command, path)
    keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(12)]).save(path)
    assert "returns (None, 12); expected" in refusal(command, path)


@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_networks_that_cannot_be_run(command: Command, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"odd{kind}"
    unbuilt = keras.Sequential([layers.Flatten(), layers.Dense(10)])
    unbuilt.save(path)
    assert "must be built" in refusal(command, path)
    huge = keras.Sequential([keras.Input((28, 28, 1)), layers.UpSampling2D(20_000)])
    huge.save(path)
    assert "size" in refusal(command, path)


def test_a_path_that_no_file_can_have(command: Command, tmp_path: Path) -> None:
    assert "File name too long" in refusal(command, tmp_path / f"{'long' * 100}.tflite")


def test_a_missing_or_wrong_card_is_no_obstacle(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    shutil.copy(PRETRAINED.with_suffix(".tflite"), path)
    words = ("predict_image.py", "--model", path, "samples/3.png")
    done = command(*words)
    assert (done.returncode, done.stderr) == (0, "")
    card = json.loads(PRETRAINED.with_suffix(".json").read_text())
    card["sha256"]["tflite"] = "0" * 64
    path.with_suffix(".json").write_text(json.dumps(card))
    done = command(*words)
    assert done.returncode == 0
    assert "hashes differ" in done.stderr
    assert done.stderr.count("\n") == 1
    hot = '{"sha256": {}, "temperature": "hot"}'
    cold = '{"sha256": {}, "temperature": 1e-320, "data": "mnist"}'
    unknown = '{"sha256": {}, "temperature": 1, "data": null}'
    for damaged in ("", "{", "[" * 100_000, '{"sha256": 3}', hot, cold, unknown):
        path.with_suffix(".json").write_text(damaged)
        assert "card" in refusal(command, path)
