"""Files that are either the old ones or the new ones, never half of each."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from common import UserError

if TYPE_CHECKING:
    from filelock import FileLock


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
