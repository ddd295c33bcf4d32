"""Event streams of jobs, and the inbox of finished traces whose run isn't complete yet.

Owns the order of a stream and the rule that a trace enters the inbox once: a job's step may run twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from backend.store import tables
from backend.store.database import Database, highest, insert_rows


class StreamItem(NamedTuple):
    """One event of a job's stream; `seq` counts from 1 without gaps."""

    seq: int
    payload: dict[str, Any]


class Kept(NamedTuple):
    """A finished trace in the inbox: which arm, problem and sample of its job it is."""

    arm: int
    problem: int
    sample: int
    body: dict[str, Any]


class Streams(Database):
    """Reads and writes of streams and of the inbox."""

    def append(self, job_id: str, payloads: Sequence[Mapping[str, Any]]) -> int:
        """Append events to a job's stream, all or none; returns the last number of the stream."""
        with self.writing(counted=False) as connection:
            return _append(connection, job_id, payloads)

    def read(self, job_id: str, after: int = 0, limit: int = 2000) -> list[StreamItem]:
        """The events after number `after`, in order."""
        columns = tables.stream.c
        query = select(columns.seq, columns.payload).where(columns.job_id == job_id, columns.seq > after)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(columns.seq).limit(limit))
            return [StreamItem(*row) for row in rows]

    def keep(self, job_id: str, trace: Kept, say: Sequence[Mapping[str, Any]] = ()) -> bool:
        """Put a finished trace into the inbox and append `say` to the stream; False where it is there already."""
        columns = tables.inbox.c
        place = {"job_id": job_id, "arm": trace.arm, "problem": trace.problem, "sample": trace.sample}
        same = [columns[name] == value for name, value in place.items()]
        # One transaction for both: whoever replays the stream sees a trace end exactly where it can be read.
        with self.writing(counted=False) as connection:
            if connection.execute(select(columns.arm).where(*same)).first():
                return False
            connection.execute(insert(tables.inbox).values(**place, body=trace.body))
            _append(connection, job_id, say)
        return True

    def kept(self, job_id: str, arm: int | None = None) -> list[Kept]:
        """Finished traces of a job, or of one arm of it, by problem and sample."""
        columns = tables.inbox.c
        query = select(columns.arm, columns.problem, columns.sample, columns.body).where(columns.job_id == job_id)
        if arm is not None:
            query = query.where(columns.arm == arm)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(columns.arm, columns.problem, columns.sample))
            return [Kept(*row) for row in rows]

    def places(self, job_id: str) -> list[Kept]:
        """The traces of a job that are in the inbox; of their bodies only `failed`, of those that have it."""
        columns = tables.inbox.c
        failed = columns.body["failed"].as_string()
        query = select(columns.arm, columns.problem, columns.sample, failed).where(columns.job_id == job_id)
        with self.reading() as connection:
            rows = connection.execute(query)
            return [Kept(arm, problem, n, {"failed": kind} if kind else {}) for arm, problem, n, kind in rows]

    def empty(self, job_id: str, arm: int) -> None:
        """Empty the inbox of an arm whose run is stored."""
        columns = tables.inbox.c
        with self.writing(counted=False) as connection:
            connection.execute(delete(tables.inbox).where(columns.job_id == job_id, columns.arm == arm))


def _append(connection: Connection, job_id: str, payloads: Sequence[Mapping[str, Any]]) -> int:
    columns = tables.stream.c
    last = highest(connection, columns.seq, columns.job_id == job_id)
    rows = [{"job_id": job_id, "seq": last + i, "payload": dict(p)} for i, p in enumerate(payloads, 1)]
    insert_rows(connection, tables.stream, rows)
    return last + len(rows)
