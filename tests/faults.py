"""Creates damaged, hostile and unusual files that the commands must handle."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from common import PROJECT

READABLE, UNREADABLE = "3", None
"""Expected text of a file: the digit that all readable files show, or None for an error."""


def flipped(content: bytes, seed: int, flips: int = 20, start: int = 8) -> bytes:
    """Returns the content with some bits flipped at random, none before byte `start`."""
    generator = np.random.default_rng(seed)
    damaged = bytearray(content)
    for place in generator.integers(start, len(damaged), flips):
        damaged[place] ^= 1 << int(generator.integers(8))
    return bytes(damaged)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """Returns an image as the bytes of a file in the given format."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """Returns a PNG file that declares `width` x `height` pixels but has hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def odd_images() -> dict[str, tuple[bytes, str | None]]:
    """Returns intact and damaged image files by name, each as its bytes and its expected text."""
    picture = Image.open(PROJECT / "samples" / "3.png").convert("L")
    grey = np.asarray(picture)
    png, jpeg = saved(picture, "PNG"), saved(picture, "JPEG")
    fax = saved(picture.convert("1"), "TIFF", compression="group4")
    turned = Image.Exif()
    turned[0x0112] = 99
    lies = b"\xff\xe1\x00\x10Exif\0\0" + b"\xff" * 8
    frames = {"save_all": True, "append_images": [Image.new("L", picture.size)]}
    return {
        "whole.png": (png, READABLE),
        "empty.png": (b"", UNREADABLE),
        "text.png": (b"not an image\n" * 50, UNREADABLE),
        "truncated.png": (png[: len(png) // 2], UNREADABLE),
        "truncated.jpg": (jpeg[: len(jpeg) // 2], UNREADABLE),
        **{f"flipped{seed}.png": (flipped(png, seed), UNREADABLE) for seed in range(5)},
        "bomb.png": (png_of_size(100_000, 100_000), UNREADABLE),
        "large.png": (png_of_size(12_000, 11_000), UNREADABLE),
        "no_size.gif": (b"GIF89a" + bytes(7) + b"," + bytes(9) + b"\2\0;", UNREADABLE),
        "postscript.png": (saved(picture, "EPS"), UNREADABLE),
        "photoshop.png": (b"8BPS\0\1" + bytes(100), UNREADABLE),
        "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UNREADABLE),
        "png_named.jpg": (png, READABLE),
        "cmyk.jpg": (saved(picture.convert("CMYK"), "JPEG"), READABLE),
        "palette.png": (saved(picture.convert("P"), "PNG", transparency=0), READABLE),
        "grey_alpha.png": (saved(picture.convert("LA"), "PNG"), READABLE),
        "sixteen_bits.png": (saved(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"), READABLE),
        "float.tiff": (saved(Image.fromarray(grey.astype(np.float32) / 255), "TIFF"), READABLE),
        "int32.tiff": (saved(Image.fromarray(grey.astype(np.int32) * 9999), "TIFF"), READABLE),
        "two.gif": (saved(picture, "GIF", **frames), READABLE),
        "two.tiff": (saved(picture, "TIFF", **frames), READABLE),
        "group4.tiff": (saved(picture.convert("1"), "TIFF", compression="group4"), READABLE),
        **{f"bits{seed}.tiff": (flipped(fax, seed), UNREADABLE) for seed in range(3)},
        "turned.jpg": (saved(picture, "JPEG", exif=turned), READABLE),
        "exif_lies.jpg": (jpeg[:2] + lies + jpeg[2:], READABLE),
        "new\nline.png": (png, READABLE),
        "escape\x1b[31m.png": (png, READABLE),
        os.fsdecode(b"no_utf8_\xff.png"): (png, READABLE),
    }


def write_all(files: dict[str, tuple[bytes, str | None]], folder: Path) -> None:
    """Writes each file into a folder under its name."""
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
