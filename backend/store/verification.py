"""Verification of parts: what is wrong with a file, which runs are damaged by it, and which parts can be read.

A run is damaged where any of its parts is missing or isn't the file that was stored. Readers are given the parts of
sound runs alone, so that damage stays where it is. What a process notices it keeps to itself; `parts.damage` in the
ledger is what a verification has found, for all of them.
"""

from __future__ import annotations

import logging
import shutil
import stat
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from backend.domain import GENERATED, LIVE, TRAINING, Run, UserError, visible
from backend.files import replacing
from backend.store.ledger import Ledger, PartRow
from backend.store.parts import SCHEMAS, disk_errors, file_hash

# What a file may be found to be, after "1 of 3 files".
MISSING, UNREADABLE, RESIZED, CHANGED = "is missing", "can't be read", "has another size", "has changed"
FOREIGN, OTHER_COLUMNS, OTHER_ROWS = "is another run's", "has other columns", "has other rows"
# What comes out of a changed file may also be well-formed, and of another type or kind than it should be.
READING_ERRORS: Final = (duckdb.Error, pa.ArrowException, OSError, ValueError, TypeError, KeyError)

_LATER = frozenset({"distinct_words", "closing"})  # columns that came after the first release, beside those of loops

_AGAIN = 10.0  # seconds until files that were looked at are looked at again
_SHARE = 100  # looking takes no more than this part of the time, however many files there are
_Stat = tuple[int, int, int] | None
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a run's files (path -> words), how many it has, and how it is mended."""

    run: Run
    files: int
    faults: dict[str, str]
    remedy: str

    @property
    def what(self) -> str:
        """What is wrong, in words: "1 of 3 files is missing"."""
        counted = Counter(self.faults.values())
        return "; ".join(f"{n} of {self.files} files {_inflected(words, n)}" for words, n in counted.items())

    def __str__(self) -> str:
        """The sentence for people."""
        return f"The run {visible(self.run.label)} is damaged: {self.what}. {self.remedy}"


def _inflected(words: str, count: int) -> str:
    verb, _, rest = words.partition(" ")
    return words if count == 1 else f"{ {'is': 'are', 'has': 'have'}.get(verb, verb) } {rest}"


def fault(folder: Path, part: PartRow, *, thorough: bool = False) -> str:
    """What is wrong with a part's file, "" where nothing is; `folder` is the store's.

    Its size, its columns, how many rows it has and whose they are; if `thorough`, its hash, or every page of it where
    an earlier release stored it without one.
    """
    path = folder / part.path
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for without end
            return UNREADABLE
        if found.st_size != part.bytes:
            return RESIZED
        if thorough and part.sha256:
            return "" if file_hash(path) == part.sha256 else CHANGED
        with pq.ParquetFile(path) as file:
            return _content_fault(file, part, thorough)
    except FileNotFoundError:
        return MISSING
    except READING_ERRORS:
        return UNREADABLE


def _content_fault(file: pq.ParquetFile, part: PartRow, thorough: bool) -> str:
    metadata, schema, known = file.metadata, file.schema_arrow, SCHEMAS[part.kind]
    # Parts of earlier releases lack these; every other column is in every part of its kind.
    needed = {name for name in known.names if not name.startswith("loop") and name not in _LATER}
    if needed - set(schema.names) or any(schema.field(n).type != known.field(n).type for n in needed):
        return OTHER_COLUMNS
    if metadata.num_rows != part.rows:
        return OTHER_ROWS
    place = schema.names.index("run_id")
    for number in range(metadata.num_row_groups):
        told = metadata.row_group(number).column(place).statistics
        if told is not None and told.has_min_max and {told.min, told.max} != {part.run_id}:
            return FOREIGN
    if thorough:
        for batch in file.iter_batches():
            batch.validate(full=True)
            if set(batch["run_id"].to_pylist()) != {part.run_id}:
                return FOREIGN
    return ""


class StoredParts:
    """The parts of sound runs, and the runs that are damaged, as this process sees them; threads may share it."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        """`folder` is the store's."""
        self._ledger, self._folder = ledger, folder
        self._lock = RLock()
        self._listed, self._changes, self._again = -1, 0, 0.0
        self._parts: list[PartRow] = []
        self._sound: dict[tuple[str, str], list[PartRow]] = {}
        self._stats: dict[str, _Stat] = {}
        self._faults: dict[str, str] = {}
        self._read: set[str] = set()
        self._damaged: dict[str, Damage] = {}

    def version(self, look: bool = False) -> int:
        """A number that grows with every counted write of the ledger, and with every damage noticed or mended.

        With `look` every file is looked at now, else every few seconds.
        """
        if look:
            self._again = 0.0
        current = self._ledger.version()
        if current != self._listed or time.monotonic() >= self._again:
            with self._lock:
                self._look(current)
        return self._listed + self._changes

    def damaged(self) -> dict[str, Damage]:
        """The damaged runs by id."""
        self.version()
        return self._damaged

    def require(self, runs: Iterable[str]) -> None:
        """Raise UserError, saying how it is mended, where one of these runs is damaged."""
        damaged = self.damaged()
        if found := next((damaged[run] for run in runs if run in damaged), None):
            raise UserError(str(found))

    def of(self, kind: str, runs: Collection[str] | None = None) -> list[PartRow]:
        """The parts of one kind of these runs, or of all, without those of damaged runs."""
        while True:
            self.version()
            sound = self._sound
            keys = sorted(key for key in sound if key[0] == kind) if runs is None else [(kind, run) for run in runs]
            found = [part for key in keys for part in sound.get(key, ())]
            # Footers are read once, before anything builds on them: a file of the same size may be another run's.
            if not self._closer([part for part in found if part.path not in self._read], thorough=False):
                return found

    def blame(self, parts: Sequence[PartRow]) -> bool:
        """After an error of reading these parts: find which are damaged. Whether any was found."""
        return self._closer(parts, thorough=False) or self._closer(parts, thorough=True)

    def verify(self, runs: Sequence[str] | None = None) -> dict[str, Damage]:
        """Read every file of these runs or of all from end to end; returns the damage of those that are damaged."""
        self.version(look=True)
        self._closer(self._ledger.parts(run_ids=runs), thorough=True)
        damaged = self.damaged()
        return {run: damaged[run] for run in (damaged if runs is None else runs) if run in damaged}

    def vouched(self, part: PartRow) -> PartRow:
        """The row of a part that was verified: with the hash of its file where it had none, or with what is wrong."""
        words = self._faults.get(part.path)
        whole = words is None and part.sha256 is None
        return part._replace(sha256=file_hash(self._folder / part.path) if whole else part.sha256, damage=words)

    @contextmanager
    def reading(self, parts: Sequence[PartRow]) -> Iterator[None]:
        """A block that reads these parts; an error of it becomes a UserError that names the damaged run."""
        try:
            yield
        except READING_ERRORS as error:
            _log.warning("Parts can't be read: %s", error)
            if self.blame(parts):
                self.require(part.run_id for part in parts)
            raise unread() from error

    def _look(self, version: int) -> None:
        """Look at what the ledger names now, and again at every file when it is time."""
        begun = time.monotonic()
        due, self._again = begun >= self._again, max(self._again, begun + _AGAIN)
        while True:
            parts = self._parts if version == self._listed else self._ledger.parts()
            new = [part for part in parts if due or part.path not in self._stats]
            known = dict(self._faults)
            for part in new:
                self._stat(part)
            # A run that is being deleted loses its rows first: files that went with it are no damage.
            if self._faults == known or (current := self._ledger.version()) == version:
                break
            version = current
        self._parts, self._listed = parts, version
        if due:
            self._again = max(self._again, time.monotonic() + _SHARE * (time.monotonic() - begun))
        self._settle()

    def _stat(self, part: PartRow) -> None:
        """Look at a file from outside; one that was changed while the process runs is read as a whole."""
        try:
            found = (self._folder / part.path).stat()
            now: _Stat = (found.st_size, found.st_mtime_ns, found.st_ino)
        except OSError:
            now = None
        if part.path not in self._stats:
            words = "" if now and now[0] == part.bytes else fault(self._folder, part)
        elif now == self._stats[part.path] and now is not None:
            return
        else:
            words = fault(self._folder, part, thorough=True)
        self._stats[part.path] = now
        self._note(part, words)

    def _note(self, part: PartRow, words: str) -> None:
        if words:
            self._faults[part.path] = words
        else:
            self._faults.pop(part.path, None)

    def _closer(self, parts: Sequence[PartRow], thorough: bool) -> bool:
        """Read these parts; whether any is newly found damaged."""
        if not parts:
            return False
        found = [(part, fault(self._folder, part, thorough=thorough)) for part in parts]
        with self._lock:
            self._read |= {part.path for part in parts}
            before = self._changes
            for part, words in found:
                if words or thorough:
                    self._note(part, words)
            version = self._ledger.version()
            if version != self._listed:
                self._look(version)
            self._settle()
            return self._changes != before

    def _settle(self) -> None:
        """Sort the parts into those of sound and of damaged runs."""
        by_run: dict[str, list[PartRow]] = defaultdict(list)
        for part in self._parts:
            by_run[part.run_id].append(part)
        named = {part.path for part in self._parts}
        self._faults = {path: words for path, words in self._faults.items() if path in named}
        self._stats = {path: found for path, found in self._stats.items() if path in named}
        self._read &= named
        bad = {part.run_id for part in self._parts if part.damage or part.path in self._faults}
        damaged = {run: found for run in bad if (found := self._damage(run, by_run[run]))}
        sound: dict[tuple[str, str], list[PartRow]] = defaultdict(list)
        for part in self._parts:
            if part.run_id not in damaged:
                sound[part.kind, part.run_id].append(part)
        if damaged != self._damaged:
            self._changes += 1
        self._damaged, self._sound = damaged, dict(sound)

    def _damage(self, run_id: str, parts: Sequence[PartRow]) -> Damage | None:
        run = self._ledger.find_run(run_id)
        faults = {p.path: words for p in parts if (words := self._faults.get(p.path) or p.damage)}
        return Damage(run, len(parts), faults, self._remedy(run, parts, faults)) if run else None

    def _remedy(self, run: Run, parts: Sequence[PartRow], faults: Collection[str]) -> str:
        if not any(part.kind == "traces" and part.path in faults for part in parts):
            return "The command “store verify --repair” mends it from its traces."
        if run.info.format in (GENERATED, LIVE, TRAINING):
            made = "It was made here: restore it from a backup, or make it again and delete this one."
            return made if run.info.job else "The command “demo bring” brings it back."
        file = visible(next((source.file for source in self._ledger.sources(run.id)), "its file"))
        return f"Import {file} again, and it is back under the same id."


def put_back(folder: Path, parts: Iterable[PartRow], others: Iterable[Path]) -> None:
    """Give parts their files back where those lie under the name of another part, or among `others`, known by hash."""
    lost = {(part.bytes, part.sha256): folder / part.path for part in parts if part.sha256}
    sizes = {size for size, _ in lost}
    with disk_errors(), ExitStack() as replaced:
        # All are copied before any takes its place: two may have been exchanged.
        for path in (*others, *lost.values()):
            size = path.stat().st_size if path.is_file() else -1
            if size in sizes and (target := lost.pop((size, file_hash(path)), None)) and not target.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, replaced.enter_context(replacing(target)))


def unread() -> UserError:
    """The error where parts can't be read and none is found damaged."""
    return UserError("The traces can't be read just now. Should that stay so, “store verify” looks at every file.")


def out_of_memory() -> UserError:
    """The error of a query that DuckDB has too little memory for."""
    return UserError("The question needs more memory than SECOND_THOUGHTS_MEMORY_MB grants.")
