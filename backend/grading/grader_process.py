"""One worker process and the request it has in hand.

Owns starting, talking to and killing the process. Knows nothing of graders, order or queues.

A plain subprocess, not multiprocessing: spawning through multiprocessing imports the main module again in the
child, and under Streamlit that is the page that is being shown. POSIX only (select on pipes).
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS: Final = 120.0
_LONGEST: Final = 20  # times the limit, by the clock on the wall


class WorkerProcess:
    """A `backend.grading.grader`, started at construction, that takes one request at a time."""

    def __init__(self) -> None:
        """Start the process; it takes requests once its first reply has come."""
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backend.grading.grader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        self._received = b""
        self.deadline = self._last = time.monotonic() + START_SECONDS
        self._limit = self._before = 0.0

    def fileno(self) -> int:
        """The descriptor that becomes readable when a reply, or the end, has come."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def send(self, request: dict[str, Any], seconds: float) -> None:
        """Hand over a request that may take `seconds` of processor time. Raises OSError if the process is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        self.deadline = time.monotonic() + seconds
        self._last, self._limit, self._before = time.monotonic() + _LONGEST * seconds, seconds, self._used()

    def late(self) -> bool:
        """It has had its time. Where a busy machine gave it less, its deadline is put off by what it lacks."""
        if self.deadline > (now := time.monotonic()):
            return False
        lacks = self._limit - (self._used() - self._before)
        if now > self._last or not lacks > 0.05:
            return True
        self.deadline = now + lacks
        return False

    def _used(self) -> float:
        """Seconds of processor time so far; where that isn't told, every process counts as having had its time."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            return math.inf
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def receive(self) -> dict[str, Any] | None:
        """The reply, once a whole line of it has come; None before. Raises EOFError if the process ended."""
        chunk = os.read(self.fileno(), 1 << 16)
        if not chunk:
            raise EOFError
        self._received += chunk
        line, found, rest = self._received.partition(b"\n")
        if not found:
            return None
        self._received = rest
        reply: dict[str, Any] = json.loads(line)
        return reply

    def kill(self) -> None:
        """End the process at once, whatever it does, and release its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # unsent bytes of a request to a dead process
                    pipe.close()
