"""Creates small image files that take much time or memory to read."""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from common import PROJECT


def png(pixels: np.ndarray) -> bytes:
    """Returns uint8 pixels as a PNG with fast compression."""
    return bytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])


def nested(side: int, step: int, round_shapes: bool) -> bytes:
    """Draws nested squares or circles that are `step` pixels apart."""
    page = np.full((side, side), 255, np.uint8)
    for inset in range(step, side // 2, step):
        if round_shapes:
            cv2.circle(page, (side // 2, side // 2), inset, 0, 2)
        else:
            cv2.rectangle(page, (inset, inset), (side - inset, side - inset), 0, 2)
    return png(page)


def noise(side: int, share: float, grey: bool = False) -> bytes:
    """Draws noise: pixels that are black with probability `share`, or of random grey levels."""
    generator = np.random.default_rng(0)
    if grey:
        return png(generator.integers(0, 256, (side, side), np.uint8))
    return png(np.where(generator.random((side, side)) < share, 0, 255).astype(np.uint8))


def strokes(side: int, count: int, length: int, width: int) -> bytes:
    """Draws short strokes at random positions."""
    generator = np.random.default_rng(0)
    page = np.full((side, side), 255, np.uint8)
    for x, y in generator.integers(0, side - length, (count, 2)).tolist():
        dx, dy = generator.integers(-length, length + 1, 2).tolist()
        cv2.line(page, (x, y), (x + dx, y + dy), 0, width)
    return png(page)


def grid(side: int, step: int, dash: int = 0) -> bytes:
    """Draws squared paper, with dashed lines if `dash` is given."""
    page = np.full((side, side), 255, np.uint8)
    page[::step] = 0
    page[:, ::step] = 0
    if dash:
        gaps = np.arange(side) // dash % 2 == 0
        page[gaps] = 255
        page[:, gaps] = 255
        page[::step, ~gaps] = 0
        page[~gaps, ::step] = 0
    return png(page)


def checkers(side: int, step: int, gap: int = 0) -> bytes:
    """Draws a pattern of squares that touch at their corners or are `gap` pixels apart."""
    ys, xs = np.indices((side, side)) // step
    if gap:
        ys, xs = (np.indices((side, side)) % (step + gap)) < step
        return png(np.where(ys & xs, 0, 255).astype(np.uint8))
    return png(((ys + xs) % 2 * 255).astype(np.uint8))


def combs(side: int, height: int, tooth: int) -> bytes:
    """Draws wide combs: upright bars across a horizontal bar, like many touching digits."""
    page = np.full((side, side), 255, np.uint8)
    for top in range(4, side - height, height + 4):
        page[top : top + height, 4 : side - 4 : tooth] = 0
        page[top + height // 2, 4 : side - 4] = 0
    return png(page)


def spiral(side: int, step: int) -> bytes:
    """Draws one long spiral line."""
    page = np.full((side, side), 255, np.uint8)
    turns = np.linspace(0, side / 2 / step * 2 * np.pi, side * side // 100)
    radius = turns / (2 * np.pi) * step
    centre = side / 2
    points = np.stack([centre + radius * np.cos(turns), centre + radius * np.sin(turns)], 1)
    cv2.polylines(page, [points.astype(np.int32)], False, 0, 1)
    return png(page)


def staircase(side: int, step: int, size: int) -> bytes:
    """Draws squares on a diagonal, so that each square is a separate line of writing."""
    page = np.full((side, side), 255, np.uint8)
    for place in range(0, side - size, step):
        page[place : place + size, place : place + size] = 0
    return png(page)


def spiked(side: int) -> bytes:
    """Draws a thin frame with horizontal spikes across half of the page."""
    page = np.full((side, side), 255, np.uint8)
    cv2.rectangle(page, (1, 1), (side - 2, side - 2), 0, 1)
    page[::7, 1 : side // 2] = 0
    return png(page)


def corners(side: int, step: int) -> bytes:
    """Draws nested corners whose bounding boxes all overlap."""
    page = np.full((side, side), 255, np.uint8)
    for place in range(0, side - 8, step):
        page[place, place:] = 0
        page[place:, place] = 0
    return png(page)


def jpeg_of_many_scans(side: int, scans: int) -> bytes:
    """Returns a progressive JPEG that repeats its last scan many times."""
    file = io.BytesIO()
    Image.effect_noise((side, side), 50).save(file, "JPEG", progressive=True, quality=50)
    content = file.getvalue()
    last = content.rindex(b"\xff\xda")
    tables = content.rindex(b"\xff\xc4", 0, last)  # the Huffman table of the last scan
    return content[:-2] + content[tables:-2] * scans + b"\xff\xd9"


def in_format(form: str, width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    """Returns an image of random blocks in the given format."""
    block = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8), np.uint8)
    picture = Image.fromarray(block).resize((width, height), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.convert(mode).save(file, form, **options)
    return file.getvalue()


def tiff_of_many_strips(rows: int) -> bytes:
    """Returns a TIFF file that is one pixel wide and has a separate strip for each row."""
    entries = [
        (256, 4, 1, 1),
        (257, 4, 1, rows),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, rows, 8),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, rows, 8 + 4 * rows),
    ]
    offsets = np.full(rows, 8, "<u4").tobytes()
    counts = np.full(rows, 1, "<u4").tobytes()
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    start = struct.pack("<2sHI", b"II", 42, 8 + 8 * rows)
    return start + offsets + counts + directory


def gif_of_comments(size: int) -> bytes:
    """Returns a GIF with a comment of `size` bytes before its picture."""
    file = io.BytesIO()
    Image.new("L", (28, 28), 255).save(file, "GIF")
    content = file.getvalue()
    head = 13 + 3 * 2 ** ((content[10] & 7) + 1) if content[10] & 0x80 else 13
    comment = b"\x21\xfe" + (b"\xff" + b"c" * 255) * (size // 256) + b"\0"
    return content[:head] + comment + content[head:]


def png_of_many_chunks(count: int) -> bytes:
    """Returns a PNG with `count` empty private chunks."""
    content = png(np.full((28, 28), 255, np.uint8))
    chunk = struct.pack(">I", 0) + b"prVt" + struct.pack(">I", zlib.crc32(b"prVt"))
    return content[:33] + chunk * count + content[33:]


def jpeg_of_many_segments(count: int) -> bytes:
    """Returns a JPEG with `count` empty application segments."""
    file = io.BytesIO()
    Image.new("L", (28, 28), 255).save(file, "JPEG")
    return file.getvalue()[:2] + b"\xff\xe5\0\2" * count + file.getvalue()[2:]


CHECKERED_SIDES = (28, 100, 199, 201, 299, 301, 707, 1414, 2001)

EXPENSIVE_IMAGES: dict[str, Callable[[], bytes]] = {
    "nested_squares.png": lambda: nested(2000, 6, False),
    "nested_squares_small.png": lambda: nested(1320, 4, False),
    "nested_circles.png": lambda: nested(2000, 6, True),
    **{f"noise_{share:.0%}.png": partial(noise, 2000, share) for share in (0.1, 0.3, 0.5, 0.9)},
    "noise_grey.png": lambda: noise(2000, 0, grey=True),
    "noise_49_megapixels.png": lambda: noise(7000, 0.5),
    "strokes_10000.png": lambda: strokes(2000, 10_000, 20, 2),
    "strokes_10000_small.png": lambda: strokes(1000, 10_000, 20, 2),
    "strokes_long.png": lambda: strokes(2000, 1000, 100, 1),
    "grid_4.png": lambda: grid(2000, 4),
    "grid_40.png": lambda: grid(2000, 40),
    "grid_dashed.png": lambda: grid(2000, 34, 6),
    "grid_dashed_small.png": lambda: grid(1000, 17, 8),
    **{f"checkers_{step}.png": partial(checkers, 2000, step) for step in (1, 2, 7, 40)},
    **{f"checkers_1_of_{side}.png": partial(checkers, side, 1) for side in CHECKERED_SIDES},
    "dots.png": lambda: checkers(2000, 1, 1),
    "squares.png": lambda: checkers(2000, 40, 20),
    **{f"combs_{high}.png": partial(combs, 2000, high, high // 3) for high in (20, 48, 100)},
    "spiral.png": lambda: spiral(2000, 4),
    "staircase.png": lambda: staircase(2000, 2, 1),
    "spiked.png": lambda: spiked(2000),
    "corners_3.png": lambda: corners(2000, 3),
    "corners_8.png": lambda: corners(2000, 8),
    "scans.jpg": lambda: jpeg_of_many_scans(2000, 200),
    "scans_allowed.jpg": lambda: jpeg_of_many_scans(2000, 38),
    "strips.tiff": lambda: tiff_of_many_strips(2_000_000),
    "comments.gif": lambda: gif_of_comments(20_000_000),
    "chunks.png": lambda: png_of_many_chunks(1_000_000),
    "segments.jpg": lambda: jpeg_of_many_segments(4_000_000),
    "large.jpg": lambda: in_format("JPEG", 7000, 7000, progressive=True),
    "large.webp": lambda: in_format("WEBP", 7000, 7000, "RGBA", method=0, lossless=True),
    "too_large.webp": lambda: in_format("WEBP", 10_000, 6000, "L", method=0, lossless=True),
    "large_float.tiff": lambda: in_format("TIFF", 7000, 7000, "F", compression="tiff_lzw"),
}
"""For each file name, a function that creates the file. No file has more than about 20 MB and 60
megapixels."""

MEASURED = """
import json, resource, sys
from common import processes
from common.storage.model_files import PRETRAINED
from common.recognizer import DigitRecognizer

def seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

processes.prepare_libraries()
recognizer = DigitRecognizer(PRETRAINED)
recognizer.read("samples/3.png")
started = seconds()
(reading,) = recognizer.read_many([(sys.argv[1], sys.argv[1])])
cost = seconds() - started
# The maximum of getrusage may be that of the parent process, so VmHWM is used.
(peak,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps([cost, int(peak.split()[1]) / 1024, reading.text, reading.error]))
"""


@dataclass(frozen=True)
class Cost:
    """The cost of reading one image in a separate process.

    Attributes:
        seconds: Processor time for reading the image, without loading the model.
        megabytes: Peak memory of the whole process.
        text, error: The text and the error of the reading.
    """

    seconds: float
    megabytes: float
    text: str | None
    error: str | None


def cost_of(path: Path) -> Cost:
    """Measures the cost of reading an image in a separate process; fails after one minute."""
    words = [sys.executable, "-c", MEASURED, str(path)]
    done = subprocess.run(
        words, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    return Cost(*json.loads(done.stdout))
