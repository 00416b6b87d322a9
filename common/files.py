"""Reads untrusted files, writes files atomically, and locks and hashes them."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from common import UserError, printable

if TYPE_CHECKING:
    from filelock import FileLock


class FileTooLargeError(ValueError):
    """The file is larger than the limit."""


def content_of(path: str | Path, limit: int) -> bytes:
    """Reads an untrusted file. Refuses pipes and devices, which could block or never end.

    Args:
        path: The file.
        limit: Maximum size in bytes.

    Returns:
        The content of the file.

    Raises:
        FileTooLargeError: The file is larger than `limit`.
        OSError: The file is missing, unreadable, or not a regular file.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=opener) as file:
        # Check the open file, not the path, which may lead to another file by now.
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is a pipe or a device, not a file")
        if status.st_size > limit:
            raise FileTooLargeError(f"{status.st_size:,} bytes; expected at most {limit:,}")
        # Read no more than the reported size: files such as /proc/kmsg report 0 but never end.
        return file.read(status.st_size)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Creates or replaces a file atomically.

    The block writes a temporary file. When the block ends, the temporary file is flushed to disk
    and renamed to `path`, so a crash cannot damage an existing file. If the block raises, the
    temporary file is deleted.

    Args:
        path: The file to create or replace. Missing folders are created.

    Yields:
        The path of the temporary file, in the same folder as `path`.

    Raises:
        UserError: The file cannot be written, for example because the disk is full.
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


def check_writable(*folders: Path) -> None:
    """Creates missing folders and checks that all folders are writable.

    A long run calls this function first, so that it does not fail at the end, when it saves its
    results.

    Raises:
        UserError: A folder cannot be created or is not writable.
    """
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except FileExistsError as error:
            raise UserError(
                f"Nothing can be written to {folder}: expected a folder, but it is a file."
            ) from error
        except OSError as error:
            raise UserError(f"Nothing can be written to {folder}: {error.strerror}.") from error


def exclusive_lock(path: Path, refusal: UserError) -> "FileLock":
    """Locks a file until the lock is released or this process ends.

    Args:
        path: The lock file. It is created if missing.
        refusal: The error to raise if another process holds the lock.

    Returns:
        The acquired lock.

    Raises:
        UserError: Another process holds the lock; the error is `refusal`.
    """
    # Imported here: the import takes a tenth as long as reading an image, which needs no lock.
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise refusal from error
    return lock


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 hash of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def shown(path: Path) -> str:
    """Formats a path for messages. A path inside the current folder becomes relative to it."""
    try:
        # Path.resolve would raise a RuntimeError for a symbolic link to itself.
        return printable(str(Path(os.path.realpath(path)).relative_to(Path.cwd())))
    except ValueError:
        return printable(str(path))
