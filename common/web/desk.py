"""Receives images within limits and works on them, one after the other."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from common.images.decoding import (
    ImageError,
    TooLargeError,
    UnknownFormatError,
    failures_named,
    image_size,
)

MOST_BYTES = 20 * 10**6  # of an image in a request
MOST_PIXELS = 50_000_000  # of it; decoded, they take up to 0.5 GB
MOST_AT_ONCE = 16  # requests with an image, the one being read included
BODY_SECONDS = 5.0  # for an image to arrive ...
BODY_BYTES_PER_SECOND = 500_000  # ... and a second more for as much of it as has come
Answer = TypeVar("Answer")
Work = Callable[[bytes], Answer]


class Desk:
    """Where images are worked on: one after the other, and only so many waiting.

    One thread is enough: a drawing takes some milliseconds, and the model is not made for two.
    """

    def __init__(self) -> None:
        self.worker = ThreadPoolExecutor(1)
        self.taken = 0

    async def do(self, request: Request, work: Work[Answer]) -> Answer:
        """Receives the request's image and does the work on its bytes.

        Raises:
            HTTPException: 408, 413, 415, 422 or 503, see `app.REFUSALS`.
        """
        with self._place():
            content = await _received(request)

            def checked() -> Answer:
                with failures_named("The image"):
                    _check_size(content)
                    return work(content)

            try:
                return await asyncio.get_running_loop().run_in_executor(self.worker, checked)
            except TooLargeError as error:
                raise HTTPException(413, str(error)) from error
            except UnknownFormatError as error:
                raise HTTPException(415, str(error)) from error
            except ImageError as error:
                raise HTTPException(422, str(error)) from error

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self.taken >= MOST_AT_ONCE:
            raise HTTPException(503, "Too many requests at once.", {"Retry-After": "1"})
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


async def _received(request: Request) -> bytes:
    """The body of a request, while it is small enough and arrives in time."""
    too_large = HTTPException(413, f"An image may have {MOST_BYTES // 10**6} MB at most.")
    if int(request.headers.get("content-length", 0)) > MOST_BYTES:
        raise too_large
    content = bytearray()
    parts = request.stream()
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        while True:
            until = started + BODY_SECONDS + len(content) / BODY_BYTES_PER_SECOND
            try:
                content += await asyncio.wait_for(anext(parts), until - clock())
            except StopAsyncIteration:
                return bytes(content)
            if len(content) > MOST_BYTES:
                raise too_large
    except asyncio.TimeoutError as error:
        raise HTTPException(408, "The image took too long to arrive.") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "The image did not arrive.") from error  # nobody will read it


def _check_size(content: bytes) -> None:
    """Raises a `TooLargeError` before memory is taken; other faults are found in reading."""
    size = image_size(content)
    if size and size[0] * size[1] > MOST_PIXELS:
        raise TooLargeError(
            f"The image has {size[0]} x {size[1]} pixels; {MOST_PIXELS // 10**6} million at most."
        )
