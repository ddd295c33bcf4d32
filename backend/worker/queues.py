"""Queues of jobs in DBOS, the one queue there is: one for each lane, and a durable workflow of one step for each job.

Owns every call of DBOS, whose database lies beside the ledger: putting jobs in, and handing on what a dead worker held.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID, WorkflowStatus
from dbos import error as dbos_error

from backend.domain import UserError, visible
from backend.job import Lane
from backend.store.job_rows import OpenJob

# DBOS leaves pending workflows of another version alone: a new number would strand what is under way.
_VERSION: Final = "1"
# Polling a queue often costs a few percent of a core; a person waits for the live one alone.
_POLLING: Final[Mapping[Lane, float]] = {Lane.LIVE: 0.25, Lane.BATCH: 1.0, Lane.FILES: 1.0, Lane.WATCH: 1.0}
_WAITING: Final = ("ENQUEUED", "DELAYED")
_ATTEMPTS: Final = 2
# DBOS is closed once no job has been open for so long, and launched again with the next one, in a tenth of a second.
_REST_SECONDS: Final = 60.0


class JobQueues:
    """The queues as one worker has them: DBOS gives it a job a lane at a time, by calling `run` with the job's id."""

    def __init__(
        self,
        url: str,
        worker: str,
        lanes: Sequence[Lane],
        run: Callable[[str], None],
        give_up: Callable[[str, int, str], None],
    ) -> None:
        """Queues in the database at `url`, which are opened with the first job.

        What a worker of this name left unfinished begins again then. A job whose `run` raises Exception is tried once
        more, then given up.
        """
        self._url, self._worker, self._lanes = url, worker, lanes
        self._run, self._give_up = run, give_up
        self._queued: set[str] = set()
        self._running: set[str] = set()
        self._idle: set[str] = set()
        self._stuck: set[str] = set()
        self._launched = False

    def _launch(self) -> None:
        @DBOS.step(name="job", retries_allowed=True, max_attempts=_ATTEMPTS, interval_seconds=0.1)
        def step(job_id: str) -> None:
            self._run(job_id)

        # Without a limit: DBOS counts how often a worker died over a job, and a long one may outlive many.
        @DBOS.workflow(name="job", max_recovery_attempts=None)
        def workflow(job_id: str) -> None:
            self._running.add(job_id)
            try:
                step(job_id)
            except dbos_error.DBOSMaxStepRetriesExceeded as error:
                self._give_up(job_id, _ATTEMPTS, str(error.errors[-1]))
            finally:
                self._running.discard(job_id)

        self._workflow = workflow
        config: DBOSConfig = {
            "name": "second-thoughts",
            "system_database_url": self._url,
            "executor_id": self._worker,
            "application_version": _VERSION,
            "log_level": "CRITICAL",  # what goes wrong in a job is in the job's log
        }
        self._launched, self._used = True, time.monotonic()
        try:
            with _sentences("The queue's database can't be used"):
                DBOS(config=config)
                DBOS.listen_queues([lane.value for lane in self._lanes])
                DBOS.launch()
                for lane, seconds in _POLLING.items():
                    DBOS.register_queue(lane.value, worker_concurrency=lane.at_once, polling_interval_sec=seconds)
        except UserError:
            self.close()
            raise

    def enqueue(self, jobs: Sequence[OpenJob]) -> None:
        """Put those of `jobs`, which are all that are open, that this worker hasn't seen yet into their lane's queue.

        Raises UserError where the queue can't be written.
        """
        self._queued.intersection_update(job.id for job in jobs)
        if jobs:
            self._used = time.monotonic()
            if not self._launched:
                self._launch()
        # Its threads ask the database all the time: three times the cost of everything else an idle worker does.
        elif self._launched and time.monotonic() - self._used > _REST_SECONDS:
            self.close()
        for job in jobs:
            if job.id not in self._queued:
                self._put(job)
                self._queued.add(job.id)

    def _put(self, job: OpenJob) -> None:
        # A workflow that any worker made stays as it is: its id is the job's. The order is the ledger's, by number, for
        # times would be those of whichever worker came first.
        with (
            _sentences("The queue can't be written"),
            SetWorkflowID(job.id),
            SetEnqueueOptions(priority=job.ordinal),
        ):
            DBOS.enqueue_workflow(job.lane.value, self._workflow, job.id)

    def astray(self, jobs: Sequence[OpenJob], workers: set[str]) -> bool:
        """Whether one of the open `jobs` is in no queue and none of the `workers` works on it.

        To be asked every few seconds. Raises UserError where the queue can't be read.
        """
        # DBOS may have given this worker a job and failed to begin it, when the database went away just then. At the
        # first look it may only be about to.
        found = self._workflows(jobs)
        idle = {each.workflow_id for each in found if each.executor_id == self._worker} - self._running
        self._stuck, self._idle = idle & self._idle, idle
        return bool(self._astray(jobs, workers, found))

    def requeue(self, jobs: Sequence[OpenJob], workers: set[str]) -> None:
        """Put the open `jobs` that are `astray` back into their queues. One worker at a time may call it."""
        found = self._workflows(jobs)
        known = {each.workflow_id: each.status for each in found}
        with _sentences("The queue can't be written"):
            for job in self._astray(jobs, workers, found):
                if known.get(job.id) == "PENDING":
                    DBOS.resume_workflows([job.id], queue_name=job.lane.value)
                    continue
                if job.id in known:  # it is over, says DBOS; the ledger knows better
                    DBOS.delete_workflow(job.id)
                self._put(job)

    def _workflows(self, jobs: Sequence[OpenJob]) -> list[WorkflowStatus]:
        if not jobs:  # DBOS would take an empty list for no condition
            return []
        with _sentences("The queue can't be read"):
            return DBOS.list_workflows(workflow_ids=[job.id for job in jobs], load_input=False, load_output=False)

    def _astray(self, jobs: Sequence[OpenJob], workers: set[str], found: Sequence[WorkflowStatus]) -> list[OpenJob]:
        held = {
            each.workflow_id
            for each in found
            if each.status in _WAITING
            or (each.status == "PENDING" and each.executor_id in workers and each.workflow_id not in self._stuck)
        }
        return [job for job in jobs if job.id not in held]

    @property
    def listening(self) -> bool:
        """Whether DBOS looks for jobs of every lane, or need not. Its threads end where the system refuses memory."""
        alive = {thread.name for thread in threading.enumerate()}
        return not self._launched or all(f"queue-worker-{lane.value}" in alive for lane in self._lanes)

    def close(self) -> None:
        """Close the database; workflows under way stay pending."""
        self._launched = False
        DBOS.destroy(workflow_completion_timeout_sec=0, destroy_registry=True)


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    """Errors of DBOS and of its database as UserError: `what` can't be done, and why."""
    try:
        yield
    except Exception as error:
        raise UserError(f"{what}: {visible(str(error))}.") from error
