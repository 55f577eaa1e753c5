"""Who may talk to the server, and what its pages may load: a layer around the whole app.

A page of another address could otherwise drive the dashboard through a visitor's browser: Streamlit
accepts every port of this machine as an origin, and any host name (docs/decisions/0053).
"""

import base64
import hashlib
import ipaddress
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config


def _own_scripts() -> str:
    """The scripts that stand in Streamlit's own page, by their digests."""
    page = Path(streamlit.__file__).with_name("static") / "index.html"
    scripts = re.findall(rb"<script>(.*?)</script>", page.read_bytes(), re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


_POLICY = {
    "default-src": "'self'",
    # blob: the inline components of pages.
    "script-src": f"'self' 'wasm-unsafe-eval' blob: {_own_scripts()}",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_METRICS = "/_stcore/metrics"  # open to anyone otherwise: sessions, caches, memory
_READS = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware: refuses foreign hosts and origins, closes the metrics, adds headers.

    A WebSocket, and every request that changes something, must come from a page of this server:
    its Origin is the address it was sent to, or one of `server.corsAllowedOrigins`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403 or 404."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif refusal := _refusal(scope):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[:100]})
            else:
                await PlainTextResponse(refusal, 403)(scope, receive, send)
        elif scope["path"].rstrip("/").endswith(_METRICS):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))


def _refusal(scope: Scope) -> str:
    """Why a request is refused; "" if it is not."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host, origin = headers.get(b"host", ""), headers.get(b"origin", "")
    if not _is_own(host):
        return (
            "This name of the server is not known. Open it by its address, or add the name to "
            "server.allowedHosts in .streamlit/config.toml."
        )
    if scope["type"] == "http" and scope["method"] in _READS:
        return ""
    listed = config.get_option("server.corsAllowedOrigins") or ()
    if origin and (urlsplit(origin).netloc.lower() == host.lower() or origin in listed):
        return ""
    return (
        "This request does not come from a page of this server. Open the dashboard itself, or add "
        "the origin to server.corsAllowedOrigins in .streamlit/config.toml."
    )


def _is_own(host: str) -> bool:
    """Whether a Host header means this server: an address, or one of its names.

    A name of somebody else's that leads here (DNS rebinding) is none of them.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and any(
            name == own or (own.startswith("*.") and name.endswith(own[1:])) or own == "*"
            for own in _names()
        )
    return True


def _names() -> Iterator[str]:
    yield from ("localhost", socket.gethostname().lower())
    for option in ("server.address", "browser.serverAddress"):
        yield str(config.get_option(option) or "").lower()
    yield from (str(name).lower() for name in config.get_option("server.allowedHosts") or ())
    for origin in config.get_option("server.corsAllowedOrigins") or ():
        yield urlsplit(origin).hostname or ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return sending
