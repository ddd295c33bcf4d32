"""Training processes side by side: started, heard, paused, ended, tried once more where one crashed.

Owns the loop over their pipes and what counts as which end. Knows nothing of how a training is planned or recorded.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from backend.domain import Training, UserError, visible
from backend.services.jobs import JobCancelled, Progress
from backend.services.training_process import TrainingProcess
from backend.store import Trainings

DONE, PAUSED, FAILED, CANCELLED = "done", "paused", "failed", "cancelled"

Event = Mapping[str, Any]
OnEvent = Callable[[Training, Event], None]

_SELECT_SECONDS: Final = 0.1
_WISH_SECONDS: Final = 0.5
_ATTEMPTS: Final = 2


class Takes(Protocol):
    """Records what a training says."""

    def take(self, event: Event) -> None:
        """Take in one event."""
        ...

    def take_last(self, event: Event) -> None:
        """Take in what a process still said before it was ended."""
        ...


@dataclass(slots=True)
class _Member:
    """A training at work. `end` is how it ended, once it has said so: state and reason."""

    training: Training
    process: TrainingProcess
    recorder: Takes
    attempt: int = 1
    pausing: bool = False
    end: tuple[str, str] | None = field(default=None)


Begin = Callable[[Training], tuple[TrainingProcess, Takes]]
Ends = Mapping[str, tuple[str, str]]


class Crew:
    """Carries trainings out, so many at once."""

    def __init__(self, trainings: Trainings, begin: Begin, progress: Progress, on_event: OnEvent) -> None:
        """`begin` starts a training's process and gives who records it; it may raise UserError.

        `on_event` is told every event once it is recorded.
        """
        self._trainings, self._begin, self._progress, self._on_event = trainings, begin, progress, on_event
        self._at_work: list[_Member] = []
        self._ends: dict[str, tuple[str, str]] = {}
        self._selector = selectors.DefaultSelector()
        self._asked = 0.0

    def carry_out(self, trainings: Sequence[Training], at_once: int) -> Ends:
        """How each ended, by id: (state, reason). Raises JobCancelled once every process is gone."""
        waiting = deque(trainings)
        try:
            while waiting or self._at_work:
                self.heed()
                while waiting and len(self._at_work) < at_once:
                    self._start(waiting.popleft())
                for key, _ in self._selector.select(_SELECT_SECONDS if self._at_work else 0):
                    self._hear(key.data)
                self._heed_wishes()
        except JobCancelled:
            self._stop(CANCELLED, "")
            raise
        finally:  # after an error of the program, no process stays either
            self._stop(FAILED, "The job that it was part of broke off.")
            self._selector.close()
        return self._ends

    def heed(self) -> None:
        """Raise JobCancelled where the job is to stop."""
        if self._progress.cancelled():
            raise JobCancelled

    def _start(self, training: Training, attempt: int = 1) -> None:
        self._trainings.set_job(training.id, self._progress.job)
        self._trainings.end(training.id, "")
        try:
            process, recorder = self._begin(training)
        except UserError as error:
            self._ended(training, FAILED, str(error))
            return
        except OSError as error:
            why = f"The training could not be started: {visible(error.strerror or str(error))}."
            self._ended(training, FAILED, why)
            return
        member = _Member(training, process, recorder, attempt)
        self._at_work.append(member)
        self._selector.register(process, selectors.EVENT_READ, member)

    def _hear(self, member: _Member) -> None:
        events, over = member.process.hear()
        try:
            for event in events:
                if member.end is None:
                    self._take(member, event)
        except UserError as error:  # what it says can't be kept: to go on would be in vain
            member.end = (FAILED, str(error))
        if member.end:
            self._dismiss(member)
            member.process.let_end()
            self._ended(member.training, *member.end)
        elif over:
            self._dismiss(member)
            self._crashed(member)

    def _take(self, member: _Member, event: Event) -> None:
        if event["k"] == "done":
            member.end = (DONE, "")
        elif event["k"] == "paused":
            member.end = (PAUSED, "")
        elif event["k"] == "failed":
            member.end = (FAILED, visible(str(event["reason"]), 1000))
        else:
            member.recorder.take(event)
        self._on_event(member.training, event)

    def _crashed(self, member: _Member) -> None:
        """Once more, from its last checkpoint: what broke it may have been the machine."""
        training, how = member.training, member.process.died_of()
        member.process.end()
        self._progress.log(f"The training process of {visible(training.name, 80)} broke off: {how}.", "error")
        if member.attempt < _ATTEMPTS:
            self._start(training, member.attempt + 1)
            return
        mend = f"More is in its log, {member.process.log}. What it had saved is kept, and it can go on from there."
        self._ended(training, FAILED, f"The training process broke off {_ATTEMPTS} times: {how}. {mend}")

    def _ended(self, training: Training, state: str, reason: str) -> None:
        self._trainings.end(training.id, state, reason)
        self._ends[training.id] = (state, reason)

    def _stop(self, state: str, reason: str) -> None:
        """End every process at once; models they have just saved become known."""
        members = list(self._at_work)
        for member in members:
            self._dismiss(member)
        for member, said in [(member, member.process.end()) for member in members]:
            for event in said:
                member.recorder.take_last(event)
            self._ended(member.training, state, reason)

    def _dismiss(self, member: _Member) -> None:
        self._selector.unregister(member.process)
        self._at_work.remove(member)

    def _heed_wishes(self) -> None:
        """Tell a process that is to pause, once."""
        if time.monotonic() - self._asked < _WISH_SECONDS:
            return
        self._asked = time.monotonic()
        for member in self._at_work:
            now = self._trainings.get(member.training.id)
            if now and now.wish == "pause" and not member.pausing:
                member.process.tell("pause")
                member.pausing = True
