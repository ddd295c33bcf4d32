"""The card in the sidebar that says what is being worked on, on every page.

Owns what is said in so small a place and how often it is looked up: two fragments, a fast one only while a job is
open, so that no page runs again because of it. Knows nothing of what jobs do.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import streamlit as st

from backend.domain import Job, JobState, UserError, visible
from pages.components.frame.session import services
from pages.components.jobs.job_words import amount, joined, left, share

_STYLE = Path(__file__).with_name("job_style.css")
_LOOK_SECONDS, _FOLLOW_SECONDS = 10.0, 2.0
_NEWS_SECONDS = 6.0
_ENDED = {JobState.DONE: "Done", JobState.FAILED: "Failed", JobState.CANCELLED: "Cancelled"}


def job_card() -> None:
    """The job under way, small, in the sidebar; nothing where none is open. Called once by the shell."""
    st.html(_STYLE)
    with st.sidebar:
        _look()


@st.fragment(run_every=_LOOK_SECONDS)
def _look() -> None:
    """The slow look that notices a job begun elsewhere."""
    jobs = services().jobs.open()
    if _noted(jobs) or jobs:
        _follow()


@st.fragment(run_every=_FOLLOW_SECONDS)
def _follow() -> None:
    jobs = services().jobs.open()
    news = _noted(jobs)
    if not jobs and not news:
        return
    more = len(jobs) - 1
    with st.container(key="sth-job-card"):
        if news:
            _said(news[-1].title, _ENDED[news[-1].state] + ":")
        if jobs:
            _open(next((job for job in jobs if job.state is not JobState.QUEUED), jobs[0]))
        st.page_link("jobs.py", label=f"Jobs, {more} more" if more > 0 else "Jobs")


def _open(job: Job) -> None:
    working = services().jobs.worker().alive
    _said(job.title)
    if job.state is not JobState.QUEUED:
        st.progress(share(job))
    done = amount(job).removesuffix(f" {job.unit}")
    if not working:
        _figures(joined(done, "no worker is running"))
    elif job.state is JobState.QUEUED:
        _figures("waits")
    else:
        _figures(joined(done, left(job).removeprefix("about ")) or "begins")


def _said(title: str, before: str = "") -> None:
    with st.container(key="sth-job-news" if before else "sth-job-title"):
        st.text(f"{before} {visible(title, 90)}".strip())


def _figures(text: str) -> None:
    with st.container(key="sth-job-figures"):
        st.text(text)


def _noted(jobs: list[Job]) -> list[Job]:
    """Keeps which jobs are open in this tab; returns those that ended a moment ago."""
    now, still = time.monotonic(), [job.id for job in jobs]
    gone = [job_id for job_id in st.session_state.get("sth-jobs-open", []) if job_id not in still]
    st.session_state["sth-jobs-open"] = still
    st.session_state["sth-jobs-ended"] = {**_recent(), **dict.fromkeys(gone, now)}
    return _news()


def _recent() -> dict[str, float]:
    """Jobs that ended while this tab looked on, and when, on this process's clock."""
    ended: dict[str, float] = st.session_state.get("sth-jobs-ended", {})
    return {job_id: at for job_id, at in ended.items() if time.monotonic() - at < _NEWS_SECONDS}


def _news() -> list[Job]:
    found = []
    for job_id in _recent():
        with suppress(UserError):  # it may have been removed from the history meanwhile
            found.append(services().jobs.get(job_id))
    return [job for job in found if job.state.final]
