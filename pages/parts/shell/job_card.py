"""The job card: the job under way and the news of jobs that ended, in the sidebar of every page.

Owns the short wording for so small a place, and how often it is refreshed.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import streamlit as st

from backend.domain import UserError, visible
from backend.job import Job, JobState
from pages.components.frame.outage import outage_noted
from pages.components.frame.session import services
from pages.components.jobs.job_words import amount, failures, joined, left, share

_STYLE = Path(__file__).with_name("job_style.css")
# Two fragments, so that no page runs again because of the card: a slow one that notices a job begun elsewhere, and a
# fast one only while a job is open.
_LOOK_SECONDS, _FOLLOW_SECONDS = 10.0, 2.0
_NEWS_SECONDS = 6.0  # long enough for three of the fast looks
_ENDED = {JobState.DONE: "Done", JobState.FAILED: "Failed", JobState.CANCELLED: "Cancelled"}


def job_card() -> None:
    """Draws the job under way in the sidebar, or nothing where none is open. Called once by the shell."""
    st.html(_STYLE)
    with st.sidebar:
        _look()


@st.fragment(run_every=_LOOK_SECONDS)
def _look() -> None:
    with outage_noted():
        jobs = services().jobs.open()
        if _just_ended(jobs) or jobs:
            _follow()


@st.fragment(run_every=_FOLLOW_SECONDS)
def _follow() -> None:
    with outage_noted():
        _draw()


def _draw() -> None:
    jobs = services().jobs.open()
    news = _just_ended(jobs)
    # A card that was drawn is left empty here; the next slow look takes its fragment away.
    if not jobs and not news:
        return
    more = len(jobs) - 1
    with st.container(key="sth-job-card"):
        if news:
            _title(news[-1].title, _ENDED[news[-1].state] + ":")
            if lost := failures(news[-1])[:1]:
                _figures(visible(lost[0].partition(":")[0], 90))
        if jobs:
            _open(next((job for job in jobs if job.state is not JobState.QUEUED), jobs[0]))
        st.page_link("jobs.py", label=f"Jobs, {more} more" if more > 0 else "Jobs")


def _open(job: Job) -> None:
    working = services().jobs.worker().alive
    _title(job.title)
    # A page that shows the job counts it itself, and more often: two numbers for one thing would contradict each other.
    if st.query_params.get("job") == job.id:
        return _figures("shown on this page")
    if job.state is not JobState.QUEUED:
        st.progress(share(job))
    # The sidebar is 184 pixels wide: neither the unit nor "about" finds room.
    done = amount(job).removesuffix(f" {job.unit}")
    if not working:
        _figures(joined(done, "no worker is running"))
    elif job.state is JobState.QUEUED:
        _figures("waits")
    else:
        _figures(joined(done, left(job).removeprefix("about ")) or "begins")


def _title(title: str, before: str = "") -> None:
    with st.container(key="sth-job-news" if before else "sth-job-title"):
        st.text(f"{before} {visible(title, 90)}".strip())  # a title may quote a hostile name: never Markdown


def _figures(text: str) -> None:
    with st.container(key="sth-job-figures"):
        st.text(text)


def _just_ended(jobs: list[Job]) -> list[Job]:
    """Jobs that ended a moment ago; keeps the open `jobs` in the session, to see at the next call which are gone."""
    now, still = time.monotonic(), [job.id for job in jobs]
    gone = [job_id for job_id in st.session_state.get("sth-jobs-open", []) if job_id not in still]
    st.session_state["sth-jobs-open"] = still
    st.session_state["sth-jobs-ended"] = {**_recent(), **dict.fromkeys(gone, now)}
    found = []
    for job_id in _recent():
        with suppress(UserError):  # it may have been removed from the history meanwhile
            found.append(services().jobs.get(job_id))
    return [job for job in found if job.state.final]


def _recent() -> dict[str, float]:
    """Jobs that ended while this tab looked on, and when, on this process's clock."""
    # By when it was seen here and not by the job's own time: the worker's clock may be another machine's.
    ended: dict[str, float] = st.session_state.get("sth-jobs-ended", {})
    return {job_id: at for job_id, at in ended.items() if time.monotonic() - at < _NEWS_SECONDS}
