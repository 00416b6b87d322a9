"""The server runs one training process at a time and can cancel it; it ends with the server."""

import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

pytest.importorskip("fastapi_offline")

from fastapi.testclient import TestClient
from test_models import add_model

from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED
from common.web import training
from common.web.app import make_app

SAMPLE = (ROOT / "samples" / "3.png").read_bytes()
OURS = "http://127.0.0.1"
TRAINING = """
import json, os, shutil, sys, time
from pathlib import Path
output = Path(sys.argv[sys.argv.index("--output") + 1])
checkpoint = Path(f"{output}.checkpoint")
checkpoint.mkdir()
print("Epoch 0.5/2: accuracy 0.5000, loss 1.5000", flush=True)
while not Path("go").exists():
    time.sleep(0.05)
print("Epoch 1/2: accuracy 0.7500, loss 1.0000, val_accuracy 0.8000, val_loss 0.9000", flush=True)
print("Epoch 2/2: accuracy 0.9000, loss 0.5000, val_accuracy 0.9500, val_loss 0.4000", flush=True)
shutil.copy("PRETRAINED.tflite", f"{output}.tflite")
card = json.loads(Path("PRETRAINED.json").read_text())
card["own"] = os.path.realpath(sys.argv[sys.argv.index("--data") + 1])
Path(f"{output}.json").write_text(json.dumps(card))
checkpoint.rmdir()
print("\\naccuracy                images   before    after")
print("my_digits, trained on        1    0.00%  100.00%")
print("7 is still misread in 1 of 1 images: add more images of 7")
"""
"""A stand-in for `train_model.py` that waits for a file called `go`."""

SERVER = """
import socket, sys
from pathlib import Path
from common.cli import console
console.prepare()
from common.recognizer import DigitRecognizer
from common.web import training
from common.web.app import make_app
from common.web.server import server_of
project = training.PROJECT = Path(sys.argv[1])
app = make_app(DigitRecognizer(), project / "my_digits", models=project / "models")
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    server_of(app).run(sockets=[listener])
"""
"""A server that uses the stand-in for `train_model.py` and runs until a signal stops it."""


def write_training(project: Path, script: str = TRAINING) -> None:
    """Writes a stand-in for `train_model.py` into a project folder."""
    stem = str(PRETRAINED.with_suffix(""))
    (project / "train_model.py").write_text(script.replace("PRETRAINED", stem))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a stand-in for `train_model.py`."""
    monkeypatch.setattr(training, "PROJECT", tmp_path)
    monkeypatch.setattr("common.storage.model_files.try_in_subprocess", lambda *_: None)
    (tmp_path / "models").mkdir()
    write_training(tmp_path)
    return tmp_path


def client_of(project: Path, address: str = "127.0.0.1") -> TestClient:
    """Returns a client of a server for the project; `address` is the IP address of the client."""
    app = make_app(DigitRecognizer(), project / "my_digits", models=project / "models")
    return TestClient(app, base_url=OURS, raise_server_exceptions=False, client=(address, 50_000))


@pytest.fixture
def client(project: Path) -> Iterator[TestClient]:
    with client_of(project) as client:
        yield client


def keep(client: TestClient) -> dict[str, Any]:
    """Saves a digit through the server, and returns the answer."""
    box = client.post("/look", content=SAMPLE).json()["digits"][0]["box"]
    query = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"digit": 3}
    answer: dict[str, Any] = client.post("/keep", params=query, content=SAMPLE).json()
    return answer


def wait_for(client: TestClient, state: str, rows: int = 0) -> dict[str, Any]:
    """Waits until training is in the given state and its history has enough rows."""
    for _ in range(200):
        answer: dict[str, Any] = client.get("/training").json()
        if answer["state"] == state and len(answer["history"]) >= rows:
            return answer
        time.sleep(0.1)
    raise AssertionError(answer)


def test_training_reports_its_progress_and_adds_a_model(client: TestClient, project: Path) -> None:
    assert client.get("/training").json()["state"] == "idle"
    assert client.post("/train").status_code == 409
    keep(client)
    started = client.post("/train").json()
    assert (started["state"], started["name"]) == ("running", "my_digits_1")
    running = wait_for(client, "running", rows=1)
    assert running["epochs"] == 2
    assert running["history"][0]["accuracy"] == 0.5
    again = client.post("/train")
    assert (again.status_code, list(again.json())) == (409, ["error"])
    assert client.post("/read", content=SAMPLE).json()["text"] == "3"
    (project / "go").touch()
    done = wait_for(client, "done", rows=3)
    last = {"epoch": 2, "loss": 0.5, "accuracy": 0.9, "val_loss": 0.4, "val_accuracy": 0.95}
    assert 0 < done["seconds"] < 20
    assert done["history"][-1] == last
    assert done["comparison"].splitlines()[0].split() == ["accuracy", "images", "before", "after"]
    assert "my_digits_1" in [model["name"] for model in client.get("/models").json()]
    answer = client.post("/read", params={"model": "my_digits_1"}, content=SAMPLE)
    assert answer.json()["text"] == "3"
    assert done["start"] == "pretrained.tflite"
    assert running["start"] is None
    assert client.post("/train").json()["name"] == "my_digits_2"


def test_only_models_trained_on_the_web_page_can_be_deleted(
    client: TestClient, project: Path
) -> None:
    add_model(project / "models", "my_digits_7")  # not trained on the web page
    add_model(project / "models", "other")
    (project / "go").touch()
    keep(client)
    client.post("/train")
    wait_for(client, "done")
    deletable = {model["name"]: model["deletable"] for model in client.get("/models").json()}
    assert [name for name, may_delete in deletable.items() if may_delete] == ["my_digits_1"]
    for name, status in (("other", 409), ("my_digits_7", 409), ("pretrained.tflite", 409)):
        answer = client.post("/discard-model", params={"model": name})
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
    for name in ("missing", "../models/my_digits_1", "my_digits_1.tflite", ""):
        assert client.post("/discard-model", params={"model": name}).status_code == 404
    assert len(list((project / "models").glob("my_digits_1.*"))) == 2
    left = client.post("/discard-model", params={"model": "my_digits_1"}).json()
    assert {model["name"] for model in left} == set(deletable) - {"my_digits_1"}
    assert not list((project / "models").glob("my_digits_1.*"))
    assert client.post("/discard-model", params={"model": "my_digits_1"}).status_code == 404
    assert client.get("/training").json()["start"] == "pretrained.tflite"


@pytest.mark.parametrize("name", ["models/my_digits_1.tflite", "link.tflite"])
def test_the_model_that_a_server_uses_cannot_be_deleted(project: Path, name: str) -> None:
    with client_of(project) as client:
        (project / "go").touch()
        keep(client)
        client.post("/train")
        wait_for(client, "done")
    (project / "link.tflite").symlink_to(project / "models" / "my_digits_1.tflite")
    own = DigitRecognizer(project / name)
    app = make_app(own, project / "my_digits", models=project / "models")
    with TestClient(app, base_url=OURS, client=("127.0.0.1", 50_000)) as client:
        assert not any(model["deletable"] for model in client.get("/models").json())
        answer = client.post("/discard-model", params={"model": "my_digits_1"})
        assert answer.status_code == 409
        assert (project / "models" / "my_digits_1.tflite").exists()


def test_a_cancelled_training_run_leaves_no_files(client: TestClient, project: Path) -> None:
    keep(client)
    client.post("/train")
    wait_for(client, "running", rows=1)
    client.post("/cancel")
    assert wait_for(client, "cancelled")["error"] is None
    assert not list((project / "models").iterdir())
    assert client.post("/cancel").json()["state"] == "cancelled"
    assert client.post("/train").json()["name"] == "my_digits_1"


def test_a_training_process_that_ignores_cancellation_is_killed(
    client: TestClient, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "KILL_SECONDS", 0.2)
    write_training(
        project, f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN){TRAINING}"
    )
    keep(client)
    client.post("/train")
    wait_for(client, "running", rows=1)
    client.post("/cancel")
    wait_for(client, "cancelled")


def test_the_reason_for_a_failed_training_run_is_reported(
    client: TestClient, project: Path
) -> None:
    script = "import sys; print('error: The data are damaged.', file=sys.stderr); sys.exit(2)"
    write_training(project, script)
    keep(client)
    client.post("/train")
    assert wait_for(client, "failed")["error"] == "The data are damaged."


def test_a_failed_training_run_deletes_no_checkpoint_of_another_run(
    client: TestClient, project: Path
) -> None:
    other = project / "models" / "my_digits_1.checkpoint"
    script = f"import os, sys; os.mkdir({str(other)!r}); sys.exit('error: Another is writing it.')"
    write_training(project, script)  # as if another server had just made this checkpoint
    keep(client)
    client.post("/train")
    wait_for(client, "failed")
    assert other.exists()


def test_a_training_run_whose_log_is_deleted_ends_and_another_can_start(
    client: TestClient, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    keep(client)
    client.post("/train")
    wait_for(client, "running", rows=1)
    for log in (tmp_path / "temporary").iterdir():
        shutil.rmtree(log)
    (project / "go").touch()
    assert wait_for(client, "done")["history"] == []
    assert client.post("/train").json()["name"] == "my_digits_2"


def test_a_training_run_that_cannot_start_leaves_the_earlier_result(
    client: TestClient, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (project / "go").touch()
    keep(client)
    client.post("/train")
    earlier = wait_for(client, "done", rows=3)
    monkeypatch.setattr("sys.executable", str(tmp_path / "missing"))
    assert client.post("/train").status_code == 500
    assert client.get("/training").json() == earlier
    assert len(list((tmp_path / "temporary").iterdir())) == 1


def test_training_ends_with_the_server(project: Path) -> None:
    with client_of(project) as client:
        keep(client)
        client.post("/train")
        wait_for(client, "running", rows=1)
    time.sleep(0.2)
    (project / "go").touch()
    time.sleep(0.5)
    assert not list((project / "models").iterdir())


def _restore_signals() -> None:
    """Restores the default handlers of signals that nohup and background jobs ignore."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGHUP] * 2])
def test_training_ends_with_a_server_that_is_stopped_twice(
    project: Path, monkeypatch: pytest.MonkeyPatch, signals: list[signal.Signals]
) -> None:
    (project / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(project / "temporary"))
    (project / "my_digits" / "3").mkdir(parents=True)
    shutil.copy(ROOT / "samples" / "3.png", project / "my_digits" / "3")
    words = [sys.executable, "-c", SERVER, str(project)]
    with (
        subprocess.Popen(
            words,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_restore_signals,
        ) as server,
        ExitStack() as stack,
    ):
        stack.callback(server.kill)
        assert server.stdout
        port = int(server.stdout.readline())
        urllib.request.urlopen(f"{OURS}:{port}/train", b"").close()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
            time.sleep(0.5)
            for number in signals:
                server.send_signal(number)
                time.sleep(0.3)
            server.wait(20)
    assert not list((project / "temporary").glob("*/log"))
    (project / "go").touch()
    time.sleep(0.5)
    assert not list((project / "models").iterdir())


def test_saved_digits_are_listed_and_can_be_deleted(client: TestClient, project: Path) -> None:
    (project / "my_digits" / "3").mkdir(parents=True)
    mine = project / "my_digits" / "3" / "mine.png"
    shutil.copy(ROOT / "samples" / "3.png", mine)
    answer = keep(client)
    assert answer["count"] == 2
    (digit,) = answer["digits"]  # other files of the user are not listed
    assert digit["digit"] == 3
    address = f"/kept/3/{digit['name']}"
    assert client.get(address).headers["content-type"] == "image/png"
    assert client.post("/discard", params=digit).json()["count"] == 1
    assert client.post("/discard", params=digit).status_code == 404
    assert client.get(address).status_code == 404
    assert mine.exists()


@pytest.mark.parametrize("name", ["mine", "mine.png", "../3/mine", "", "0123456789abcde\n"])
def test_only_saved_digits_can_be_deleted(client: TestClient, project: Path, name: str) -> None:
    (project / "my_digits" / "3").mkdir(parents=True)
    (project / "my_digits" / "3" / "mine.png").touch()
    answer = client.post("/discard", params={"digit": 3, "name": name})
    assert (answer.status_code, list(answer.json())) == (422, ["error"])
    assert client.get("/kept/3/mine").status_code == 422
    assert client.get("/kept/3/%2e%2e%2fmine").status_code == 404
    assert (project / "my_digits" / "3" / "mine.png").exists()


def test_other_computers_and_web_sites_cannot_train_or_delete(project: Path) -> None:
    with client_of(project, "192.0.2.7") as stranger:
        address = "/discard?digit=3&name={}".format(keep(stranger)["digits"][0]["name"])
        for path in ("/train", "/cancel", "/discard-model?model=my_digits_1", address):
            answer = stranger.post(path)
            assert (answer.status_code, list(answer.json())) == (403, ["error"])
        assert not stranger.get("/training").json()["allowed"]
        assert stranger.get("/kept").json()["count"] == 1
    with client_of(project) as client:
        assert client.get("/training").json()["allowed"]
        for origin in ("http://digits.example", "null", "http://127.0.0.1:81"):
            for path in ("/train", "/discard-model?model=my_digits_1", address):
                answer = client.post(path, headers={"Origin": origin})
                assert answer.status_code == 403
        assert client.get("/training").json()["state"] == "idle"
        assert client.get("/kept").json()["count"] == 1
