"""Jobs in the ledger, on SQLite and on PostgreSQL: who may move a job, and what two at once can't break."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.config import Settings
from backend.domain import Job, JobKind, JobState, Lane
from backend.store.database import connect
from backend.store.job_rows import Jobs, system_url


@pytest.fixture
def jobs(url: str) -> Iterator[Jobs]:
    opened = Jobs(connect(url))
    yield opened
    opened.close()


def add(jobs: Jobs, name: str, lane: Lane = Lane.BATCH, **more: object) -> Job:
    return jobs.add(Job(name, JobKind.GENERATE, f"title of {name}", lane, {"n": 1, "ü": [None, 0.5]}, **more))


def test_a_job_comes_back_as_it_was_put_in(jobs: Jobs) -> None:
    job = add(jobs, "a", retry_of="b")
    assert jobs.get("a") == job and job.state is JobState.QUEUED and job.created
    assert jobs.get("nowhere") is None and jobs.state("nowhere") is JobState.CANCELLED


def test_the_queue_keeps_its_order(jobs: Jobs) -> None:
    a, b, c, live = (add(jobs, n, lane) for n, lane in zip("abcd", [Lane.BATCH] * 3 + [Lane.LIVE], strict=True))
    assert [jobs.waiting_before(job) for job in (a, b, c, live)] == [0, 1, 2, 0]
    assert jobs.claim("a", "w") and jobs.finish("a", JobState.DONE, result={"runs": ["r"]})
    assert [jobs.waiting_before(job) for job in (b, c)] == [0, 1]
    assert [job.id for job in jobs.open()] == ["b", "c", "d"]
    assert [job.id for job in jobs.all()] == ["d", "c", "b", "a"]
    assert [job.id for job in jobs.all(limit=2)] == ["d", "c"]


def test_a_job_ends_once(jobs: Jobs) -> None:
    add(jobs, "a")
    assert jobs.claim("a", "w") and jobs.claim("a", "w2"), "a crash is followed by another claim"
    started = jobs.get("a")
    assert jobs.progress("a", 3, 9, "traces", 1.5, "on it") is JobState.RUNNING
    assert jobs.finish("a", JobState.FAILED, "It broke.", {"runs": []})
    assert not jobs.finish("a", JobState.DONE) and not jobs.claim("a", "w")
    assert jobs.cancel("a") is JobState.FAILED
    over = jobs.get("a")
    assert over and started and (over.error, over.done, over.total, over.rate) == ("It broke.", 3, 9, None)
    assert over.worker == "w2" and over.started == started.started and over.ended


MOVES = {"claim": lambda jobs: jobs.claim("a", "w"), "cancel": lambda jobs: jobs.cancel("a")}
MOVES |= {state.value: lambda jobs, state=state: jobs.finish("a", state) for state in JobState if state.final}
NEXT = {
    "queued": {"claim": "running", "cancel": "cancelled", "done": "done", "failed": "failed", "cancelled": "cancelled"},
    "running": {
        "claim": "running",
        "cancel": "cancelling",
        "done": "done",
        "failed": "failed",
        "cancelled": "cancelled",
    },
    "cancelling": {"done": "done", "failed": "failed", "cancelled": "cancelled"},
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=6))
def test_states_go_forward_alone(tmp_path: Path, moves: list[str]) -> None:
    jobs = Jobs(connect("sqlite://"))
    add(jobs, "a")
    expected = "queued"
    for move in moves:
        MOVES[move](jobs)
        expected = NEXT.get(expected, {}).get(move, expected)
        assert jobs.state("a").value == expected
    jobs.close()


def test_a_cancellation_and_an_end_at_once_leave_one_of_them(jobs: Jobs) -> None:
    with ThreadPoolExecutor(2) as pool:
        for i in range(10):
            add(jobs, f"j{i}")
            jobs.claim(f"j{i}", "w")
            asked = pool.submit(jobs.cancel, f"j{i}")
            ended = pool.submit(jobs.finish, f"j{i}", JobState.DONE)
            assert ended.result() and asked.result() in (JobState.CANCELLING, JobState.DONE)
            assert jobs.state(f"j{i}") is JobState.DONE


def test_logs_keep_their_order_and_go_with_their_job(jobs: Jobs) -> None:
    add(jobs, "a")
    for i in range(7):
        jobs.log("a", f"line {i}\u202e", "error" if i % 2 else "info")
    assert [(line.seq, line.text[:6], line.level) for line in jobs.lines("a", limit=2)] == [
        (6, "line 5", "error"),
        (7, "line 6", "info"),
    ]
    jobs.forget(["a"])
    assert len(jobs.lines("a")) == 7, "an open job isn't forgotten"
    jobs.finish("a", JobState.DONE)
    jobs.forget(["a", "nowhere"])
    assert jobs.lines("a") == [] and jobs.get("a") is None


def test_a_worker_is_one_row_and_the_freshest_comes_first(jobs: Jobs) -> None:
    jobs.beat("a", 1, 10.0)
    jobs.beat("b", 2, 20.0)
    jobs.beat("a", 3, 30.0)
    assert [(row.id, row.pid, row.started) for row in jobs.workers()] == [("a", 3, 30.0), ("b", 2, 20.0)]
    jobs.dismiss("a")
    assert [row.id for row in jobs.workers()] == ["b"]


def test_the_worker_keeps_its_books_beside_the_ledger(tmp_path: Path) -> None:
    assert system_url(Settings(store=tmp_path)) == f"sqlite:///{tmp_path}/jobs.sqlite"
    assert system_url(Settings(store=tmp_path, ledger_url="sqlite:////other.db")) == f"sqlite:///{tmp_path}/jobs.sqlite"
    url = "postgresql+psycopg://user:secret@host/base"
    assert system_url(Settings(store=tmp_path, ledger_url=url)) == url
