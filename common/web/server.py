"""How long the server waits for a client, and for its own work when it ends."""

import asyncio
import logging
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0  # for the head of a request to arrive whole
ANSWER_SECONDS = 10.0  # for a client to read an answer ...
ANSWER_BYTES_PER_SECOND = 500_000  # ... and a second more for as much of it as is waiting
STOP_SECONDS = 1  # for answers under way when the server is stopped
MAX_CONNECTIONS = 200


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose client does not send or does not read.

    A whole head must arrive in `HEAD_SECONDS`, and answers must be read at
    `ANSWER_BYTES_PER_SECOND`. uvicorn itself only closes a connection that is silent after an
    answer.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def on_response_complete(self) -> None:
        """Starts to wait for the next request."""
        super().on_response_complete()
        self._await_head()

    def pause_writing(self) -> None:
        """Starts to wait for the client to read what has been written."""
        super().pause_writing()
        seconds = self.transport.get_write_buffer_size() / ANSWER_BYTES_PER_SECOND
        self._answer_timer = self.loop.call_later(ANSWER_SECONDS + seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Waits for the next request, or for the client to read the little that is left."""
        self._cancel(self._answer_timer)
        super().resume_writing()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        self._cancel(self._head_timer)
        self._cancel(self._answer_timer)
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._cancel(self._head_timer)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_without_head)

    def _close_without_head(self) -> None:
        paused = self.flow.write_paused  # the client still has the time to read its answer
        if (self.cycle is None or self.cycle.response_complete) and not paused:
            self.transport.abort()  # a mere close would wait until the client has read the rest

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class PromptServer(uvicorn.Server):
    """A server that says nothing of the answers that it cancels when it is stopped."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Waits `STOP_SECONDS` for answers under way, then cancels them."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def server_of(app: ASGIApp) -> uvicorn.Server:
    """A server of the application, with the limits above."""
    return PromptServer(
        uvicorn.Config(
            app,
            http=PromptProtocol,
            log_level="warning",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
