"""Configures the HTTP server, with time limits for slow clients and for shutting down."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from common.processes import STOP_SIGNALS

HEAD_SECONDS = 10.0  # time for the complete head of a request to arrive
# A client must read an answer within ANSWER_SECONDS, plus one second for each
# ANSWER_BYTES_PER_SECOND bytes that it has not read yet.
ANSWER_SECONDS = 10.0
ANSWER_BYTES_PER_SECOND = 500_000
STOP_SECONDS = 1  # time for answers in progress to end when the server stops
MAX_CONNECTIONS = 200


class PromptProtocol(H11Protocol):
    """HTTP/1.1 protocol that closes the connections of clients that send or read too slowly.

    The head of a request must arrive within `HEAD_SECONDS`. The client must read the answer within
    the time that `ANSWER_SECONDS` and `ANSWER_BYTES_PER_SECOND` allow. uvicorn itself only closes
    connections that are idle after an answer.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the timer for the first request."""
        super().connection_made(transport)
        self._await_head()

    def on_response_complete(self) -> None:
        """Starts the timer for the next request."""
        super().on_response_complete()
        self._await_head()

    def pause_writing(self) -> None:
        """Starts the timer for reading the answer, because the client has fallen behind."""
        super().pause_writing()
        seconds = self.transport.get_write_buffer_size() / ANSWER_BYTES_PER_SECOND
        self._answer_timer = self.loop.call_later(ANSWER_SECONDS + seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stops the timer for reading the answer, and starts the one for the next request."""
        self._cancel(self._answer_timer)
        super().resume_writing()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops all timers."""
        self._cancel(self._head_timer)
        self._cancel(self._answer_timer)
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._cancel(self._head_timer)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_without_head)

    def _close_without_head(self) -> None:
        paused = self.flow.write_paused  # then the timer for reading the answer applies
        if (self.cycle is None or self.cycle.response_complete) and not paused:
            self.transport.abort()  # close() would wait for the client to read the rest

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class PromptServer(uvicorn.Server):
    """A server that stops within seconds, and logs nothing about the answers that it cancels.

    On SIGHUP and on a second Ctrl-C, uvicorn would end without shutting down the application, and
    training in progress would go on. This server always shuts the application down.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops the server on every stop signal that is not ignored. nohup ignores SIGHUP."""
        if threading.current_thread() is not threading.main_thread():  # cannot handle signals
            yield
            return
        with super().capture_signals():
            handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
            for number, handler in handlers.items():
                if handler != signal.SIG_IGN:
                    signal.signal(number, self.handle_exit)
            try:
                yield
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cancels answers that take longer than `STOP_SECONDS`, then stops the application."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)
        await self.lifespan.shutdown()  # does nothing if it is shut down already


def server_of(app: ASGIApp) -> uvicorn.Server:
    """Creates a server for the application, with the limits of this module."""
    return PromptServer(
        uvicorn.Config(
            app,
            http=PromptProtocol,
            log_level="warning",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
