"""Gamma on the page Agreement: asking for it, and what the last job found.

Owns these words. Knows nothing of how gamma is computed.
"""

from __future__ import annotations

import streamlit as st

from backend.annotation import Person, Role
from backend.domain import Job, JobState, UserError
from pages.components.notice import notice
from pages.components.quantity import Form, interval_text, number
from pages.components.session import services


def gamma_section(person: Person, project: str) -> None:
    """The last gamma, and a way to compute it anew."""
    st.subheader("Gamma", anchor=False)
    st.caption("Agreement on where and what at once, by a job of a worker; it needs the optional library.")
    job = services().gamma.latest(project)
    if job is not None:
        _told(job)
    may = bool(person.id) and person.role.covers(Role.ADJUDICATOR) and person.role.covers(Role.ADMIN)
    busy = job is not None and not job.state.final
    if st.button("Compute gamma", key="gamma", disabled=busy or not may, icon=":material/functions:"):
        try:
            services().gamma.submit(person.id, project)
        except UserError as error:
            notice(str(error), "info")
            return
        st.rerun()


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
