"""The server answers requests, and refuses unusable ones and those from other web sites."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command
from faults import png_of_size
from PIL import Image

pytest.importorskip("fastapi_offline")
pytest.importorskip("uvicorn")

from fastapi.testclient import TestClient

from common.data.datasets import load_own_digits
from common.data.my_digits import keep_digit, kept_digits
from common.files import shown
from common.finding.drawings import drawn_marks
from common.images.decoding import read_image
from common.preprocessing import digit_picture
from common.recognizer import DigitRecognizer
from common.storage.card import load_card
from common.storage.model_files import PRETRAINED
from common.web import app as web
from common.web import desk
from common.web.routes.keeping import training_command

SAMPLE = (ROOT / "samples" / "3.png").read_bytes()
OURS = "http://127.0.0.1"


@pytest.fixture(scope="module")
def recognizer() -> DigitRecognizer:
    return DigitRecognizer(PRETRAINED)


@pytest.fixture
def client(recognizer: DigitRecognizer, tmp_path: Path) -> Iterator[TestClient]:
    app = web.make_app(recognizer, tmp_path / "my_digits")
    with TestClient(app, base_url=OURS, raise_server_exceptions=False) as client:
        yield client


def test_read_returns_what_the_command_prints(client: TestClient, command: Command) -> None:
    words = ("predict_image.py", "--model", PRETRAINED, "--json", "--top", "2", "-")
    for name in ("3.png", "two_lines.png", "letters.png", "photo.jpg"):
        content = (ROOT / "samples" / name).read_bytes()
        printed = command(*words, input=content, text=False).stdout
        answer = client.post("/read?top=2", content=content)
        assert answer.status_code == 200
        assert answer.json() == json.loads(printed)


def test_look_returns_probabilities_and_the_picture_of_each_digit(client: TestClient) -> None:
    seen = client.post("/look", content=SAMPLE).json()
    assert seen["text"] == "3"
    (digit,) = seen["digits"]
    shares = [digit["confidence"], *(other["confidence"] for other in digit["alternatives"])]
    assert len(shares) == 10
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert digit["picture"].startswith("data:image/png;base64,")
    letters = (ROOT / "samples" / "letters.png").read_bytes()
    assert len(client.post("/look", content=letters).json()["left_out"]) == 5


@pytest.mark.parametrize("angle", [-8, 0, 8, 90, 180])
def test_look_numbers_the_marks_in_reading_order(client: TestClient, angle: int) -> None:
    file = BytesIO()
    with Image.open(ROOT / "samples" / "number.png") as number:
        number.convert("L").rotate(angle, expand=True, fillcolor=255).save(file, "PNG")
    seen = client.post("/look", content=file.getvalue()).json()
    assert len(seen["digits"]) > 2
    places = [digit["place"] for digit in seen["digits"]]
    assert places == sorted(places)


def test_upright_rotates_and_shrinks_the_image(client: TestClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    Image.new("CMYK", (4000, 1000)).save(file, "JPEG", exif=exif)
    answer = client.post("/upright", content=file.getvalue())
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(BytesIO(answer.content)).size == (400, 1600)


def test_unusable_images_are_refused_with_a_fitting_status(client: TestClient) -> None:
    keep = "/keep?digit=3&x=0&y=0&width=1&height=1"
    for path in ("/read", "/look", "/upright", "/find-fields", keep):
        for content, status in (
            (b"", 415),
            (b"plain text", 415),
            (b"%PDF-1.7", 422),
            (png_of_size(100_000, 100_000), 413),
            (png_of_size(10_000, 5_001), 413),
            (SAMPLE[:2000], 422),
            (bytes(desk.MAX_BYTES + 1), 413),
        ):
            answer = client.post(path, content=content)
            assert answer.status_code == status, (path, answer.text)
            assert list(answer.json()) == ["error"]
    streamed = client.post("/read", content=(bytes(10**6) for _ in range(21)))
    assert streamed.status_code == 413
    assert client.post("/read?top=10", content=SAMPLE).status_code == 422
    assert client.get("/read").status_code == 405


@pytest.mark.parametrize("host", ["digits.example", "127.0.0.1.example:80", "", "[::1", "a:b"])
def test_requests_for_other_hosts_are_refused(client: TestClient, host: str) -> None:
    answer = client.post("/read", content=SAMPLE, headers={"Host": host})
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_requests_from_other_web_sites_are_refused(client: TestClient, tmp_path: Path) -> None:
    box = client.post("/look", content=SAMPLE).json()["digits"][0]["box"]
    query = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"digit": 3}
    for origin in ("http://digits.example", "null", "https://127.0.0.1", "http://127.0.0.1:81"):
        answer = client.post("/keep", params=query, content=SAMPLE, headers={"Origin": origin})
        assert answer.status_code == 403
    assert not (tmp_path / "my_digits").exists()
    for headers in ({"Origin": OURS}, {"Host": "localhost"}, {"Host": "[::1]:8000"}, {}):
        assert client.post("/read", content=SAMPLE, headers=headers).status_code == 200


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    answers = [client.get(path) for path in ("/", "/page/main.js", "/docs", "/health", "/nothing")]
    answers.append(client.get("/", headers={"Host": "digits.example"}))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    for page in (ROOT / "common" / "web" / "page").glob("*.html"):
        text = page.read_text()
        assert "<style" not in text
        assert "style=" not in text
        assert "//" not in text.replace(
            "<!doctype", ""
        )  # the page loads nothing from other servers
        assert text.count("<script") == text.count('<script type="module" src=') + text.count(
            "<script src="
        )


def test_too_many_requests_at_once_are_refused_with_503(
    recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    async def crowd() -> list[int]:
        import httpx

        app = web.make_app(recognizer, tmp_path)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
            asked = [client.post("/read", content=SAMPLE) for _ in range(3 * desk.MAX_REQUESTS)]
            answers = await asyncio.gather(*asked)
            again = await client.post("/read", content=SAMPLE)
        assert again.status_code == 200
        refused = [answer for answer in answers if answer.status_code == 503]
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        return [answer.status_code for answer in answers]

    statuses = asyncio.run(crowd())
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= desk.MAX_REQUESTS


def test_a_body_that_takes_too_long_is_refused_with_408(
    recognizer: DigitRecognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow() -> int:
        import httpx

        async def drip() -> "asyncio.AsyncIterator[bytes]":  # type: ignore[name-defined]
            while True:
                yield b"."
                await asyncio.sleep(0.05)

        transport = httpx.ASGITransport(app=web.make_app(recognizer, tmp_path))
        async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
            return (await client.post("/read", content=drip())).status_code

    monkeypatch.setattr(desk, "BODY_SECONDS", 0.3)
    assert asyncio.run(slow()) == 408


def test_a_saved_digit_is_read_like_the_original(
    client: TestClient, recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    folder = tmp_path / "my_digits"
    content = (ROOT / "samples" / "two_lines.png").read_bytes()
    glyphs = drawn_marks(read_image(content)) or []
    assert len(glyphs) == 8
    for glyph in glyphs:
        path = keep_digit(glyph.ink, 4, folder)
        (again,) = drawn_marks(read_image(path)) or []
        difference = digit_picture(again.ink).astype(int) - digit_picture(glyph.ink)
        assert np.abs(difference).mean() < 20  # different digits differ by about 50 of 255
        first, second = recognizer._classified([glyph, again])
        assert second.confidence == pytest.approx(first.confidence, abs=0.01)
    assert kept_digits(folder) == len(glyphs)


def test_a_digit_is_saved_only_once_under_its_latest_label(
    client: TestClient, tmp_path: Path
) -> None:
    folder = tmp_path / "my_digits"
    assert client.get("/kept").json()["count"] == 0
    assert not folder.exists()
    box = client.post("/look", content=SAMPLE).json()["digits"][0]["box"]
    query = dict(zip(("x", "y", "width", "height"), box, strict=True))
    for digit in (8, 3, 3):  # wrong, corrected, and saved again
        answer = client.post("/keep", params=query | {"digit": digit}, content=SAMPLE)
        assert answer.json()["count"] == 1
        assert [path.parent.name for path in folder.rglob("*.png")] == [str(digit)]
    assert "--data" in answer.json()["command"]
    assert "--from models/pretrained.keras" in answer.json()["command"]
    own = load_own_digits(str(folder))
    assert (own.train_labels.tolist(), len(own.test_labels)) == ([3], 0)
    wrong = client.post("/keep", params=query | {"digit": 3, "x": 1}, content=SAMPLE)
    assert wrong.status_code == 404
    assert client.post("/keep", params=query | {"digit": 10}).status_code == 422
    assert kept_digits(folder) == 1


def test_an_unwritable_folder_for_saved_digits_is_reported(
    recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    app = web.make_app(recognizer, tmp_path / "file" / "my_digits")
    with TestClient(app, base_url=OURS, raise_server_exceptions=False) as client:
        box = client.post("/look", content=SAMPLE).json()["digits"][0]["box"]
        query = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"digit": 3}
        answer = client.post("/keep", params=query, content=SAMPLE)
    assert answer.status_code == 500
    assert "cannot be written" in answer.json()["error"]


def test_the_openapi_description_lists_every_path(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    names = "cancel check-fields discard discard-model find-fields health heat keep kept"
    names += " kept/{digit}/{name} look models read train training upright why"
    assert sorted(paths) == [f"/{name}" for name in names.split()]
    assert client.get("/health").json() == {"status": "ok", "model": "pretrained.tflite"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_starts_and_stops_on_a_signal(number: signal.Signals) -> None:
    words = [sys.executable, "-u", "draw_digit.py", "--port", "0", "--model", str(PRETRAINED)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    with subprocess.Popen(words, cwd=ROOT, text=True, env=env, **pipes) as process:  # type: ignore[call-overload]
        line = process.stdout.readline()
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
            process.send_signal(number)
            assert process.wait(60) == 0
        assert process.stderr.read() == "\nstopped\n"


def test_malformed_requests_do_not_disturb_later_requests(tmp_path: Path) -> None:
    words = [sys.executable, "-u", "draw_digit.py", "--no-browser", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=ROOT, text=True, **pipes) as process:  # type: ignore[call-overload]
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split("/")[0])
        for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "//etc/passwd"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert client.recv(1000).startswith(b"HTTP/1.1 404")
        for _ in range(desk.MAX_REQUESTS + 1):  # clients that disconnect must not stay in the queue
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                head = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
                client.sendall(head + b"abc")
        time.sleep(0.5)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            size = str(len(SAMPLE)).encode()
            client.sendall(head.replace(b"100", size) + SAMPLE)
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        process.terminate()
        assert process.stderr.read() == "\nstopped\n"


def test_the_training_command_starts_from_the_pretrained_model(
    recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    folder, pretrained = tmp_path / "my digits", PRETRAINED.with_suffix(".keras")
    end = f" --data '{folder}' --from {shown(pretrained)}"
    assert training_command(folder, PRETRAINED, load_card(PRETRAINED)).endswith(end)
    cards: dict[str, dict[str, object]] = {
        "strange": {},
        "tuned": {"own": "digits", "start": str(pretrained)},
        "startless": {"own": "digits"},
        "long": {"own": "digits", "start": "long" * 2000},
    }
    for name, card in cards.items():
        for suffix in (".tflite", ".keras"):
            (tmp_path / f"{name}{suffix}").write_bytes(b"model")
        if card:
            card |= {"sha256": {}, "temperature": 1, "data": "mnist"}
            (tmp_path / f"{name}.json").write_text(json.dumps(card))
        model = tmp_path / f"{name}.tflite"
        assert training_command(folder, model, load_card(model)).endswith(end)


def test_a_port_in_use_is_reported_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "draw_digit.py", "--no-browser", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"Cannot listen on 127.0.0.1, port {port}" in done.stderr


def test_a_missing_web_library_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(name='uvicorn')")
    done = subprocess.run(
        [sys.executable, "draw_digit.py", "--no-browser"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: The web page needs uvicorn: pip install -r requirements/web.txt\n"
