"""What an image file is made of, counted before it is decoded.

Decoders go through every part of a file, and some of them once for every pixel. A small file can
hold millions of parts, so they are counted first, by reading nothing but their heads.
"""

import re
import struct

MAX_SCANS = 50  # of a JPEG; encoders write up to eighteen, and each goes over all pixels
MAX_PARTS = 50_000  # other segments, chunks, strips; a PNG of 50 megapixels has 20,000
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""A marker of a JPEG, but for stuffed bytes and restarts, which stand inside scans."""

SCAN, END, WITHOUT_LENGTH = b"\xda", b"\xd9", (b"\xd8", b"\x01")
TEXTS = (1, 2, 6, 7)  # types of TIFF values that stay bytes: they cost nothing


class StructureError(ValueError):
    """A file of more parts than the limits allow; its text says of which and how many."""


def scans_in(content: bytes) -> int:
    """Counts the parts of an image file.

    Args:
        content: The bytes of a file of any kind.

    Returns:
        The scans of a JPEG; 1 for other files. A damaged file is counted as far as it goes: its
        decoder finds the damage.

    Raises:
        StructureError: The file has too many parts.
    """
    scans, parts = 1, 0
    if content.startswith(b"\xff\xd8"):
        scans, parts = _jpeg(content)
    elif content.startswith(b"\x89PNG\r\n\x1a\n"):
        parts = _png(content)
    elif content.startswith(b"GIF8"):
        parts = _gif(content)
    elif content.startswith((b"II", b"MM")):
        parts = _tiff(content)
    if scans > MAX_SCANS:
        raise StructureError(f"too many scans; expected at most {MAX_SCANS}")
    if parts > MAX_PARTS:
        raise StructureError(f"too many parts; expected at most {MAX_PARTS:,}")
    return scans


def _jpeg(content: bytes) -> tuple[int, int]:
    """The scans of a JPEG's first picture, and its segments."""
    scans = segments = 0
    place = 2
    while segments <= MAX_PARTS and (marker := JPEG_MARKER.search(content, place)):
        kind, place = marker[1], marker.end()
        if kind == END:  # a preview may follow
            break
        segments += 1
        scans += kind == SCAN
        if kind not in WITHOUT_LENGTH:
            place += int.from_bytes(content[place : place + 2], "big")
    return scans, segments


def _png(content: bytes) -> int:
    """The chunks of a PNG."""
    chunks, place = 0, 8
    while chunks <= MAX_PARTS and place < len(content):
        place += 12 + int.from_bytes(content[place : place + 4], "big")
        chunks += 1
    return chunks


def _gif(content: bytes) -> int:
    """The blocks of a GIF's extensions up to its first picture."""
    blocks = 0
    flags = content[10] if len(content) > 10 else 0
    place = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while content[place : place + 1] == b"!":
        place += 2
        while blocks <= MAX_PARTS and place < len(content) and content[place]:
            place += 1 + content[place]
            blocks += 1
        if blocks > MAX_PARTS:
            break
        place += 1
        blocks += 1
    return blocks


def _tiff(content: bytes) -> int:
    """The most values in an entry of a TIFF's first directory: strips have one each."""
    order = "<" if content.startswith(b"II") else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    word, head, entry = ("Q", 8, "HHQQ") if big else ("I", 4, "HHII")
    count_form = "Q" if big else "H"
    values = 0
    try:
        (start,) = struct.unpack_from(order + word, content, head)
        (entries,) = struct.unpack_from(order + count_form, content, start)
        start += struct.calcsize(count_form)
        if entries > MAX_PARTS:
            return int(entries)
        for number in range(entries):
            place = start + number * struct.calcsize(f"={entry}")
            _, kind, length, _ = struct.unpack_from(order + entry, content, place)
            values = max(values, 0 if kind in TEXTS else length)
    except struct.error:
        return values
    return values
