"""The process that decodes HEIC photos and pages of PDF files; `isolated.py` starts it.

    python -m common.images.isolated_process

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
"""The answer, and a buffer with the pixels."""


class TooLargeError(Exception):
    """The file exceeds a limit; the message says which one."""


class MissingPageError(Exception):
    """The document has no page with this number; the message says how many it has."""


def decoded_heic(content: bytes, request: dict[str, Any]) -> Answer:
    """Decodes the main picture of a HEIC file, with 8 bits per channel, turned upright."""
    import pillow_heif

    # The EXIF orientation repeats the rotation that libheif applies.
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
    """Renders a page of a PDF file on white; without a page number, only counts the pages."""
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
        # Sides are rounded up: without the factor, 600.0001 pixels would become 601.
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
    except MemoryError:  # ends the process, so that the next picture has all of its memory again
        raise
    # On damaged files, the libraries may raise any exception.
    except Exception as error:
        return {"damage": " ".join(str(error).split()).rstrip(".")}, b""


def _limit_memory(megabytes: int) -> None:
    """Limits the memory of this process, in addition to what it uses (Linux only)."""
    import resource

    fields = Path("/proc/self/statm").read_text().split()
    used = int(fields[5]) * resource.getpagesize()
    _limit(resource.RLIMIT_DATA, used + megabytes * 10**6)
    _limit(resource.RLIMIT_CORE, 0)


def _limit_time(seconds: int) -> None:
    """Limits the processor time of this process from now on (Linux only)."""
    import resource

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _limit(resource.RLIMIT_CPU, int(used) + 1 + seconds)


def _limit(kind: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until the other process ends."""
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
    """Serves the process at the other end of stdin and stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever the libraries print is no answer
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
