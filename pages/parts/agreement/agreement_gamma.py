"""The section Gamma of the page Agreement: the last job's result, and a button that computes it anew."""

import streamlit as st

from backend.annotation import Person
from backend.domain import UserError
from backend.job import Job, JobState
from backend.report.numbers import Form, interval_text, number
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services

_LOOK_SECONDS = 2.0


def gamma_section(person: Person, project: str) -> None:
    """Draws the last gamma, and the button that computes it anew."""
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
        with error_notice():
            services().gamma.submit(person.id, project)
            st.rerun()


def _followed(job_id: str, busy: bool) -> None:
    """Draws the job as it is now; the page runs again once it has ended, or was removed from the history."""
    try:
        job = services().jobs.get(job_id)
    except UserError:
        st.rerun()
    # The whole page and not this fragment: its button and its rate of looking depend on the state.
    if busy and job.state.final:
        st.rerun()
    _result(job)


def _result(job: Job) -> None:
    if job.state is JobState.DONE:
        found = job.result.get("gamma")
        if found is None:  # beyond some 150 spans an item takes minutes
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
