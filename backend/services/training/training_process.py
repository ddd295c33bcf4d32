"""A training process as its supervisor sees it: launched, read line by line, told to pause, ended.

Owns its command, the journal of its events and the log of its standard error. What the events mean stands in
backend.distill.train_plan.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from backend.child_process import ChildProcess, last_lines
from backend.config import ROOT
from backend.domain import visible
from backend.files import write_file

LOG: Final = "train.log"
JOURNAL: Final = "events.jsonl"
HEARD: Final = "heard"  # the journal's position up to which events were taken in
_MODULE: Final = "backend.distill"
_TAIL_LINES: Final = 6
# A launcher passes the signal on to its ranks: they must be gone before it is.
_LAUNCHER_SECONDS: Final = 0.8
_LAST_SECONDS: Final = 10.0


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
    """The events of a training process, in a file. What was taken in is remembered; the rest is read again, perhaps
    twice, by the next reader.
    """

    # A file and not a pipe: it outlives its reader, so that no checkpoint is there whose steps nobody knows of.

    def __init__(self, folder: Path) -> None:
        self.path, self._heard = folder / JOURNAL, folder / HEARD
        self.rewind()

    def rewind(self) -> None:
        """Go back to what is remembered as taken in."""
        try:
            self._position = int(self._heard.read_text("utf-8"))
        except (OSError, ValueError):
            self._position = 0

    def unread(self) -> list[dict[str, Any]]:
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
        """All that `unread` gave has been taken in."""
        # Not durable, because the ledger's rows of these events aren't yet: were this on the disk before them, a cut of
        # power would lose them for good. An event that is taken in twice is entered once.
        write_file(self._heard, str(self._position), durable=False)

    def clear(self) -> None:
        """Begin anew: all was taken in."""
        self.path.unlink(missing_ok=True)
        self._heard.unlink(missing_ok=True)
        self._position = 0


class TrainingProcess(ChildProcess):
    """A child in this process's own group, so that whoever ends the group ends it too."""

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str], launcher: bool = False) -> None:
        """Start it; its events go to the folder's journal, its standard error to the folder's log. Raises OSError where
        it can't be started.

        `launcher`: it starts processes of its own and is given the time to end them.
        """
        self.log, self._launcher = folder / LOG, launcher
        with self.log.open("ab") as errors, (folder / JOURNAL).open("ab") as journal:
            self._begun = errors.tell()
            super().__init__(command, env, cwd=ROOT, output=journal, errors=errors)

    def pause(self) -> None:
        """Ask it to save a checkpoint after the step under way and end; one that is gone can't be asked."""
        with suppress(OSError):
            self.send_line("pause")

    def let_end(self) -> None:
        """Its last event has come: wait for its end, and see to it where it doesn't come."""
        self.hang_up()
        self.wait(_LAST_SECONDS)
        self.end()

    def end(self) -> None:
        """End it, whatever it does, and wait until it is gone."""
        self.hang_up()
        if self._launcher and self.running:
            self.terminate()
            self.wait(_LAUNCHER_SECONDS)
        self.kill()

    def last_words(self) -> str:
        """How it ended, as a clause, with the last lines of its log. Waits for the end."""
        how = self.how_it_ended()
        # The log is appended to: what an earlier process wrote is no reason of this one's end.
        lines = [line.strip() for line in last_lines(self.log, self._begun) if line.strip()][-_TAIL_LINES:]
        shown = " / ".join(visible(line, 200) for line in lines)
        return f"{how}; its last words were: {shown}" if lines else f"{how}, without a word"


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("k"), str) else None
