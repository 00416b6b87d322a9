"""Refuses requests from other web sites or computers, and adds security headers to answers."""

import ipaddress
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
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
UNKNOWN_HOST = "The Host header names another server; use localhost or an IP address."


class Guard:
    """Refuses requests that come from other web sites, and adds `HEADERS` to the answers.

    A web site can make its visitors' browsers send requests to 127.0.0.1. Requests that change
    something then have an `Origin` header that names the site, and are refused. Others may lack the
    header and are answered, but `HEADERS` prevent the site from reading the answer. A site can also
    point its own host name to 127.0.0.1 (DNS rebinding); the `Host` header then contains that name.
    An IP address in `Host` is safe, since it cannot be rebound.

    Args:
        app: The ASGI application to guard.
        host: A host name to accept besides localhost and IP addresses.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self.app, self.accepted = app, ("localhost", host.lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request to the application, or refuses it with status 400 or 403."""
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
        if not self._is_accepted(host):
            answer = JSONResponse({"error": UNKNOWN_HOST}, 400)
        elif origin not in (None, f"{scope['scheme']}://{host}"):
            answer = JSONResponse({"error": "Requests from other web sites are refused."}, 403)
        await answer(scope, receive, send_guarded)

    def _is_accepted(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name.lower() in self.accepted:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def is_this_computer(request: Request) -> bool:
    """Checks whether a request comes from the computer that runs the server."""
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


def this_computer_only(request: Request) -> None:
    """Refuses requests from other computers, which may not train or delete anything.

    Raises:
        HTTPException: With status 403.
    """
    if not is_this_computer(request):
        raise HTTPException(
            403, "This is only possible at http://127.0.0.1, on the computer that runs the server."
        )
