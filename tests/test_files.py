import os
from pathlib import Path

import pytest

from common import UserError
from common.files import FileTooLargeError, content_of, replacing


def test_a_new_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for text in ("one", "two"):
        with replacing(path) as temporary:
            temporary.write_text(text)
        assert path.read_text() == text
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_a_failed_save_keeps_the_old_file_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"), replacing(tmp_path / "file" / "x"):
        pass


def test_a_file_larger_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abcde")
    assert content_of(path, 5) == b"abcde"
    with pytest.raises(FileTooLargeError, match="5 bytes; expected at most 4"):
        content_of(path, 4)


@pytest.mark.parametrize("name", ["/proc/kmsg", "/proc/self/pagemap", "/proc/self/mem"])
def test_reading_endless_system_files_ends(name: str) -> None:
    if not os.access(name, os.R_OK):
        pytest.skip(f"{name} cannot be opened here")
    assert content_of(name, 1000) == b""


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    # A plain `open` would wait until another process opens the pipe for writing.
    with pytest.raises(OSError, match="pipe or a device"):
        content_of(tmp_path / "pipe", 1000)
