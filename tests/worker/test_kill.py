"""A worker is killed outright in the middle of a job, again and again: every item is made exactly once.

`Case` says what the job is; the same kills can be pointed at any job.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.config import Settings
from backend.job import Job, JobState, Lane
from backend.services.jobs import LOG
from tests.patience import PATIENCE, dice
from tests.worker.worker_cases import SMALL, Bench, bench_on, until


@dataclass(frozen=True)
class Case:
    """A job to kill workers over: how it is asked for, who does it, and what must hold once it is done."""

    submit: Callable[[Bench], Job]
    check: Callable[[Bench, Job], None]
    command: Sequence[str]


def whole(bench: Bench, job: Job) -> None:
    """Every item once, in the store and in what was said."""
    count = job.spec["items"]
    assert bench.items(job) == sorted(bench.said(job)) == list(range(count))
    assert [item.seq for item in bench.jobs.stream(job.id)] == list(range(1, count + 1))
    assert job.result == {"items": count} and (job.done, job.total) == (count, count)


def small(items: int, pause: float) -> Case:
    return Case(lambda bench: bench.submit(items=items, pause=pause), whole, (*SMALL, "worker"))


def killed(case: Case, settings: Settings, kills: int, draw: random.Random) -> None:
    """Kill the worker `kills` times, each time after it has got further; then let it end the job."""
    with bench_on(settings) as bench:
        job = case.submit(bench)
        for _ in range(kills):
            bench.start(case.command)
            before = bench.jobs.get(job.id).done
            until(lambda before=before: (now := bench.jobs.get(job.id)).done > before or now.state.final)
            time.sleep(draw.uniform(0, 0.3))
            assert bench.process is not None
            runners = children(bench.process.pid)
            bench.kill()
            until(lambda runners=runners: not any(map(alive, runners)))
        bench.start(case.command)
        over = bench.wait(job)
        assert over.state is JobState.DONE, over.error
        case.check(bench, over)
        assert bench.stop() == 0


def children(pid: int) -> list[int]:
    """Processes a process started."""
    return [int(n) for task in Path(f"/proc/{pid}/task").iterdir() for n in (task / "children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.stress
def test_three_kills_of_the_worker_lose_and_double_nothing(settings: Settings) -> None:
    killed(small(items=60, pause=0.05), settings, kills=3, draw=dice())


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_fifty_kills_of_a_long_job(settings: Settings) -> None:
    killed(small(items=400, pause=0.03), settings, kills=50, draw=dice())


def test_a_told_worker_leaves_its_jobs_to_the_next(settings: Settings) -> None:
    with bench_on(settings) as bench:
        job, waiting = bench.submit(items=60, pause=0.01, holds=30), bench.submit(items=2)
        unwanted = bench.submit(Lane.LIVE, items=60, pause=0.01, holds=30)
        bench.start()
        until(lambda: len(bench.items(job)) > 2 and len(bench.items(unwanted)) > 2)
        assert bench.stop() == 0
        assert bench.jobs.worker().state == "absent"
        left = bench.jobs.get(job.id)
        assert left.state is JobState.RUNNING and len(bench.items(job)) <= 30
        assert bench.jobs.cancel(unwanted.id).state is JobState.CANCELLING
        # The worker's own book-keeping may be lost with a disk; the ledger alone says what is to be done.
        (settings.store / "jobs.sqlite").unlink()
        bench.release(job)
        assert bench.spawn((*SMALL, "once")).wait(PATIENCE) == 0
        whole(bench, bench.jobs.get(job.id))
        assert bench.jobs.get(waiting.id).state is JobState.DONE
        over = bench.jobs.get(unwanted.id)
        assert over.state is JobState.CANCELLED and over.result == {"items": len(bench.items(unwanted))}


def test_the_real_worker_opens_no_port_and_imports_files(settings: Settings, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text('{"question": "1+1?", "gold_answer": "2", "generated_responses": ["\\\\boxed{2}"]}\n')
    bad.write_text("{")
    with bench_on(settings) as bench:
        job = bench.jobs.submit_import([good, bad])
        nothing = bench.jobs.submit_import([bad])
        assert bench.jobs.worker().state == "absent" and not bench.jobs.worker_at_work()
        process = bench.process = bench.jobs.start_worker()
        assert process is not None
        over = bench.wait(job)
        assert over.state is JobState.DONE, over.error
        assert len(over.result["runs"]) == 1 == len(over.result["failed"]) and "good.jsonl" in bench.text(job)
        assert bench.wait(nothing).state is JobState.FAILED and "bad.jsonl" in bench.jobs.get(nothing.id).error
        assert bench.jobs.worker().pid == process.pid
        assert bench.jobs.worker_at_work() and bench.jobs.start_worker() is None
        with socket.create_server(("127.0.0.1", 0)):
            assert listening(os.getpid()), "the look itself works"
        assert not any(map(listening, (process.pid, *children(process.pid))))
        assert bench.stop() == 0 and not bench.jobs.worker_at_work()
        assert bench.jobs.worker().state == "absent" and "has stopped" in (settings.store / LOG).read_text()


def listening(pid: int) -> list[str]:
    """Sockets on which a process waits for connections."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(str(fd.readlink()).removeprefix("socket:[").rstrip("]"))
    tables = [Path(f"/proc/{pid}/net/{kind}").read_text() for kind in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()]
    return [row[1] for row in rows if row[3] == "0A" and row[9] in inodes]
