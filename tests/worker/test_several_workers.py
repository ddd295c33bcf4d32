"""Several workers on one ledger, on SQLite and on PostgreSQL: jobs are shared, each has one holder, and what a worker
leaves behind another one goes on with. Workers and runners are real; so are their deaths.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from backend.config import Settings
from backend.job import Job, JobState, Lane
from backend.store.job_rows import system_url
from tests.patience import PATIENCE
from tests.postgres_server import PostgresServer
from tests.worker.test_kill import alive, children, whole
from tests.worker.worker_cases import SMALL, Bench, bench_on, until

GONE = 2


# The long tests of the workers' team (test_team.py) run on PostgreSQL as well.
ON_SQLITE = pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.stress)], indirect=True
)


@pytest.fixture
def bench(url: str, tmp_path: Path) -> Iterator[Bench]:
    ledger = url if url.startswith("postgresql") else ""
    with bench_on(Settings(store=tmp_path / "store", ledger_url=ledger, graders=1)) as opened:
        yield opened


@contextmanager
def workers_on(bench: Bench, *clocks: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """As many workers as clocks are given, each so many seconds off."""
    workers = [bench.spawn(SMALL_GONE=GONE, SMALL_REST=0.1, SMALL_CLOCK=clock) for clock in clocks]
    try:
        until(lambda: all(map(bench.row, workers)))
        yield workers
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait()


def held_by(bench: Bench, job: Job, workers: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """The worker that has got to where the job holds."""
    until(lambda: len(bench.items(job)) == job.spec["holds"])
    holder = bench.jobs.get(job.id).worker
    (found,) = [worker for worker in workers if (row := bench.row(worker)) and row.id == holder]
    return found


def test_workers_share_what_waits_and_each_job_is_done_once(bench: Bench) -> None:
    held = [bench.submit(items=4, holds=1) for _ in range(2)]
    others = [bench.submit(items=2) for _ in range(4)]
    with workers_on(bench, 3_600, -3_600) as workers:
        for job in held:
            until(lambda job=job: len(bench.items(job)) == 1)
        assert {bench.jobs.get(job.id).worker for job in held} == {row.id for row in bench.jobs.workers()}
        assert bench.jobs.worker().sentence == "2 workers are running."
        assert [bench.jobs.get(job.id).state for job in others] == [JobState.QUEUED] * 4, "one a lane and worker"
        for job in held:
            bench.release(job)
        for job in (*held, *others):
            whole(bench, bench.wait(job))
        began = [bench.jobs.get(job.id).started for job in (*held, *others)]
        assert len(began) == 6 and all(worker.poll() is None for worker in workers)


def test_a_killed_workers_job_goes_on_with_another_whatever_the_clocks_say(bench: Bench) -> None:
    job = bench.submit(items=6, holds=3)
    with workers_on(bench, 3_600, -3_600) as workers:
        dead = held_by(bench, job, workers)
        dead.kill()
        dead.wait()
        until(lambda: len(bench.jobs.workers()) == 1)  # its row goes with it
        bench.release(job)
        over = bench.wait(job)
        assert over.worker != job.worker and over.worker in {row.id for row in bench.jobs.workers()}
        whole(bench, over)


@ON_SQLITE
def test_a_worker_that_wakes_up_again_has_lost_its_job(bench: Bench) -> None:
    job = bench.submit(items=6, holds=3)
    with workers_on(bench, 0, 0) as workers:
        silent = held_by(bench, job, workers)
        (row,) = [row for row in bench.jobs.workers() if row.pid == silent.pid]
        runners = children(silent.pid)
        silent.send_signal(signal.SIGSTOP)
        until(lambda: bench.jobs.get(job.id).worker != row.id)
        silent.send_signal(signal.SIGCONT)
        until(lambda: (now := bench.row(silent)) and now.token != row.token)
        bench.release(job)
        whole(bench, bench.wait(job))
        assert bench.jobs.get(job.id).worker != row.id
        until(lambda: not all(map(alive, runners)))
        again = bench.submit(Lane.BATCH, items=1)
        whole(bench, bench.wait(again))


@ON_SQLITE
def test_what_an_executor_of_an_earlier_release_had_begun_goes_on(bench: Bench) -> None:
    """Before, every worker was called "local"; none of that name will ever start again."""
    job = bench.submit(items=4, holds=2)
    bench.start()
    until(lambda: len(bench.items(job)) == 2)
    bench.kill()
    engine = create_engine(system_url(bench.settings))
    table = "dbos.workflow_status" if engine.dialect.name == "postgresql" else "workflow_status"
    with engine.begin() as connection:
        changed = connection.execute(text(f"UPDATE {table} SET executor_id = 'local', priority = 0"))
        assert changed.rowcount == 1
    engine.dispose()
    bench.release(job)
    bench.start()
    whole(bench, bench.wait(job))


@ON_SQLITE
def test_a_job_that_was_given_out_and_never_begun_is_given_out_again(bench: Bench) -> None:
    """As when the database goes away between the two."""
    before, job = bench.submit(items=2, holds=1), bench.submit(items=2)
    bench.start()
    until(lambda: len(bench.items(before)) == 1)
    engine = create_engine(system_url(bench.settings))
    table = "dbos.workflow_status" if engine.dialect.name == "postgresql" else "workflow_status"
    given = text(f"UPDATE {table} SET status = 'PENDING', executor_id = :worker WHERE workflow_uuid = :job")
    with engine.begin() as connection:
        row = bench.row(bench.process)
        assert row and connection.execute(given, {"job": job.id, "worker": row.id}).rowcount == 1
    engine.dispose()
    bench.release(before)
    whole(bench, bench.wait(job))


def test_a_worker_in_a_copy_of_the_folder_is_refused(postgres: PostgresServer, tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "store", ledger_url=postgres.new(), graders=1)
    with bench_on(settings) as bench:
        job = bench.submit(items=2, holds=1)
        bench.start()
        until(lambda: len(bench.items(job)) == 1)
        shutil.copytree(settings.store, tmp_path / "copy")
        with bench_on(replace(settings, store=tmp_path / "copy")) as copied:
            second = copied.spawn()
            second.wait(PATIENCE)
            assert second.returncode and "A ledger has one: share it, don't copy it." in copied.log.read_text()
        bench.release(job)
        whole(bench, bench.wait(job))


def test_a_worker_without_memory_says_so_and_ends(settings: Settings) -> None:
    with bench_on(settings) as bench:
        job = bench.submit(items=1)
        command = ["bash", "-c", 'ulimit -v 1500000 && exec "$@"', "-", sys.executable, "-m", "backend", "worker"]
        process = bench.spawn(command)
        until(lambda: process.poll() is not None or bench.jobs.get(job.id).state.final)
        # Code 2 where Python runs out of it; a library's thread that does ends the process in its own way (SIGABRT).
        assert bench.jobs.get(job.id).state.final or (process.returncode and bench.jobs.worker().state == "absent")
        process.kill()
        process.wait()


@ON_SQLITE
def test_a_worker_does_the_lanes_it_is_told(bench: Bench) -> None:
    command = [SMALL[0], "-m", "backend", "worker", "--lanes", "files", "--device", "3", "--name", "gpu-3"]
    process = bench.spawn(command)
    try:
        row = until(lambda: bench.row(process))
        assert (row.id, row.lanes, row.device) == ("gpu-3", (Lane.FILES,), "3")
        waiting = bench.submit(items=1)
        other = bench.jobs.submit_import([bench.settings.store])
        assert bench.wait(other).worker == "gpu-3"
        (runner,) = children(process.pid)
        assert b"CUDA_VISIBLE_DEVICES=3" in Path(f"/proc/{runner}/environ").read_bytes().split(b"\0")
        assert bench.jobs.get(waiting.id).state is JobState.QUEUED
    finally:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
