"""Training processes side by side: started, heard, paused, ended, tried once more where one crashed.

Owns the loop over what they say and what counts as which end. Knows nothing of how a training is planned or recorded.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from backend.domain import Training, UserError, visible
from backend.services.jobs import JobCancelled, JobProgress
from backend.services.training.training_process import Journal, TrainingProcess
from backend.store.trainings import Trainings

DONE, PAUSED, FAILED, CANCELLED = "done", "paused", "failed", "cancelled"

Event = Mapping[str, Any]
OnEvent = Callable[[Training, Event], None]

_LOOK_SECONDS: Final = 0.05
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


class Trainee(NamedTuple):
    """What carrying out one training takes: its journal, who records it, and how its process is started."""

    journal: Journal
    recorder: Takes
    start: Callable[[], TrainingProcess]


@dataclass(slots=True)
class _Member:
    """A training at work. `end` is how it ended, once it has said so: state and reason."""

    training: Training
    trainee: Trainee
    attempt: int
    process: TrainingProcess | None = None
    pausing: bool = False
    end: tuple[str, str] | None = None


Begin = Callable[[Training], Trainee]
Ends = Mapping[str, tuple[str, str]]


class Crew:
    """Carries trainings out, so many at once."""

    def __init__(self, trainings: Trainings, begin: Begin, progress: JobProgress, on_event: OnEvent) -> None:
        """`begin` makes ready what a training takes; it may raise UserError.

        `on_event` is told every event once it is recorded.
        """
        self._trainings, self._begin, self._progress, self._on_event = trainings, begin, progress, on_event
        self._at_work: list[_Member] = []
        self._ends: dict[str, tuple[str, str]] = {}
        self._asked = 0.0

    def carry_out(self, trainings: Sequence[Training], at_once: int) -> Ends:
        """How each ended, by id: (state, reason). Raises JobCancelled once every process is gone."""
        waiting = deque(trainings)
        try:
            while waiting or self._at_work:
                self._progress.check()
                while waiting and len(self._at_work) < at_once:
                    self._start(waiting.popleft())
                for member in list(self._at_work):
                    self._hear(member)
                self._heed_wishes()
                time.sleep(_LOOK_SECONDS if self._at_work else 0)
        except JobCancelled:
            self._stop(CANCELLED, "")
            raise
        finally:  # after an error of the program, no process stays either
            self._stop(FAILED, "The job that it was part of broke off.")
        return self._ends

    def _start(self, training: Training, attempt: int = 1) -> None:
        """First comes what an earlier process said and nobody heard; that may have been its last."""
        self._trainings.set_job(training.id, self._progress.job)
        self._trainings.end(training.id, "")
        try:
            member = _Member(training, self._begin(training), attempt)
            self._at_work.append(member)
            self._listen(member)
            if member.end is None:
                member.trainee.journal.clear()
                member.process = member.trainee.start()
                return
            ended = member.end
        except UserError as error:
            ended = (FAILED, str(error))
        except OSError as error:
            ended = (FAILED, f"The training could not be started: {visible(error.strerror or str(error))}.")
        self._at_work = [other for other in self._at_work if other.training is not training]
        self._ended(training, *ended)

    def _hear(self, member: _Member) -> None:
        assert member.process is not None
        over = member.process.over  # asked before: what it says last is then in the journal
        try:
            self._listen(member)
        except UserError as error:  # what it says can't be kept: to go on would be in vain
            member.end = (FAILED, str(error))
        if member.end:
            self._at_work.remove(member)
            member.process.let_end()
            self._ended(member.training, *member.end)
        elif over:
            self._at_work.remove(member)
            self._crashed(member, member.process)

    def _listen(self, member: _Member) -> None:
        """Take in what is in the journal."""
        if not (events := member.trainee.journal.unheard()):
            return
        for event in events:
            if member.end is None:
                self._take(member, event)
        member.trainee.journal.remember()
        if member.end:  # it will say no more, and an evaluation's texts take room
            member.trainee.journal.clear()

    def _take(self, member: _Member, event: Event) -> None:
        if event["k"] == "done":
            member.end = (DONE, "")
        elif event["k"] == "paused":
            member.end = (PAUSED, "")
        elif event["k"] == "failed":
            member.end = (FAILED, visible(str(event["reason"]), 1000))
        else:
            member.trainee.recorder.take(event)
        self._on_event(member.training, event)

    def _crashed(self, member: _Member, process: TrainingProcess) -> None:
        """Once more, from its last checkpoint: what broke it may have been the machine."""
        training, how = member.training, process.died_of()
        process.end()
        self._progress.log(f"The training process of {visible(training.name, 80)} broke off: {how}.", "error")
        if member.attempt < _ATTEMPTS:
            self._start(training, member.attempt + 1)
            return
        mend = f"More is in its log, {process.log}. What it had saved is kept, and it can go on from there."
        self._ended(training, FAILED, f"The training process broke off {_ATTEMPTS} times: {how}. {mend}")

    def _ended(self, training: Training, state: str, reason: str) -> None:
        self._trainings.end(training.id, state, reason)
        self._ends[training.id] = (state, reason)

    def _stop(self, state: str, reason: str) -> None:
        """End every process at once. Models they have just saved become known; the rest is heard when they go on."""
        members, self._at_work = self._at_work, []
        for member in members:
            if member.process:
                member.process.end()
        for member in members:
            take_rest(member.trainee.journal, member.trainee.recorder)
            self._ended(member.training, state, reason)

    def _heed_wishes(self) -> None:
        """Tell a process that is to pause, once."""
        if time.monotonic() - self._asked < _WISH_SECONDS:
            return
        self._asked = time.monotonic()
        for member in self._at_work:
            now = self._trainings.get(member.training.id)
            if now and now.wish == "pause" and member.process and not member.pausing:
                member.process.tell("pause")
                member.pausing = True


def take_rest(journal: Journal, recorder: Takes) -> None:
    """Take in what is quickly done of what nobody has heard; it stays unheard."""
    journal.rewind()
    for event in journal.unheard():
        recorder.take_last(event)
