"""A store with real worker processes on it, and conditions to wait for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.config import ROOT, Settings
from backend.job import Job, JobKind, JobState, Lane
from backend.services.jobs import JobService, environment
from backend.store import Store
from backend.store.job_rows import WorkerRow
from tests.patience import PATIENCE, until

SMALL = (sys.executable, str(Path(__file__).with_name("small_tasks.py")))


class Bench:
    """One store and the worker on it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings)
        self.jobs = JobService(self.store, settings)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = settings.store / "test-worker.log"

    def spawn(self, command: Sequence[str] = (*SMALL, "worker"), **more: object) -> subprocess.Popen[bytes]:
        env = environment(self.settings) | {"PYTHONPATH": str(ROOT)} | {name: str(it) for name, it in more.items()}
        with self.log.open("ab") as log:
            return subprocess.Popen(list(command), cwd=ROOT, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def start(self, command: Sequence[str] = (*SMALL, "worker")) -> None:
        """Start a worker and wait until it says it is there."""
        self.process = self.spawn(command)
        until(lambda: self.row(self.process) or self.over())

    def row(self, process: subprocess.Popen[bytes] | None) -> WorkerRow | None:
        """A worker in the ledger's list, by its process."""
        return next((row for row in self.jobs.workers() if process and row.pid == process.pid), None)

    def over(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        return False

    def kill(self) -> None:
        """End the worker as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """End the worker as a service manager would; returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.kill()
        self.store.close()

    def submit(self, lane: Lane = Lane.BATCH, kind: JobKind = JobKind.GENERATE, **spec: Any) -> Job:
        return self.jobs.submit(kind, "a small job", {"items": 4} | spec, lane)

    def release(self, job: Job) -> None:
        """Let a job go on that holds at an item."""
        (self.settings.store / f"go-{job.id}").touch()

    def wait(self, job: Job, *states: JobState) -> Job:
        """The job once it is in one of `states` (default: any final one)."""

        def there() -> bool:
            state = self.jobs.get(job.id).state
            return state in states if states else state.final

        until(there)
        return self.jobs.get(job.id)

    def items(self, job: Job) -> list[int]:
        """The items a job kept, in order."""
        return [kept.problem for kept in self.store.streams.kept(job.id)]

    def said(self, job: Job) -> list[int]:
        """The items a job spoke of, in the order it did."""
        return [item.payload["item"] for item in self.jobs.stream(job.id)]

    def text(self, job: Job) -> str:
        """A job's log."""
        return "\n".join(line.text for line in self.jobs.lines(job.id))


@contextmanager
def bench_on(settings: Settings) -> Iterator[Bench]:
    """A bench, and no worker of it left at the end."""
    bench = Bench(settings)
    try:
        yield bench
    finally:
        bench.close()
