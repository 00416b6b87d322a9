"""Slow clients are disconnected, and a signal stops the server at any time."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
from conftest import ROOT
from expensive import in_format
from fastapi.testclient import TestClient

pytest.importorskip("fastapi_offline")
pytest.importorskip("uvicorn")

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED
from common.web import app as web
from common.web import desk
from common.web import server as limits
from common.web.server import HEAD_SECONDS, MAX_CONNECTIONS

SAMPLE = (ROOT / "samples" / "3.png").read_bytes()
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
Connect = Callable[[], socket.socket]


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], Connect]]:
    """The process of a running `draw_digit.py`, and a function that connects to it."""
    words = [sys.executable, "-u", "draw_digit.py", "--no-browser", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        [*words, "--model", str(PRETRAINED)],
        cwd=ROOT,
        text=True,
        **pipes,  # type: ignore[call-overload]
    ) as process:
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split("/")[0])
        try:
            yield process, lambda: socket.create_connection(("127.0.0.1", port), timeout=40)
        finally:
            process.kill()


def is_healthy(client: socket.socket) -> bool:
    client.sendall(HEALTH)
    answer = b""
    while not answer.endswith((b"}", b"Service Unavailable")):
        answer += client.recv(1000)
    return answer.startswith(b"HTTP/1.1 200")


def healthy(connect: Connect) -> bool:
    with connect() as client:
        return is_healthy(client)


def test_connections_without_a_complete_request_head_are_closed(
    server: tuple[subprocess.Popen[str], Connect],
) -> None:
    _, connect = server
    answered = connect()
    assert is_healthy(answered)
    answered.sendall(HEALTH[:20])  # a second request starts
    waiting = [connect() for _ in range(MAX_CONNECTIONS + 50)]
    for client in waiting[::2]:
        client.sendall(HEALTH[:20])
    assert not healthy(connect)
    time.sleep(HEAD_SECONDS + 2)
    assert healthy(connect)
    for client in (answered, *waiting):
        assert client.recv(1) == b""
        client.close()


def test_requests_whose_body_arrives_too_slowly_are_refused(
    server: tuple[subprocess.Popen[str], Connect],
) -> None:
    _, connect = server
    slow = [connect() for _ in range(desk.MAX_REQUESTS)]
    for client in slow:
        client.sendall(HEAD % 10_000 + b"a")
    time.sleep(0.5)
    until = time.monotonic() + desk.BODY_SECONDS + 1
    while time.monotonic() < until:
        for client in slow:
            client.sendall(b"a")
        time.sleep(0.5)
    with connect() as client:
        client.sendall(HEAD % len(SAMPLE) + SAMPLE)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    for client in slow:
        assert client.recv(1000).startswith(b"HTTP/1.1 408")
        client.close()


def test_a_body_that_arrives_steadily_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(desk, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(desk, "BODY_BYTES_PER_SECOND", 2000)

    async def steady() -> int:
        import httpx

        async def parts() -> "asyncio.AsyncIterator[bytes]":  # type: ignore[name-defined]
            for start in range(0, len(SAMPLE), 500):
                yield SAMPLE[start : start + 500]
                await asyncio.sleep(0.15)

        app = web.make_app(DigitRecognizer(PRETRAINED), tmp_path)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.post("/read", content=parts())).status_code

    assert asyncio.run(steady()) == 200


ANSWER = bytes(20_000_000)  # too large for the buffers of a connection


def answering(pieces: int) -> ASGIApp:
    """Returns an application that sends `ANSWER` in the given number of pieces."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        length = str(len(ANSWER)).encode()
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        size = len(ANSWER) // pieces
        for piece in range(pieces):
            more = piece < pieces - 1
            body = ANSWER[piece * size : (piece + 1) * size]
            await send({"type": "http.response.body", "body": body, "more_body": more})

    return app


@contextmanager
def serving(app: ASGIApp) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    """Runs the application in a thread, and connects a client with a small receive buffer."""
    running = limits.server_of(app)
    running.config.lifespan = "off"
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            client.settimeout(30)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listener.getsockname())
            client.sendall(HEALTH)
            yield running, client
        finally:
            running.should_exit = True
            thread.join()


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the time limits of the server to about one second."""
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(limits, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(limits, "ANSWER_BYTES_PER_SECOND", 40_000_000)


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("pieces", [1, 100])
def test_a_client_that_does_not_read_its_answer_loses_its_connection(pieces: int) -> None:
    with serving(answering(pieces)) as (running, client):
        assert client.recv(4) == b"HTTP"
        assert len(running.server_state.connections) == 1
        until = time.monotonic() + 60
        while running.server_state.connections and time.monotonic() < until:
            time.sleep(0.1)
        assert not running.server_state.connections


@pytest.mark.parametrize("pieces", [1, 100])
def test_a_client_that_keeps_reading_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.5)
    with serving(answering(pieces)) as (_, client):
        time.sleep(0.7)  # the limit for the next request must not apply yet
        received = 0
        while received < len(ANSWER):
            piece = client.recv(1_000_000)
            assert piece, f"the connection was closed after {received:,} bytes"
            received += len(piece)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_stops_while_it_reads_images(
    server: tuple[subprocess.Popen[str], Connect], number: signal.Signals
) -> None:
    process, connect = server
    content = in_format("JPEG", 7000, 7000)
    clients = [connect() for _ in range(8)]
    for client in clients:
        client.sendall(HEAD % len(content) + content)
    trickling = connect()
    trickling.sendall(HEAD % 10_000 + b"a")
    time.sleep(0.5)
    process.send_signal(number)
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == "\nstopped\n"
    # The server stopped before it had read all images.
    assert sum(is_answered(client) for client in clients) < len(clients)
    for client in (*clients, trickling):
        client.close()


def is_answered(client: socket.socket) -> bool:
    """Returns whether the server answered before it closed the connection."""
    try:
        return client.recv(1000).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


@pytest.mark.parametrize(("failure", "status"), [(MemoryError(), 413), (cv2.error("broken"), 422)])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/read", "common.recognizer.drawn_marks"),
        ("/read", "common.images.decoding.grey"),
        ("/look", "common.web.routes.reading.digit_picture"),
        ("/upright", "common.web.routes.reading.open_in_colour"),
        ("/find-fields", "common.web.routes.forms.proposed_entries"),
    ],
)
def test_a_request_that_cannot_be_processed_is_refused_and_the_next_one_is_answered(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    failure: Exception,
    status: int,
    path: str,
    place: str,
) -> None:
    def fails(*_: object) -> None:
        raise failure

    monkeypatch.setattr(place, fails)
    app = web.make_app(DigitRecognizer(PRETRAINED), tmp_path)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        answer = client.post(path, content=SAMPLE)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        monkeypatch.undo()
        assert client.post("/read", content=SAMPLE).status_code == 200
