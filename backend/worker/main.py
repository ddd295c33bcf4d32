"""The worker's main loop: what the ledger has queued is handed to DBOS, and the ledger hears that a worker is alive.

Owns the lock (one worker a store), heartbeats, signals and the order of starting and stopping. Knows nothing of how a
job is done.
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
from backend.worker.job_supervisor import Supervisor
from backend.worker.lanes import Lanes
from backend.worker.queues import Flow
from backend.worker.runner_process import RUNNER

_log = logging.getLogger(__name__)

# A store has one worker, and it has to have the same name from start to start: what was under way goes on.
_NAME: Final = "local"
_LOOK_SECONDS: Final = 0.2


def run_worker(settings: Settings, *, once: bool = False, runner: Sequence[str] = RUNNER) -> int:
    """Do jobs until told to stop (SIGTERM, SIGINT); with `once`, until none is left. Returns the exit code.

    `runner` is the command of the processes that do the work. Raises UserError where the store can't be opened, or has
    a worker already.
    """
    with (
        build_services(settings) as services,
        _locked(services.store.folder, services.store.jobs),
        _signals() as stopping,
    ):
        lanes = Lanes(runner, environment(settings), services.store.folder)
        supervisor = Supervisor(services, lanes, _NAME, stopping)
        with _present(services.store.jobs) as beat:
            flow = Flow(system_url(settings), _NAME, supervisor.do)
            _log.warning("The worker is at work on %s (process %s).", services.store.folder, os.getpid())
            try:
                _loop(services.store, flow, lanes, beat, stopping, once)
            finally:
                stopping.set()
                lanes.end()
                flow.close()
        _log.warning("The worker has stopped.")
    return 0


class _Beat:
    """Says that the worker is alive, every now and then."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs, self._started, self._last = jobs, time.time(), -BEAT_SECONDS

    def __call__(self) -> None:
        if time.monotonic() - self._last >= BEAT_SECONDS:
            self._jobs.beat(_NAME, os.getpid(), self._started)
            self._last = time.monotonic()


def _loop(store: Store, flow: Flow, lanes: Lanes, beat: _Beat, stopping: Event, once: bool) -> None:
    """Until told to stop, or nothing is left to do, or the store was deleted under the worker's feet."""
    while not stopping.wait(_LOOK_SECONDS) and store.folder.is_dir():
        try:
            beat()
            waiting = store.jobs.open()
            flow.hand_over(waiting)
        except UserError as error:  # a database is locked or the disk full: that may pass
            _log.error("The worker waits: %s", error)
            stopping.wait(BEAT_SECONDS)
            continue
        if once and not waiting:
            return
        if not once:
            lanes.keep()


@contextmanager
def _present(jobs: Jobs) -> Iterator[_Beat]:
    """In the ledger's list of workers for the length of a block."""
    beat = _Beat(jobs)
    beat()
    try:
        yield beat
    finally:
        with suppress(UserError):
            jobs.dismiss(_NAME)


@contextmanager
def _locked(folder: Path, jobs: Jobs) -> Iterator[None]:
    """The only worker of a store. Raises UserError where there is one."""
    try:
        lock = worker_lock(folder, seconds=1)
    except Timeout:
        told = next((f" (process {row.pid})" for row in jobs.workers()), "")
        raise UserError(f"A worker is at work already{told}, and a store has one: leave the jobs to it.") from None
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
