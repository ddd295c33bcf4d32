"""The application, in which two things stand still for as long as the store's folder holds a file `hold`: an import whose
file is read, and the time after which the card of jobs forgets what has ended.

Owns that alone: a test sees what passes quickly, however slow or fast the machine is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import streamlit as st

import backend.services.traces.importer as importing
from backend.domain import TraceDraft
from backend.exchange.traces.read import RowTally
from backend.import_plan import Source
from pages.components.labelling import annotate_route
from pages.components.live import stream_route
from pages.parts.app.server import lifespan, middleware
from pages.parts.shell import job_card

HOLD = Path(os.environ["SECOND_THOUGHTS_STORE"]) / "hold"
_whole = importing._with_progress


def _held(source: Source, on_progress: importing.Progress | None, tally: RowTally) -> Iterator[TraceDraft]:
    yield from _whole(source, on_progress, tally)
    while HOLD.exists():
        time.sleep(0.05)


importing._with_progress = _held
job_card.time = SimpleNamespace(monotonic=lambda: 0.0 if HOLD.exists() else time.monotonic())  # type: ignore[assignment]
routes = [*stream_route.routes, *annotate_route.routes]
shell = Path(__file__).resolve().parents[2] / "pages" / "shell.py"
app = st.App(shell, routes=routes, middleware=middleware, lifespan=lifespan)
