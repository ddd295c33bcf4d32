"""The application, whose imports stop once a file is read for as long as the store's folder holds a file `hold`.

Owns that stop alone: a test sees the progress of an import however fast it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

import backend.services.importing as importing
from backend.domain import TraceDraft
from backend.exchange import Source
from pages.components import annotate_route, stream_route
from pages.components.server import lifespan, middleware

HOLD = Path(os.environ["SECOND_THOUGHTS_STORE"]) / "hold"
_whole = importing._with_progress


def _held(source: Source, on_progress: importing.Progress | None) -> Iterator[TraceDraft]:
    yield from _whole(source, on_progress)
    while HOLD.exists():
        time.sleep(0.05)


importing._with_progress = _held
routes = [*stream_route.routes, *annotate_route.routes]
shell = Path(__file__).resolve().parents[2] / "pages" / "shell.py"
app = st.App(shell, routes=routes, middleware=middleware, lifespan=lifespan)
