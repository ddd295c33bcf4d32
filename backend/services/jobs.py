"""Jobs as people see them: submit one, follow it, cancel it, retry it; and whether a worker is there to do them.

Owns what may be asked of a job, how its speed is measured, and when a worker counts as gone. Jobs are carried out in
backend/worker.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from filelock import BaseFileLock, FileLock, Timeout

from backend import config
from backend.annotation import Role
from backend.child_process import last_lines
from backend.codec import encode
from backend.config import ROOT, Settings
from backend.domain import UserError, visible
from backend.import_plan import Said
from backend.job import Job, JobKind, JobState, Lane
from backend.services.access.authorization import needs
from backend.services.access.machine_files import readable
from backend.store import Store
from backend.store.job_rows import Jobs, LogLine, WorkerRow
from backend.store.parts import disk_errors
from backend.store.streams import StreamItem

HOST: Final = "".join(sign if sign.isalnum() or sign in "-." else "-" for sign in socket.gethostname())[:50]
WORKERS: Final = "workers"
LOG: Final = "worker.log"
# A busy machine may delay a few beats; a worker that died is still shown as gone within 15 s.
BEAT_SECONDS: Final = 2.0
_SILENT_SECONDS: Final = 10.0

# The ledger has one writer at a time and readers in every page: no job writes or asks more often than anybody can see.
_WRITE_SECONDS: Final = 0.3
_ASK_SECONDS: Final = 0.2
_SMOOTH_SECONDS: Final = 5.0

_START: Final = "Start one with `python -m backend worker`."


class JobCancelled(Exception):
    """A job stopped because a person asked. `result` says what was stored before it did."""

    def __init__(self, result: Mapping[str, Any] | None = None) -> None:
        """`result` becomes the result of the cancelled job."""
        super().__init__("the job was cancelled")
        self.result: dict[str, Any] = dict(result or {})


class JobFailed(UserError):
    """A job failed for a reason a person can mend. `result` says what was stored before it did."""

    def __init__(self, reason: str, result: Mapping[str, Any]) -> None:
        """`result` becomes the result of the failed job."""
        super().__init__(reason)
        self.result = dict(result)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """Whether jobs are being done. `age` is seconds since the worker's last heartbeat; None where there was none."""

    state: Literal["running", "silent", "absent"]
    sentence: str
    age: float | None = None
    pid: int | None = None

    @property
    def alive(self) -> bool:
        """Whether jobs that are queued now will begin."""
        return self.state == "running"


class JobService:
    """Jobs of one store: submitted, listed, cancelled, retried; its worker looked for and started."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """`settings` are handed on to a worker started from here."""
        self._store, self._jobs, self._settings = store, store.jobs, settings

    @needs(Role.ADMIN)
    def submit(
        self, kind: JobKind, title: str, spec: Mapping[str, Any], lane: Lane, retry_of: str | None = None
    ) -> Job:
        """Queue a job; it begins once a worker is there and its lane is free. `retry_of` is the job it repeats."""
        job = Job(uuid.uuid4().hex, kind, visible(title), lane, dict(spec), retry_of=retry_of)
        return self._jobs.add(job)

    def submit_import(
        self,
        paths: Sequence[Path],
        tokenizer: Path | None = None,
        *,
        mappings: Mapping[tuple[Path, ...], Said] = MappingProxyType({}),
        chosen: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Job:
        """Queue an import of files and folders, some of them by a mapping.

        `chosen` are the sources to take, by their identity, each with corrections (None: all there are, as they are).
        Raises UserError for a path that isn't there or isn't open to pages.
        """
        if not paths:
            raise UserError("There is nothing to import: name at least one file or folder.")
        paths = [readable(self._settings, path) for path in paths]
        tokenizer = readable(self._settings, tokenizer) if tokenizer else None
        if lost := next((path for path in (*paths, *filter(None, (tokenizer,))) if not path.exists()), None):
            raise UserError(f"{visible(str(lost))} can't be imported: there is no such file or folder.")
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        where = [str(path.resolve()) for path in paths]
        spec = {"paths": where, "tokenizer": str(tokenizer.resolve()) if tokenizer else None, "chosen": encode(chosen)}
        spec["mappings"] = [
            [[str(readable(self._settings, path).resolve()) for path in files], encode(said)]
            for files, said in mappings.items()
        ]
        return self.submit(JobKind.IMPORT, f"Import of {paths[0].name}{more}", spec, Lane.FILES)

    def get(self, job_id: str) -> Job:
        """One job. Raises UserError where there is none."""
        if job := self._jobs.get(job_id):
            return job
        raise UserError(f"There is no job {visible(job_id, 40)!r}: it was forgotten, or the address is wrong.")

    def all(self, limit: int = 200) -> list[Job]:
        """Jobs, open ones first, then the newest."""
        return self._jobs.all(limit)

    def open(self) -> list[Job]:
        """Jobs that wait or work, the oldest first."""
        return self._jobs.open()

    def position(self, job: Job) -> int:
        """How many jobs of its lane come before a queued one: 0 means it is next."""
        return self._jobs.waiting_before(job)

    @needs(Role.ADMIN)
    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; what it has finished stays. A job that is over stays as it is."""
        self.get(job_id)
        self._jobs.cancel(job_id)
        return self.get(job_id)

    @needs(Role.ADMIN)
    def retry(self, job_id: str) -> Job:
        """The same again, as a new job, which repeats only what failed where the job keeps the rest.

        Raises UserError for a job of which nothing failed and that wasn't cancelled.
        """
        job = self.get(job_id)
        if not retriable(job):
            which = "only one that failed, in part or wholly, or was cancelled can be retried"
            raise UserError(f"The job {job.title!r} is {job.state}: {which}.")
        for path in job.spec["paths"] if job.kind is JobKind.IMPORT else ():
            readable(self._settings, Path(path))
        return self.submit(job.kind, job.title, job.spec, job.lane, retry_of=job.id)

    @needs(Role.ADMIN)
    def forget(self, job_ids: Sequence[str]) -> None:
        """Remove finished jobs with their logs; what they made stays, and so do jobs still open."""
        self._jobs.forget(job_ids)

    def lines(self, job_id: str) -> list[LogLine]:
        """A job's log, the last lines of it."""
        return self._jobs.lines(job_id)

    def stream(self, job_id: str, after: int = 0) -> list[StreamItem]:
        """The items of a job's stream after number `after`."""
        return self._store.streams.read(job_id, after)

    # -- the workers --------------------------------------------------------------------------------

    def workers(self) -> list[WorkerRow]:
        """The workers that entered themselves, by name; one that died stands among them until another notices."""
        return sorted(self._jobs.workers(), key=lambda row: row.id)

    def worker(self) -> WorkerStatus:
        """Whether a worker is there, in a sentence for people."""
        rows = self._jobs.workers()
        if not rows:
            return WorkerStatus(
                "absent", f"No worker is running, so jobs wait in the queue. {self._last_words()}{_START}"
            )
        # A row of before the machine's last start, or before the database's clock was set back, is long ago too.
        fresh = [row for row in rows if abs(row.age) <= _SILENT_SECONDS]
        alive = [row for row in fresh if not ended_here(self._store.folder, row)]
        row = (alive or rows)[0]
        age = max(0.0, row.age)
        if alive:
            what = f"{len(alive)} workers are running." if alive[1:] else f"A worker is running (process {row.pid})."
            return WorkerStatus("running", what, age, row.pid)
        since = f"The worker (process {row.pid}) has not been heard of for {_duration(age)}, so jobs wait."
        again = f"{_START} What was under way goes on where it was."
        return WorkerStatus("silent", f"{since} {self._last_words()}{again}", age, row.pid)

    def _last_words(self) -> str:
        """What the last worker that was started from here ended with, if it didn't stop in order."""
        line = "".join(last_lines(self._store.folder / LOG)[-1:])
        # Lines of the log begin with their time, a sentence for people with a capital.
        return f"The last one ended: {visible(line, 200)} " if line[:1].isupper() else ""

    @needs(Role.ADMIN)
    def start_worker(self) -> subprocess.Popen[bytes] | None:
        """Start a worker that outlives this process; None where one is there already.

        Its messages go to `worker.log` in the store. Raises UserError where the store can't be written.
        """
        if self.worker_at_work():
            return None
        # In a session of its own: the terminal or the service that the app runs in may end before it.
        with disk_errors(), (self._store.folder / LOG).open("ab") as log:
            # Under the machine's first name: of two that are started at once the second finds it borne, and ends.
            command = [sys.executable, "-m", "backend", "worker", "--name", f"{HOST}-1"]
            return subprocess.Popen(  # noqa: S603
                command,
                cwd=ROOT,
                env=environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def worker_at_work(self) -> bool:
        """Whether a worker was heard of lately, or a process of this machine holds a worker's name, however busy."""
        folder = self._store.folder
        names = (path.stem for path in (folder / WORKERS).glob("*.lock"))
        return self.worker().alive or any(is_held(worker_lock(folder, name)) for name in names)


def retriable(job: Job) -> bool:
    """Whether a job ended without its result or without a part of it, so that it may be done again."""
    return job.state in (JobState.FAILED, JobState.CANCELLED) or bool(job.state.final and job.result.get("failed"))


def worker_lock(store: Path, name: str) -> BaseFileLock:
    """The lock that the worker of a name holds while it lives."""
    return FileLock(store / WORKERS / f"{name}.lock")


def is_held(lock: BaseFileLock) -> bool:
    """Whether a process holds a lock."""
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a disk that can't be written has no worker
        return False


def ended_here(store: Path, row: WorkerRow) -> bool:
    """Whether a worker is one of this machine whose process is gone; False where that can't be known."""
    lock = worker_lock(store, row.id)
    # Without its file nobody knows; looking would make one, and the worker's own lock would be of another file.
    return row.host == HOST and Path(lock.lock_file).exists() and not is_held(lock)


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment with `settings` in it, for a process that is to work with the same ones."""
    return {**os.environ, **config.environment(settings)}


def _duration(seconds: float) -> str:
    """A duration in its largest unit: "40 seconds", "3 minutes", "2 hours"."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}" + ("s" if count > 1 else "")
    return f"{int(seconds)} seconds"


class JobProgress:
    """Progress of a job, written to the ledger now and then; and whether a person wants it stopped."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        """`job` as it stands at the start of this attempt."""
        self._jobs, self._id = jobs, job.id
        self._done, self._total, self._unit, self._message = job.done, job.total, job.unit, job.message
        self._rate: float | None = None
        self._written = self._asked = -math.inf
        self._counted_at, self._counted = time.monotonic(), job.done
        self._pending, self._cancelled = False, False

    @property
    def job(self) -> str:
        """The id of the job."""
        return self._id

    def begin(self, total: int, unit: str, done: int = 0) -> None:
        """Start this attempt at `done` of `total`; what an earlier one did doesn't count for the speed."""
        self._total, self._unit, self._done = total, unit, done
        self._rate, self._counted_at, self._counted = None, time.monotonic(), done
        self._write()

    def step(self, done: int, message: str = "") -> None:
        """Report that `done` units are finished; `message` says what is being done."""
        self._done, self._message, self._pending = done, message, True
        if done >= self._total or time.monotonic() - self._written >= _WRITE_SECONDS:
            self._write()

    def note(self, message: str) -> None:
        """Report what is being done now, with nothing more finished."""
        self.step(self._done, message)

    def flush(self) -> None:
        """Write the last step, if it was held back."""
        if self._pending:
            self._write()

    def cancelled(self) -> bool:
        """Whether the job is to stop. Cheap: asks the ledger now and then."""
        now = time.monotonic()
        if not self._cancelled and now - self._asked >= _ASK_SECONDS:
            self._notice(self._jobs.state(self._id))
        return self._cancelled

    def check(self) -> None:
        """Raise JobCancelled where the job is to stop."""
        if self.cancelled():
            raise JobCancelled

    def log(self, text: str, level: str = "info") -> None:
        """Add a line to the job's log."""
        self._jobs.log(self._id, text, level)

    def _write(self) -> None:
        self._measure()
        # A write brings the job's state back, so that a job that reports often never has to ask for it.
        self._notice(self._jobs.progress(self._id, self._done, self._total, self._unit, self._rate, self._message))
        self._written, self._pending = time.monotonic(), False

    def _notice(self, state: JobState) -> None:
        self._asked = time.monotonic()
        self._cancelled = state is JobState.CANCELLING or state.final

    def _measure(self) -> None:
        # Exponential smoothing over seconds, not over calls: calls come unevenly.
        now = time.monotonic()
        passed, made = now - self._counted_at, self._done - self._counted
        if made <= 0 or passed <= 0:
            return
        newest = made / passed
        weight = 1.0 if self._rate is None else 1 - math.exp(-passed / _SMOOTH_SECONDS)
        self._rate = newest * weight + (self._rate or 0.0) * (1 - weight)
        self._counted_at, self._counted = now, self._done
