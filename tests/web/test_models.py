"""Requests to the HTTP API can list and choose the models in `models/`."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

pytest.importorskip("fastapi_offline")

from fastapi import HTTPException
from fastapi.testclient import TestClient

from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED, PRETRAINED_FINDER
from common.web import classifiers
from common.web.app import make_app
from common.web.classifiers import Classifiers

SAMPLE = (ROOT / "samples" / "3.png").read_bytes()


def add_model(folder: Path, name: str) -> None:
    """Copies the pretrained model into a folder under another name."""
    folder.mkdir(exist_ok=True)
    shutil.copy(PRETRAINED, folder / f"{name}.tflite")
    card = json.loads(PRETRAINED.with_suffix(".json").read_text())
    card |= {"network": "mlp", "test_accuracy": 0.5, "own": "/home/me/my_digits"}
    (folder / f"{name}.json").write_text(json.dumps(card))


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips the trial of each copied model, which would take a second."""
    monkeypatch.setattr("common.storage.model_files.try_in_subprocess", lambda *_: None)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with two classifiers, a finder, and files that are not models."""
    folder = tmp_path / "models"
    for name in ("first", "second"):
        add_model(folder, name)
    shutil.copy(PRETRAINED_FINDER, folder)
    shutil.copy(PRETRAINED, folder / "damaged.tflite")
    (folder / "damaged.json").write_text('{"sha256": 5}')
    (folder / "folder.tflite").mkdir()
    (folder / os.fsdecode(b"\xff.tflite")).touch()
    (folder / "notes.txt").write_text("notes")
    return folder


@pytest.fixture
def client(models: Path, tmp_path: Path) -> Iterator[TestClient]:
    app = make_app(DigitRecognizer(), tmp_path / "my_digits", models=models)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def test_the_models_are_listed_with_their_cards(client: TestClient) -> None:
    own, *others = client.get("/models").json()
    assert (own["name"], own["network"], own["default"]) == ("pretrained.tflite", "deep_cnn", True)
    assert {other["name"] for other in others} == {"first", "second"}
    for other in others:
        assert (other["network"], other["accuracy"], other["default"]) == ("mlp", 0.5, False)
        assert (other["data"], other["own"]) == ("mnist", "my_digits")


def test_a_request_can_name_the_model_that_reads(client: TestClient) -> None:
    for name, file in (("first", "first.tflite"), ("pretrained.tflite", "pretrained.tflite")):
        answer = client.post("/read", params={"model": name}, content=SAMPLE).json()
        assert (answer["text"], answer["models"]["classifier"]) == ("3", file)
        assert answer["models"]["finder"] == "pretrained_finder.tflite"
        look = client.post("/look", params={"model": name}, content=SAMPLE).json()
        box = dict(zip(("x", "y", "width", "height"), look["digits"][0]["box"], strict=True))
        query = box | {"model": name}
        assert len(client.post("/why", params=query, content=SAMPLE).json()["layers"]) == 2
        kept = client.post("/keep", params=query | {"digit": 3}, content=SAMPLE)
        assert kept.json()["count"] == 1
    assert client.post("/read", content=SAMPLE).json()["models"]["classifier"] == PRETRAINED.name


@pytest.mark.parametrize(
    "name",
    [
        *("", "third", "first.tflite", "../models/first", "/etc/passwd", "folder", "notes", "*"),
        *("pretrained_finder", str(PRETRAINED), "..", "first\0", "f%69rst"),
    ],
)
def test_only_the_name_of_a_listed_model_is_accepted(client: TestClient, name: str) -> None:
    for path in ("/read", "/look"):
        answer = client.post(path, params={"model": name}, content=SAMPLE)
        assert answer.status_code == 404
        assert answer.json() == {
            "error": "There is no model of that name; GET /models lists the models."
        }
    too_long = client.post("/read", params={"model": "m" * 101}, content=SAMPLE)
    assert too_long.status_code == 422


def test_a_damaged_model_gives_one_error(client: TestClient) -> None:
    answer = client.post("/read", params={"model": "damaged"}, content=SAMPLE)
    assert (answer.status_code, list(answer.json())) == (500, ["error"])
    assert client.post("/read", content=SAMPLE).status_code == 200


def test_the_number_of_models_in_memory_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifiers, "MAX_LOADED", 2)
    for name in ("a", "b", "c"):
        add_model(tmp_path / "models", name)
    known = Classifiers(DigitRecognizer(), tmp_path / "models")
    assert not known._loaded
    first = known.recognizer("a")
    assert known.recognizer("a") is first
    known.recognizer("b")
    known.recognizer("a")
    known.recognizer("c")
    assert [path.stem for path, _ in known._loaded] == ["a", "c"]
    assert known.recognizer("c").finder is known.own.finder
    with pytest.raises(HTTPException):
        known.recognizer("d")


def test_the_model_of_the_server_is_listed_only_once(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    add_model(folder, "own")
    known = Classifiers(DigitRecognizer(folder / "own.tflite"), folder)
    assert [choice.name for choice in known.choices()] == ["own"]
    assert known.recognizer("own") is known.own


def test_repeated_requests_about_an_image_read_it_only_once(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Classifiers(DigitRecognizer(), models)
    read: list[str] = []

    def reading(self: DigitRecognizer, image: np.ndarray) -> Any:
        read.append(self.setup.model.name)
        return examine(self, image)

    examine = DigitRecognizer.examine
    monkeypatch.setattr(DigitRecognizer, "examine", reading)
    other = (ROOT / "samples" / "7.jpeg").read_bytes()
    for name, content in ((None, SAMPLE), (None, SAMPLE), ("first", SAMPLE), (None, other)):
        assert len(known.examine(name, content).reading.digits) == 1
    assert read == ["pretrained.tflite", "first.tflite", "pretrained.tflite"]
    monkeypatch.setattr(classifiers, "MAX_CACHED_PIXELS", 100)
    for _ in range(2):
        known.examine(None, SAMPLE)
    assert len(read) == 5
