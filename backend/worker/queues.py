"""Queues of jobs in DBOS: a queue for each lane, and a durable workflow of one step for each job.

Owns every call of DBOS, whose database lies beside the ledger. What a worker that died had begun goes on when the next
one starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dbos import DBOS, DBOSConfig, SetWorkflowID

from backend.domain import Job, Lane, UserError, visible

# DBOS leaves pending workflows of another version alone: a new number would strand what is under way.
_VERSION: Final = "1"
# Polling a queue often costs a few percent of a core; a person waits for the live one alone.
_POLLING: Final[Mapping[Lane, float]] = {Lane.LIVE: 0.25, Lane.BATCH: 1.0, Lane.FILES: 1.0}
_OVER: Final = {"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}


class JobQueues:
    """Enqueues jobs; DBOS calls `run` with a job's id, one a lane at a time, and again after a crash."""

    def __init__(self, url: str, worker: str, run: Callable[[str], None]) -> None:
        """Launch DBOS on the database at `url`; what `worker` left unfinished begins again at once.

        Raises UserError where the database can't be used.
        """
        self._open: set[str] = set()

        @DBOS.step(name="job")
        def step(job_id: str) -> None:
            run(job_id)

        # Without a limit: how often a job is tried is for the ledger and its supervisor to say, not for DBOS.
        @DBOS.workflow(name="job", max_recovery_attempts=None)
        def workflow(job_id: str) -> None:
            step(job_id)

        self._workflow = workflow
        config: DBOSConfig = {
            "name": "second-thoughts",
            "system_database_url": url,
            "executor_id": worker,
            "application_version": _VERSION,
            "log_level": "CRITICAL",  # what goes wrong in a job is in the job's log
        }
        try:
            DBOS(config=config)
            DBOS.launch()
            for lane in Lane:
                DBOS.register_queue(lane.value, worker_concurrency=1, polling_interval_sec=_POLLING[lane])
        except Exception as error:
            raise UserError(f"The queue's database can't be used: {visible(str(error))}.") from error

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Put those of `jobs`, which are all that are open, that aren't queued yet at the end of their lane's queue.

        Raises UserError where the queue can't be written.
        """
        self._open.intersection_update(job.id for job in jobs)
        for job in jobs:
            if job.id not in self._open:
                try:
                    self._enqueue(job)
                except Exception as error:
                    raise UserError(f"The queue can't be written: {visible(str(error))}.") from error
                self._open.add(job.id)

    def _enqueue(self, job: Job) -> None:
        # A workflow that an earlier worker made stays where it is in the queue: its id is the job's.
        found = DBOS.get_workflow_status(job.id)
        if found and found.status in _OVER:  # the ledger knows better: the job is open
            DBOS.delete_workflow(job.id)
        with SetWorkflowID(job.id):
            DBOS.enqueue_workflow(job.lane.value, self._workflow, job.id)

    def close(self) -> None:
        """Close the database; workflows under way stay pending."""
        DBOS.destroy(workflow_completion_timeout_sec=0, destroy_registry=True)
