"""Safe reading of untrusted files, atomic writes, locks and hashes."""

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
    """Reads a regular file from an untrusted source. Never blocks and never reads without end.

    Args:
        path: The file.
        limit: Maximum size in bytes.

    Returns:
        The content of the file.

    Raises:
        FileTooLargeError: The file is larger than `limit`. Nothing is read.
        OSError: The file is missing, unreadable, or not a regular file.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=opener) as file:
        # Check the open file: by now, the path may lead to another one.
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is a pipe or a device, not a file")
        if status.st_size > limit:
            raise FileTooLargeError(f"{status.st_size:,} bytes; expected at most {limit:,}")
        # Read no more than the reported size: files such as /proc/kmsg report 0 but never end.
        return file.read(status.st_size)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Replaces a file atomically with one that the block writes.

    The content is flushed to disk before the rename, so that a crash never damages the earlier
    file. If the block raises, the temporary file is deleted.

    Args:
        path: The file to create or replace. Missing folders are created.

    Yields:
        The path of a temporary file beside `path`, for the block to write.

    Raises:
        UserError: The file cannot be written (no space, no permission, no such folder).
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
    """Creates missing folders and checks that they are writable, before a long run starts.

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

    Raises:
        UserError: `refusal`, if another process holds the lock.
    """
    # Imported here: it would add a tenth to the time that it takes to read one image.
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
    """Returns a path for messages: relative to the current folder if inside it, and printable."""
    try:
        # Path.resolve would raise a RuntimeError for a link to itself.
        return printable(str(Path(os.path.realpath(path)).relative_to(Path.cwd())))
    except ValueError:
        return printable(str(path))
