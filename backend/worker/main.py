"""The worker's main loop: it puts the ledger's open jobs into their queues, says that it is alive, and takes over what
workers that died were doing.

Owns a worker's name, heartbeats, signals and the order of starting and stopping.
"""

import itertools
import logging
import os
import signal
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any, Final

from filelock import BaseFileLock, Timeout

from backend.config import Settings
from backend.domain import UserError, visible
from backend.job import Lane
from backend.outages import AGAIN_SECONDS, LedgerUnreachable
from backend.services import build_services
from backend.services.jobs import BEAT_SECONDS, HOST, WORKERS, ended_here, environment, worker_lock
from backend.store import Store
from backend.store.job_rows import OpenJob, WorkerRow, system_url
from backend.worker.job_supervisor import JobSupervisor
from backend.worker.lanes import Lanes
from backend.worker.queues import JobQueues
from backend.worker.runner_process import RUNNER

_log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.2
# A worker that wasn't heard of for so long is taken for dead: others go on with what it did.
GONE_SECONDS = 20.0
_DEAF_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 3 * BEAT_SECONDS
_NO_THREADS: Final = "The system refuses this worker memory or threads (see `ulimit -a`), so that it can take no job."


def run_worker(
    settings: Settings,
    *,
    once: bool = False,
    name: str = "",
    lanes: Sequence[Lane] = tuple(Lane),
    device: str = "",
    runner: Sequence[str] = RUNNER,
) -> int:
    """Do jobs of `lanes` until a signal to stop (SIGTERM, SIGINT); with `once`, until none is left.

    Returns the exit code. `device` is what its runners see of the machine's GPUs ("" for all), `runner` their command.
    A PostgreSQL that is away at the start is waited for. Raises UserError where the store can't be opened, another
    worker bears the name, or the system refuses what a worker needs.
    """
    while True:
        try:
            return _work(settings, once, name, lanes, device, runner)
        except LedgerUnreachable as error:
            if not settings.ledger_url.startswith("postgresql"):
                raise
            _log.error("The worker waits: %s", error)
            time.sleep(AGAIN_SECONDS)


def _work(settings: Settings, once: bool, name: str, lanes: Sequence[Lane], device: str, runner: Sequence[str]) -> int:
    with (
        build_services(settings) as services,
        _named(services.store.folder, name) as lock,
        _signals() as stopping,
    ):
        store = services.store
        me = WorkerRow(Path(lock.lock_file).stem, HOST, os.getpid(), tuple(lanes), device)
        env = environment(settings) | ({"CUDA_VISIBLE_DEVICES": device} if device else {})
        runners = Lanes(runner, env, Path(lock.lock_file).with_suffix(""), lanes)
        supervisor = JobSupervisor(services, runners, me.id, stopping)
        _refuse_copy(store, stopping)
        # On the list before DBOS starts: a name that isn't on it has nobody who works under it.
        with _listed(store, me) as member:
            queues = JobQueues(system_url(settings), me.id, lanes, supervisor.supervise, supervisor.give_up)
            _log.warning("The worker %s is at work on %s (process %s).", me.id, store.folder, me.pid)
            try:
                _loop(store, queues, runners, member, stopping, once)
            finally:
                # In this order: supervisors leave their jobs, then runners can go, then DBOS has no step at work.
                stopping.set()
                runners.end()
                queues.close()
        _log.warning("The worker has stopped.")
    return 0


class _Membership:
    """This worker among those of the store: on their list by its heartbeats, and watchful for others that died."""

    def __init__(self, store: Store, me: WorkerRow) -> None:
        self._jobs, self._folder, self._me = store.jobs, store.folder, me
        self.token = store.jobs.enlist(me)
        self._last = time.monotonic()
        # By token: a worker's last heartbeat, and when it was first seen, on this process's clock.
        self._seen: dict[str, tuple[float, float]] = {}

    def beat(self) -> bool:
        """Say every two seconds that this worker is alive; returns whether it just did."""
        if time.monotonic() - self._last < BEAT_SECONDS:
            return False
        with suppress(OSError):  # a full disk is no death
            _mark(self._folder, self._me).write_text(uuid.uuid4().hex, encoding="ascii")
        if not self._jobs.beat(self.token):
            _log.warning("Others took the worker %s for dead: it enters itself anew.", self._me.id)
            self.token = self._jobs.enlist(self._me)
        self._last = time.monotonic()
        return True

    def take_over(self, queues: JobQueues, waiting: Sequence[OpenJob]) -> None:
        """Hand on what dead workers held of the open jobs."""
        rows = self._jobs.workers()
        silent = [row for row in rows if row.id != self._me.id and self._silent(row)]
        names = {row.id for row in rows if row not in silent} | {self._me.id}
        if not silent and not queues.astray(waiting, names):
            return
        for row in silent:
            _log.warning("The worker %s (process %s on %s) is gone.", row.id, row.pid, row.host)
        with self._jobs.handover(silent) as (left, waiting_now):
            queues.requeue(waiting_now(), left | {self._me.id})

    def _silent(self, row: WorkerRow) -> bool:
        if ended_here(self._folder, row):
            return True
        # No two clocks are compared, and none that can be set: the heartbeat hasn't changed for so long a time here.
        if self._seen.get(row.token, (None,))[0] != row.beat:
            self._seen[row.token] = row.beat, time.monotonic()
        return time.monotonic() - self._seen[row.token][1] > GONE_SECONDS

    def forget(self) -> None:
        """Begin to watch anew: while the ledger was away nobody could be heard of."""
        self._seen.clear()


def _loop(store: Store, queues: JobQueues, runners: Lanes, member: _Membership, stopping: Event, once: bool) -> None:
    """Go on until a signal to stop, or until nothing is left to do, or until the store's folder is deleted."""
    heard = time.monotonic()
    while not stopping.wait(_POLL_SECONDS) and store.folder.is_dir():
        try:
            waiting = store.jobs.queue()
            queues.enqueue(waiting)
            if member.beat():
                member.take_over(queues, waiting)
        except UserError as error:  # a database is locked or away, or the disk full: that may pass
            _log.error("The worker waits: %s", error)
            member.forget()
            stopping.wait(BEAT_SECONDS)
            continue
        if once and not any(runners.serves(job.lane) for job in waiting):
            return
        if not once:
            runners.maintain()
        heard = time.monotonic() if queues.listening else heard
        if time.monotonic() - heard > _DEAF_SECONDS:
            raise UserError(_NO_THREADS)


def _mark(folder: Path, worker: WorkerRow) -> Path:
    """The file that a worker writes anew before each heartbeat: where it changes is the folder that worker has."""
    return folder / WORKERS / f"{worker.id}.mark"


def _marked(folder: Path, worker: WorkerRow) -> str:
    try:
        return _mark(folder, worker).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _is_over(worker: WorkerRow) -> bool:
    """Whether a worker's process was one of this machine and is no more. Its lock says nothing of another folder."""
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return worker.host == HOST
    except OSError:
        pass
    return False


def _refuse_copy(store: Store, stopping: Event) -> None:
    """Raise UserError where others work for this ledger in another folder, such as the one this is a copy of."""
    others = [row for row in store.jobs.workers() if abs(row.age) < _LOOK_SECONDS and not _is_over(row)]
    first = {row.token: (row.beat, _marked(store.folder, row)) for row in others}
    until = time.monotonic() + _LOOK_SECONDS
    while first and time.monotonic() < until and not stopping.wait(_POLL_SECONDS):
        for row in store.jobs.workers():
            beat, mark = first.get(row.token, (row.beat, ""))
            if row.token in first and _marked(store.folder, row) != mark:
                del first[row.token]
            elif row.beat - beat > 1.5 * BEAT_SECONDS:  # two heartbeats: a mark may come just before the first look
                which = f"The worker {row.id} (process {row.pid} on {row.host}) works for this ledger in another folder"
                raise UserError(
                    f"{which} than {visible(str(store.folder))}. A ledger has one: share it, don't copy it."
                )


@contextmanager
def _listed(store: Store, me: WorkerRow) -> Iterator[_Membership]:
    """This worker in the ledger's list of workers, for the length of a block."""
    member = _Membership(store, me)
    try:
        yield member
    finally:
        with suppress(UserError):
            store.jobs.dismiss(member.token)


@contextmanager
def _named(folder: Path, name: str) -> Iterator[BaseFileLock]:
    """The lock of this worker's name, for the length of a block: `name`, or the first of this machine's that is free.

    Raises UserError where another worker bears it.
    """
    names = [name] if name else (f"{HOST}-{number}" for number in itertools.count(1))
    for each in names:
        lock = worker_lock(folder, each)
        with suppress(Timeout):
            # Whoever looks whether a worker is there holds its lock for a moment.
            with lock.acquire(timeout=1 if name else 0):
                yield lock
            return
    raise UserError(f"A worker of the name {visible(name)} is at work already: give this one another.")


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
