"""Receives the images of requests, limits their size and number, and processes them in turn."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from common.images.contents import ImageError, TooLargeError, UnknownFormatError, failures_named
from common.images.decoding import image_size

MAX_BYTES = 20 * 10**6  # per image in a request
MAX_PIXELS = 50_000_000  # per image; decoding an image of this size takes up to 0.5 GB
MAX_REQUESTS = 16  # requests with an image, in progress or waiting
# An image must arrive within BODY_SECONDS, plus one second for each BODY_BYTES_PER_SECOND bytes
# received so far.
BODY_SECONDS = 5.0
BODY_BYTES_PER_SECOND = 500_000
Answer = TypeVar("Answer")
Work = Callable[[bytes], Answer]


class Desk:
    """Processes the images of requests one after the other.

    A request is refused while `MAX_REQUESTS` others are in progress or waiting. One thread does the
    work: a drawing takes a few milliseconds, and `Classifiers` is not thread-safe.
    """

    def __init__(self) -> None:
        self.worker = ThreadPoolExecutor(1)
        self.active = 0

    async def do(self, request: Request, work: Work[Answer]) -> Answer:
        """Receives the image of a request, and calls `work` with its bytes in the worker thread.

        Raises:
            HTTPException: With status 408, 413, 415, 422 or 503; see `parameters.REFUSALS`. Status
                400 if the client closed the connection.
        """
        with self._slot():
            content = await _receive(request)

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
    def _slot(self) -> Iterator[None]:
        if self.active >= MAX_REQUESTS:
            raise HTTPException(
                503, "Too many requests at once; try again in a second.", {"Retry-After": "1"}
            )
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1


async def _receive(request: Request) -> bytes:
    """Receives the body of a request. Refuses a body that is too large or arrives too slowly."""
    too_large = HTTPException(413, f"The image is larger than {MAX_BYTES // 10**6} MB, the limit.")
    if int(request.headers.get("content-length", 0)) > MAX_BYTES:
        raise too_large
    content = bytearray()
    chunks = request.stream()
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        while True:
            deadline = started + BODY_SECONDS + len(content) / BODY_BYTES_PER_SECOND
            try:
                content += await asyncio.wait_for(anext(chunks), deadline - clock())
            except StopAsyncIteration:
                return bytes(content)
            if len(content) > MAX_BYTES:
                raise too_large
    except asyncio.TimeoutError as error:
        raise HTTPException(408, "The image took too long to arrive.") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "The connection closed before the image arrived.") from error


def _check_size(content: bytes) -> None:
    """Raises a `TooLargeError` if the image has too many pixels, before it is decoded."""
    size = image_size(content)
    if size and size[0] * size[1] > MAX_PIXELS:
        raise TooLargeError(
            f"The image has {size[0]} x {size[1]} pixels; expected at most "
            f"{MAX_PIXELS // 10**6} million."
        )
