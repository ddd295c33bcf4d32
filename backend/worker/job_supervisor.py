"""Supervision of one job: taken, handed to a runner, watched, and brought to a final state whatever happens.

Owns what follows from a cancellation, a crash and a stop of the worker.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event
from typing import Any, Final

from backend.domain import UserError
from backend.job import Job, JobKind, JobState
from backend.log_format import log_about
from backend.services import Services
from backend.store.database import Fence, JobLost, LedgerAway, holding
from backend.worker.lanes import Lanes
from backend.worker.runner_process import RunnerProcess
from backend.worker.tasks import settle

_log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.2
# How long a cancelled job may take to store what it has before it is killed: within two seconds all is over.
_GRACE_SECONDS: Final = 1.2
_RETRY_SECONDS: Final = 1.0


class Stopping(BaseException):
    """The worker has to stop, or lost the job. Not an Exception: DBOS must leave the workflow to whoever goes on."""


class Crashed(Exception):
    """The runner ended in the middle of a job; the message is a clause saying how."""


class JobSupervisor:
    """Brings jobs to their end, one a lane at a time."""

    def __init__(self, services: Services, lanes: Lanes, worker: str, stopping: Event) -> None:
        """`worker` is this worker's name in the ledger; once `stopping` is set, jobs are left where they are."""
        self._services, self._jobs, self._lanes = services, services.store.jobs, lanes
        self._worker, self._stopping = worker, stopping

    def supervise(self, job_id: str) -> None:
        """Bring a job to a final state. Raises Crashed where its runner broke off, and Stopping where the worker has
        to end, or another one took the job meanwhile.
        """
        self._carry(job_id, self._run)

    def give_up(self, job_id: str, attempts: int, crash: str) -> None:
        """End a job whose runner broke off `attempts` times, at last as `crash` says; what it finished is kept."""
        what = f"The job's process broke off {attempts} times: {crash}."
        error = f"{what} Its last words are in the job's log. Try again with fewer samples or a smaller model."

        def fail(job: Job, _fence: Fence) -> None:
            # Traces wait in the inbox of a job that answers; other kinds store their parts as they go.
            if job.kind in (JobKind.GENERATE, JobKind.EVALUATE):
                self._settle(job, JobState.FAILED, error)
            self._jobs.finish(job_id, JobState.FAILED, error)

        self._carry(job_id, fail)

    def _carry(self, job_id: str, act: Callable[[Job, Fence], None]) -> None:
        """Take a job and `act` on it as its holder; again where the ledger went away meanwhile."""
        with log_about(job=job_id):
            while not self._stopping.is_set():
                try:
                    if holder := self._jobs.take(job_id, self._worker):
                        self._hold(Fence(job_id, holder), act)
                    return
                except JobLost:
                    _log.warning("Another worker took the job over.")
                    raise Stopping from None
                except (UserError, LedgerAway) as error:  # what can't be recorded can't be finished
                    _log.error("The job waits: %s", error or "the ledger can't be reached")
                    self._stopping.wait(_RETRY_SECONDS)
        raise Stopping

    def _hold(self, fence: Fence, act: Callable[[Job, Fence], None]) -> None:
        with holding(fence):
            job = self._jobs.get(fence.job)
            assert job is not None
            try:
                if job.state is JobState.CANCELLING:  # nobody runs it, but what it has finished is stored
                    self._settle(job)
                else:
                    act(job, fence)
            except (Crashed, UserError):
                raise
            except Exception as error:
                _log.exception("An error of the program stopped the job")
                what = f"The worker stopped the job on an error of the program: {type(error).__name__}: {error}."
                self._jobs.finish(fence.job, JobState.FAILED, f"{what} More is in the worker's log.")

    def _run(self, job: Job, fence: Fence) -> None:
        with self._lanes.slot(job.lane) as slot:
            try:
                try:
                    runner = self._lanes.runner(job.lane, slot)
                    runner.send(fence._asdict())
                except OSError as error:
                    self._lanes.dismiss(slot)
                    raise Crashed(f"it could not be started ({error.strerror or error})") from error
                if not self._watch(job, fence, runner):
                    self._lanes.dismiss(slot)
                    self._settle(job)
            except Crashed as error:
                self._jobs.log(job.id, f"The job's process broke off: {error}.", "error")
                raise
            except JobLost:
                self._lanes.dismiss(slot)
                raise

    def _watch(self, job: Job, fence: Fence, runner: RunnerProcess) -> bool:
        """Wait for the job's end. False where it was cancelled and its runner goes on regardless."""
        cancelled = None
        while not runner.finished(fence.holder, _POLL_SECONDS):
            if self._stopping.is_set():
                raise Stopping
            if not runner.running:
                for line in runner.tail():
                    self._jobs.log(job.id, line, "error")
                raise Crashed(runner.how_it_ended())
            with suppress(LedgerAway):  # the runner waits for it too, and goes on
                if self._jobs.state(job.id) is JobState.CANCELLING:
                    cancelled = cancelled or time.monotonic()
            if cancelled and time.monotonic() - cancelled > _GRACE_SECONDS:
                return False
        self._jobs.state(job.id)  # a runner that lost its job has ended too
        return True

    def _settle(self, job: Job, state: JobState = JobState.CANCELLED, error: str = "") -> None:
        """A job that nobody goes on with ends here; what it had finished is kept."""
        result: Mapping[str, Any] = {}
        try:
            result = settle(self._services, job)
        except Exception as problem:  # a job that can't be settled must still be over, or its lane would never go on
            _log.exception("The job could not be settled")
            self._jobs.log(job.id, f"What was finished could not be stored: {problem}", "error")
        self._jobs.finish(job.id, state, error, result)
