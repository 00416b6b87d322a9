"""Decodes HEIC photos and pages of PDF files in a separate process.

The decoders of these formats, libheif and PDFium, are large C++ libraries. A malicious file can
make them crash, or use any amount of time and memory. In a separate process with limits on both,
such a file can end only that process, not the program. This module sends files to that process,
which runs the module `heic_and_pdf_process`.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from PIL import Image

from common import PROJECT

MAX_SECONDS = 120  # wall-clock time per picture or page; long enough for a busy machine
MAX_CPU_SECONDS = 10  # per picture or page; a photo of 50 megapixels takes 2
MAX_MEGABYTES = 700  # per picture or page, without the memory of the libraries themselves
MAX_HEIC_PIXELS = 50_000_000  # per photo; decoding takes up to 9 bytes a pixel
MAX_PAGE_PIXELS = 50_000_000  # per page; larger pages are rendered at a lower resolution
MAX_PAGES = 10_000  # per PDF file
PAGE_DPI = 200  # resolution at which pages of PDF files are rendered

LIBRARIES = {"HEIC": "pillow-heif", "PDF": "pypdfium2"}
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class DecodingError(ValueError):
    """The picture cannot be decoded. The message continues a sentence after the file name."""


class MissingLibraryError(DecodingError):
    """The optional library for this format is not installed."""


class LimitError(DecodingError):
    """The picture exceeds a limit on pixels, pages, time or memory."""


@dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    Attributes:
        image: The upright picture.
        count: Number of pictures or pages in the file.
    """

    image: Image.Image
    count: int


def kind_of(content: bytes) -> str | None:
    """Returns the format of a file: "HEIC", "PDF", or None for any other format."""
    if content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS:
        return "HEIC"
    return "PDF" if content[:1024].lstrip().startswith(b"%PDF-") else None


def decode(content: bytes, kind: str, page: int = 1) -> Decoded:
    """Decodes the main picture of a HEIC file, or renders a page of a PDF file.

    Args:
        content: The bytes of the file.
        kind: Format of the file, "HEIC" or "PDF".
        page: Number of the page of a PDF file, counted from 1.

    Raises:
        DecodingError: The picture cannot be decoded.
    """
    answer, pixels = _ask({"kind": kind, "page": page}, content)
    size = (answer["width"], answer["height"])
    layout = ("raw", answer["mode"], answer["stride"])
    return Decoded(Image.frombytes(answer["mode"], size, pixels, *layout), answer["count"])


def count_pages(content: bytes) -> int:
    """Counts the pages of a PDF file.

    Raises:
        DecodingError: The file is damaged or has too many pages.
    """
    answer, _ = _ask({"kind": "PDF", "page": None}, content)
    return int(answer["count"])


def _ask(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    """Sends a file to the decoding process, and returns the answer and the pixels.

    Raises:
        DecodingError: The picture cannot be decoded.
    """
    library = LIBRARIES[request["kind"]]
    if find_spec(library.replace("-", "_")) is None:
        raise MissingLibraryError(f"needs {library}: pip install -r requirements/photos.txt")
    limits = {
        "pages": MAX_PAGES,
        "dpi": PAGE_DPI,
        "pixels": MAX_HEIC_PIXELS if request["kind"] == "HEIC" else MAX_PAGE_PIXELS,
        "seconds": MAX_CPU_SECONDS,
        "megabytes": MAX_MEGABYTES,
    }
    answer, pixels = _PROCESS.ask(request | limits, content)
    if "too_large" in answer:
        raise LimitError(answer["too_large"])
    if "missing" in answer:
        raise DecodingError(answer["missing"])
    if "damage" in answer:
        raise DecodingError(f"is damaged or unreadable ({answer['damage']}).")
    return answer, pixels


class _Process:
    """A process that decodes one picture after another. The first request starts it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.owner = 0

    def ask(self, request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """Sends a request and a file to the process, and returns the answer and the pixels.

        Raises:
            DecodingError: The process cannot be started, ends early, or takes too long.
        """
        with self.lock:
            try:
                process = self._running()
            except OSError as error:  # not enough memory, or too many processes
                raise DecodingError(f"cannot be decoded: {error.strerror or error}.") from error
            assert process.stdin is not None
            assert process.stdout is not None
            with self._ended_on_failure(process):
                head = json.dumps(request | {"bytes": len(content)})
                process.stdin.write(head.encode() + b"\n")
                process.stdin.write(content)
                process.stdin.flush()
                answer: dict[str, Any] = json.loads(process.stdout.readline())
                pixels = process.stdout.read(answer["bytes"])
                if len(pixels) < answer["bytes"]:
                    raise EOFError
                return answer, pixels

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.owner != os.getpid():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "common.images.heic_and_pdf_process"],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self.owner = os.getpid()
            atexit.register(self.process.kill)
        return self.process

    @contextmanager
    def _ended_on_failure(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Ends the process if the block raises or takes too long. The next request starts another.

        Ctrl-C also ends the process, since it may interrupt the block in the middle of a message.
        """
        timer = threading.Timer(MAX_SECONDS, process.kill)
        timer.start()
        try:
            yield
        except BaseException as error:
            self.process = None
            atexit.unregister(process.kill)
            process.kill()
            process.communicate()
            if not isinstance(error, (OSError, ValueError, EOFError)):
                raise
            raise LimitError(
                "is damaged or too complex: decoding it crashed, or needed more than "
                f"{MAX_CPU_SECONDS} s of processor time or {MAX_MEGABYTES} MB of memory."
            ) from error
        finally:
            timer.cancel()


_PROCESS = _Process()
