"""Reads image files, within limits, and decodes them to upright grey pages.

Files are untrusted. Their bytes, pixels and scans are counted before anything is decoded, and every
problem with a file raises an `ImageError`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from common import UserError
from common.files import FileTooLargeError, content_of
from common.images.structure import StructureError, count_scans
from common.quiet import discarded_stderr

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")

MAX_BYTES = 200_000_000  # per image file
MAX_PIXELS = 125_000_000  # per image; phone cameras have up to 108 million
MAX_WEBP_PIXELS = 50_000_000  # lower, since decoding WebP takes 16 bytes a pixel instead of 4
MAX_SCANNED_PIXELS = 300_000_000  # pixels times the scans beyond three, e.g. 43 million, ten scans
MAX_EXIF_BYTES = 1_000_000


class ImageError(UserError):
    """The image cannot be read."""


class UnknownFormatError(ImageError):
    """The content is not an image in one of `FORMATS`."""


class TooLargeError(ImageError):
    """The image exceeds a limit on bytes, pixels or scans, or the available memory."""


def read_image(source: str | Path | bytes) -> np.ndarray:
    """Decodes an image file, turns it upright and converts it to grey.

    Args:
        source: A path, an address (see `is_address`), or the bytes of an image file.

    Returns:
        The image: uint8 (height, width), 0 is black, 255 is white.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in one of `FORMATS`.
    """
    name, content = _name(source), _read_bytes(source)
    image = _decode(content, name)
    if image.format in ("GIF", "TIFF", "WEBP") and _has_several_pictures(content):
        warnings.warn(f"{name} has several pictures; the first is read.", stacklevel=2)
    try:
        with failures_named(name):
            return grey(image)
    except ValueError as error:
        raise ImageError(f"{name} has an unsupported pixel format ({error}).") from error


def open_upright(source: str | Path | bytes) -> Image.Image:
    """Decodes an image file and turns it upright according to its EXIF orientation.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in one of `FORMATS`.
    """
    return _decode(_read_bytes(source), _name(source))


def open_in_colour(source: str | Path | bytes) -> Image.Image:
    """Opens an image upright as RGBA, for display.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in one of `FORMATS`.
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
            f"{name} is not an image; expected {', '.join(FORMATS)}."
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


def _has_several_pictures(content: bytes) -> bool:
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
                content = _fetch(str(source))
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


def grey(image: Image.Image) -> np.ndarray:
    """Converts an image of any mode to grey, uint8 (height, width).

    16-bit and floating-point pixels are stretched so that the darkest becomes 0 and the lightest
    255 (less if they are close together). Transparency is replaced by paper: the median of the
    opaque pixels if most pixels are opaque, otherwise white, or black under light strokes.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _stretch(np.array(image, dtype=np.float32))
    if image.has_transparency_data:
        image = _on_paper(image)
    return np.asarray(image if image.mode == "L" else image.convert("L"))


def _stretch(values: np.ndarray) -> np.ndarray:
    """Stretches float32 values of any range to uint8; changes `values`."""
    np.copyto(values, 0, where=~np.isfinite(values))
    values *= 0.25  # keeps `high - low` within the range of float32
    low, high = float(values.min()), float(values.max())
    # Blank paper has a narrow range. Stretched fully, its grain would look like ink.
    span = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-12)
    values /= span
    values -= high / span
    values *= 255
    values += 255
    return np.rint(values, out=values).astype(np.uint8)


def _on_paper(image: Image.Image) -> Image.Image:
    luminance, alpha = image.convert("LA").split()
    opaque = np.asarray(luminance)[np.asarray(alpha) > 127]
    if opaque.size > image.width * image.height / 2:
        paper = float(np.median(opaque))
    else:
        paper = 255.0 if opaque.size == 0 or opaque.mean() < 128 else 0.0
    return Image.composite(luminance, Image.new("L", image.size, round(paper)), alpha)
