"""Supervision of training processes side by side: started, followed, paused, ended, started once more after a crash.

Owns the loop over their events and what counts as which end.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from backend.domain import Training, UserError, visible
from backend.services.jobs import JobCancelled, JobProgress
from backend.services.training.step_recorder import TrainingRecorder
from backend.services.training.training_process import Journal, TrainingProcess
from backend.store.trainings import Trainings

DONE, PAUSED, FAILED, CANCELLED = "done", "paused", "failed", "cancelled"

Event = Mapping[str, Any]
OnEvent = Callable[[Training, Event], None]

_POLL_SECONDS: Final = 0.05
# Each look at who wants a pause reads the ledger, which the processes' steps are written to meanwhile.
_WISH_SECONDS: Final = 0.5
_ATTEMPTS: Final = 2


class PreparedTraining(NamedTuple):
    """A training that can be carried out: its journal, who records it, and what starts its process."""

    journal: Journal
    recorder: TrainingRecorder
    start: Callable[[], TrainingProcess]


@dataclass(slots=True)
class _Running:
    """A training at work. `end` is how it ended, once its process has written so: state and reason."""

    training: Training
    prepared: PreparedTraining
    attempt: int
    process: TrainingProcess | None = None
    pausing: bool = False
    end: tuple[str, str] | None = None


Prepare = Callable[[Training], PreparedTraining]
Ends = Mapping[str, tuple[str, str]]


class TrainingSupervisor:
    """Carries trainings out, several at a time."""

    def __init__(self, trainings: Trainings, prepare: Prepare, progress: JobProgress, on_event: OnEvent) -> None:
        """`prepare` may raise UserError; its training then fails. `on_event` gets every event once it is recorded."""
        self._trainings, self._prepare, self._progress, self._on_event = trainings, prepare, progress, on_event
        self._running: list[_Running] = []
        self._ends: dict[str, tuple[str, str]] = {}
        self._looked = 0.0

    def carry_out(self, trainings: Sequence[Training], at_once: int) -> Ends:
        """How each ended, by id: (state, reason). Raises JobCancelled once every process is gone."""
        waiting = deque(trainings)
        try:
            while waiting or self._running:
                self._progress.check()
                while waiting and len(self._running) < at_once:
                    self._start(waiting.popleft())
                for running in list(self._running):
                    self._follow(running)
                self._pass_on_wishes()
                time.sleep(_POLL_SECONDS if self._running else 0)
        except JobCancelled:
            self._stop(CANCELLED, "")
            raise
        finally:  # after an error of the program, no process stays either
            self._stop(FAILED, "The job that it was part of broke off.")
        return self._ends

    def _start(self, training: Training, attempt: int = 1) -> None:
        self._trainings.set_job(training.id, self._progress.job)
        self._trainings.end(training.id, "")
        try:
            running = _Running(training, self._prepare(training), attempt)
            self._running.append(running)
            # First what an earlier process wrote and nobody read: that may have been its end.
            self._take_in(running)
            if running.end is None:
                running.prepared.journal.clear()
                running.process = running.prepared.start()
                return
            ended = running.end
        except UserError as error:
            ended = (FAILED, str(error))
        except OSError as error:
            ended = (FAILED, f"The training could not be started: {visible(error.strerror or str(error))}.")
        self._running = [other for other in self._running if other.training is not training]
        self._ended(training, *ended)

    def _follow(self, running: _Running) -> None:
        assert running.process is not None
        over = not running.process.running  # asked first: all it wrote is then in the journal
        try:
            self._take_in(running)
        except UserError as error:  # its events can't be kept: to go on would be in vain
            running.end = (FAILED, str(error))
        if running.end:
            self._running.remove(running)
            running.process.let_end()
            self._ended(running.training, *running.end)
        elif over:
            self._running.remove(running)
            self._crashed(running, running.process)

    def _take_in(self, running: _Running) -> None:
        """Record the events that are new in the journal."""
        journal = running.prepared.journal
        if not (events := journal.unread()):
            return
        for event in events:
            if running.end is None:
                self._take(running, event)
        journal.remember()
        if running.end:  # nothing more will come, and an evaluation's texts take room
            journal.clear()

    def _take(self, running: _Running, event: Event) -> None:
        if event["k"] == "done":
            running.end = (DONE, running.prepared.recorder.conclusion())
        elif event["k"] == "paused":
            running.end = (PAUSED, "")
        elif event["k"] == "failed":
            running.end = (FAILED, visible(str(event["reason"]), 1000))
        else:
            running.prepared.recorder.take(event)
        self._on_event(running.training, event)

    def _crashed(self, running: _Running, process: TrainingProcess) -> None:
        """Once more, from its last checkpoint: what broke it may have been the machine."""
        training, how = running.training, process.last_words()
        process.end()
        self._progress.log(f"The training process of {visible(training.name, 80)} broke off: {how}.", "error")
        if running.attempt < _ATTEMPTS:
            self._start(training, running.attempt + 1)
            return
        mend = f"More is in its log, {process.log}. What it had saved is kept, and it can go on from there."
        self._ended(training, FAILED, f"The training process broke off {_ATTEMPTS} times: {how}. {mend}")

    def _ended(self, training: Training, state: str, reason: str) -> None:
        self._trainings.end(training.id, state, reason)
        self._ends[training.id] = (state, reason)

    def _stop(self, state: str, reason: str) -> None:
        """End every process at once. Models they have just saved become known; the rest is read when they go on."""
        stopped, self._running = self._running, []
        # All are ended before anything is recorded: a cancelled job has little more than a second for both.
        for running in stopped:
            if running.process:
                running.process.end()
        for running in stopped:
            record_rest(running.prepared.journal, running.prepared.recorder)
            self._ended(running.training, state, reason)

    def _pass_on_wishes(self) -> None:
        """Ask the processes that somebody wants to pause, each once."""
        if time.monotonic() - self._looked < _WISH_SECONDS:
            return
        self._looked = time.monotonic()
        for running in self._running:
            now = self._trainings.get(running.training.id)
            if now and now.wish == "pause" and running.process and not running.pausing:
                running.process.pause()
                running.pausing = True


def record_rest(journal: Journal, recorder: TrainingRecorder) -> None:
    """Record what is quickly done of the events that nobody has read; they stay unread, for whoever goes on."""
    journal.rewind()
    for event in journal.unread():
        recorder.take_last(event)
