"""The scratch folder in which containers are unpacked: an entry a file as it was, made whole or not at all, and swept.

Owns where an entry lies, how long it stays, and how much may come out of one container.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from backend.exchange.traces.trace_format import RowError

_DAY = 86_400.0
_KEPT = 2  # states of one file: a database that grows is unpacked anew at every look
_MOST_BYTES = 32 * 2**30
_MOST_MEMBERS = 100_000
_MOST_RATIO, _FREELY = 200, 64 * 2**20  # what comes out for each byte, once it is more than a laptop holds anyway
_SPARE = 2**30  # bytes that the disk keeps
_CHUNK = 2**20
_HALF = "half-"
_STATE = re.compile(r"^.*/([0-9a-f]{24}/)[0-9a-f]{24}/files/")


class Readable(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Budget:
    """What may still come out of a container and of those inside it."""

    def __init__(self, container: Path) -> None:
        """`container` is the outermost one."""
        beside = Path(f"{container}-wal")  # a database may have grown in its journal alone
        self._size = sum(_stamp(container)[:1]) + sum(_stamp(beside)[:1])
        self._bytes = self._members = 0

    def member(self) -> None:
        """Count a member. Raises RowError for one too many."""
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise RowError(f"it holds more than {_MOST_MEMBERS:,} files")

    def write(self, target: Path, source: Readable) -> None:
        """Copy a member's bytes to a new file. Raises RowError where they become too many."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while chunk := source.read(_CHUNK):
                self.spend(len(chunk), target)
                file.write(chunk)

    def spend(self, size: int, target: Path) -> None:
        """Count bytes before they are written. Raises RowError where they are too many."""
        self._bytes += size
        if self._bytes > _MOST_BYTES:
            raise RowError(f"more than {_MOST_BYTES >> 30} GiB come out of it")
        if self._bytes > max(_FREELY, _MOST_RATIO * self._size):
            raise RowError(f"what comes out of it is more than {_MOST_RATIO} times as large as it is")
        if shutil.disk_usage(target.parent).free < size + _SPARE:
            raise RowError("the disk is too full to unpack it")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out of a container: the folder, and members left aside or refused, each (name, reason, refused).

    `single`: its one file stands for the container itself and goes by its name.
    """

    folder: Path
    single: bool
    left: tuple[tuple[str, str, bool], ...]


Left = list[tuple[str, str, bool]]


class Scratch:
    """The entries below one folder."""

    def __init__(self, folder: Path) -> None:
        """Remove what lies in `folder` and wasn't looked at for a day."""
        self._folder = folder
        for state, last in _by_time(folder.glob("*/*")):
            if time.time() - last > _DAY:
                shutil.rmtree(state, ignore_errors=True)

    def entry(self, path: Path, make: Callable[[Path, Left], bool]) -> Unpacked:
        """What came out of a file as it is now. `make` fills a folder and says whether its one file is the whole."""
        home = self._folder / _digest(os.path.realpath(path))
        place = home / _digest(repr([_stamp(path), _stamp(Path(f"{path}-wal"))]))
        if not place.is_dir():
            home.mkdir(parents=True, exist_ok=True)
            half, left = Path(tempfile.mkdtemp(prefix=_HALF, dir=home)), Left()
            try:
                (half / "files").mkdir()
                single = make(half / "files", left)
                (half / "left.json").write_text(json.dumps([single, left]), "utf-8")
                with suppress(OSError):  # another process was faster
                    half.rename(place)
            finally:
                shutil.rmtree(half, ignore_errors=True)
        os.utime(place)
        for old, _ in _by_time(each for each in home.iterdir() if not each.name.startswith(_HALF))[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        single, told = json.loads((place / "left.json").read_text("utf-8"))
        return Unpacked(place / "files", single, tuple((name, reason, refused) for name, reason, refused in told))


@cache
def own_scratch() -> Path:
    """A scratch folder of this process, for whoever names none; it goes with the process."""
    folder = tempfile.mkdtemp(prefix="unpacked-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def lasting(path: Path) -> str:
    """What a file may be known by while it changes: of what was unpacked, the container's path and its own inside."""
    return _STATE.sub(r"\1", str(path))


def _by_time(states: Iterable[Path]) -> list[tuple[Path, float]]:
    """Entries, the one looked at longest ago first; those that another process has just removed aren't there."""
    found = []
    for state in states:
        with suppress(OSError):
            found.append((state, state.stat().st_mtime))
    return sorted(found, key=lambda each: each[1])


def _stamp(path: Path) -> list[int]:
    with suppress(OSError, ValueError):
        state = path.stat()
        return [state.st_size, state.st_mtime_ns, state.st_ino]
    return []


def _digest(text: str) -> str:
    return sha256(os.fsencode(text)).hexdigest()[:24]
