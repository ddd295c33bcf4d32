"""The dialog of one job: its state, errors and log, its specification, and the buttons to cancel or retry it.

Owns that the address names the job shown. Everything in the dialog may be hostile: it is shown as plain text or code.
"""

import json

import streamlit as st

from backend.job import Job
from backend.services.jobs import retriable
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import run_labels, runs, services
from pages.components.jobs.job_links import page_links
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
    # Left in the address, the job would open its dialog again at the next run.
    st.query_params.pop("job", None)


@st.dialog("Job", width="large", on_dismiss=_close)
def job_dialog(job_id: str) -> None:
    """Shows the job the address names; where there is none, the reason."""
    with error_notice():
        job = services().jobs.get(job_id)
        with st.container(key="sth-job-name-dialog"):
            st.text(job.title)
        # A finished job doesn't change any more, so nothing needs to look again.
        st.fragment(_state, run_every=None if job.state.final else 1.0)(job_id, job.state.final)
        with st.expander("What was asked for"):
            spec = json.dumps(dict(job.spec), indent=2, ensure_ascii=False)
            st.code(spec, language=None, wrap_lines=True, height=220)
        _actions(job)


def _state(job_id: str, final: bool) -> None:
    job = services().jobs.get(job_id)
    # The buttons below are of the job's old state, and drawn outside of this fragment.
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
    with st.container(horizontal=True, gap="small"):
        for link in page_links(job, runs(), run_labels()):
            if st.button(link.label, key=f"job-way-{link.label}"):
                st.switch_page(link.page, query_params=list(link.query))
        if barred():
            return
        if retriable(job) and st.button("Retry", icon=":material/replay:", key="job-retry"):
            with error_notice():
                # The dialog goes on with the new job: the old one keeps its error and its log.
                st.query_params["job"] = services().jobs.retry(job.id).id
                st.rerun()
        if not job.state.final and st.button("Cancel", icon=":material/stop_circle:", key="job-cancel"):
            with error_notice():
                services().jobs.cancel(job.id)
                st.rerun()
