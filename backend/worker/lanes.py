"""A runner for each lane: which ones are warm, which are at work, which have idled long enough.

Owns how long runners live. Knows nothing of jobs' states.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from backend.domain import Lane
from backend.worker.runner_process import RunnerProcess

IDLE_SECONDS: Final = 300.0
_AGAIN_SECONDS: Final = 10.0
_LET_GO_SECONDS: Final = 2.0


class _Seat:
    """A lane's runner, if it has one. Whoever holds `lock` is the only one to use it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.runner: RunnerProcess | None = None
        self.started = -_AGAIN_SECONDS


class Lanes:
    """Runners by lane. The live lane's is started ahead of its first job, with its engine's library loaded."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        """Start nothing yet; what runners say on standard error goes to `folder`."""
        self._command, self._env, self._folder = list(command), env, folder
        self._seats = {lane: _Seat() for lane in Lane}

    @contextmanager
    def seat(self, lane: Lane) -> Iterator[_Seat]:
        """The lane's seat for the length of a job."""
        with self._seats[lane].lock:
            yield self._seats[lane]

    def runner(self, lane: Lane, seat: _Seat) -> RunnerProcess:
        """The runner in a seat that is held, started where there is none. Raises OSError where it can't be."""
        if seat.runner is None or not seat.runner.alive:
            self.dismiss(seat)
            preload = ["--preload"] if lane is Lane.LIVE else []
            seat.started = time.monotonic()
            seat.runner = RunnerProcess(
                [*self._command, *preload], self._env, self._folder / f"runner-{lane.value}.log"
            )
        return seat.runner

    def dismiss(self, seat: _Seat) -> None:
        """End the runner in a seat that is held."""
        if seat.runner is not None:
            seat.runner.end()
            seat.runner = None

    def keep(self) -> None:
        """Have the live lane's runner ready, and end others that have idled too long. Never waits."""
        for lane, seat in self._seats.items():
            if not seat.lock.acquire(blocking=False):
                continue
            try:
                if lane is Lane.LIVE:
                    self._warm(seat)
                elif seat.runner and time.monotonic() - seat.runner.used > IDLE_SECONDS:
                    self.dismiss(seat)
            finally:
                seat.lock.release()

    def _warm(self, seat: _Seat) -> None:
        """One that can't live (a library is missing, no memory) is not tried again and again."""
        if (seat.runner is None or not seat.runner.alive) and time.monotonic() - seat.started > _AGAIN_SECONDS:
            self.runner(Lane.LIVE, seat)

    def end(self) -> None:
        """End every runner, at work or not; whoever watches one has been told to let go."""
        for seat in self._seats.values():
            held = seat.lock.acquire(timeout=_LET_GO_SECONDS)
            self.dismiss(seat)
            if held:
                seat.lock.release()
