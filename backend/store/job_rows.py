"""Jobs, their logs, and the workers that run them.

Owns which states a job may pass through: every change of state is one conditional UPDATE, so that of two workers, or a
worker and a person who cancels, one wins.
"""

import dataclasses
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Row,
    case,
    delete,
    extract,
    func,
    insert,
    literal,
    make_url,
    select,
    update,
)

from backend.config import Settings
from backend.job import Job, JobKind, JobState, Lane
from backend.store import tables
from backend.store.database import Database, check_holder, field_values, highest, now

_WORKERS_LOCK = 20260326  # of PostgreSQL's advisory locks: any number but that of migrations
_OPEN = [state.value for state in JobState if not state.final]


class LogLine(NamedTuple):
    """One line of a job's log."""

    seq: int
    at: str
    level: str
    text: str


class OpenJob(NamedTuple):
    """An open job as its queue needs it; a lower ordinal comes first."""

    id: str
    lane: Lane
    ordinal: int


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker as it entered itself: its name, machine, process, device ("" for any) and lanes.

    `beat` is its last heartbeat on the ledger's clock, `age` the seconds since.
    """

    id: str
    host: str
    pid: int
    lanes: tuple[Lane, ...]
    device: str = ""
    token: str = ""
    started: str = ""
    beat: float = 0.0
    age: float = 0.0


def system_url(settings: Settings) -> str:
    """The address of DBOS's own tables: the ledger's PostgreSQL, or an SQLite file in the store's folder."""
    # In SQLite a file of its own: DBOS runs it without WAL, where whoever polls holds up whoever writes.
    if settings.ledger_url and make_url(settings.ledger_url).get_backend_name() == "postgresql":
        return settings.ledger_url
    return f"sqlite:///{settings.store / 'jobs.sqlite'}"


class Jobs(Database):
    """Reads and writes of jobs. No write is counted: cached figures don't depend on progress and logs."""

    def add(self, job: Job) -> Job:
        """Queue a job, last in its lane; returns it as stored."""
        row = dataclasses.asdict(job) | {"created": now(), "state": JobState.QUEUED.value}
        with self.writing(counted=False) as connection:
            ordinal = highest(connection, tables.jobs.c.ordinal) + 1
            connection.execute(insert(tables.jobs).values(**row, ordinal=ordinal))
        return dataclasses.replace(job, created=row["created"], state=JobState.QUEUED)

    def get(self, job_id: str) -> Job | None:
        """One job."""
        with self.reading() as connection:
            row = connection.execute(select(tables.jobs).where(tables.jobs.c.id == job_id)).first()
        return _job(row) if row else None

    def all(self, limit: int = 200) -> list[Job]:
        """Jobs, open ones first, then the newest."""
        columns = tables.jobs.c
        query = select(tables.jobs).order_by(case((columns.state.in_(_OPEN), 0), else_=1), columns.ordinal.desc())
        with self.reading() as connection:
            return [_job(row) for row in connection.execute(query.limit(limit))]

    def open(self) -> list[Job]:
        """Queued and running jobs, the oldest first."""
        query = select(tables.jobs).where(tables.jobs.c.state.in_(_OPEN)).order_by(tables.jobs.c.ordinal)
        with self.reading() as connection:
            return [_job(row) for row in connection.execute(query)]

    def queue(self) -> list[OpenJob]:
        """What `open` gives, without what a job was asked for: cheap enough to be asked all the time."""
        with self.reading() as connection:
            return _queue(connection)

    def waiting_before(self, job: Job) -> int:
        """How many open jobs of the same lane are before a queued one."""
        columns = tables.jobs.c
        own = select(columns.ordinal).where(columns.id == job.id).scalar_subquery()
        query = select(func.count()).where(
            columns.lane == job.lane.value, columns.state.in_(_OPEN), columns.ordinal < own
        )
        with self.reading() as connection:
            return connection.execute(query).scalar_one()

    def take(self, job_id: str, worker: str) -> str:
        """Begin a job or go on with it; returns the token of its new holder, "" where it is over.

        Whoever held it before loses it. A job that is to stop stays so.
        """
        columns, holder = tables.jobs.c, uuid.uuid4().hex
        change = update(tables.jobs).where(columns.id == job_id, columns.state.in_(_OPEN))
        state = case((columns.state == JobState.QUEUED.value, JobState.RUNNING.value), else_=columns.state)
        started = func.coalesce(columns.started, now())
        with self.writing(counted=False) as connection:
            done = connection.execute(change.values(state=state, worker=worker, holder=holder, started=started))
            return holder if done.rowcount == 1 else ""

    def progress(
        self, job_id: str, done: int, total: int, unit: str, rate: float | None = None, message: str = ""
    ) -> JobState:
        """Record how far a job is; returns its state, by which the worker sees a cancellation."""
        values = {"done": done, "total": total, "unit": unit, "rate": rate, "message": message}
        columns = tables.jobs.c
        with self.writing(counted=False) as connection:
            connection.execute(update(tables.jobs).where(columns.id == job_id).values(**values))
            state = connection.execute(select(columns.state).where(columns.id == job_id)).scalar()
        return JobState(state) if state else JobState.CANCELLED

    def state(self, job_id: str) -> JobState:
        """A job's state; one that was removed counts as cancelled."""
        with self.reading() as connection:
            query = select(tables.jobs.c.state, tables.jobs.c.holder).where(tables.jobs.c.id == job_id)
            found = connection.execute(query).first()
        check_holder(job_id, found.holder if found else None)
        return JobState(found.state) if found else JobState.CANCELLED

    def finish(self, job_id: str, state: JobState, error: str = "", result: Mapping[str, Any] | None = None) -> bool:
        """Move a job to a final state; False where it is in one already."""
        columns = tables.jobs.c
        values = {"state": state.value, "ended": now(), "error": error, "result": dict(result or {}), "rate": None}
        # A step may run twice: of two workers that both believe to have the job, the first to end it decides.
        change = update(tables.jobs).where(columns.id == job_id, columns.state.in_(_OPEN))
        with self.writing(counted=False) as connection:
            return connection.execute(change.values(**values)).rowcount == 1

    def cancel(self, job_id: str) -> JobState:
        """Ask a job to stop; a queued one ends at once. Returns its state now."""
        columns = tables.jobs.c
        chosen = update(tables.jobs).where(columns.id == job_id)
        # Two conditional updates, not a look and a write: the job may begin in between.
        queued, running = JobState.QUEUED.value, JobState.RUNNING.value
        with self.writing(counted=False) as connection:
            connection.execute(
                chosen.where(columns.state == queued).values(state=JobState.CANCELLED.value, ended=now())
            )
            connection.execute(chosen.where(columns.state == running).values(state=JobState.CANCELLING.value))
            return JobState(connection.execute(select(columns.state).where(columns.id == job_id)).scalar_one())

    def forget(self, job_ids: Sequence[str]) -> None:
        """Delete finished jobs with their logs and streams; runs and models they made stay."""
        columns = tables.jobs.c
        with self.writing(counted=False) as connection:
            connection.execute(delete(tables.jobs).where(columns.id.in_(list(job_ids)), columns.state.not_in(_OPEN)))

    def log(self, job_id: str, text: str, level: str = "info") -> None:
        """Add a line to a job's log."""
        columns = tables.job_lines.c
        with self.writing(counted=False) as connection:
            seq = highest(connection, columns.seq, columns.job_id == job_id) + 1
            row = {"job_id": job_id, "seq": seq, "at": now(), "level": level, "text": text}
            connection.execute(insert(tables.job_lines).values(**row))

    def lines(self, job_id: str, limit: int = 500) -> list[LogLine]:
        """The last lines of a job's log, in order."""
        columns = tables.job_lines.c
        query = select(columns.seq, columns.at, columns.level, columns.text).where(columns.job_id == job_id)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(columns.seq.desc()).limit(limit)).all()
        return [LogLine(*row) for row in reversed(rows)]

    # -- the workers --------------------------------------------------------------------------------

    @property
    def clock(self) -> ColumnElement[float]:
        """The one clock of heartbeats: PostgreSQL's own, or with SQLite, which is of one machine, the machine's.

        Nobody can set either back, as they can a wall clock; two machines' clocks are never compared.
        """
        if self._engine.dialect.name == "postgresql":
            return extract("epoch", func.clock_timestamp()).cast(Double)
        return literal(time.monotonic())

    def enlist(self, worker: WorkerRow) -> str:
        """Enter a worker that starts; returns the token of its heartbeats. Whoever bore its name is forgotten."""
        token, columns = uuid.uuid4().hex, tables.workers.c
        values = {"id": worker.id, "token": token, "host": worker.host, "pid": worker.pid, "device": worker.device}
        with self._workers_alone() as connection:
            connection.execute(delete(tables.workers).where(columns.id == worker.id))
            row = values | {"lanes": ",".join(worker.lanes), "started": now(), "beat": self.clock}
            connection.execute(insert(tables.workers).values(row))
        return token

    def beat(self, token: str) -> bool:
        """Record a heartbeat; False where the worker was struck off meanwhile."""
        columns = tables.workers.c
        with self.writing(counted=False) as connection:
            change = update(tables.workers).where(columns.token == token).values(beat=self.clock)
            return connection.execute(change).rowcount == 1

    def workers(self) -> list[WorkerRow]:
        """Every worker that entered itself and was neither dismissed nor struck off, the latest heard of first."""
        with self.reading() as connection:
            return self._workers(connection)

    def dismiss(self, token: str) -> None:
        """Delete a worker that stopped in order."""
        with self.writing(counted=False) as connection:
            connection.execute(delete(tables.workers).where(tables.workers.c.token == token))

    @contextmanager
    def handover(self, silent: Sequence[WorkerRow]) -> Iterator[tuple[set[str], Callable[[], list[OpenJob]]]]:
        """Strike `silent` workers off unless they were heard of since. Yields the names that are left, and what reads
        the open jobs then.

        One worker at a time is in such a block, and none enters itself meanwhile: what it hands on isn't handed on
        twice. If it dies in it, nothing was struck off, and the next one does it all.
        """
        columns = tables.workers.c
        with self._workers_alone() as connection:
            for row in silent:
                connection.execute(delete(tables.workers).where(columns.token == row.token, columns.beat == row.beat))
            names = {row.id for row in self._workers(connection)}
            yield names, lambda: _queue(connection)

    @contextmanager
    def _workers_alone(self) -> Iterator[Connection]:
        """A transaction in which no other one reaps or enters a worker. On SQLite any that writes is."""
        with self.writing(counted=False) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_WORKERS_LOCK)))
            yield connection

    def _workers(self, connection: Connection) -> list[WorkerRow]:
        columns = tables.workers.c
        age = (self.clock - columns.beat).label("age")
        rows = connection.execute(select(tables.workers, age).order_by(columns.beat.desc()))
        return [WorkerRow(**(row._asdict() | {"lanes": tuple(map(Lane, row.lanes.split(",")))})) for row in rows]


def _queue(connection: Connection) -> list[OpenJob]:
    columns = tables.jobs.c
    query = select(columns.id, columns.lane, columns.ordinal).where(columns.state.in_(_OPEN))
    return [OpenJob(row.id, Lane(row.lane), row.ordinal) for row in connection.execute(query.order_by(columns.ordinal))]


def _job(row: Row[Any]) -> Job:
    enums = {"kind": JobKind(row.kind), "lane": Lane(row.lane), "state": JobState(row.state)}
    return Job(**field_values(row, Job) | enums)
