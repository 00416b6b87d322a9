"""Files that are either the old ones or the new ones, never half of each."""

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
    """A file of more bytes than the limit."""


def content_of(path: str | Path, limit: int) -> bytes:
    """Reads a regular file that may come from a stranger. Never waits and never reads without end.

    Args:
        path: The file.
        limit: Maximum size in bytes.

    Raises:
        FileTooLargeError: The file is larger than `limit`. Nothing is read.
        OSError: The file is missing, unreadable, or not a regular file.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=opener) as file:
        # Check the open file: the name may stand for another one by now.
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is a pipe or a device, not a file")
        if status.st_size > limit:
            raise FileTooLargeError(f"{status.st_size:,} bytes; expected at most {limit:,}")
        # Some system files report a size of 0, but block or never end (/proc/kmsg).
        return file.read(status.st_size)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path`; when the block ends well, it takes the place of `path`.

    The content is flushed to the disk before the rename, so that a crash at any moment leaves
    the earlier file whole. When the block raises, the temporary file is removed.

    Raises:
        UserError: the file cannot be written (no space, no permission, no such folder).
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
    """Makes folders that are missing, and finds out now, not after hours, whether they are closed.

    Raises:
        UserError: one cannot be made or written to.
    """
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except FileExistsError as error:
            raise UserError(
                f"Nothing can be written to {folder}: it is a file, not a folder."
            ) from error
        except OSError as error:
            raise UserError(f"Nothing can be written to {folder}: {error.strerror}.") from error


def locked(path: Path, refusal: UserError) -> "FileLock":
    """Locks a file, until the lock is released or this process ends.

    Raises:
        UserError: `refusal`, where another process holds it.
    """
    # Imported here: to read one image should not take a tenth longer for it.
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise refusal from error
    return lock


def sha256_of(path: Path) -> str:
    """The hash of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def shown(path: Path) -> str:
    """A path as short as it can be typed from the current folder, fit to be printed."""
    try:
        # Not Path.resolve, which raises a RuntimeError for links that lead to themselves.
        return printable(str(Path(os.path.realpath(path)).relative_to(Path.cwd())))
    except ValueError:
        return printable(str(path))
