"""A training process as whoever started it sees it: launched, heard line by line, told to pause, ended.

Owns the command, the pipes and the log of what it says on standard error. Knows nothing of what the lines mean (see
backend.distill.plan), nor of the store.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from backend.config import ROOT
from backend.domain import visible

LOG: Final = "train.log"
_MODULE: Final = "backend.distill"
_TAIL_BYTES: Final = 4_000
_TAIL_LINES: Final = 6
_CHUNK: Final = 1 << 20
# A launcher passes the word on to its ranks: they must be gone before it is.
_LAUNCHER_SECONDS: Final = 0.8
_LAST_WORDS_SECONDS: Final = 10.0


def launch_command(folder: Path, processes: int = 1) -> list[str]:
    """The command that trains what `folder` plans, on `processes` GPUs of this machine."""
    if processes == 1:
        return [sys.executable, "-m", _MODULE, str(folder)]
    options = {
        "--num_processes": str(processes),
        "--num_machines": "1",
        "--mixed_precision": "no",  # the trainer's own arguments say it
        "--dynamo_backend": "no",
        "--main_process_port": "0",  # a free one: trainings may run beside each other
    }
    flat = [word for pair in options.items() for word in pair]
    return [sys.executable, "-m", "accelerate.commands.launch", *flat, "-m", _MODULE, str(folder)]


class TrainingProcess:
    """A child in this process's own group, so that whoever ends the group ends it too.

    The pipe to it is its life line: it ends as soon as that closes, however that comes about.
    """

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str], launcher: bool = False) -> None:
        """Start it; what it says on standard error is added to the folder's log. Raises OSError where it can't be.

        `launcher`: it starts processes of its own and is given the time to end them.
        """
        self._log, self._launcher = folder / LOG, launcher
        self._received: list[bytes] = []
        with self._log.open("ab") as errors:
            self._begun = errors.tell()
            self._process = subprocess.Popen(  # noqa: S603 -- the command is our own trainer
                list(command),
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._mouth, self._ear = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file with all it said on standard error, now and before."""
        return self._log

    def fileno(self) -> int:
        """What to wait on for lines."""
        return self._ear.fileno()

    def hear(self) -> tuple[list[dict[str, Any]], bool]:
        """The events that have come, and whether it will say no more. Waits where nothing has come.

        Lines that are no events (what a library prints) are left out.
        """
        chunk = os.read(self._ear.fileno(), _CHUNK)
        self._received.append(chunk)
        if b"\n" not in chunk:  # an evaluation comes in one line of many pieces
            return [], not chunk
        *lines, rest = b"".join(self._received).split(b"\n")
        self._received = [rest]
        return [event for line in lines if (event := _event(line))], not chunk

    def tell(self, word: str) -> None:
        """Say a line to it; one that is gone doesn't hear it."""
        with suppress(OSError):
            self._mouth.write(word.encode() + b"\n")

    def let_end(self) -> None:
        """It has said its last: wait for its end, and see to it where it doesn't come."""
        self._hang_up()
        self._wait(_LAST_WORDS_SECONDS)
        self.end()

    def end(self) -> list[dict[str, Any]]:
        """End it, whatever it does, wait until it is gone, and release its pipes; returns events nobody has heard."""
        self._hang_up()
        if self._launcher and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._wait(_LAUNCHER_SECONDS)
        self._process.kill()
        self._process.wait()
        return self._last_words()

    def died_of(self) -> str:
        """How it ended, as a clause, with its last words. Waits for the end."""
        code = self._process.wait()
        out = ", often because the machine ran out of memory" if -code == signal.SIGKILL else ""
        how = f"it ended with code {code}" if code >= 0 else f"it was ended by {signal.Signals(-code).name}{out}"
        words = " / ".join(visible(line, 200) for line in self.tail())
        return f"{how}; its last words were: {words}" if words else f"{how}, without a word"

    def tail(self) -> list[str]:
        """The last lines it said on standard error since it was started."""
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(max(self._begun, self._log.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
            return [line.strip() for line in lines if line.strip()][-_TAIL_LINES:]
        return []

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._mouth.close()

    def _wait(self, seconds: float) -> None:
        """Until it has ended, at most `seconds`; what it still says is taken in, so that it can't get stuck on it."""
        limit = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < limit:
            self._drain()
            time.sleep(0.01)

    def _last_words(self) -> list[dict[str, Any]]:
        if self._ear.closed:
            return []
        self._drain()
        self._ear.close()
        return [event for line in b"".join(self._received).split(b"\n") if (event := _event(line))]

    def _drain(self) -> None:
        """What lies in the pipe. Never waits: a process of its own that lives on would keep the pipe open."""
        os.set_blocking(self._ear.fileno(), False)
        with suppress(BlockingIOError):
            while chunk := os.read(self._ear.fileno(), _CHUNK):
                self._received.append(chunk)


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and isinstance(said.get("k"), str) else None
