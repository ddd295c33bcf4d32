"""Growing files as a watch reads them: how far each is whole, whether it goes on, and what was found in it before.

Owns the rule of what is whole: JSON Lines are up to their last line break, or to a last line that is an object without
one; any other file is read as it stands, or not at all. Whoever watches fills `FILES`; for everyone else it is empty.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, TypeVar

from backend.exchange.traces.json_text import parse
from backend.exchange.traces.trace_format import RowError

T = TypeVar("T")
Place = tuple[int, int]  # bytes, and lines before them

_EDGE = 4096  # bytes at both ends by which a file is known again
_BLOCK = 2**20
_LONGEST = 64 * 2**20  # of a line: see ROW_LIMIT
_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class GrowingFile:
    """A file as it was looked at last: what it is known again by, and how far it was read.

    `whole` is None where it isn't JSON Lines. `parts` are the runs in it by key, each with its first row's place and
    its rows up to `known`; `start` is where the next reading of it begins.
    """

    stamp: tuple[int, ...]
    whole: int | None = None
    sha256: str = ""
    edge: str = ""
    parts: dict[str, tuple[Place, int]] = field(default_factory=dict)
    known: Place = (0, 0)
    start: Place = (0, 0)


FILES: dict[str, GrowingFile] = {}
_HASHES: dict[str, tuple[int, Any]] = {}  # of JSON Lines, so that what was hashed isn't hashed again
_KEPT: dict[tuple[str, str], tuple[object, Any]] = {}


def stamp_of(path: str) -> tuple[int, ...]:
    """What tells one state of a file from another; of a database also what its journal holds. Raises OSError."""
    state = os.stat(path)  # noqa: PTH116 - of thousands of files, every second
    stamp = (state.st_ino, state.st_size, state.st_mtime_ns)
    if not path.endswith((".db", ".sqlite")):
        return stamp
    try:
        journal = os.stat(f"{path}-wal")  # noqa: PTH116
    except OSError:
        return stamp
    return (*stamp, journal.st_size, journal.st_mtime_ns)


def look(path: str, stamp: tuple[int, ...]) -> bool:
    """Take a file's new state into `FILES`. False where it isn't what was read before and more of it: it is read anew.

    Raises OSError.
    """
    old, new = FILES.get(path), GrowingFile(stamp)
    with open(path, "rb") as file:  # noqa: PTH123
        if (whole := _whole(file, path, stamp[1])) is not None:
            goes_on = bool(old and old.whole is not None and old.whole <= whole and old.stamp[0] == stamp[0])
            goes_on = goes_on and bool(old and _edge(file, old.whole or 0) == old.edge)
            if not goes_on:
                _HASHES.pop(path, None)
            elif old:
                new = replace(new, parts=old.parts, known=old.known)
            new = replace(new, whole=whole, edge=_edge(file, whole), sha256=_hashed(file, path, whole))
            FILES[path] = new
            return goes_on or not old or not old.whole
    FILES[path] = new
    return True


def _whole(file: BinaryIO, path: str, size: int) -> int | None:
    """Bytes of JSON Lines that are whole; None for a file of another kind."""
    if not file.read(_EDGE).lstrip().startswith((b"{", b"[")):
        return 0 if not size and path.endswith(_LINES) else None
    file.seek(0)
    first = file.readline(_LONGEST)
    if not path.endswith(_LINES) and not (first.endswith(b"\n") and _is_value(first)):
        return None  # one value over many lines
    end, rest = size, b""
    while end and b"\n" not in rest and len(rest) < _LONGEST:
        start = max(0, end - _BLOCK)
        file.seek(start)
        rest, end = file.read(end - start) + rest, start
    line = rest.rpartition(b"\n")[2]
    # No beginning of an object is an object.
    return size if not line.strip() or _is_value(line) else size - len(line)


def _is_value(line: bytes) -> bool:
    try:
        return isinstance(parse(line), dict | list)
    except (RowError, ValueError):
        return False


def _edge(file: BinaryIO, size: int) -> str:
    file.seek(0)
    ends = file.read(min(_EDGE, size))
    file.seek(max(0, size - _EDGE))
    return hashlib.sha256(ends + file.read(min(_EDGE, size))).hexdigest()


def _hashed(file: BinaryIO, path: str, size: int) -> str:
    done, state = _HASHES.get(path, (0, hashlib.sha256()))
    file.seek(done)
    while done < size and (chunk := file.read(min(_BLOCK, size - done))):
        state.update(chunk)
        done += len(chunk)
    _HASHES[path] = (done, state)
    return str(state.hexdigest())


class WholePart(io.FileIO):
    """A growing file's bytes from where its reading begins to where it is whole, as a file of its own."""

    def __init__(self, handle: int, start: Place, end: int) -> None:
        """`handle` is closed with it."""
        super().__init__(handle, "rb")
        (self._start, self.lines_before), self._end = start, end
        if self._start and os.pread(handle, 1, self._start - 1) != b"\n":
            self.lines_before -= 1  # the line before was whole without its end, which has come
        self.seek(0)

    def readinto(self, buffer: Any) -> int:
        """The next bytes, into a buffer."""
        left = max(0, self._end - super().tell())
        return super().readinto(memoryview(buffer)[:left]) or 0

    def readall(self) -> bytes:
        """What is left."""
        return super().read(max(0, self._end - super().tell())) or b""

    def tell(self) -> int:
        """The place in the part."""
        return super().tell() - self._start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the part."""
        base = (self._start, super().tell(), self._end)[whence]
        return super().seek(base + offset) - self._start


def remembered(what: str, path: str, make: Callable[[], T]) -> T:
    """What `make` finds in a file, kept while the file stays as it is, where a watch looks again and again."""
    if path not in FILES:
        return make()
    key, state = (what, path), FILES[path].stamp
    if _KEPT.get(key, (None,))[0] != state:
        _KEPT[key] = (state, make())
    found: T = _KEPT[key][1]
    return found
