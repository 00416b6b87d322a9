"""Decodes image files to upright grey pages.

Files are untrusted. A file with too many bytes, pixels or scans is rejected before it is decoded.
Every problem with a file raises an `ImageError`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from common.images import heic_and_pdf
from common.images.contents import (
    ImageError,
    TooLargeError,
    UnknownFormatError,
    display_name,
    failures_named,
    mapped_bytes,
    read_bytes,
    split_page,
)
from common.images.grey import grey
from common.images.structure import (
    Content,
    StructureError,
    count_scans,
    tiff_from,
    tiff_pages,
)
from common.quiet import discarded_stderr

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
"""Formats that Pillow decodes. HEIC and PDF need optional libraries; see `heic_and_pdf`."""
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
    *(".heic", ".heif", ".pdf"),
)
MAX_PIXELS = 125_000_000  # per image; phone cameras have up to 108 million
MAX_WEBP_PIXELS = 50_000_000  # per image; decoding WebP takes 16 bytes a pixel instead of 4
MAX_SCANNED_PIXELS = 300_000_000  # pixels times scans, without the first three scans
MAX_EXIF_BYTES = 1_000_000  # per image


def read_image(source: str | Path | bytes) -> np.ndarray:
    """Decodes an image file, turns it upright and converts it to grey.

    Args:
        source: A path, an address such as s3://bucket/7.png, a page of a PDF or TIFF file such as
            scan.pdf#2, or the bytes of an image file.

    Returns:
        The image, uint8 (height, width); 0 is black and 255 is white.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in a supported format.
    """
    name, image = display_name(source), _opened(source, note=True)
    try:
        with failures_named(name):
            return grey(image)
    except ValueError as error:
        raise ImageError(f"{name} has an unsupported pixel format ({error}).") from error


def open_upright(source: str | Path | bytes) -> Image.Image:
    """Decodes an image file and turns it upright, without converting it to grey.

    Args:
        source: The image, as for `read_image`.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in a supported format.
    """
    return _opened(source, note=False)


def page_sources(source: str | Path) -> list[str | Path]:
    """Returns the pages of a PDF or TIFF file as sources: scan.pdf#1, scan.pdf#2 and so on.

    A TIFF file with a single page keeps its name. So does a file that is not TIFF, despite its
    name.

    Raises:
        ImageError: The file cannot be read, has too many pages, or is not PDF, although its name
            ends in .pdf.
    """
    name = display_name(source)
    if str(source).lower().endswith(".pdf"):
        content = read_bytes(source)
        if heic_and_pdf.kind_of(content) != "PDF":
            raise UnknownFormatError(f"{name} is not a PDF file.")
        with _decoding_failures_named(name):
            count = heic_and_pdf.count_pages(content)
    else:
        with mapped_bytes(source) as mapped:
            count = len(_tiff_pages(mapped, name))
        if count <= 1:
            return [source]
    numbers = range(1, count + 1)
    if isinstance(source, Path):
        return [source.with_name(f"{source.name}#{number}") for number in numbers]
    return [f"{source}#{number}" for number in numbers]


def open_in_colour(source: str | Path | bytes) -> Image.Image:
    """Decodes an image file, turns it upright and converts it to RGBA for display.

    Args:
        source: The image, as for `read_image`.

    Raises:
        ImageError: The image is missing, damaged, too large, or not in a supported format.
    """
    image = open_upright(source)
    with failures_named(display_name(source)):
        if image.mode.startswith(("I", "F")):  # Pillow would clip these pixels; `grey` scales them
            image = Image.fromarray(grey(image))
        return image.convert("RGBA")


def image_size(content: bytes) -> tuple[int, int] | None:
    """Returns the width and height from the header of an image file, or None if that fails."""
    try:
        count_scans(content)
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return image.size
    # On a damaged file, Pillow may raise any exception.
    except Exception:
        return None


def _opened(source: str | Path | bytes, note: bool) -> Image.Image:
    """Decodes an image file to an upright image.

    Args:
        source: The image, as for `read_image`.
        note: Whether to warn if the file has several pictures or pages.
    """
    name = display_name(source)
    file, page = split_page(source)
    content = read_bytes(file)
    kind = heic_and_pdf.kind_of(content)
    if kind is not None:
        with _decoding_failures_named(name), failures_named(name):
            decoded = heic_and_pdf.decode(content, kind, page or 1)
        several, image, parts = decoded.count > 1, decoded.image, "pages"
    elif pages := _tiff_pages(content, name):
        if page is not None and page > len(pages):
            noun = "page" if len(pages) == 1 else "pages"
            raise ImageError(f"{name} does not exist: the file has {len(pages):,} {noun}.")
        image = _decode(tiff_from(content, pages[(page or 1) - 1]), name)
        several, parts = len(pages) > 1, "pages"
    elif page is not None:
        raise UnknownFormatError(
            f"{name} is not a page: {display_name(file)} is not a PDF or TIFF file."
        )
    else:
        image = _decode(content, name)
        several = note and image.format in ("GIF", "WEBP") and _has_several(content)
        parts = "pictures"
    if note and several and page is None:
        warnings.warn(f"{name} has several {parts}; the first is read.", stacklevel=3)
    return image


def _tiff_pages(content: Content, name: str) -> list[int]:
    """Finds the pages of a TIFF file; see `structure.tiff_pages`. Error messages use `name`."""
    try:
        return tiff_pages(content)
    except StructureError as error:
        raise TooLargeError(f"{name} has {error}.") from error


@contextmanager
def _decoding_failures_named(name: str) -> Iterator[None]:
    """Turns a `DecodingError` into an `ImageError` that names the image."""
    try:
        yield
    except heic_and_pdf.MissingLibraryError as error:
        raise UnknownFormatError(f"{name} {error}") from error
    except heic_and_pdf.LimitError as error:
        raise TooLargeError(f"{name} {error}") from error
    except heic_and_pdf.DecodingError as error:
        raise ImageError(f"{name} {error}") from error


def _decode(content: bytes, name: str) -> Image.Image:
    """Decodes the bytes of a file with Pillow and turns the image upright.

    Args:
        content: The bytes of the file.
        name: Name of the image in error messages.
    """
    try:
        scans = count_scans(content)
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            _check_limits(image, scans, name)
            # On a damaged TIFF file, libtiff prints many lines to stderr.
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
    """Raises a `TooLargeError` if decoding the image would take too much memory or time."""
    pixels = image.width * image.height
    limit = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS
    if pixels > limit:
        raise TooLargeError(
            f"{name} has too many pixels, {image.width} x {image.height}; expected at most "
            f"{limit // 10**6} million in a {image.format} file."
        )
    if pixels * (scans - 3) > MAX_SCANNED_PIXELS:  # a baseline JPEG usually has at most three scans
        raise TooLargeError(
            f"{name} has too many scans, {scans} of {image.width} x {image.height} pixels; save "
            "it as a baseline JPEG or a PNG file."
        )


def _has_several(content: bytes) -> bool:
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return bool(getattr(image, "is_animated", False))
    # Pillow may raise any exception on a damaged second picture. Only the first one is needed.
    except Exception:
        return False
