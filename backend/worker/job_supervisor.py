"""Supervision of one job: claimed, handed to a runner, watched, and brought to a final state whatever happens.

Owns what follows from a cancellation, a crash and a stop of the worker.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Event
from typing import Any, Final

from backend.domain import Job, JobKind, JobState, UserError
from backend.services import Services
from backend.worker.lanes import Lanes
from backend.worker.runner_process import RunnerProcess
from backend.worker.tasks import settle

_log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.1
# How long a cancelled job may take to store what it has before it is killed: within two seconds all is over.
_GRACE_SECONDS: Final = 1.2
_ATTEMPTS: Final = 2
_RETRY_SECONDS: Final = 1.0


class Stopping(BaseException):
    """The worker has to stop. Not an Exception: DBOS must leave the workflow pending, for the next worker to go on."""


class Crashed(Exception):
    """The runner ended in the middle of a job; the message is a clause saying how."""


class JobSupervisor:
    """Brings jobs to their end, one a lane at a time."""

    def __init__(self, services: Services, lanes: Lanes, worker: str, stopping: Event) -> None:
        """`worker` is this worker's name in the ledger; once `stopping` is set, jobs are left where they are."""
        self._services, self._jobs, self._lanes = services, services.store.jobs, lanes
        self._worker, self._stopping = worker, stopping

    def supervise(self, job_id: str) -> None:
        """Bring a job to a final state. Raises Stopping where the worker has to end first."""
        while not self._stopping.is_set():
            try:
                return self._attempt(job_id)
            except UserError as error:  # the ledger can't be written: what can't be recorded can't be finished
                _log.error("Job %s waits: %s", job_id, error)
                self._stopping.wait(_RETRY_SECONDS)
            except Exception as error:
                _log.exception("Job %s", job_id)
                with suppress(UserError):
                    what = f"The worker stopped the job on an error of the program: {type(error).__name__}: {error}."
                    self._jobs.finish(job_id, JobState.FAILED, f"{what} More is in the worker's log.")
        raise Stopping

    def _attempt(self, job_id: str) -> None:
        """Run a job, once more where its runner crashed: what ended it may have been the machine."""
        crash = ""
        for _ in range(_ATTEMPTS):
            job = self._jobs.get(job_id)
            if job is None or job.state.final:
                return
            if not self._jobs.claim(job_id, self._worker):
                # Cancelled between two workers or two attempts: nobody runs it, but what it has finished is stored.
                return self._settle(job) if self._jobs.state(job_id) is JobState.CANCELLING else None
            try:
                return self._run(job)
            except Crashed as error:
                crash = str(error)
                self._jobs.log(job_id, f"The job's process broke off: {crash}.", "error")
        what = f"The job's process broke off {_ATTEMPTS} times: {crash}."
        mend = "Its last words are in the job's log. Try again with fewer samples or a smaller model."
        job = self._jobs.get(job_id)
        # Traces wait in the inbox of a job that answers; other kinds store their parts as they go.
        if job and job.kind in (JobKind.GENERATE, JobKind.EVALUATE):
            self._settle(job, JobState.FAILED, f"{what} {mend}")
        self._jobs.finish(job_id, JobState.FAILED, f"{what} {mend}")

    def _run(self, job: Job) -> None:
        with self._lanes.slot(job.lane) as slot:
            try:
                runner = self._lanes.runner(job.lane, slot)
                runner.send({"job": job.id})
            except OSError as error:
                self._lanes.dismiss(slot)
                raise Crashed(f"it could not be started ({error.strerror or error})") from error
            if not self._watch(job, runner):
                self._lanes.dismiss(slot)
                self._settle(job)

    def _watch(self, job: Job, runner: RunnerProcess) -> bool:
        """Wait for the job's end. False where it was cancelled and its runner goes on regardless."""
        cancelled = None
        while not runner.finished(job.id, _POLL_SECONDS):
            if self._stopping.is_set():
                raise Stopping
            if not runner.running:
                for line in runner.tail():
                    self._jobs.log(job.id, line, "error")
                raise Crashed(runner.how_it_ended())
            if self._jobs.state(job.id) is JobState.CANCELLING:
                cancelled = cancelled or time.monotonic()
                if time.monotonic() - cancelled > _GRACE_SECONDS:
                    return False
        return True

    def _settle(self, job: Job, state: JobState = JobState.CANCELLED, error: str = "") -> None:
        """A job that nobody goes on with ends here; what it had finished is kept."""
        result: Mapping[str, Any] = {}
        try:
            result = settle(self._services, job)
        except Exception as problem:  # a job that can't be settled must still be over, or its lane would never go on
            _log.exception("Job %s could not be settled", job.id)
            self._jobs.log(job.id, f"What was finished could not be stored: {problem}", "error")
        self._jobs.finish(job.id, state, error, result)
