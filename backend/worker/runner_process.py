"""One runner process as the worker sees it: started, given a job, watched, ended.

Owns its pipes, its process group and the tail of what it said. Knows nothing of jobs' states.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

RUNNER: Final = (sys.executable, "-m", "backend.worker.runner")
_TAIL_BYTES: Final = 4_000


class RunnerProcess:
    """A runner, started at construction in a process group of its own. It takes one job at a time.

    The pipe to it is its life line: when this process dies, however it dies, the pipe closes and the runner ends.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """`log` receives what it says on standard error. Raises OSError where it can't be started."""
        with log.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 -- the command is our own runner
                list(command),
                env={"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._log, self._received = log, b""
        self.used = time.monotonic()

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    @property
    def died_of(self) -> str:
        """How it ended, as a clause."""
        code = self._process.wait()
        if code >= 0:
            return f"it ended with code {code}"
        name = signal.Signals(-code).name
        why = ", often because the machine ran out of memory" if -code == signal.SIGKILL else ""
        return f"it was ended by {name}{why}"

    def send(self, job_id: str) -> None:
        """Hand a job over. Raises OSError if the process is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"job": job_id}).encode() + b"\n")
        self._process.stdin.flush()

    def ended(self, job_id: str, seconds: float) -> bool:
        """Wait up to `seconds` for word that a job is over."""
        assert self._process.stdout is not None
        self.used = time.monotonic()
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return False
        chunk = os.read(self._process.stdout.fileno(), 1 << 16)
        if not chunk:  # the end of the pipe, shortly before the end of the process
            time.sleep(seconds)
        *lines, self._received = (self._received + chunk).split(b"\n")
        said: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return any(word.get("job") == job_id and word.get("ended") for word in said)

    def tail(self) -> list[str]:
        """The last lines it said on standard error."""
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()[-20:]
        return []

    def end(self) -> None:
        """End it and all it started, whatever it does, and release its pipes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # unsent bytes of a job to a dead process
                    pipe.close()
