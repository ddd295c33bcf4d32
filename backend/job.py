"""Jobs as values: what a worker is asked to do, its state, and the lane it is done in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class JobKind(StrEnum):
    """What a job does."""

    GENERATE = "generate"
    EVALUATE = "evaluate"
    IMPORT = "import"
    SCORE = "score"
    DISTILL = "distil"  # the value stands in ledgers, so that it has to stay
    REPRODUCE = "reproduce"
    AGREE = "agree"
    DETECT = "detect"
    REFRESH = "refresh"
    WATCH = "watch"


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the state can't change any more."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Lane(StrEnum):
    """A queue of its own: jobs of one lane run one after the other, but for watches."""

    LIVE = "live"  # apart, so that what a person is watching never waits for a batch
    BATCH = "batch"
    FILES = "files"
    WATCH = "watch"  # of light jobs without an end: several at once, each in a runner of its own

    @property
    def at_once(self) -> int:
        """How many of its jobs a worker does at once."""
        return 4 if self is Lane.WATCH else 1


@dataclass(frozen=True, slots=True)
class Job:
    """Work for a worker, as the ledger knows it. Times are ISO 8601 in UTC; `rate` is units a second."""

    id: str
    kind: JobKind
    title: str
    lane: Lane
    spec: Mapping[str, Any]
    state: JobState = JobState.QUEUED
    created: str = ""
    started: str | None = None
    ended: str | None = None
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float | None = None
    message: str = ""
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    retry_of: str | None = None
    worker: str | None = None

    @property
    def seconds_left(self) -> float | None:
        """Time left at the present rate; None where rate or total isn't known, and when nothing is left."""
        return (self.total - self.done) / self.rate if self.rate and self.total and not self.state.final else None
