"""Reads image files, within limits, and decodes them to upright grey pages.

Files are untrusted. Their bytes, pixels and scans are counted before anything is decoded, and every
problem with a file raises an `ImageError`.
"""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from common import UserError
from common.files import FileTooLargeError, content_of
from common.images import isolated
from common.images.grey import grey
from common.images.structure import StructureError, count_scans
from common.quiet import discarded_stderr

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
"""Formats that Pillow decodes; HEIC and PDF need optional libraries, see `isolated`."""
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
    *(".heic", ".heif", ".pdf"),
)
PAGE = re.compile(r"(.+\.pdf)#([1-9]\d{0,5})", re.IGNORECASE | re.DOTALL)
"""The name of a page of a PDF file, such as scan.pdf#2."""

MAX_BYTES = 200_000_000  # per image file
MAX_PIXELS = 125_000_000  # per image; phone cameras have up to 108 million
MAX_WEBP_PIXELS = 50_000_000  # lower, since decoding WebP takes 16 bytes a pixel instead of 4
MAX_SCANNED_PIXELS = 300_000_000  # pixels times the scans beyond three, e.g. 43 million, ten scans
MAX_EXIF_BYTES = 1_000_000


class ImageError(UserError):
    """The image cannot be read."""


class UnknownFormatError(ImageError):
    """The content is in no supported format, or in one that needs a library that is missing."""


class TooLargeError(ImageError):
    """The image exceeds a limit on bytes, pixels, scans or pages, or the available memory."""


def read_image(source: str | Path | bytes) -> np.ndarray:
    """Decodes an image file, turns it upright and converts it to grey.

    Args:
        source: A path, an address (see `is_address`), a page of a PDF file such as scan.pdf#2, or
            the bytes of an image file.

    Returns:
        The image: uint8 (height, width), 0 is black, 255 is white.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in a supported format.
    """
    name, image = _name(source), _opened(source, note=True)
    try:
        with failures_named(name):
            return grey(image)
    except ValueError as error:
        raise ImageError(f"{name} has an unsupported pixel format ({error}).") from error


def open_upright(source: str | Path | bytes) -> Image.Image:
    """Decodes an image file, see `read_image`, and turns it upright.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in a supported format.
    """
    return _opened(source, note=False)


def page_sources(source: str | Path) -> list[str | Path]:
    """The pages of a PDF file as sources of their own: scan.pdf#1, scan.pdf#2 and so on.

    Raises:
        ImageError: The file cannot be read, is not a PDF file, or has too many pages.
    """
    content = _read_bytes(source)
    if isolated.kind_of(content) != "PDF":
        raise UnknownFormatError(f"{_name(source)} is not a PDF file.")
    with _isolated_failures_named(_name(source)):
        numbers = range(1, isolated.count_pages(content) + 1)
    if isinstance(source, Path):
        return [source.with_name(f"{source.name}#{number}") for number in numbers]
    return [f"{source}#{number}" for number in numbers]


def split_page(source: str | Path | bytes) -> tuple[str | Path | bytes, int | None]:
    """Splits the name of a page of a PDF file into the file and the number of the page.

    For anything else, including an existing file whose name ends like that of a page, the number is
    None.
    """
    if isinstance(source, bytes) or not (match := PAGE.fullmatch(str(source))):
        return source, None
    if not is_address(source) and os.path.exists(source):
        return source, None
    return type(source)(match[1]), int(match[2])


def open_in_colour(source: str | Path | bytes) -> Image.Image:
    """Opens an image upright as RGBA, for display.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in a supported format.
    """
    image = open_upright(source)
    with failures_named(_name(source)):
        if image.mode.startswith(("I", "F")):  # Pillow clips these, `grey` scales them
            image = Image.fromarray(grey(image))
        return image.convert("RGBA")


def image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height from the header of an image file; None if it cannot be read."""
    try:
        count_scans(content)
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return image.size
    # On a damaged file, Pillow may raise any exception.
    except Exception:
        return None


@contextmanager
def failures_named(name: str) -> Iterator[None]:
    """Turns a `MemoryError` or an OpenCV error into an `ImageError` that names the image.

    Args:
        name: Name of the image in the error message.
    """
    try:
        yield
    except MemoryError as error:
        raise TooLargeError(f"{name} needs more memory than is available.") from error
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise TooLargeError(f"{name} needs more memory than is available.") from error
        raise ImageError(f"{name} cannot be processed ({error.err}).") from error


def _opened(source: str | Path | bytes, note: bool) -> Image.Image:
    """Decodes an image file to an upright image.

    Args:
        source: As for `read_image`.
        note: Whether to warn if the file has several pictures.
    """
    name = _name(source)
    file, page = split_page(source)
    content = _read_bytes(file)
    kind = isolated.kind_of(content)
    if kind is None and page is not None:
        raise UnknownFormatError(f"{name} is not a page: {_name(file)} is not a PDF file.")
    if kind is not None:
        with _isolated_failures_named(name), failures_named(name):
            decoded = isolated.decode(content, kind, page or 1)
        several, image = decoded.count > 1 and page is None, decoded.image
    else:
        image = _decode(content, name)
        several = note and image.format in ("GIF", "TIFF", "WEBP") and _has_several(content)
    if note and several:
        parts = "pages" if kind == "PDF" else "pictures"
        warnings.warn(f"{name} has several {parts}; the first is read.", stacklevel=3)
    return image


@contextmanager
def _isolated_failures_named(name: str) -> Iterator[None]:
    """Turns an `IsolatedError` into an `ImageError` that names the image."""
    try:
        yield
    except isolated.MissingLibraryError as error:
        raise UnknownFormatError(f"{name} {error}") from error
    except isolated.LimitError as error:
        raise TooLargeError(f"{name} {error}") from error
    except isolated.IsolatedError as error:
        raise ImageError(f"{name} {error}") from error


def _decode(content: bytes, name: str) -> Image.Image:
    """Decodes the bytes of a file to an upright image; errors call it `name`."""
    try:
        scans = count_scans(content)
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            _check_limits(image, scans, name)
            # On a damaged TIFF, libtiff itself prints many lines to stderr.
            with discarded_stderr() if image.format == "TIFF" else nullcontext():
                image.load()
            if len(image.info.get("exif", b"")) > MAX_EXIF_BYTES:
                raise TooLargeError(f"{name} has more than {MAX_EXIF_BYTES:,} bytes of EXIF data.")
            if image.info or image.format == "TIFF":  # may hold an EXIF orientation
                ImageOps.exif_transpose(image, in_place=True)
            return image
    except ImageError:
        raise
    except StructureError as error:
        raise TooLargeError(f"{name} has {error}; save it again from an image editor.") from error
    except UnidentifiedImageError as error:
        raise UnknownFormatError(
            f"{name} is not an image; expected {', '.join(FORMATS)}, HEIC or PDF."
        ) from error
    except Image.DecompressionBombError as error:
        raise TooLargeError(
            f"{name} has too many pixels; expected at most {MAX_PIXELS // 10**6} million."
        ) from error
    except MemoryError as error:
        raise TooLargeError(f"{name} needs more memory than is available.") from error
    # On a damaged file, Pillow may raise any exception.
    except Exception as error:
        raise ImageError(f"{name} is damaged or unreadable ({error}).") from error


def _check_limits(image: Image.Image, scans: int, name: str) -> None:
    """Raises a `TooLargeError` if decoding would take too much memory or time."""
    pixels = image.width * image.height
    limit = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS
    if pixels > limit:
        raise TooLargeError(
            f"{name} has too many pixels, {image.width} x {image.height}; expected at most "
            f"{limit // 10**6} million in a {image.format} file."
        )
    if pixels * (scans - 3) > MAX_SCANNED_PIXELS:  # a baseline JPEG has up to three
        raise TooLargeError(
            f"{name} has too many scans, {scans} of {image.width} x {image.height} pixels; save "
            "it as a baseline JPEG or a PNG file."
        )


def _has_several(content: bytes) -> bool:
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return bool(getattr(image, "is_animated", False))
    # Pillow may raise any exception on a damaged second picture; the first one is fine.
    except Exception:
        return False


def _read_bytes(source: str | Path | bytes) -> bytes:
    """Reads the bytes of an image file.

    Raises:
        ImageError: The file is missing, is not a file, cannot be read, or is too large.
    """
    name = _name(source)
    try:
        with failures_named(name):
            if isinstance(source, bytes):
                content = source
            elif is_address(source):
                fetch = _fetch_document if str(source).lower().endswith(".pdf") else _fetch
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
        raise ImageError(f"{name} is a folder; expected an image file.") from error
    # Each storage back end raises its own exceptions.
    except Exception as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} is damaged or unreadable ({reason}).") from error
    if len(content) > MAX_BYTES:
        raise _too_many_bytes(name)
    return content


def _too_many_bytes(name: str) -> TooLargeError:
    return TooLargeError(f"{name} has more than {MAX_BYTES // 10**6} MB, the maximum.")


def _fetch(address: str) -> bytes:
    """Fetches the bytes at an address, and stops just above `MAX_BYTES`."""
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
    """Fetches a PDF file, and keeps the last one: its pages are read one after the other."""
    return _fetch(address)


def is_address(name: str | Path) -> bool:
    """Whether a name is an address such as s3://bucket/7.png rather than a path."""
    return isinstance(name, str) and "://" in name


def filesystem_of(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path inside it.

    Raises:
        UserError: The address is a chain such as "filecache::s3://...", or fsspec or its driver for
            this kind of address is not installed.
    """
    if "::" in address:  # a file cache would fetch the whole file before its size can be checked
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


def _name(source: str | Path | bytes) -> str:
    return "The input" if isinstance(source, bytes) else name_of(source)


def name_of(path: str | Path) -> str:
    """A path as text that JSON can hold: bytes that are not UTF-8 become backslash escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode()
