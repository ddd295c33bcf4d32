"""The log of requests, and what every answer carries: the request's id as `X-Request-ID`, and further headers."""

import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend import config
from backend.domain import UserError
from backend.log_format import configure_logging, log_about

_log = logging.getLogger("app")
_log.setLevel(logging.INFO)
# What every page loads and every watcher asks for is logged only where it fails.
_QUIET = (
    "/static/",
    "/media/",
    "/_stcore/bidi-components/",
    "/_stcore/health",
    "/_stcore/host-config",
    "/healthz",
    "/readyz",
)


class RequestLog:
    """ASGI middleware that logs every request, and answers with an id where something fails that nobody foresaw."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        """`app` is the application being wrapped; every answer gets `headers`."""
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on under an id: a proxy's own where it is one, else a new one."""
        if scope["type"] == "lifespan":
            with suppress(UserError):
                configure_logging(config.load().logs)
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        named = given.isascii() and given.replace("-", "").isalnum() and len(given) <= 64
        identity, status, began = given if named else uuid.uuid4().hex[:16], 0, monotonic()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
                status = message.get("status", 101)
                MutableHeaders(scope=message).update({**self._headers, "X-Request-ID": identity})
            await send(message)

        with log_about(request=identity):
            try:
                await self._app(scope, receive, answer)
            except ClientDisconnect:
                pass  # whoever asked has gone
            except Exception:
                if status:
                    raise  # half an answer is out: the server breaks the connection off
                _log.exception("The request failed.")
                sentence = f"Something went wrong here. The log tells more, under the request {identity}."
                await PlainTextResponse(sentence, 500)(scope, receive, answer)
            finally:
                path = scope["path"]
                level = logging.WARNING if status >= 400 else logging.DEBUG if path.startswith(_QUIET) else logging.INFO
                taken = round(1000 * (monotonic() - began))
                # Without the query, which may hold a token.
                _log.log(level, "%s %s %d in %d ms", scope.get("method", "WEBSOCKET"), path, status, taken)
