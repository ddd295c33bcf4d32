"""One grader process as the pool sees it: a child that takes a request at a time and has a limit on its time.

Owns the grader's command, its environment and how the time that it used is counted.
"""

import math
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from backend.child_process import ChildProcess

_ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS: Final = 120.0
_LONGEST: Final = 20  # times the limit, by the clock on the wall


class GraderProcess(ChildProcess):
    """A `backend.grading.grader`. `deadline` is when `late` is to be asked, on the monotonic clock."""

    def __init__(self) -> None:
        """Start the process; it takes requests once its first reply has come. Raises OSError where it can't be."""
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        # As many threads as cores would fight with the other graders for them.
        env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        super().__init__([sys.executable, "-m", "backend.grading.grader"], env)
        self.deadline = self._last = time.monotonic() + START_SECONDS
        self._limit = self._before = 0.0

    def ask(self, request: dict[str, Any], seconds: float) -> None:
        """Hand over a request that may take `seconds` of processor time. Raises OSError if the process is gone."""
        self.send(request)
        self.deadline = time.monotonic() + seconds
        self._last, self._limit, self._before = time.monotonic() + _LONGEST * seconds, seconds, self._used()

    def late(self) -> bool:
        """Whether it has had its time. Where a busy machine gave it less, its deadline is put off by what it lacks."""
        if self.deadline > (now := time.monotonic()):
            return False
        lacks = self._limit - (self._used() - self._before)
        if now > self._last or not lacks > 0.05:
            return True
        self.deadline = now + lacks
        return False

    def _used(self) -> float:
        """Seconds of processor time so far."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:  # no such file on this system: then every process counts as having had its time
            return math.inf
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
