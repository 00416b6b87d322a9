"""Image files in, upright grey pages out: reading, limits, decoding.

A file may come from a stranger. Its bytes, its pixels and its scans are counted before they are
decoded, and whatever is wrong with it becomes an `ImageError`.
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
from common.images.structure import StructureError, scans_in
from common.quiet import discarded_stderr

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")

MAX_BYTES = 200_000_000  # of an image file
MAX_PIXELS = 125_000_000  # of an image; phones make up to 108 million
MAX_WEBP_PIXELS = 50_000_000  # WebP's decoder takes 16 bytes a pixel, four times as many as others
MAX_SCANNED_PIXELS = 300_000_000  # pixels times scans beyond three: ten scans of 43 million
MAX_EXIF_BYTES = 1_000_000


class ImageError(UserError):
    """An image that cannot be read."""


class UnknownFormatError(ImageError):
    """What is no image of `FORMATS`."""


class TooLargeError(ImageError):
    """An image of more bytes, pixels or scans than the limits, or the free memory, allow."""


def read_image(source: str | Path | bytes) -> np.ndarray:
    """Decodes an image file, turns it upright and makes it grey.

    Args:
        source: a path, an address (see `is_address`), or the bytes of an image file.

    Returns:
        uint8 (height, width), 0 is black, 255 is white.

    Raises:
        ImageError: missing, not an image of `FORMATS`, damaged or too large.
    """
    name, content = _name(source), _content(source)
    image = _decoded(content, name)
    if image.format in ("GIF", "TIFF", "WEBP") and _has_several_pictures(content):
        warnings.warn(f"{name} has several pictures; the first is read.", stacklevel=2)
    try:
        with failures_named(name):
            return grey(image)
    except ValueError as error:
        raise ImageError(f"{name} has pixels of a kind not read here ({error}).") from error


def open_upright(source: str | Path | bytes) -> Image.Image:
    """Decodes an image file and turns it upright, as its EXIF orientation says.

    Raises:
        ImageError: missing, not an image of `FORMATS`, damaged or too large.
    """
    return _decoded(_content(source), _name(source))


def open_in_colour(source: str | Path | bytes) -> Image.Image:
    """Opens an image upright as RGBA, to be shown to people.

    Raises:
        ImageError: as of `open_upright`.
    """
    image = open_upright(source)
    with failures_named(_name(source)):
        if image.mode.startswith(("I", "F")):  # Pillow clips these, `grey` scales them
            image = Image.fromarray(grey(image))
        return image.convert("RGBA")


def image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height that an image file promises; None where it is no readable image."""
    try:
        scans_in(content)
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return image.size
    # Pillow's readers raise whatever a damaged file leads them to.
    except Exception:
        return None


@contextmanager
def failures_named(name: str) -> Iterator[None]:
    """Makes a lack of memory, or a failure of OpenCV, an `ImageError` of the image.

    Args:
        name: What the error calls the image.
    """
    try:
        yield
    except MemoryError as error:
        raise TooLargeError(f"{name} needs more memory than there is.") from error
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise TooLargeError(f"{name} needs more memory than there is.") from error
        raise ImageError(f"{name} cannot be processed ({error.err}).") from error


def _decoded(content: bytes, name: str) -> Image.Image:
    """The upright image in a file's bytes; `name` is what errors call it."""
    try:
        scans = scans_in(content)
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            _check_limits(image, scans, name)
            # Where a TIFF is damaged, its library writes to stderr by itself, line after line.
            with discarded_stderr() if image.format == "TIFF" else nullcontext():
                image.load()
            if len(image.info.get("exif", b"")) > MAX_EXIF_BYTES:
                raise TooLargeError(f"{name} has more than {MAX_EXIF_BYTES:,} bytes of EXIF data.")
            if image.info or image.format == "TIFF":  # no other place says how it was held
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
        raise TooLargeError(f"{name} needs more memory than there is.") from error
    # Pillow's readers raise whatever a damaged file leads them to.
    except Exception as error:
        raise ImageError(f"{name} is damaged or unreadable ({error}).") from error


def _check_limits(image: Image.Image, scans: int, name: str) -> None:
    """Raises a `TooLargeError` where decoding would take too much memory or time."""
    pixels = image.width * image.height
    limit = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS
    if pixels > limit:
        raise TooLargeError(
            f"{name} has too many pixels, {image.width} x {image.height}; expected at most "
            f"{limit // 10**6} million in a {image.format} file."
        )
    if pixels * (scans - 3) > MAX_SCANNED_PIXELS:  # an ordinary JPEG has up to three
        raise TooLargeError(
            f"{name} has too many scans, {scans} of {image.width} x {image.height} pixels; save "
            "it as an ordinary JPEG or PNG file."
        )


def _has_several_pictures(content: bytes) -> bool:
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return bool(getattr(image, "is_animated", False))
    # Pillow's readers raise whatever a damaged second picture leads them to; the first was read.
    except Exception:
        return False


def _content(source: str | Path | bytes) -> bytes:
    """The bytes of an image file.

    Raises:
        ImageError: there is no such file, it is none, or it is too large.
    """
    name = _name(source)
    try:
        with failures_named(name):
            if isinstance(source, bytes):
                content = source
            elif is_address(source):
                content = _fetched(str(source))
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
    # Every kind of storage raises errors of its own.
    except Exception as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} is damaged or unreadable ({reason}).") from error
    if len(content) > MAX_BYTES:
        raise _too_many_bytes(name)
    return content


def _too_many_bytes(name: str) -> TooLargeError:
    return TooLargeError(f"{name} has more than {MAX_BYTES // 10**6} MB, the most that is read.")


def _fetched(address: str) -> bytes:
    """The bytes at an address, or more than `MAX_BYTES` of them."""
    filesystem, path = filesystem_of(address)
    if "file" in filesystem.protocol:
        return content_of(path, MAX_BYTES)
    with filesystem.open(path, "rb") as file:
        size = getattr(file, "size", None)
        if size is not None and size > MAX_BYTES:
            raise TooLargeError(
                f"{address} has {size:,} bytes; at most {MAX_BYTES // 10**6} MB are read."
            )
        return bytes(file.read(MAX_BYTES + 1))


def is_address(name: str | Path) -> bool:
    """Whether a name is an address such as s3://bucket/7.png, and no path."""
    return isinstance(name, str) and "://" in name


def filesystem_of(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path inside it.

    Raises:
        UserError: The address chains several kinds of storage, or fsspec, or what it needs for that
            kind of address, is not installed.
    """
    if "::" in address:  # a cache, for one, would fetch a whole file before its size is known
        raise UserError(
            f"{address} chains several kinds of storage; expected one, such as s3://bucket/7.png."
        )
    try:
        import fsspec.core
    except ModuleNotFoundError as error:
        raise UserError(f"{address} needs fsspec: pip install -r requirements/ray.txt") from error
    try:
        filesystem, path = fsspec.core.url_to_fs(address)
    # Every kind of storage raises errors of its own.
    except Exception as error:
        raise UserError(f"{address} cannot be read: {error}") from error
    return filesystem, path


def _name(source: str | Path | bytes) -> str:
    return "The input" if isinstance(source, bytes) else name_of(source)


def name_of(path: str | Path) -> str:
    """A path as text; bytes that are no UTF-8 as backslash escapes, since JSON cannot hold them."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def grey(image: Image.Image) -> np.ndarray:
    """An image of any mode as uint8 (height, width).

    16-bit and floating-point pixels are stretched from their own darkest and lightest to 0 and
    255 (less where these lie close together). Transparent parts take the colour of the opaque ones
    where these cover most of the image; where only strokes are opaque, or nothing is, they are laid
    on white, or on black if the strokes are light.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _stretch(np.array(image, dtype=np.float32))
    if image.has_transparency_data:
        image = _lay_on_paper(image)
    return np.asarray(image if image.mode == "L" else image.convert("L"))


def _stretch(values: np.ndarray) -> np.ndarray:
    """float32 of any range, changed in place -> uint8."""
    np.copyto(values, 0, where=~np.isfinite(values))
    values *= 0.25  # so that the range from the lowest to the highest fits into float32, too
    low, high = float(values.min()), float(values.max())
    # Bare paper has a narrow range: stretched, its grain would look like ink.
    span = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-12)
    values /= span
    values -= high / span
    values *= 255
    values += 255
    return np.rint(values, out=values).astype(np.uint8)


def _lay_on_paper(image: Image.Image) -> Image.Image:
    luminance, alpha = image.convert("LA").split()
    opaque = np.asarray(luminance)[np.asarray(alpha) > 127]
    if opaque.size > image.width * image.height / 2:
        paper = float(np.median(opaque))
    else:
        paper = 255.0 if opaque.size == 0 or opaque.mean() < 128 else 0.0
    return Image.composite(luminance, Image.new("L", image.size, round(paper)), alpha)
