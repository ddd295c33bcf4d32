"""One job, whole: its state, its error sentence, what was asked, its log, and what can be done with it.

Owns this dialog and that the address names the job it shows. Everything in it may be hostile text and is shown as
plain text or code. Knows nothing of what jobs do.
"""

from __future__ import annotations

import json

import streamlit as st

from backend.domain import Job, UserError
from pages.components.frame.gate import barred
from pages.components.frame.notice import notice, told
from pages.components.frame.session import run_labels, runs, services
from pages.components.jobs.job_links import retriable, ways
from pages.components.jobs.job_words import (
    KINDS,
    LANES,
    ago,
    doing,
    failures,
    joined,
    progress_line,
    share,
    state_words,
    took,
)

_LOG_HEIGHT = 260


def _close() -> None:
    st.query_params.pop("job", None)


@st.dialog("Job", width="large", on_dismiss=_close)
def job_dialog(job_id: str) -> None:
    """The job the address names; where there is none, a sentence."""
    try:
        job = services().jobs.get(job_id)
    except UserError as error:
        notice(str(error), "error")
        return
    with st.container(key="sth-job-name-dialog"):
        st.text(job.title)
    # A finished job doesn't change any more, so nothing needs to look again.
    st.fragment(_state, run_every=None if job.state.final else 1.0)(job_id, job.state.final)
    with st.expander("What was asked for"):
        st.code(json.dumps(dict(job.spec), indent=2, ensure_ascii=False), language=None, wrap_lines=True, height=220)
    _actions(job)


def _state(job_id: str, final: bool) -> None:
    job = services().jobs.get(job_id)
    if job.state.final and not final:
        st.rerun()
    with st.container(key="sth-job-facts"):
        again = "second try of an earlier job" if job.retry_of else ""
        begun = f"asked for {ago(job.created)}"
        lasted = f"took {took(job)}" if took(job) else ""
        st.text(joined(state_words(job), KINDS[job.kind], LANES[job.lane], begun, lasted, again))
    if not final:
        with st.container(key="sth-job-bar-dialog", gap="xsmall"):
            st.progress(share(job))
            working = services().jobs.worker().alive
            st.text(joined(progress_line(job, working), doing(job, services().jobs.position(job), working)))
    if job.error:
        notice(job.error, "error")
    for sentence in failures(job)[:5]:
        notice(sentence, "warning")
    lines = [f"{line.at[11:19]}  {line.text}" for line in services().jobs.lines(job_id)]
    st.text(f"Log, times in UTC, {len(lines)} line{'s' if len(lines) > 1 else ''}" if lines else "Nothing was logged.")
    if lines:
        st.code("\n".join(lines), language=None, wrap_lines=True, height=_LOG_HEIGHT if len(lines) > 9 else "content")


def _actions(job: Job) -> None:
    """The buttons below; their labels are ours."""
    with st.container(horizontal=True, gap="small"):
        for way in ways(job, runs(), run_labels()):
            if st.button(way.label, key=f"job-way-{way.label}"):
                st.switch_page(way.page, query_params=list(way.query))
        if barred():
            return
        if retriable(job) and st.button("Retry", icon=":material/replay:", key="job-retry"):
            with told():
                st.query_params["job"] = services().jobs.retry(job.id).id
                st.rerun()
        if not job.state.final and st.button("Cancel", icon=":material/stop_circle:", key="job-cancel"):
            with told():
                services().jobs.cancel(job.id)
                st.rerun()
