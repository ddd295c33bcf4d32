"""A runner process for each lane of jobs: which are warm, which are at work, which have idled long enough.

Owns how long runners live.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from backend.job import Lane
from backend.worker.runner_process import RunnerProcess

IDLE_SECONDS: Final = 300.0
_RESTART_SECONDS: Final = 10.0
_RELEASE_SECONDS: Final = 2.0


class _Slot:
    """A lane's runner, if it has one. Whoever holds `lock` is the only one to use it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.runner: RunnerProcess | None = None
        self.started = -_RESTART_SECONDS


class Lanes:
    """Runners by lane. The live lane's is started ahead of its first job, with its engine's library loaded."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path, lanes: Sequence[Lane]) -> None:
        """Start nothing yet; what runners write to standard error goes to files beside `log`, one a lane."""
        self._command, self._env, self._log = list(command), env, log
        self._slots = {lane: [_Slot() for _ in range(lane.at_once)] for lane in lanes}

    def _all(self) -> list[tuple[Lane, _Slot]]:
        return [(lane, slot) for lane, slots in self._slots.items() for slot in slots]

    def serves(self, lane: Lane) -> bool:
        """Whether this worker does jobs of a lane."""
        return lane in self._slots

    @contextmanager
    def slot(self, lane: Lane) -> Iterator[_Slot]:
        """A slot of the lane for the length of a job."""
        slots = self._slots[lane]
        # DBOS gives no more jobs at once than there are slots; the last one is waited for while it is looked after.
        slot = next((each for each in slots if each.lock.acquire(blocking=False)), None)
        if slot is None:
            (slot := slots[-1]).lock.acquire()
        try:
            yield slot
        finally:
            slot.lock.release()

    def runner(self, lane: Lane, slot: _Slot) -> RunnerProcess:
        """The runner in a slot that is held, started where there is none. Raises OSError where it can't be."""
        if slot.runner is None or not slot.runner.running:
            self.dismiss(slot)
            # Seconds of importing that a person would wait for; a batch may as well import when it begins.
            preload = ["--preload"] if lane is Lane.LIVE else []
            slot.started = time.monotonic()
            log = self._log.with_name(f"{self._log.name}-{lane.value}.log")
            slot.runner = RunnerProcess([*self._command, *preload], self._env, log)
        return slot.runner

    def dismiss(self, slot: _Slot) -> None:
        """End the runner in a slot that is held."""
        if slot.runner is not None:
            slot.runner.kill()
            slot.runner = None

    def maintain(self) -> None:
        """Have the live lane's runner ready, and end others that have idled too long. Never waits."""
        for lane, slot in self._all():
            if not slot.lock.acquire(blocking=False):  # at work
                continue
            try:
                if lane is Lane.LIVE:
                    self._warm(slot)
                elif slot.runner and time.monotonic() - slot.runner.used > IDLE_SECONDS:
                    self.dismiss(slot)
            finally:
                slot.lock.release()

    def _warm(self, slot: _Slot) -> None:
        absent = slot.runner is None or not slot.runner.running
        # One that can't live (a library is missing, no memory) must not be started again and again.
        if absent and time.monotonic() - slot.started > _RESTART_SECONDS:
            self.runner(Lane.LIVE, slot)

    def end(self) -> None:
        """End every runner, at work or not."""
        for _, slot in self._all():
            # Whoever watches a runner sees within a poll that the worker stops; one that doesn't loses it all the same.
            held = slot.lock.acquire(timeout=_RELEASE_SECONDS)
            self.dismiss(slot)
            if held:
                slot.lock.release()
