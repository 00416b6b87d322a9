"""The server limits saved digits, and keeps running if their folder cannot be used."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

pytest.importorskip("fastapi_offline")

from fastapi.testclient import TestClient

from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED
from common.web import app as web
from common.web.routes import keeping

SAMPLE = (ROOT / "samples" / "3.png").read_bytes()
OURS = "http://127.0.0.1"


@pytest.fixture(scope="module")
def recognizer() -> DigitRecognizer:
    return DigitRecognizer(PRETRAINED)


@pytest.mark.parametrize("obstacle", ["loop", "label is a folder", "closed folder"])
def test_an_unusable_folder_of_saved_digits_gives_one_error(
    recognizer: DigitRecognizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    obstacle: str,
) -> None:
    folder = tmp_path / "my_digits"
    with TestClient(
        web.make_app(recognizer, folder), base_url=OURS, raise_server_exceptions=False
    ) as client:
        box = client.post("/look", content=SAMPLE).json()["digits"][0]["box"]
        query = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"digit": 3}
        if obstacle == "loop":
            folder.symlink_to("my_digits")
            assert client.get("/kept").json()["count"] == 0
        elif obstacle == "label is a folder":
            assert client.post("/keep", params=query, content=SAMPLE).status_code == 200
            (name,) = (path.name for path in folder.rglob("*.png"))
            (folder / "4" / name).mkdir(parents=True)
        else:
            (folder / "3").mkdir(parents=True)
            scandir = os.scandir

            def refusing(place: str | Path) -> Any:
                if Path(place) == folder / "3":
                    raise PermissionError(13, "Permission denied", os.fsdecode(b"\xff"))
                return scandir(place)

            monkeypatch.setattr(os, "scandir", refusing)
            assert client.get("/kept").status_code == 500
        answer = client.post("/keep", params=query, content=SAMPLE)
        assert (answer.status_code, list(answer.json())) == (500, ["error"])
        assert client.post("/read", content=SAMPLE).status_code == 200


def test_a_broken_link_is_not_listed_as_a_saved_digit(
    recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "0123456789abcdef.png").symlink_to("nowhere")
    with TestClient(web.make_app(recognizer, tmp_path), base_url=OURS) as client:
        assert client.get("/kept").json()["digits"] == []


def test_the_number_of_saved_digits_is_limited(
    recognizer: DigitRecognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MAX_KEPT", 1)
    folder = tmp_path / "my_digits"
    with TestClient(web.make_app(recognizer, folder), base_url=OURS) as client:
        box = client.post("/look", content=SAMPLE).json()["digits"][0]["box"]
        query = dict(zip(("x", "y", "width", "height"), box, strict=True))
        statuses = [
            client.post("/keep", params=query | {"digit": digit}, content=SAMPLE).status_code
            for digit in (3, 4)
        ]
    assert statuses == [200, 409]
    assert [path.parent.name for path in folder.rglob("*.png")] == ["3"]


def test_a_running_server_ignores_changes_to_its_model_and_card(tmp_path: Path) -> None:
    for kind in (".tflite", ".json"):
        shutil.copy(PRETRAINED.with_suffix(kind), tmp_path)
    model = tmp_path / PRETRAINED.name
    app = web.make_app(DigitRecognizer(model), tmp_path / "my_digits")
    with TestClient(app, base_url=OURS, raise_server_exceptions=False) as client:
        before = client.get("/kept").json()
        model.with_suffix(".json").write_text('{"sha256": 5}')
        assert client.get("/kept").json() == before
        model.unlink()
        assert client.get("/kept").json() == before
