"""What is told of jobs and of the worker, over a real ledger; only time is made up."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.config import Settings
from backend.domain import UserError
from backend.job import JobKind, JobState, Lane
from backend.services.jobs import JobProgress, JobService
from backend.store import Store
from backend.store.job_rows import WorkerRow


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings)
    yield opened
    opened.close()


@pytest.fixture
def jobs(store: Store, settings: Settings) -> JobService:
    return JobService(store, settings)


class Clock:
    """Time that passes when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time()
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_worker_that_died_is_shown_within_fifteen_seconds(jobs: JobService, store: Store, clock: Clock) -> None:
    assert jobs.worker().state == "absent" and "python -m backend worker" in jobs.worker().sentence
    token = store.jobs.enlist(WorkerRow("w", "elsewhere", 4711, (Lane.LIVE,)))
    assert jobs.worker().alive and "4711" in jobs.worker().sentence
    clock.now += 6  # a few beats late on a busy machine
    assert jobs.worker().state == "running"
    clock.now += 9
    told = jobs.worker()
    assert (told.state, told.alive, told.age, told.pid) == ("silent", False, 15, 4711)
    assert "has not been heard of for 15 seconds" in told.sentence and "goes on where it was" in told.sentence
    clock.now += 7_200
    assert "2 hours" in jobs.worker().sentence
    assert store.jobs.beat(token) and jobs.worker().alive
    token = store.jobs.enlist(WorkerRow("w", "elsewhere", 4712, (Lane.LIVE,)))
    assert jobs.worker().pid == 4712
    store.jobs.dismiss(token)
    assert jobs.worker().state == "absent"


def test_the_speed_is_of_this_attempt_and_writes_are_few(jobs: JobService, store: Store, clock: Clock) -> None:
    job = jobs.submit(JobKind.GENERATE, "a job", {}, Lane.BATCH)
    progress = JobProgress(store.jobs, job)
    progress.begin(1000, "traces", 600)
    assert (jobs.get(job.id).done, jobs.get(job.id).rate) == (600, None)
    for i in range(1, 101):
        clock.now += 0.1
        progress.step(600 + i, "going")
        if i == 2:
            assert jobs.get(job.id).done == 600, "not every step is written"
    seen = jobs.get(job.id)
    assert seen.rate == pytest.approx(10, rel=0.01) and seen.seconds_left == pytest.approx(
        (1000 - seen.done) / 10, rel=0.01
    )
    for i in range(101, 401):
        clock.now += 0.025
        progress.step(600 + i)
    last = jobs.get(job.id)
    assert last.done == 1000 and last.rate == pytest.approx(40, rel=0.25), "the last step is always written"
    progress.step(999)
    progress.flush()
    assert jobs.get(job.id).done == 999


def test_a_cancellation_is_seen_soon_and_the_ledger_asked_seldom(jobs: JobService, store: Store, clock: Clock) -> None:
    job = jobs.submit(JobKind.GENERATE, "a job", {}, Lane.LIVE)
    progress = JobProgress(store.jobs, job)
    assert store.jobs.take(job.id, "local") and not progress.cancelled()
    assert jobs.cancel(job.id).state is JobState.CANCELLING
    assert not progress.cancelled(), "asked a moment ago"
    clock.now += 0.25
    assert progress.cancelled() and progress.cancelled()
    assert store.jobs.take(job.id, "w") and jobs.get(job.id).state is JobState.CANCELLING


def test_positions_states_and_retries(jobs: JobService, store: Store) -> None:
    first, second, other = (
        jobs.submit(JobKind.GENERATE, "t", {}, lane) for lane in (Lane.BATCH, Lane.BATCH, Lane.LIVE)
    )
    assert [jobs.position(job) for job in (first, second, other)] == [0, 1, 0]
    assert [job.id for job in jobs.open()] == [first.id, second.id, other.id]
    with pytest.raises(UserError, match="is queued: only one that failed"):
        jobs.retry(first.id)
    assert jobs.cancel(first.id).state is JobState.CANCELLED
    assert jobs.cancel(first.id).state is JobState.CANCELLED
    assert jobs.position(second) == 0
    again = jobs.retry(first.id)
    assert again.retry_of == first.id and jobs.position(again) == 1
    assert [job.id for job in jobs.all()] == [again.id, other.id, second.id, first.id]
    jobs.forget([first.id, second.id])
    assert {job.id for job in jobs.all()} == {again.id, other.id, second.id}
    with pytest.raises(UserError, match="no job 'nowhere'"):
        jobs.cancel("nowhere")


def test_imports_are_asked_for_by_paths_that_exist(jobs: JobService, tmp_path: Path) -> None:
    here = tmp_path / "a.jsonl"
    here.touch()
    job = jobs.submit_import([Path(os.path.relpath(here)), tmp_path])
    assert job.spec == {"paths": [str(here), str(tmp_path)], "tokenizer": None, "chosen": None, "mappings": []}
    assert (job.lane, job.title) == (Lane.FILES, "Import of a.jsonl and 1 more")
    with pytest.raises(UserError, match="jsonl can't be imported: there is no such file"):
        jobs.submit_import([here, tmp_path / "gone.jsonl"])
    with pytest.raises(UserError, match="nothing to import"):
        jobs.submit_import([])
