"""Counts the parts of an image file before it is decoded, and finds the pages of a TIFF file.

A small file can hold millions of parts. A decoder visits each part and, for some parts, every pixel
of the image. To reject such a file quickly, this module counts the parts by reading only their
headers.
"""

import mmap
import re
import struct
from dataclasses import dataclass

MAX_SCANS = 50  # per JPEG; the decoder visits all pixels in each scan; encoders write up to 18
MAX_PARTS = 50_000  # segments, chunks, blocks or strips; a PNG of 50 megapixels has 20,000
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""Matches JPEG markers, except stuffed bytes and restart markers, which occur inside scans."""

SCAN, END, WITHOUT_LENGTH = b"\xda", b"\xd9", (b"\xd8", b"\x01")
MAX_TIFF_PAGES = 10_000  # per file; the same as for PDF
NEW_SUBFILE_TYPE = 254  # TIFF tag that marks thumbnails; it is the first tag in a directory
BYTE_TYPES = (1, 2, 6, 7)
"""TIFF types whose values decoders keep as raw bytes. Any number of such values is harmless."""


Content = bytes | mmap.mmap


class StructureError(ValueError):
    """The file has too many parts. The message names the kind of parts and the limit."""


def count_scans(content: bytes) -> int:
    """Counts the scans of an image file and checks the number of its parts.

    Counting stops where a file is damaged. The damage is reported later, by the decoder.

    Args:
        content: The bytes of any file.

    Returns:
        Number of scans of a JPEG; 1 for other files.

    Raises:
        StructureError: The file has too many scans or other parts.
    """
    scans, parts = 1, 0
    if content.startswith(b"\xff\xd8"):
        scans, parts = _count_jpeg(content)
    elif content.startswith(b"\x89PNG\r\n\x1a\n"):
        parts = _count_png(content)
    elif content.startswith(b"GIF8"):
        parts = _count_gif(content)
    elif content.startswith((b"II", b"MM")):
        parts = _count_tiff(content)
    if scans > MAX_SCANS:
        raise StructureError(f"too many scans; expected at most {MAX_SCANS}")
    if parts > MAX_PARTS:
        raise StructureError(f"too many parts; expected at most {MAX_PARTS:,}")
    return scans


def _count_jpeg(content: bytes) -> tuple[int, int]:
    """Counts the scans and the segments of the first picture in a JPEG."""
    scans = segments = 0
    offset = 2
    while segments <= MAX_PARTS and (marker := JPEG_MARKER.search(content, offset)):
        kind, offset = marker[1], marker.end()
        if kind == END:  # the end of the picture; a preview may follow
            break
        segments += 1
        scans += kind == SCAN
        if kind not in WITHOUT_LENGTH:
            offset += int.from_bytes(content[offset : offset + 2], "big")
    return scans, segments


def _count_png(content: bytes) -> int:
    """Counts the chunks of a PNG."""
    chunks, offset = 0, 8
    while chunks <= MAX_PARTS and offset < len(content):
        offset += 12 + int.from_bytes(content[offset : offset + 4], "big")
        chunks += 1
    return chunks


def _count_gif(content: bytes) -> int:
    """Counts the extension blocks before the first picture of a GIF."""
    blocks = 0
    flags = content[10] if len(content) > 10 else 0
    offset = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while content[offset : offset + 1] == b"!":
        offset += 2
        while blocks <= MAX_PARTS and offset < len(content) and content[offset]:
            offset += 1 + content[offset]
            blocks += 1
        if blocks > MAX_PARTS:
            break
        offset += 1
        blocks += 1
    return blocks


@dataclass(frozen=True)
class _TiffForms:
    """The `struct` formats of a TIFF file, which depend on byte order and word size.

    Attributes:
        word: Format of an offset.
        count: Format of the number of entries in a directory.
        entry: Format of an entry: tag, type, number of values, value.
        head: Position in the file of the offset of the first directory.
    """

    word: str
    count: str
    entry: str
    head: int


def _tiff_forms(content: Content) -> _TiffForms:
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] in (b"+\0", b"\0+"):  # BigTIFF
        return _TiffForms(order + "Q", order + "Q", order + "HHQQ", 8)
    return _TiffForms(order + "I", order + "H", order + "HHII", 4)


def _count_tiff(content: bytes) -> int:
    """Returns the largest number of values in any entry of a TIFF file's first directory.

    The entry that locates the strips has one value for each strip.
    """
    forms = _tiff_forms(content)
    values = 0
    try:
        (start,) = struct.unpack_from(forms.word, content, forms.head)
        (entries,) = struct.unpack_from(forms.count, content, start)
        start += struct.calcsize(forms.count)
        if entries > MAX_PARTS:
            return int(entries)
        for number in range(entries):
            offset = start + number * struct.calcsize(forms.entry)
            _, kind, length, _ = struct.unpack_from(forms.entry, content, offset)
            values = max(values, 0 if kind in BYTE_TYPES else length)
    except (struct.error, OverflowError):
        return values
    return values


def tiff_pages(content: Content) -> list[int]:
    """Finds the pages of a TIFF file, not counting thumbnails.

    Args:
        content: The bytes of any file.

    Returns:
        The offset of the directory of each page; empty if the file is not a TIFF file. A damaged
        or truncated directory is the last in the list, so that decoding it reports the damage.

    Raises:
        StructureError: The file has more than `MAX_TIFF_PAGES` pages.
    """
    if content[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return []
    forms = _tiff_forms(content)
    pages: list[int] = []
    seen: set[int] = set()
    start = 0
    try:
        (start,) = struct.unpack_from(forms.word, content, forms.head)
        while start and start not in seen:
            seen.add(start)
            (entries,) = struct.unpack_from(forms.count, content, start)
            first = start + struct.calcsize(forms.count)
            tag, _, _, value = struct.unpack_from(forms.entry, content, first)
            is_thumbnail = tag == NEW_SUBFILE_TYPE and value & 1
            if not is_thumbnail:
                pages.append(start)
            if len(seen) > MAX_TIFF_PAGES:
                raise StructureError(f"too many pages; expected at most {MAX_TIFF_PAGES:,}")
            after = first + entries * struct.calcsize(forms.entry)
            (start,) = struct.unpack_from(forms.word, content, after)
    except (struct.error, OverflowError):
        if start not in pages:
            pages.append(start)
    return pages


def tiff_from(content: bytes, directory: int) -> bytes:
    """Returns a copy of a TIFF file that begins with a given page.

    Args:
        content: The bytes of a TIFF file.
        directory: Offset of the page's directory, as returned by `tiff_pages`.
    """
    forms = _tiff_forms(content)
    start = struct.pack(forms.word, directory)
    return content[: forms.head] + start + content[forms.head + len(start) :]
