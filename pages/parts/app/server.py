"""What the web server adds to Streamlit: security headers, a worker of its own, and a start that keeps reruns cheap."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Thread
from typing import Any

import streamlit as st
from anyio import to_thread
from starlette.middleware import Middleware

from backend import config
from backend.domain import UserError
from backend.services import build_services
from pages.components.frame.upload_spool import UploadSpool
from pages.parts.app.access_check import AccessCheck
from pages.parts.app.request_log import RequestLog
from pages.parts.app.standby_worker import StandbyWorker

HEADERS = {
    # What hostile text could still do through Streamlit's own sinks, this stops: st.markdown fetches remote pictures.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' blob:",  # Streamlit imports a component's script from a blob
            "style-src 'self' 'unsafe-inline'",  # Streamlit and Plotly write style elements
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


middleware = [Middleware(RequestLog, headers=HEADERS), Middleware(AccessCheck), Middleware(UploadSpool)]


def refused(error: Exception) -> bool:
    """Shows a refusal of a fragment or a callback, which run outside of the shell's script."""
    from pages.components.frame.outage import show_refusal  # noqa: PLC0415 - caches complain before the runtime starts

    return show_refusal(error)


def _mark_damage() -> None:
    """Looks for files that changed while no process watched: neither size nor reading need tell."""
    with suppress(UserError), build_services(config.load()) as services:
        services.repair.mark()


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Starts a worker and imports what every page needs; ends the worker when the app ends."""
    import pages.components.frame.session  # noqa: F401, PLC0415 - here, so that a bare import of this module stays cheap

    # In a thread: the start opens the store and waits for a process, and the event loop would serve nobody meanwhile.
    worker = await to_thread.run_sync(StandbyWorker)
    Thread(target=_mark_damage, daemon=True).start()
    # Streamlit collects garbage after every rerun. Frozen, the 114,000 objects of what was imported are no longer
    # walked each time: a rerun of a small page takes 5 ms of the processor instead of 62.
    gc.collect()
    gc.freeze()
    yield {}
    await to_thread.run_sync(worker.end)
