"""Decodes HEIC photos and pages of PDF files that it receives from `heic_and_pdf`.

    python -m common.images.heic_and_pdf_process

The code runs in a process of its own because a malicious file can make the decoders crash or use
any amount of time and memory. This process limits its own time and memory. If it ends, the program
reports an error and continues with the next file.

A request on stdin is one line of JSON, followed by the bytes of a file. The answer on stdout is one
line of JSON, followed by the bytes of the pixels.
"""

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

Answer = tuple[dict[str, Any], Any]
"""The fields of the JSON line, and a buffer with the pixels."""


class TooLargeError(Exception):
    """The file exceeds the limit that the message names."""


class MissingPageError(Exception):
    """The PDF file has no page with the requested number. The message says how many it has."""


def decoded_heic(content: bytes, request: dict[str, Any]) -> Answer:
    """Decodes the main picture of a HEIC file to upright pixels with 8 bits per channel."""
    import pillow_heif

    # libheif turns the picture upright. The EXIF orientation must not be applied again.
    file = pillow_heif.open_heif(io.BytesIO(content))
    picture = file[file.primary_index]
    width, height = picture.size
    if width * height > request["pixels"]:
        raise TooLargeError(
            f"has too many pixels, {width} x {height}; expected at most "
            f"{request['pixels'] // 10**6} million in a HEIC file."
        )
    pixels = picture.data
    return _described(picture.mode, picture.size, picture.stride, len(file)), pixels


def rendered_page(content: bytes, request: dict[str, Any]) -> Answer:
    """Renders a page of a PDF file on white. If the page number is None, only counts the pages."""
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    try:
        count = len(document)
        if count > request["pages"]:
            raise TooLargeError(
                f"has too many pages, {count:,}; expected at most {request['pages']:,}. Split it."
            )
        number = request["page"]
        if number is None:
            return {"count": count}, b""
        if number > count:
            pages = f"{count} page{'s' if count != 1 else ''}"
            raise MissingPageError(f"does not exist: the file has {pages}.")
        page = document[number - 1]
        width, height = (max(side, 1.0) for side in page.get_size())  # in points, 1/72 inch
        scale = min(request["dpi"] / 72, (request["pixels"] / (width * height)) ** 0.5)
        scale = min(scale, request["pixels"] / 2 / max(width, height))
        # pypdfium2 rounds sides up. Without the factor, 600.0001 pixels would become 601.
        bitmap = page.render(scale=scale * (1 - 1e-6), rev_byteorder=True)
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[bitmap.n_channels]
        size = (bitmap.width, bitmap.height)
        return _described(mode, size, bitmap.stride, count), bitmap.buffer
    finally:
        document.close()


DECODERS: dict[str, Callable[[bytes, dict[str, Any]], Answer]] = {
    "HEIC": decoded_heic,
    "PDF": rendered_page,
}


def _described(mode: str, size: tuple[int, int], stride: int, count: int) -> dict[str, Any]:
    return {"mode": mode, "width": size[0], "height": size[1], "stride": stride, "count": count}


def _answered(content: bytes, request: dict[str, Any]) -> Answer:
    try:
        return DECODERS[request["kind"]](content, request)
    except TooLargeError as error:
        return {"too_large": str(error)}, b""
    except MissingPageError as error:
        return {"missing": str(error)}, b""
    except MemoryError:  # ends this process; the next picture gets a new process with free memory
        raise
    # On damaged files, the libraries may raise any exception.
    except Exception as error:
        return {"damage": " ".join(str(error).split()).rstrip(".")}, b""


def _limit_memory(megabytes: int) -> None:
    """Limits the memory that this process may allocate from now on (Linux only)."""
    import resource

    fields = Path("/proc/self/statm").read_text().split()
    used = int(fields[5]) * resource.getpagesize()
    _limit(resource.RLIMIT_DATA, used + megabytes * 10**6)
    _limit(resource.RLIMIT_CORE, 0)


def _limit_time(seconds: int) -> None:
    """Limits the processor time that this process may use from now on (Linux only)."""
    import resource

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _limit(resource.RLIMIT_CPU, int(used) + 1 + seconds)


def _limit(kind: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until the other process closes the pipe or ends."""
    limited = False
    while line := requests.readline():
        request = json.loads(line)
        if sys.platform == "linux":
            if not limited:
                _limit_memory(request["megabytes"])
                limited = True
            _limit_time(request["seconds"])
        answer, pixels = _answered(requests.read(request["bytes"]), request)
        view = memoryview(pixels).cast("B")
        answers.write(json.dumps(answer | {"bytes": view.nbytes}).encode() + b"\n")
        answers.write(view)
        answers.flush()


def main() -> None:
    """Reads requests from stdin and writes answers to stdout."""
    # Ctrl-C interrupts all processes of a terminal. Only the parent process should handle it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # keeps messages from the libraries out of the answers
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
