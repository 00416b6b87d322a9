"""Who may talk to the server, and what browsers may do with its answers."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Guard:
    """Refuses what other web sites make a browser send, and adds `HEADERS` to every answer.

    A site can make its visitors' browsers post to 127.0.0.1, which its `Origin` gives away; or it
    can have its own name point there (DNS rebinding), which `Host` gives away. An address made of
    numbers cannot be pointed elsewhere.

    Args:
        app: what to guard.
        host: a name under which the server may be asked for besides localhost and addresses.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self.app, self.names = app, ("localhost", host.lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or refuses it with 400 or 403."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer: ASGIApp = self.app
        if not self._is_ours(host):
            answer = JSONResponse({"error": "The Host header names another server."}, 400)
        elif origin not in (None, f"{scope['scheme']}://{host}"):
            answer = JSONResponse({"error": "Another web site may not ask."}, 403)
        await answer(scope, receive, send_guarded)

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name.lower() in self.names:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
