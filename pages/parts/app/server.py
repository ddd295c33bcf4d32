"""What the web server adds to Streamlit: security headers, and a start that keeps reruns cheap.

Owns the Content-Security-Policy, and the worker an app brings with it. Knows nothing of pages.
"""

from __future__ import annotations

import gc
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend import config
from backend.domain import UserError
from backend.services import build_services

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "form-action 'self'",
            "base-uri 'self'",
            "object-src 'none'",
            "frame-ancestors 'self'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class SecurityHeaders:
    """ASGI middleware that sends HEADERS with every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is the application being wrapped."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass through, adding the headers where a response starts."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


middleware = [Middleware(SecurityHeaders)]


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Start a worker; import what every page needs, then take it out of the collector's sight.

    Streamlit collects garbage after every rerun; frozen, what was imported no longer costs anything (62 -> 5 ms).
    """
    import pages.components.frame.session  # noqa: F401, PLC0415 - here, so that a bare import of this module stays cheap

    worker = await to_thread.run_sync(_start_worker)
    gc.collect()
    gc.freeze()
    yield {}
    if worker is not None and worker.poll() is None:
        worker.terminate()  # it ends what it does in order; jobs go on when a worker is back


def _start_worker() -> subprocess.Popen[bytes] | None:
    """A worker for this app, unless one is at work or the settings want none. A broken store is the pages' to tell."""
    settings = config.load()
    if settings.worker == "off":
        return None
    try:
        with build_services(settings) as services:
            return services.jobs.start_worker()
    except UserError:
        return None
