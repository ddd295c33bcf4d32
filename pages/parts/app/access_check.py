"""Who may speak to the app: the names it is called by, where requests come from, and who has signed in.

Owns the refusals that come before any route and any WebSocket, and the one that comes before the start.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config as streamlit_config

from backend import config
from backend.config import is_loopback
from backend.domain import UserError
from pages.components.frame.sign_in import sign_in_fault, signed_in, signs_in

_log = logging.getLogger(__name__)

_HOST: Final = (
    "The app isn't known by this name: open it as localhost, or list the name in the setting SECOND_THOUGHTS_HOSTS."
)
_ORIGIN: Final = "The app answers to its own pages alone, and this request came from a page of another address."
_SIGN_IN: Final = "Sign in first: open the app's page in this browser."
_BEYOND: Final = (
    "Nobody signs in here, so the app answers on loopback alone: configure [auth] in .streamlit/secrets.toml, "
    "or set SECOND_THOUGHTS_OPEN=on."
)
# What anybody sees is the page to sign in by and what it is made of: that is, everything but these folders ...
_CLOSED: Final = ("/_stcore/", "/media/", "/component/", "/app/static/", "/live/", "/annotate/")
# ... and in them: the WebSocket, behind which the gate stands, and what a browser asks for before it opens that.
_OPEN: Final = ("/_stcore/stream", "/_stcore/health", "/_stcore/host-config", "/_stcore/bidi-components/")


class AccessCheck:
    """ASGI middleware that lets nobody in who may not speak to the app: 400, 401 or 403 with a sentence."""

    # Starlette's TrustedHostMiddleware knows no Origin, and Streamlit's server.allowedHosts guards its WebSocket alone.

    def __init__(self, app: ASGIApp) -> None:
        """`app` is the application being wrapped."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it; likewise the start of the whole app."""
        if scope["type"] == "lifespan":
            if fault := start_fault():
                await receive()
                # The server logs the sentence and ends; an exception would be logged as a traceback.
                await send({"type": "lifespan.startup.failed", "message": fault})
                return
        elif refusal := self._refusal(HTTPConnection(scope)):
            status, sentence = refusal
            await PlainTextResponse(sentence, status, {"Cache-Control": "no-store"})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, request: HTTPConnection) -> tuple[int, str] | None:
        hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
        host = _place(hosts[0]) if len(hosts) == 1 else None
        if host is None or not (host[0] in self._names or is_loopback(host[0])):
            return 400, _HOST
        if len(origins) > 1 or not all(_same(origin, host) for origin in origins) or _embedded(request):
            return 400, _ORIGIN
        if signs_in():
            return (401, _SIGN_IN) if _is_closed(request.scope["path"]) and not signed_in(request.cookies) else None
        # The server may have been started on another address than the configuration says. A Unix socket has no port.
        address, port = request.scope.get("server") or ("", None)
        return (403, _BEYOND) if port is not None and not (self._open or is_loopback(address)) else None

    @cached_property
    def _names(self) -> set[str]:
        return {place[0] for name in config.load().hosts if (place := _place(name))}

    @cached_property
    def _open(self) -> bool:
        return config.load().open_access == "on"


def start_fault() -> str:
    """Why the app must not start, in a sentence; "" where it may."""
    try:
        settings = config.load()
    except UserError as error:
        return str(error)
    for name in settings.hosts:
        if _place(name) is None or "*" in name:
            return f"The setting SECOND_THOUGHTS_HOSTS has names such as thoughts.lab.example, not {name!r}."
    if signs_in():
        return f"Nobody could sign in: {fault}." if (fault := sign_in_fault()) else ""
    address = streamlit_config.get_option("server.address") or "all addresses"
    if is_loopback(address) and not settings.hosts:
        return ""
    everyone = f"Nobody signs in here, and everyone who reaches the app gets the role {settings.local_role}"
    if is_loopback(address) or settings.open_access == "on":
        _log.warning("%s. It listens on %s.", everyone, address)
        return ""
    return (
        f"The app would listen on {address}. {everyone}. Configure [auth] in .streamlit/secrets.toml, listen on "
        "127.0.0.1 (--server.address), or set SECOND_THOUGHTS_OPEN=on."
    )


def _place(netloc: str) -> tuple[str, int | None] | None:
    """Name and port of a Host header; None for whatever else stands there."""
    try:
        parts = urlsplit(f"//{netloc}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    # Put together again it has to be the same: a path, a user, blanks, the rest of "[::1].evil.example" would be gone.
    whole = (f"[{name}]" if name and ":" in name else f"{name}") + ("" if port is None else f":{port}")
    return (name.removesuffix("."), port) if name and whole == netloc.lower() else None


def _same(origin: str, host: tuple[str, int | None]) -> bool:
    """Whether an Origin is the host's own, by http or https: a proxy may end TLS before us."""
    scheme, _, netloc = origin.partition("://")
    place, default = _place(netloc), {"http": 80, "https": 443}.get(scheme)
    if place is None or default is None:
        return False
    return (place[0], place[1] or default) == (host[0], host[1] or default)


def _embedded(request: HTTPConnection) -> bool:
    """Whether a browser says that another site's page asks for a part of itself; a link to us may stand anywhere."""
    if request.scope["type"] != "http":
        return False
    site, mode = request.headers.get("sec-fetch-site"), request.headers.get("sec-fetch-mode")
    return site in ("cross-site", "same-site") and mode != "navigate"


def _is_closed(path: str) -> bool:
    """Whether a path takes a sign-in."""
    base = (streamlit_config.get_option("server.baseUrlPath") or "").strip("/")
    path = path.removeprefix(f"/{base}") if base else path
    return path.startswith(_CLOSED) and not path.startswith(_OPEN)
