"""Whether a worker is running, as pages show it: a quiet line, or a notice with the button that starts one."""

import time
from typing import Literal

import streamlit as st

from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services

# A slow machine may need this long before a new worker reports for the first time.
_START_SECONDS = 30.0
_ASKED = "worker-started"


def starting() -> bool:
    """Whether a worker was started from this session a moment ago and may still be on its way."""
    return time.monotonic() - st.session_state.get(_ASKED, float("-inf")) < _START_SECONDS


def worker_state(*, needed: bool, quiet: bool = False) -> bool:
    """Shows whether a worker is running, and returns it; with `quiet` a running one isn't mentioned.

    With `needed` work waits for a worker: where none runs, that is a warning and its button the page's first.
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
    with error_notice():
        # A worker that holds the store's lock and reports nothing is busy, and a second one would end at once.
        if services().jobs.start_worker() is None:
            notice("A worker process is there and holds this store, but is too busy to answer. Wait a moment.", "info")
            return
        st.session_state[_ASKED] = time.monotonic()
        st.rerun()
