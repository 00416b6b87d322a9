"""Endless input is refused in one line, with little time and memory."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT, messages

from common import UserError
from common.images import contents
from common.images import listing as listing_module
from common.images.contents import ImageError
from common.images.decoding import read_image
from common.images.listing import image_sources, sources_from
from common.storage.model_files import PRETRAINED

SAMPLE = ROOT / "samples" / "3.png"
PAGEMAP = "/proc/self/pagemap"  # has terabytes, but its reported size is 0
needs_fsspec = pytest.mark.skipif(not find_spec("fsspec"), reason="needs requirements/ray.txt")


def needs(path: str) -> pytest.MarkDecorator:
    """Skips a test if the current user cannot read a system file."""
    return pytest.mark.skipif(not os.access(path, os.R_OK), reason=f"{path} cannot be read")


def limited(project: Path, words: str, stdin: str) -> subprocess.CompletedProcess[str]:
    """Runs predict_image.py with limits of 1.5 GB of address space and 30 seconds."""
    start = f"ulimit -v 1500000; exec {sys.executable} predict_image.py --model {PRETRAINED}"
    return subprocess.run(
        ["bash", "-c", f"{start} --json {words} < {stdin}"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        ("-", "/dev/zero", "more than 200 MB"),
        ("/dev/zero", "/dev/null", "not a file"),
        pytest.param("/proc/kmsg", "/dev/null", "not an image", marks=needs("/proc/kmsg")),
        pytest.param(PAGEMAP, "/dev/null", "not an image", marks=needs(PAGEMAP)),
        pytest.param("file:///dev/zero", "/dev/null", "not a file", marks=needs_fsspec),
        pytest.param("local:///dev/zero", "/dev/null", "not a file", marks=needs_fsspec),
    ],
)
def test_an_endless_image_gives_one_error_among_the_records(
    project: Path, words: str, stdin: str, said: str
) -> None:
    done = limited(project, f"samples/3.png {words} samples/7.jpeg", stdin)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["text"] for record in records] == ["3", None, "7"]
    assert said in records[1]["error"]
    assert (done.returncode, messages(done.stderr)) == (1, "")


@pytest.mark.parametrize("words", ["--files-from /dev/zero", "--files-from -"])
def test_an_endless_list_is_refused(project: Path, words: str) -> None:
    done = limited(project, words, "/dev/zero")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "is too long; expected at most 200 MB" in done.stderr


@needs_fsspec
def test_an_address_of_a_pipe_is_refused_without_waiting(project: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    done = limited(project, f"file://{tmp_path}/pipe.png samples/3.png", "/dev/null")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["text"] for record in records] == [None, "3"]
    assert "not a file" in records[0]["error"]


def test_a_list_of_too_many_names_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(listing_module, "MAX_NAMES", 3)
    listing = tmp_path / "list.txt"
    listing.write_bytes(b"a\r\n\n b \r\nc\n")
    assert [name for name, _ in sources_from(listing)] == ["a", " b ", "c"]
    listing.write_bytes(b"a\nb\nc\nd\n")
    with pytest.raises(UserError, match="at most 200 MB and 3 names"):
        sources_from(listing)


def test_an_image_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.write(SAMPLE.read_bytes())
        file.truncate(contents.MAX_BYTES + 1)
    with pytest.raises(ImageError, match=r"large\.png has more than 200 MB"):
        read_image(path)


@needs_fsspec
def test_a_remote_file_that_is_too_large_is_not_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import fsspec
    from fsspec.implementations.memory import MemoryFile

    fsspec.filesystem("memory").pipe_file("/large.png", SAMPLE.read_bytes())
    monkeypatch.setattr(contents, "MAX_BYTES", SAMPLE.stat().st_size)
    assert read_image("memory://large.png").size
    monkeypatch.setattr(contents, "MAX_BYTES", SAMPLE.stat().st_size - 1)
    monkeypatch.setattr(MemoryFile, "read", None)
    with pytest.raises(ImageError, match="bytes; expected at most"):
        read_image("memory://large.png")


@pytest.mark.parametrize("chain", ["simplecache::http://127.0.0.1:9/7.png", "zip://7.png::{pipe}"])
def test_a_chain_of_addresses_gives_one_error_among_the_records(
    project: Path, tmp_path: Path, chain: str
) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening the chain would block on the pipe
    listing = tmp_path / "list.txt"
    listing.write_text(f"samples/3.png\n{chain.format(pipe=tmp_path / 'pipe')}\nsamples/7.jpeg\n")
    done = limited(project, f"--files-from {listing}", "/dev/null")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["text"] for record in records] == ["3", None, "7"]
    assert "chains several kinds of storage" in records[1]["error"]


@needs_fsspec
def test_an_unusable_address_in_a_list_gives_one_error(project: Path) -> None:
    done = limited(project, "samples/3.png nothing-of-that-kind://x.png", "/dev/null")
    assert done.returncode == 2  # refused before any image is read
    listed = subprocess.run(
        [sys.executable, "predict_image.py", "--json", "--model", PRETRAINED, "--files-from", "-"],
        input="samples/3.png\nnothing-of-that-kind://x.png\n",
        cwd=project,
        capture_output=True,
        text=True,
        timeout=30,
    )
    records = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [record["text"] for record in records] == ["3", None]
    assert "cannot be read" in records[1]["error"]


def test_stdin_is_read_only_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        @staticmethod
        def read(size: int) -> bytes:
            return bytes(size)

    class Stdin:
        buffer = Endless

    monkeypatch.setattr(sys, "stdin", Stdin)
    monkeypatch.setattr(listing_module, "MAX_BYTES", 10)
    monkeypatch.setattr(contents, "MAX_BYTES", 10)
    ((name, content),) = image_sources(["-"])
    assert (name, content) == ("-", bytes(11))
    with pytest.raises(ImageError, match="The input has more than"):
        read_image(content)
