"""Streams and the inbox, on SQLite and on PostgreSQL: in order, without gaps, each trace once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.domain import UserError
from backend.job import Job, JobKind, JobState, Lane
from backend.store.database import connect
from backend.store.job_rows import Jobs
from backend.store.streams import Kept, Streams


@pytest.fixture
def streams(url: str) -> Iterator[Streams]:
    engine = connect(url)
    jobs, opened = Jobs(engine), Streams(engine)
    for name in ("a", "b"):
        jobs.add(Job(name, JobKind.GENERATE, name, Lane.LIVE, {}))
    yield opened
    opened.close()


def stream_of(streams: Streams, job: str, after: int = 0) -> list[tuple[int, object]]:
    return [(item.seq, item.payload["x"]) for item in streams.read(job, after)]


def test_a_stream_is_read_on_from_where_one_stopped(streams: Streams) -> None:
    assert streams.append("a", [{"x": 1}, {"x": "zwei"}]) == 2
    assert streams.append("b", [{"x": 9}]) == 1
    assert streams.append("a", []) == 2
    assert streams.append("a", [{"x": [3]}]) == 3
    assert stream_of(streams, "a") == [(1, 1), (2, "zwei"), (3, [3])]
    assert stream_of(streams, "a", after=2) == [(3, [3])] and stream_of(streams, "a", after=3) == []
    assert [item.seq for item in streams.read("a", limit=2)] == [1, 2]


def test_a_trace_is_kept_and_told_once(streams: Streams) -> None:
    streams.append("a", [{"x": 0}])
    first = Kept(0, 1, 2, {"text": "it is 4", "n": None})
    assert streams.keep("a", first, [{"x": 1}, {"x": 2}])
    assert not streams.keep("a", Kept(0, 1, 2, {"text": "another"}), [{"x": 3}])
    assert streams.keep("a", Kept(1, 0, 0, {}), [{"x": 4}]) and streams.keep("a", Kept(0, 0, 5, {}))
    assert stream_of(streams, "a") == [(1, 0), (2, 1), (3, 2), (4, 4)]
    assert [kept[:3] for kept in streams.kept("a")] == [(0, 0, 5), (0, 1, 2), (1, 0, 0)]
    assert streams.kept("a", arm=0)[1] == first
    streams.empty("a", 0)
    assert [kept[:3] for kept in streams.kept("a")] == [(1, 0, 0)] and streams.kept("b") == []


def test_what_cannot_be_said_whole_is_not_said(streams: Streams) -> None:
    with pytest.raises(UserError, match="Nothing was changed"):
        streams.keep("no such job", Kept(0, 0, 0, {}), [{"x": 1}])
    with pytest.raises(UserError, match="Nothing was changed"):
        streams.append("no such job", [{"x": 1}])
    assert streams.kept("no such job") == [] and streams.read("no such job") == []


def test_both_go_with_their_job(url: str) -> None:
    engine = connect(url)
    jobs, streams = Jobs(engine), Streams(engine)
    jobs.add(Job("a", JobKind.GENERATE, "a", Lane.LIVE, {}))
    streams.keep("a", Kept(0, 0, 0, {}), [{"x": 1}])
    jobs.finish("a", JobState.CANCELLED)
    jobs.forget(["a"])
    assert streams.kept("a") == [] and streams.read("a") == []
    streams.close()
