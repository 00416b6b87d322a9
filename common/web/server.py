"""How long the server waits for a client, and for its own work when it ends."""

import asyncio
import logging
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0  # for the head of a request to arrive whole
STOP_SECONDS = 1  # for answers under way when the server is stopped
MAX_CONNECTIONS = 200


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection on which no whole head arrives in `HEAD_SECONDS`.

    uvicorn itself only closes a connection that is silent after an answer.
    """

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def on_response_complete(self) -> None:
        """Starts to wait for the next request."""
        super().on_response_complete()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._stop_waiting()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_without_head)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()

    def _close_without_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


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
