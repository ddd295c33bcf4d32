"""Gamma on the page Agreement: asking for it, and what the last job found.

Owns these words. Knows nothing of how gamma is computed.
"""

from __future__ import annotations

import streamlit as st

from backend.annotation import Person
from backend.domain import Job, JobState, UserError
from backend.report.numbers import Form, interval_text, number
from pages.components.frame.gate import barred
from pages.components.frame.notice import notice, told
from pages.components.frame.session import services

_LOOK_SECONDS = 2.0


def gamma_section(person: Person, project: str) -> None:
    """The last gamma, and a way to compute it anew."""
    st.header("Gamma", anchor=False)
    st.caption("Agreement on where and what at once, by a job of a worker; it needs the optional library.")
    job = services().gamma.latest(project)
    busy = job is not None and not job.state.final
    if job is not None:
        st.fragment(_followed, run_every=_LOOK_SECONDS if busy else None)(job.id, busy)
    why = barred() or (None if person.id else "Say your name first, at the foot of the sidebar.")
    again = job is not None and job.state is JobState.DONE
    words = "Compute it anew" if again else "Compute gamma"
    if st.button(words, key="gamma", disabled=busy or why is not None, help=why, icon=":material/functions:"):
        with told():
            services().gamma.submit(person.id, project)
            st.rerun()


def _followed(job_id: str, busy: bool) -> None:
    """The job as it is now; the page runs again once it has ended, or was removed from the history."""
    try:
        job = services().jobs.get(job_id)
    except UserError:
        st.rerun()
    if busy and job.state.final:
        st.rerun()
    _told(job)


def _told(job: Job) -> None:
    if job.state is JobState.DONE:
        found = job.result.get("gamma")
        if found is None:
            st.text("Every item has too many spans for gamma to be computed in reasonable time.")
            return
        value, low, high = found
        left = f"; {job.result['left']:,} items with too many spans are left out" if job.result["left"] else ""
        ends = interval_text(low, high, Form.SCORE)
        st.text(f"{number(value, Form.SCORE)} {ends} · n = {job.result['items']:,} items{left} · {job.created[:10]}")
    elif job.state is JobState.FAILED:
        notice(job.error, "info")
    elif not job.state.final:
        st.text(
            f"It is being computed: {job.done:,} of {job.total:,} items." if job.total else "It waits for a worker."
        )
