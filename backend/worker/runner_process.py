"""One runner process as the worker sees it: a child that is given a job at a time and says when that is over.

Owns the runner's command and what of its log is shown when it broke off.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from backend.child_process import ChildProcess, last_lines

RUNNER: Final = (sys.executable, "-m", "backend.worker.runner")
_TAIL_LINES: Final = 20


class RunnerProcess(ChildProcess):
    """A runner in a process group of its own. `used` is when it last had a job, on the monotonic clock."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Start it; `log` receives its standard error. Raises OSError where it can't be started."""
        # Small models are slower with two threads on two shared cores; a person's own setting goes first.
        env = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", **env}
        with log.open("wb") as errors:
            super().__init__(command, env, errors=errors, own_group=True)
        self._log = log
        self.used = time.monotonic()

    def finished(self, holder: str, seconds: float) -> bool:
        """Wait up to `seconds` for word that the job `holder` was given for is over; returns whether it came."""
        self.used = time.monotonic()
        if not self.readable(seconds):
            return False
        try:
            messages = self.receive()
        except EOFError:  # its pipe closes shortly before it is gone: until then, this would be asked without a pause
            time.sleep(seconds)
            return False
        return any(message.get("ended") == holder for message in messages)

    def tail(self) -> list[str]:
        """The last lines it wrote to standard error."""
        return last_lines(self._log)[-_TAIL_LINES:]
