"""The application, in which two things stand still for as long as the store's folder holds a file `hold`: an import whose
file is read, and the time after which the card of jobs forgets what has ended.

Owns that alone: a test sees what passes quickly, however slow or fast the machine is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import streamlit as st

from backend.import_plan import Source
from backend.services.traces.importer import ImportService
from backend.services.traces.source_importer import ImportOutcome, Progress
from pages.components.labelling import annotate_route
from pages.components.live import stream_route
from pages.parts.app.server import lifespan, middleware
from pages.parts.shell import job_card

HOLD = Path(os.environ["SECOND_THOUGHTS_STORE"]) / "hold"
_whole = ImportService.take


def _held(
    self: ImportService, sources: Sequence[Source], *, on_progress: Progress, **options: Any
) -> Iterator[ImportOutcome]:
    def wait(done: int, size: int, what: str) -> None:
        on_progress(done, size, what)
        while done == size and HOLD.exists():
            time.sleep(0.05)

    return _whole(self, sources, on_progress=wait, **options)


ImportService.take = _held  # type: ignore[method-assign,assignment]
job_card.time = SimpleNamespace(monotonic=lambda: 0.0 if HOLD.exists() else time.monotonic())  # type: ignore[assignment]
routes = [*stream_route.routes, *annotate_route.routes]
shell = Path(__file__).resolve().parents[2] / "pages" / "shell.py"
app = st.App(shell, routes=routes, middleware=middleware, lifespan=lifespan)
