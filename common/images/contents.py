"""Reads the bytes of image files from paths and addresses, up to a maximum size.

Every problem with a file raises an `ImageError`.
"""

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2

from common import UserError
from common.files import FileTooLargeError, content_of

PAGED = (".pdf", ".tif", ".tiff")
"""Suffixes of files that may have several pages."""
PAGE = re.compile(r"(.+\.(?:pdf|tiff?))#([1-9]\d{0,5})", re.IGNORECASE | re.DOTALL)
"""Matches the name of a page of a PDF or TIFF file, such as scan.pdf#2."""
MAX_BYTES = 200_000_000  # per image file


class ImageError(UserError):
    """The image cannot be read."""


class UnknownFormatError(ImageError):
    """The file is not in a supported format, or the optional library for its format is missing."""


class TooLargeError(ImageError):
    """The image exceeds a limit on bytes, pixels, scans or pages, or the available memory."""


def split_page(source: str | Path | bytes) -> tuple[str | Path | bytes, int | None]:
    """Splits the name of a page, such as scan.pdf#2, into the file and the page number.

    For other sources, the page number is None. If a file named scan.pdf#2 exists, it is a file, not
    a page.
    """
    if isinstance(source, bytes) or not (match := PAGE.fullmatch(str(source))):
        return source, None
    if not is_address(source) and os.path.exists(source):
        return source, None
    return type(source)(match[1]), int(match[2])


@contextmanager
def failures_named(name: str) -> Iterator[None]:
    """Turns a `MemoryError` or an OpenCV error into an `ImageError` that names the image.

    Args:
        name: Name of the image in error messages.
    """
    try:
        yield
    except MemoryError as error:
        raise TooLargeError(f"{name} needs more memory than is available.") from error
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise TooLargeError(f"{name} needs more memory than is available.") from error
        raise ImageError(f"{name} cannot be processed ({error.err}).") from error


def read_bytes(source: str | Path | bytes) -> bytes:
    """Reads the bytes of an image file.

    Raises:
        ImageError: The file is missing, unreadable, too large, or not a regular file.
    """
    name = display_name(source)
    try:
        with failures_named(name):
            if isinstance(source, bytes):
                content = source
            elif is_address(source):
                fetch = _fetch_document if str(source).lower().endswith(PAGED) else _fetch
                content = fetch(str(source))
            else:
                content = content_of(source, MAX_BYTES)
    except ImageError:
        raise
    except FileTooLargeError as error:
        raise _too_many_bytes(name) from error
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist.") from error
    except IsADirectoryError as error:
        raise ImageError(
            f"{name} is a folder; expected an image file, or a folder that contains images."
        ) from error
    except PermissionError as error:
        raise ImageError(f"{name} cannot be opened: {error.strerror}.") from error
    # Each storage back end raises its own exceptions.
    except Exception as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} is damaged or unreadable ({reason}).") from error
    if len(content) > MAX_BYTES:
        raise _too_many_bytes(name)
    return content


@contextmanager
def mapped_bytes(source: str | Path) -> Iterator[bytes | mmap.mmap]:
    """Maps a local file into memory, so that only the bytes that are used are read.

    Yields:
        The mapped file, or all bytes of a file at an address.

    Raises:
        ImageError: The file is missing, unreadable, or not a regular file, or a file at an address
            is too large.
    """
    if is_address(source) or not os.path.isfile(source) or not os.path.getsize(source):
        yield read_bytes(source)
        return
    try:
        with (
            open(source, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            yield mapped
    except OSError as error:
        raise ImageError(f"{display_name(source)} cannot be opened: {error.strerror}.") from error


def _too_many_bytes(name: str) -> TooLargeError:
    return TooLargeError(f"{name} has more than {MAX_BYTES // 10**6} MB, the maximum.")


def _fetch(address: str) -> bytes:
    """Fetches the bytes at an address, at most one more than `MAX_BYTES`."""
    filesystem, path = filesystem_of(address)
    if "file" in filesystem.protocol:
        return content_of(path, MAX_BYTES)
    with filesystem.open(path, "rb") as file:
        size = getattr(file, "size", None)
        if size is not None and size > MAX_BYTES:
            raise TooLargeError(
                f"{address} has {size:,} bytes; expected at most {MAX_BYTES // 10**6} MB."
            )
        return bytes(file.read(MAX_BYTES + 1))


@lru_cache(maxsize=1)
def _fetch_document(address: str) -> bytes:
    """Fetches a PDF or TIFF file, and caches it because its pages are read one after another."""
    return _fetch(address)


def is_address(name: str | Path) -> bool:
    """Checks whether a name is an address such as s3://bucket/7.png, not a path."""
    return isinstance(name, str) and "://" in name


def filesystem_of(address: str) -> tuple[Any, str]:
    """Returns the fsspec file system of an address, and the path inside it.

    Raises:
        UserError: fsspec or its driver for this kind of address is not installed, or the address is
            invalid or a chain such as filecache::s3://bucket/7.png.
    """
    if "::" in address:  # a cache fetches the whole file before its size can be checked
        raise UserError(
            f"{address} chains several kinds of storage; use a plain one, as in s3://bucket/7.png."
        )
    try:
        import fsspec.core
    except ModuleNotFoundError as error:
        raise UserError(f"{address} needs fsspec: pip install -r requirements/ray.txt") from error
    try:
        filesystem, path = fsspec.core.url_to_fs(address)
    # Each storage back end raises its own exceptions.
    except Exception as error:
        raise UserError(f"{address} cannot be read: {error}") from error
    return filesystem, path


def display_name(source: str | Path | bytes) -> str:
    """Returns the name of an image for messages."""
    return "The input" if isinstance(source, bytes) else name_of(source)


def name_of(path: str | Path) -> str:
    """Converts a path to text for JSON. Bytes that are not UTF-8 become backslash escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode()
