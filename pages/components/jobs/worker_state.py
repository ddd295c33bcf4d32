"""Whether a worker is there, as pages say it: nothing or a quiet line, a notice, and the way to start one.

Owns that a start asked for a moment ago counts as under way. Knows nothing of jobs.
"""

from __future__ import annotations

import time
from typing import Literal

import streamlit as st

from backend.domain import UserError
from pages.components.frame.gate import barred
from pages.components.frame.notice import notice
from pages.components.frame.session import services

_START_SECONDS = 30.0
_ASKED = "worker-started"


def starting() -> bool:
    """A worker was asked for here, and may still be on its way."""
    return time.monotonic() - st.session_state.get(_ASKED, float("-inf")) < _START_SECONDS


def worker_state(*, needed: bool, quiet: bool = False) -> bool:
    """Say how the worker stands, and return whether one is there; `quiet` says nothing of one that is.

    `needed`: work is waiting for it, so that its absence is a warning.
    """
    status = services().jobs.worker()
    if status.alive:
        st.session_state.pop(_ASKED, None)
        if not quiet:
            with st.container(key="sth-job-worker"):
                st.text(status.sentence)
    elif starting():
        notice("A worker is starting; this takes a few seconds.", "info", key="worker")
    else:
        with st.container(horizontal=True, vertical_alignment="center", key="sth-job-no-worker"):
            with st.container():
                notice(status.sentence, "warning" if needed else "info", key="worker")
            kind: Literal["primary", "secondary"] = "primary" if needed else "secondary"
            if not barred() and st.button(
                "Start the worker", icon=":material/play_arrow:", type=kind, key="start-worker"
            ):
                _start()
    return status.alive


def _start() -> None:
    try:
        begun = services().jobs.start_worker()
    except UserError as error:
        notice(str(error), "error")
        return
    if begun is None:
        notice("A worker process is there and holds this store, but is too busy to answer. Wait a moment.", "info")
        return
    st.session_state[_ASKED] = time.monotonic()
    st.rerun()
