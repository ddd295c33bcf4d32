"""Jobs in the ledger, on SQLite and on PostgreSQL: who may move a job, and what two at once can't break."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.config import Settings
from backend.job import Job, JobKind, JobState, Lane
from backend.store.database import Fence, JobLost, connect, holding
from backend.store.job_rows import Jobs, WorkerRow, system_url
from backend.store.streams import Kept, Streams


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
    assert jobs.take("a", "w") and jobs.finish("a", JobState.DONE, result={"runs": ["r"]})
    assert [jobs.waiting_before(job) for job in (b, c)] == [0, 1]
    assert [job.id for job in jobs.open()] == ["b", "c", "d"]
    assert [job.id for job in jobs.all()] == ["d", "c", "b", "a"]
    assert [job.id for job in jobs.all(limit=2)] == ["d", "c"]


def test_a_job_ends_once(jobs: Jobs) -> None:
    add(jobs, "a")
    assert jobs.take("a", "w") and jobs.take("a", "w2"), "after a crash another one goes on with it"
    started = jobs.get("a")
    assert jobs.progress("a", 3, 9, "traces", 1.5, "on it") is JobState.RUNNING
    assert jobs.finish("a", JobState.FAILED, "It broke.", {"runs": []})
    assert not jobs.finish("a", JobState.DONE) and not jobs.take("a", "w")
    assert jobs.cancel("a") is JobState.FAILED
    over = jobs.get("a")
    assert over and started and (over.error, over.done, over.total, over.rate) == ("It broke.", 3, 9, None)
    assert over.worker == "w2" and over.started == started.started and over.ended


MOVES = {"take": lambda jobs: jobs.take("a", "w"), "cancel": lambda jobs: jobs.cancel("a")}
MOVES |= {state.value: lambda jobs, state=state: jobs.finish("a", state) for state in JobState if state.final}
NEXT = {
    "queued": {"take": "running", "cancel": "cancelled", "done": "done", "failed": "failed", "cancelled": "cancelled"},
    "running": {
        "take": "running",
        "cancel": "cancelling",
        "done": "done",
        "failed": "failed",
        "cancelled": "cancelled",
    },
    "cancelling": {"take": "cancelling", "done": "done", "failed": "failed", "cancelled": "cancelled"},
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
            jobs.take(f"j{i}", "w")
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


def worker(name: str, pid: int = 1, **more: Any) -> WorkerRow:
    return WorkerRow(name, "a-machine", pid, (Lane.LIVE, Lane.BATCH), **more)


def test_a_worker_is_one_row_and_the_freshest_comes_first(jobs: Jobs) -> None:
    first, other, again = (jobs.enlist(each) for each in (worker("a"), worker("b", 2), worker("a", 3, device="1")))
    assert [(row.id, row.pid, row.lanes) for row in jobs.workers()] == [
        ("a", 3, (Lane.LIVE, Lane.BATCH)),
        ("b", 2, (Lane.LIVE, Lane.BATCH)),
    ]
    assert not jobs.beat(first), "another one bears its name"
    assert jobs.beat(other) and jobs.beat(again)
    fresh, stale = jobs.workers()
    assert (fresh.id, fresh.device, fresh.host, stale.id) == ("a", "1", "a-machine", "b")
    assert 0 <= fresh.age <= stale.age < 60
    jobs.dismiss(again)
    assert [row.id for row in jobs.workers()] == ["b"]


def test_the_age_of_a_heartbeat_is_no_matter_of_this_machines_wall_clock(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.enlist(worker("a"))
    hour, real = 3_600, time.time
    for shift in (-hour, hour):
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        assert 0 <= jobs.workers()[0].age < 60
        jobs.enlist(worker("b"))
        assert all(0 <= row.age < 60 for row in jobs.workers())


def test_a_silent_worker_is_struck_off_once_and_one_that_spoke_is_not(jobs: Jobs) -> None:
    jobs.enlist(worker("silent"))
    token = jobs.enlist(worker("slow"))
    add(jobs, "a")
    seen = jobs.workers()
    assert jobs.beat(token)
    with jobs.handover(seen) as (names, queue):
        assert names == {"slow"} and queue() == [("a", Lane.BATCH, 1)]
    with pytest.raises(ZeroDivisionError), jobs.handover(jobs.workers()) as (names, _):
        assert names == set()
        raise ZeroDivisionError
    assert [row.id for row in jobs.workers()] == ["slow"], "the next one does it all"


def test_two_that_reap_at_once_do_it_one_after_the_other(jobs: Jobs) -> None:
    jobs.enlist(worker("silent"))
    seen, inside, most = jobs.workers(), [], []

    def reap(_: int) -> None:
        with jobs.handover(seen):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            inside.pop()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(reap, range(3)))
    assert most == [1, 1, 1] and jobs.workers() == []


def test_whoever_lost_a_job_writes_nothing_more(jobs: Jobs) -> None:
    add(jobs, "a")
    streams, holder = Streams(jobs._engine), jobs.take("a", "w")
    with holding(Fence("a", holder)):
        assert jobs.progress("a", 1, 9, "traces") is JobState.RUNNING
        assert streams.keep("a", Kept(0, 0, 0, {})) and not streams.keep("a", Kept(0, 0, 0, {}))
    assert jobs.take("a", "w2") not in ("", holder)
    writes = {
        "progress": lambda: jobs.progress("a", 5, 9, "traces"),
        "finish": lambda: jobs.finish("a", JobState.DONE),
        "log": lambda: jobs.log("a", "still there"),
        "keep": lambda: streams.keep("a", Kept(0, 1, 0, {})),
        "append": lambda: streams.append("a", [{"said": 1}]),
        "state": lambda: jobs.state("a"),
    }
    for act in writes.values():
        with holding(Fence("a", holder)), pytest.raises(JobLost):
            act()
    now = jobs.get("a")
    assert now and (now.state, now.done, now.worker) == (JobState.RUNNING, 1, "w2")
    assert len(streams.kept("a")) == 1 and streams.read("a") == [] and jobs.lines("a") == []


def test_the_worker_keeps_its_books_beside_the_ledger(tmp_path: Path) -> None:
    assert system_url(Settings(store=tmp_path)) == f"sqlite:///{tmp_path}/jobs.sqlite"
    assert system_url(Settings(store=tmp_path, ledger_url="sqlite:////other.db")) == f"sqlite:///{tmp_path}/jobs.sqlite"
    url = "postgresql+psycopg://user:secret@host/base"
    assert system_url(Settings(store=tmp_path, ledger_url=url)) == url
