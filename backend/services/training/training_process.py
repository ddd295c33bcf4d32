"""A training process as whoever started it sees it: launched, heard line by line, told to pause, ended.

Owns the command, the pipe to it, the journal of what it says and the log of its standard error. Knows nothing of what
the lines mean (see backend.distill.train_plan), nor of the store.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from backend.config import ROOT
from backend.domain import visible

LOG: Final = "train.log"
JOURNAL: Final = "events.jsonl"
_HEARD: Final = "heard"
_MODULE: Final = "backend.distill"
_TAIL_BYTES: Final = 4_000
_TAIL_LINES: Final = 6
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


class Journal:
    """What a training process said, in a file: it outlives whoever listens, and a checkpoint that is there has no steps
    that nobody knows of. What was heard is remembered; what wasn't is heard by the next listener, perhaps twice.
    """

    def __init__(self, folder: Path) -> None:
        """The journal in a training's folder."""
        self.path, self._heard = folder / JOURNAL, folder / _HEARD
        self.rewind()

    def rewind(self) -> None:
        """Go back to what is remembered as heard."""
        try:
            self._position = int(self._heard.read_text("utf-8"))
        except (OSError, ValueError):
            self._position = 0

    def unheard(self) -> list[dict[str, Any]]:
        """The events that came since. Lines that are no events (what a library prints) are left out."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._position)
                whole, newline, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._position += len(whole) + len(newline)
        return [event for line in whole.split(b"\n") if (event := _event(line))]

    def remember(self) -> None:
        """All that `unheard` gave has been taken in."""
        new = self._heard.with_suffix(".new")
        new.write_text(str(self._position), "utf-8")
        new.replace(self._heard)

    def clear(self) -> None:
        """Begin anew: all was taken in."""
        self.path.unlink(missing_ok=True)
        self._heard.unlink(missing_ok=True)
        self._position = 0


class TrainingProcess:
    """A child in this process's own group, so that whoever ends the group ends it too.

    The pipe to it is its life line: it ends as soon as that closes, however that comes about.
    """

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str], launcher: bool = False) -> None:
        """Start it; what it says goes to the folder's journal, and on standard error to its log. Raises OSError where
        it can't be started.

        `launcher`: it starts processes of its own and is given the time to end them.
        """
        self.log, self._launcher = folder / LOG, launcher
        with self.log.open("ab") as errors, (folder / JOURNAL).open("ab") as journal:
            self._begun = errors.tell()
            self._process = subprocess.Popen(  # noqa: S603 -- the command is our own trainer
                list(command),
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=journal,
                stderr=errors,
                bufsize=0,
            )
        assert self._process.stdin is not None
        self._mouth = self._process.stdin

    @property
    def over(self) -> bool:
        """It has ended; what it said is in the journal."""
        return self._process.poll() is not None

    def tell(self, word: str) -> None:
        """Say a line to it; one that is gone doesn't hear it."""
        with suppress(OSError):
            self._mouth.write(word.encode() + b"\n")

    def let_end(self) -> None:
        """It has said its last: wait for its end, and see to it where it doesn't come."""
        self._hang_up()
        self._wait(_LAST_WORDS_SECONDS)
        self.end()

    def end(self) -> None:
        """End it, whatever it does, and wait until it is gone."""
        self._hang_up()
        if self._launcher and not self.over:
            self._process.send_signal(signal.SIGTERM)
            self._wait(_LAUNCHER_SECONDS)
        self._process.kill()
        self._process.wait()

    def died_of(self) -> str:
        """How it ended, as a clause, with its last words. Waits for the end."""
        code = self._process.wait()
        out = ", often because the machine ran out of memory" if -code == signal.SIGKILL else ""
        how = f"it ended with code {code}" if code >= 0 else f"it was ended by {signal.Signals(-code).name}{out}"
        words = " / ".join(visible(line, 200) for line in self._tail())
        return f"{how}; its last words were: {words}" if words else f"{how}, without a word"

    def _tail(self) -> list[str]:
        """The last lines it said on standard error since it was started."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(max(self._begun, self.log.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
            return [line.strip() for line in lines if line.strip()][-_TAIL_LINES:]
        return []

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._mouth.close()

    def _wait(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and isinstance(said.get("k"), str) else None
