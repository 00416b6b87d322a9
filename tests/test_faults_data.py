"""Damaged data and failing downloads are reported in one line that says why."""

import contextlib
import gzip
import io
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from faults import flipped, odd_images, write_all

from common.data import datasets
from common.data.datasets import Dataset, DownloadError, load_dataset, load_mnist
from common.data.formats import DataError

DRY = ("train_model.py", "--dry-run", "--data")


def refusal(data: Path) -> str:
    """Returns the one-line message with which a data set is refused."""
    with pytest.raises(DataError) as refused:
        load_dataset(str(data))
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_the_command_refuses_damaged_data_in_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"not an archive")
    done = command(*DRY, tmp_path / "mine.npz")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "mine.npz" in done.stderr


def npz(tiny: Dataset, **changes: np.ndarray) -> bytes:
    """Returns the bytes of an .npz file in Keras's layout."""
    arrays = {
        "x_train": tiny.train_images,
        "y_train": tiny.train_labels,
        "x_test": tiny.test_images,
        "y_test": tiny.test_labels,
    }
    file = io.BytesIO()
    np.savez(file, **arrays | changes)  # type: ignore[arg-type]
    return file.getvalue()


def test_a_data_set_that_is_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert "There is no data set at" in refusal(tmp_path / "loop")


def test_arrays_that_are_not_digit_images_are_refused(
    command: Command, tiny: Dataset, tmp_path: Path
) -> None:
    images, labels = tiny.train_images, tiny.train_labels
    nan = np.full((40, 28, 28), np.nan, np.float32)
    path = tmp_path / "mine.npz"
    for changes, word in (
        ({"x_train": np.array([object()] * 40)}, "cannot be loaded"),
        ({"x_train": nan}, "float32 images"),
        ({"x_train": images[:, :20]}, "(40, 20, 28)"),
        ({"x_train": images[:39]}, "39 images and 40 labels"),
        ({"y_train": labels + 1}, "labels from 1 to 10"),
        ({"y_test": labels - 1}, "labels from -1 to 8"),
        ({"y_train": labels.astype(float)}, "float64 labels"),
        ({"y_train": np.zeros_like(labels)}, "no image of 1"),
    ):
        path.write_bytes(npz(tiny, **changes))
        assert word in refusal(path)
    np.savez(path, pictures=images)
    assert "x_train" in refusal(path)


def test_damaged_npz_files_are_refused(tiny: Dataset, tmp_path: Path) -> None:
    path, whole = tmp_path / "mine.npz", npz(tiny)
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{name}.npy", "not an array")
    for damaged in (
        b"",
        b"not an archive",
        other.getvalue(),
        whole[: len(whole) // 2],
        flipped(whole, 1, 200, start=0),
    ):
        path.write_bytes(damaged)
        assert "mine.npz" in refusal(path)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_that_claim_terabytes_are_refused(
    tiny: Dataset, tmp_path: Path, packed: bool
) -> None:
    labels = struct.pack(">2i", 2049, 40) + tiny.train_labels.astype(np.uint8).tobytes()
    images = struct.pack(">4i", 2051, 2_000_000_000, 28, 28) + tiny.train_images.tobytes()
    for part in ("train", "t10k"):
        for name, content in (("images-idx3", images), ("labels-idx1", labels)):
            stem = tmp_path / f"{part}-{name}-ubyte"
            if packed:
                stem.with_name(f"{stem.name}.gz").write_bytes(gzip.compress(content))
            else:
                stem.write_bytes(content)
    assert "damaged" in refusal(tmp_path)


def test_unreadable_images_in_a_folder_are_counted_and_ignored(
    command: Command, tmp_path: Path
) -> None:
    for digit in range(10):
        (tmp_path / str(digit)).mkdir()
        write_all(odd_images(), tmp_path / str(digit))
    os.mkfifo(tmp_path / "0" / "pipe.png")
    done = command(*DRY, tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    unreadable = sum(text is None for _, text in odd_images().values())
    counted = f"{10 * unreadable + 1} of {10 * len(odd_images()) + 1} images were ignored."
    assert counted in done.stderr.splitlines()
    assert sum(line.startswith("ignored: ") for line in done.stderr.splitlines()) == 10
    assert "Traceback" not in done.stderr


@contextlib.contextmanager
def server(
    answer: Callable[[socket.socket], object], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Runs a server on 127.0.0.1 that answers one request, and yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as client:
                client.settimeout(10)
                if tls:
                    client = tls.wrap_socket(client, server_side=True)
                client.recv(65536)
                answer(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mnist.npz"
    thread.join(10)


def flood(client: socket.socket) -> None:
    """Sends 100 MB without a Content-Length header."""
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100):
        client.sendall(bytes(10**6))


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda client: None, "could not be downloaded"),
        (lambda client: client.sendall(b"not HTTP\r\n\r\n"), "could not be downloaded"),
        (lambda client: client.sendall(b"HTTP/1.1 404 Gone\r\n\r\n"), "Gone"),
        (
            lambda client: client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nPK"),
            "damaged",
        ),
        (
            lambda client: client.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Please log in.</html>"
            ),
            "damaged",
        ),
        (flood, "damaged"),
        (lambda client: client.recv(1), "timed out"),
    ],
    ids=["closed", "not HTTP", "not found", "cut off", "HTML", "endless", "silent"],
)
def test_after_a_failed_download_the_bundled_digits_are_used(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: Callable[[socket.socket], object],
    word: str,
) -> None:
    monkeypatch.setattr(datasets, "PROJECT", tmp_path)
    monkeypatch.setattr(datasets, "DOWNLOAD_TIMEOUT", 1.0)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with server(answer) as url:
        monkeypatch.setattr(datasets, "MNIST_URL", url)
        with pytest.raises(DownloadError, match=word):
            load_mnist()
    assert not list(tmp_path.rglob("*.npz"))
    with server(answer) as url:
        monkeypatch.setattr(datasets, "MNIST_URL", url)
        assert load_dataset().name == "digits"
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_after_an_untrusted_certificate_the_bundled_digits_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=127.0.0.1",
    ]
    made = subprocess.run([*words, "-keyout", key, "-out", certificate], capture_output=True)
    assert made.returncode == 0, made.stderr
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    monkeypatch.setattr(datasets, "PROJECT", tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with server(lambda client: client.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), context) as url:
        monkeypatch.setattr(datasets, "MNIST_URL", url.replace("http:", "https:"))
        assert load_dataset().name == "digits"
    printed = capsys.readouterr().err
    assert "MNIST could not be downloaded" in printed
    assert "CERTIFICATE_VERIFY_FAILED" in printed
    assert printed.count("\n") == 1


def test_a_proxy_without_tls_is_reported_in_one_line(command: Command) -> None:
    with server(lambda client: client.sendall(b"HTTP/1.1 200 OK\r\n\r\nnot TLS\r\n")) as address:
        proxy = address.rsplit("/", 1)[0]
        names = ("https_proxy", "HTTPS_PROXY")
        env = os.environ | {"KERAS_HOME": "/nonexistent"} | dict.fromkeys(names, proxy)
        done = command(*DRY, "mnist", env=env, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "MNIST could not be downloaded" in done.stderr
