"""What jobs say while they work, and the finished traces of runs still being made.

Owns the order of a stream and the rule that a trace is kept once. Knows nothing of what payloads mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select

from backend.store import tables
from backend.store.database import Database


class StreamItem(NamedTuple):
    """One thing a job said; `seq` counts from 1 without gaps."""

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
        """Say something; returns the last number given. Whole or not at all."""
        columns = tables.stream.c
        with self.writing(counted=False) as connection:
            last = connection.execute(select(func.max(columns.seq)).where(columns.job_id == job_id)).scalar() or 0
            rows = [{"job_id": job_id, "seq": last + i, "payload": dict(p)} for i, p in enumerate(payloads, 1)]
            if rows:
                connection.execute(insert(tables.stream), rows)
        return last + len(rows)

    def read(self, job_id: str, after: int = 0, limit: int = 2000) -> list[StreamItem]:
        """What was said after number `after`, in order."""
        columns = tables.stream.c
        query = select(columns.seq, columns.payload).where(columns.job_id == job_id, columns.seq > after)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(columns.seq).limit(limit))
            return [StreamItem(*row) for row in rows]

    def keep(self, job_id: str, trace: Kept, say: Sequence[Mapping[str, Any]] = ()) -> bool:
        """Keep a finished trace and say so in the stream, in one transaction. False where it is kept already."""
        columns = tables.inbox.c
        place = {"job_id": job_id, "arm": trace.arm, "problem": trace.problem, "sample": trace.sample}
        same = [columns[name] == value for name, value in place.items()]
        stream = tables.stream.c
        with self.writing(counted=False) as connection:
            if connection.execute(select(columns.arm).where(*same)).first():
                return False
            connection.execute(insert(tables.inbox).values(**place, body=trace.body))
            last = connection.execute(select(func.max(stream.seq)).where(stream.job_id == job_id)).scalar() or 0
            rows = [{"job_id": job_id, "seq": last + i, "payload": dict(p)} for i, p in enumerate(say, 1)]
            if rows:
                connection.execute(insert(tables.stream), rows)
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
        """Which traces of a job are kept, without their bodies."""
        columns = tables.inbox.c
        query = select(columns.arm, columns.problem, columns.sample).where(columns.job_id == job_id)
        with self.reading() as connection:
            return [Kept(*row, {}) for row in connection.execute(query)]

    def empty(self, job_id: str, arm: int) -> None:
        """Forget the inbox of an arm whose run is stored."""
        columns = tables.inbox.c
        with self.writing(counted=False) as connection:
            connection.execute(delete(tables.inbox).where(columns.job_id == job_id, columns.arm == arm))
