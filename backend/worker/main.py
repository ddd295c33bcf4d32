"""The worker's main loop: it queues the ledger's open jobs and writes to the ledger that it is alive.

Owns the lock (one worker a store), heartbeats, signals and the order of starting and stopping.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any, Final

from filelock import Timeout

from backend.config import Settings
from backend.domain import UserError
from backend.services import build_services
from backend.services.jobs import BEAT_SECONDS, environment, worker_lock
from backend.store import Store
from backend.store.job_rows import Jobs, system_url
from backend.worker.job_supervisor import JobSupervisor
from backend.worker.lanes import Lanes
from backend.worker.queues import JobQueues
from backend.worker.runner_process import RUNNER

_log = logging.getLogger(__name__)

# DBOS gives a workflow back to the executor that began it, by its name: under another one, what was under way would
# stay pending for good.
_NAME: Final = "local"
_POLL_SECONDS: Final = 0.2


def run_worker(settings: Settings, *, once: bool = False, runner: Sequence[str] = RUNNER) -> int:
    """Do jobs until a signal to stop (SIGTERM, SIGINT); with `once`, until none is left. Returns the exit code.

    `runner` is the command of the processes that do the work. Raises UserError where the store can't be opened, or has
    a worker already.
    """
    with (
        build_services(settings) as services,
        _locked(services.store.folder, services.store.jobs),
        _signals() as stopping,
    ):
        lanes = Lanes(runner, environment(settings), services.store.folder)
        supervisor = JobSupervisor(services, lanes, _NAME, stopping)
        with _listed(services.store.jobs) as beat:
            queues = JobQueues(system_url(settings), _NAME, supervisor.supervise)
            _log.warning("The worker is at work on %s (process %s).", services.store.folder, os.getpid())
            try:
                _loop(services.store, queues, lanes, beat, stopping, once)
            finally:
                # In this order: supervisors leave their jobs, then runners can go, then DBOS has no step at work.
                stopping.set()
                lanes.end()
                queues.close()
        _log.warning("The worker has stopped.")
    return 0


class _Heartbeat:
    """Writes to the ledger that the worker is alive, at most every two seconds."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs, self._started, self._last = jobs, time.time(), -BEAT_SECONDS

    def __call__(self) -> None:
        if time.monotonic() - self._last >= BEAT_SECONDS:
            self._jobs.beat(_NAME, os.getpid(), self._started)
            self._last = time.monotonic()


def _loop(store: Store, queues: JobQueues, lanes: Lanes, beat: _Heartbeat, stopping: Event, once: bool) -> None:
    """Go on until a signal to stop, or until nothing is left to do, or until the store's folder is deleted."""
    while not stopping.wait(_POLL_SECONDS) and store.folder.is_dir():
        try:
            beat()
            waiting = store.jobs.open()
            queues.enqueue(waiting)
        except UserError as error:  # a database is locked or the disk full: that may pass
            _log.error("The worker waits: %s", error)
            stopping.wait(BEAT_SECONDS)
            continue
        if once and not waiting:
            return
        if not once:
            lanes.maintain()


@contextmanager
def _listed(jobs: Jobs) -> Iterator[_Heartbeat]:
    """This worker in the ledger's list of workers, for the length of a block."""
    beat = _Heartbeat(jobs)
    beat()
    try:
        yield beat
    finally:
        with suppress(UserError):
            jobs.dismiss(_NAME)


@contextmanager
def _locked(folder: Path, jobs: Jobs) -> Iterator[None]:
    """The store's worker lock, for the length of a block. Raises UserError where another worker holds it."""
    try:
        lock = worker_lock(folder, seconds=1)  # a page that looks whether there is a worker holds it for a moment
    except Timeout:
        which = next((f" (process {row.pid})" for row in jobs.workers()), "")
        raise UserError(f"A worker is at work already{which}, and a store has one: leave the jobs to it.") from None
    with lock:
        yield


@contextmanager
def _signals() -> Iterator[Event]:
    """An event that SIGTERM and SIGINT set."""
    stopping = Event()

    def on_signal(_number: int, _frame: Any) -> None:
        stopping.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def configure_logging() -> None:
    """Lines with the time, on standard error."""
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
