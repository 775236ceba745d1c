"""What stands before a web application: who may ask, from where, how much and how slowly.

Refused are foreign host headers (a page whose name was made to point to this machine: DNS
rebinding), requests that another site's page makes, bodies that are too large or come too slowly.
Every answer forbids scripts in the page's text, other servers, frames and caches.

References
----------
Fetch Metadata Request Headers, W3C; Content Security Policy Level 3, W3C.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOST_BODY_BYTES = 64 << 10
BODY_SECONDS = 20.0
"""How long a request's body may take."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def protected(
    app: ASGIApp,
    hosts: Sequence[str],
    *,
    body_seconds: float = BODY_SECONDS,
    is_behind_tls: bool = False,
) -> ASGIApp:
    """Return an application behind all checks.

    Parameters
    ----------
    app : ASGI application
        What answers.
    hosts : sequence of str
        Host names that requests may be for, without port.
    body_seconds : float
        How long a body may take.
    is_behind_tls : bool
        Whether another server adds TLS, so that pages come from ``https``.
    """
    limited = BodyLimit(SameOrigin(app, is_behind_tls=is_behind_tls), seconds=body_seconds)
    return SafeHeaders(TrustedHostMiddleware(limited, [*hosts, "::1"], www_redirect=False))


class SafeHeaders:
    """Add the headers of `HEADERS` to every answer, refusals too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_with)


class SameOrigin:
    """Refuse what another site's page asks for; following a link is allowed."""

    def __init__(self, app: ASGIApp, *, is_behind_tls: bool = False) -> None:
        self._app = app
        self._is_behind_tls = is_behind_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or refuse it."""
        if scope["type"] == "http" and self._is_foreign(scope):
            refusal = PlainTextResponse("refused: the request comes from another site", 403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        origin, host = headers.get("origin"), headers.get("host", "")
        own = {f"{scope['scheme']}://{host}"}
        if self._is_behind_tls:
            own.add(f"https://{host}")
        if origin is not None and origin not in own:
            return True
        follows_link = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        site = headers.get("sec-fetch-site", "none")
        return site not in ("none", "same-origin") and not follows_link


class BodyLimit:
    """Refuse bodies that are too large (413) or take too long (408)."""

    def __init__(self, app: ASGIApp, most: int = MOST_BODY_BYTES, seconds: float = BODY_SECONDS):
        self._app, self._most, self._seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._most:
            await _refuse("the request is too large", 413, scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(self._read(receive), self._seconds)
        except TimeoutError:
            await _refuse("the request came too slowly", 408, scope, receive, send)
            return
        if body is None:
            await _refuse("the request is too large", 413, scope, receive, send)
            return
        given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return given.pop() if given else await receive()

        await self._app(scope, receive_again, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, or None if it is too large."""
        body = b""
        while True:
            message = await receive()
            body += bytes(message.get("body", b""))
            if len(body) > self._most:
                return None
            if message["type"] != "http.request" or not message.get("more_body", False):
                return body


async def _refuse(why: str, status: int, scope: Scope, receive: Receive, send: Send) -> None:
    refusal = PlainTextResponse(f"refused: {why}", status, {"connection": "close"})
    await refusal(scope, receive, send)
