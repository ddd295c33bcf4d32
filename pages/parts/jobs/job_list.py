"""The two lists of the page Jobs: the open jobs, refreshed while there are any, and the history of finished ones.

Titles and errors may be hostile: they stand in plain text and table cells alone.
"""

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from backend.domain import UserError, visible
from backend.job import Job, JobState, Lane
from backend.report.numbers import Form
from backend.services.jobs import retriable
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice
from pages.components.frame.session import run_labels, runs, services
from pages.components.jobs.job_links import made, page_links, traces_made
from pages.components.jobs.job_words import (
    KINDS,
    LANES,
    ago,
    doing,
    joined,
    progress_line,
    share,
    short_time,
    state_words,
    took,
)
from pages.components.jobs.worker_state import starting, worker_state
from pages.components.table.table import Select, TableEvent, data_table
from pages.components.table.table_model import Cell, Column, Kind, Lines, Link, Row

# While jobs are open a person looks on; else only a job begun in another tab can appear.
_FAST_SECONDS, _SLOW_SECONDS = 1.0, 5.0
_FRESH_SECONDS = 10.0  # in steps: a table that changes every second can't be read


def under_way(jobs: Sequence[Job]) -> None:
    """Draws the worker's line and the open jobs, and runs the page again once other jobs are open than these."""
    busy = bool(jobs) or starting()
    shown = frozenset(job.id for job in jobs)
    st.fragment(_open_jobs, run_every=_FAST_SECONDS if busy else _SLOW_SECONDS)(shown)


def _open_jobs(shown: frozenset[str]) -> None:
    jobs = services().jobs.open()
    # A fragment draws itself alone: what ended belongs to the history, which the page draws.
    if frozenset(job.id for job in jobs) != shown:
        st.rerun()
    working = worker_state(needed=bool(jobs))
    lanes = _workers(jobs)
    # What works comes first, then each lane in its order.
    for job in sorted(jobs, key=lambda job: (job.state is JobState.QUEUED, job.lane)):
        _open_job(job, working and job.lane in lanes)


def _workers(jobs: Sequence[Job]) -> set[Lane]:
    """Draws the table of workers: what each is called, where it runs, which of the open jobs it does. Returns the lanes
    that one of them does.
    """
    rows, workers = [], services().jobs.workers()
    for worker in workers:
        does = [job.title for job in jobs if job.worker == worker.id and job.state is not JobState.QUEUED]
        cells: dict[str, Cell] = {
            "name": Lines(worker.id, f"{worker.host}, process {worker.pid}"),
            "device": worker.device or "–",
            "lanes": ", ".join(worker.lanes),
            "does": "; ".join(does) or "waits for a job",
            "heard": "just now" if worker.age < _FRESH_SECONDS else f"{short_time(worker.age)} ago",
        }
        rows.append(Row(worker.id, cells))
    if rows:
        columns = [
            Column("name", "Worker", width="30%"),
            Column("device", "Device", width="96px"),
            Column("lanes", "Lanes", width="144px"),
            Column("does", "Does"),
            Column("heard", "Heard of", width="96px"),
        ]
        data_table(columns, rows, key="jobs-workers", caption="Workers")
    return {lane for worker in workers for lane in worker.lanes}


def _open_job(job: Job, working: bool) -> None:
    ahead = services().jobs.position(job) if job.state is JobState.QUEUED else 0
    with st.container(key=f"sth-job-open-{job.id}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            with st.container(key=f"sth-job-name-{job.id}"):
                st.text(job.title)
            _open_buttons(job)
        if job.state is not JobState.QUEUED:
            st.progress(share(job))
            st.text(joined(progress_line(job, working), doing(job, ahead, working)))
        else:
            st.text(doing(job, ahead, working))
        with st.container(key=f"sth-job-small-{job.id}"):
            since = f"began {ago(job.started)}" if job.started else f"asked for {ago(job.created)}"
            st.text(joined(KINDS[job.kind], LANES[job.lane], since))


def _open_buttons(job: Job) -> None:
    """Draws the buttons that watch a job, open its log and cancel it."""
    with st.container(horizontal=True, width="content", wrap=False, gap="small"):
        if job.spec.get("live") and st.button("Watch", key=f"job-watch-{job.id}", type="tertiary"):
            st.switch_page("live.py", query_params={"job": job.id})
        if st.button("Log", key=f"job-log-{job.id}", type="tertiary"):
            st.query_params["job"] = job.id
            st.rerun()
        stopping = job.state is JobState.CANCELLING
        # A callback and no `if`: the list is then drawn with the job already stopping.
        st.button("Stopping" if stopping else "Cancel", key=f"job-stop-{job.id}",
                  disabled=stopping or barred() is not None, help=barred(),
                  on_click=_cancel, args=(job.id,))  # fmt: skip


def _cancel(job_id: str) -> None:
    # The job may have ended and been removed since the list was drawn, and a callback has no place for a sentence.
    with suppress(UserError):
        services().jobs.cancel(job_id)


# -- the history ------------------------------------------------------------------------------------


def history(jobs: Sequence[Job]) -> TableEvent | None:
    """Draws the table of finished jobs, in the order given; returns what a person did with one."""
    columns = [
        Column("state", "State", width="116px"),
        Column("title", "Job", width="46%"),
        Column("when", "Ended", width="104px"),
        Column("took", "Took"),
        Column("traces", "Traces", Kind.NUMBER, Form.COUNT),
        Column("links", "", Kind.LINKS),
    ]
    return data_table(columns, [_row(job) for job in jobs], key="jobs-history", caption="Finished jobs",
                      select=Select.ROW, height=2000)  # fmt: skip


def _row(job: Job) -> Row:
    links = [link.link for link in page_links(job, runs(), run_labels())]
    changes = [Link("Retry", action="Retry")] if retriable(job) else []
    changes.append(Link("Remove", action="Remove"))
    return Row(
        job.id,
        {
            "state": state_words(job),
            "title": Lines(job.title, visible(job.error, 200) or KINDS[job.kind]),
            "when": ago(job.ended),
            "took": took(job) or "–",
            "traces": traces_made(job, runs()),
            "links": links if barred() else [*links, *changes],
        },
    )


@st.dialog("Remove from the history?")
def confirm_forget(jobs: Sequence[Job]) -> None:
    """Asks before finished jobs go with their logs."""
    what = jobs[0].title if len(jobs) == 1 else f"All {len(jobs):,} finished jobs"
    stays = "The runs it made stay." if any(made(job, runs()) for job in jobs) else ""
    st.text(f"{what}\nThe log goes for good. {stays}")
    if st.button("Remove", type="primary", icon=":material/delete:", key="forget"):
        with error_notice():
            services().jobs.forget([job.id for job in jobs])
            st.rerun()
