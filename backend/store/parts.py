"""Parquet parts: immutable files of traces, cues, counts and token scores.

Owns their columns, and how a file becomes visible: written under a temporary name in the run's folder, flushed to the
disk, renamed, and only then registered in the ledger by the caller.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from backend.domain import Group, Section
from backend.files import replacing
from backend.outages import StoreUnavailable
from backend.store.ledger import PartRow
from backend.store.sqlite_connections import sealed

# Small row groups: with 100 rows in one, a trace's text is read in 2 ms; with 1,000, in 17.
ROW_GROUP = 128
_SMALL_ROW_GROUP = 65_536  # of rows without text
# A part is closed at this much text: small enough to rewrite, large enough that a run has few parts.
PART_BYTES = 64 * 2**20
_WRITING = ".writing"  # the end of the name of a writer's lock

GROUP_COLUMNS: Mapping[Group, str] = {
    Group.HESITATION: "hesitation",
    Group.HEDGE: "hedge",
    Group.SELF_CORRECTION: "self_correction",
    Group.ALTERNATIVE: "alternative",
    Group.VERIFICATION: "verification",
    Group.IGNORANCE: "ignorance",
}
# What is counted of a response: all its cues, those of each section, those of each group.
COUNT_COLUMNS = ("n", *(section.value for section in Section if section is not Section.PROMPT), *GROUP_COLUMNS.values())


def loop_column(counted: str) -> str:
    """The column of those that lie in loops, beside the one that counts all; what is left is the loop-free count."""
    return f"loop_{counted}"


# Numbered by Arrow: a run's id or an entry's name stands there once, not in each of a million rows.
_label = pa.dictionary(pa.int32(), pa.string())

# Columns that came after the first release are missing in parts of earlier ones; readers see NULL there, unknown.
SCHEMAS: Mapping[str, pa.Schema] = {
    "traces": pa.schema(
        [
            ("trace_id", pa.string()),
            ("run_id", pa.string()),
            ("problem_id", pa.string()),
            ("problem_ordinal", pa.int32()),
            ("ordinal", pa.int32()),
            ("sample", pa.int32()),
            ("chars", pa.int32()),
            ("words", pa.int32()),
            ("tokens", pa.int32()),
            ("think_words", pa.int32()),
            ("think_tokens", pa.int32()),
            # Of the lengths above, what lies in loops. Tokens are shared out by characters where no tokenizer counts.
            ("loop_chars", pa.int32()),
            ("loop_words", pa.int32()),
            ("loop_tokens", pa.int32()),
            ("distinct_words", pa.float32()),  # the share of its runs of three words that differ from one another
            ("finish", pa.string()),
            ("gold", pa.string()),
            ("file_answer", pa.string()),
            ("file_correct", pa.bool_()),
            ("paper_answer", pa.string()),
            ("paper_correct", pa.bool_()),
            ("paper_note", pa.string()),
            ("verify_answer", pa.string()),
            ("verify_correct", pa.bool_()),
            ("verify_note", pa.string()),
            ("roles_known", pa.bool_()),
            ("source_file", _label),
            ("source_sha256", _label),
            ("source_row", pa.int64()),
            ("text_sha256", pa.string()),
            ("question", pa.string()),
            ("prompt", pa.string()),
            ("text", pa.string()),
            ("sections", pa.list_(pa.struct([("section", pa.string()), ("start", pa.int32()), ("end", pa.int32())]))),
            ("loops", pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))),
            ("extra", pa.string()),
        ]
    ),
    "cues": pa.schema(
        [
            ("trace_id", pa.string()),
            ("run_id", _label),
            ("problem_id", pa.string()),
            ("lexicon", _label),
            ("entry", _label),
            ("grp", _label),
            ("section", _label),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("looped", pa.bool_()),  # it starts in a loop of the response
        ]
    ),
    "counts": pa.schema(
        [
            ("trace_id", pa.string()),
            ("run_id", _label),
            ("lexicon", _label),
            *[(column, pa.int32()) for column in (*COUNT_COLUMNS, "prompt", *map(loop_column, COUNT_COLUMNS))],
            ("closing", pa.int32()),  # those of the response's closing passage
        ]
    ),
    # A row for each trace and scorer; the lists run in parallel over its tokens. The log-probabilities are those of
    # `model` under `context`; `generated` is false where a model read a text it did not write.
    "tokens": pa.schema(
        [
            ("trace_id", pa.string()),
            ("run_id", _label),
            ("model", _label),
            ("context", _label),
            ("generated", pa.bool_()),
            ("starts", pa.list_(pa.int32())),
            ("ends", pa.list_(pa.int32())),
            ("ids", pa.list_(pa.int32())),
            ("forced", pa.list_(pa.bool_())),
            ("logprobs", pa.list_(pa.float32())),
            ("entropies", pa.list_(pa.float32())),
            ("top", pa.list_(pa.list_(pa.struct([("text", pa.string()), ("logprob", pa.float32())])))),
        ]
    ),
}


class PartWriter:
    """Writes the parts of one run. A context manager: what isn't registered at its end is removed."""

    def __init__(self, store: Path, run_id: str) -> None:
        """`store` is the store's folder; the run's parts go to `parts/<run_id>` below it."""
        self._store, self._run_id = store, run_id
        self._folder = store / "parts" / run_id
        self._written: list[PartRow] = []
        self._kept = False
        self._lock = FileLock(self._folder / f".{uuid.uuid4().hex}{_WRITING}")

    def __enter__(self) -> PartWriter:
        """Nothing is created before there is something to write."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        """Delete what was written unless it was registered."""
        if not self._kept:
            remove_parts(self._store, self._written)
        if self._lock.is_locked:
            self._lock.release()
            Path(self._lock.lock_file).unlink(missing_ok=True)
            _remove_empty(self._folder)

    def _begin(self) -> None:
        """Hold a lock in the run's folder while its parts aren't registered: no sweep takes them for left behind."""
        if sealed(self._store):
            raise StoreUnavailable("This store is a bundle of runs, which can only be read. Nothing was changed.")
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._lock.is_locked:
            self._lock.acquire()

    def write(self, kind: str, rows: Sequence[Mapping[str, Any]] | pa.Table) -> None:
        """Write one part of `rows`, none if there are no rows. Raises UserError where the disk refuses."""
        if len(rows) == 0:
            return
        schema = SCHEMAS[kind]
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=schema)
        name = f"{kind}-{uuid.uuid4().hex}.parquet"
        target = self._folder / name
        with disk_errors():
            try:
                self._begin()
                groups = ROW_GROUP if kind in ("traces", "tokens") else _SMALL_ROW_GROUP
                with replacing(target) as half:
                    pq.write_table(table, half, compression="zstd", row_group_size=groups)
                    size, digest = half.stat().st_size, file_hash(half)
            except BaseException:
                target.unlink(missing_ok=True)  # flushing the folder may have failed when it was there already
                _remove_empty(self._folder)
                raise
        path = target.relative_to(self._store).as_posix()
        self._written.append(PartRow(path, self._run_id, kind, table.num_rows, size, digest))

    def take(self, part: PartRow, source: Path) -> None:
        """A part that was written elsewhere, copied from `source` under a name of its own. Raises as `write` does."""
        # What another process has stored under the same name must be neither replaced nor, at the end, removed.
        target = self._folder / f"{part.kind}-{uuid.uuid4().hex}.parquet"
        with disk_errors():
            self._begin()
            with replacing(target) as half:
                shutil.copyfile(source, half)
                digest = file_hash(half)
        path = target.relative_to(self._store).as_posix()
        self._written.append(part._replace(path=path, sha256=part.sha256 or digest, damage=None))

    def register(self, enter: Callable[[list[PartRow]], bool]) -> bool:
        """Have `enter` put the parts into the ledger; they are deleted if it returns False or fails."""
        try:
            self._kept = enter(list(self._written))
        except (KeyboardInterrupt, SystemExit):
            # The transaction may have been committed: then they must stay. If not, the sweep deletes them.
            self._kept = True
            raise
        return self._kept


def file_hash(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def single_texts(paths: Sequence[str]) -> pa.RecordBatchReader:
    """Id and text of every trace in some parts, each in a batch of its own."""
    # DuckDB stops between two batches alone. The slowest patterns read 20 kB a second, and a row group for minutes.
    schema = pa.schema([SCHEMAS["traces"].field(name) for name in ("trace_id", "text")])

    def batches() -> Iterator[pa.RecordBatch]:
        for path in paths:
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=1, columns=schema.names)

    return pa.RecordBatchReader.from_batches(schema, batches())


class disk_errors:
    """A context that turns errors of a full or read-only disk into StoreUnavailable."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        """Raise StoreUnavailable in place of an OSError."""
        if isinstance(error, OSError):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in str(error)
            reason = "the disk is full" if full else (error.strerror or str(error))
            raise StoreUnavailable(f"The store could not be written: {reason}. Nothing was changed.") from error


def read_rows(store: Path, part: PartRow) -> Iterator[dict[str, Any]]:
    """Every row of a registered part, whole, with little of it in memory. Raises what Arrow raises."""
    with pq.ParquetFile(store / part.path) as file:
        for batch in file.iter_batches(batch_size=ROW_GROUP):
            yield from batch.to_pylist()


def remove_parts(store: Path, parts: Iterable[PartRow]) -> None:
    """Delete the files of parts that no ledger row names, and folders left empty."""
    folders = set()
    for part in parts:
        path = store / part.path
        folders.add(path.parent)
        path.unlink(missing_ok=True)
    for folder in folders:
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty."""
    # Not looked at first: another process may begin to write into it at this moment, and rmdir refuses by itself.
    with suppress(OSError):
        folder.rmdir()


def strays(store: Path, registered: Callable[[], set[str]], older_than: float) -> list[Path]:
    """Files below `parts/` that no ledger row names, last changed before `older_than` (seconds since the epoch).

    `registered` gives the paths that the ledger names. Folders in which a writer is at work are left out.
    """
    found = {
        path.relative_to(store).as_posix(): path for path in (store / "parts").rglob("*") if _is_old(path, older_than)
    }
    busy = {path.parent for path in found.values() if path.name.endswith(_WRITING) and _is_held(path)}
    # Asked after the files were listed, so that a part registered meanwhile stays.
    left = set(found) - registered() if found else set()
    return [found[name] for name in sorted(left) if found[name].parent not in busy]


def sweep(store: Path, registered: Callable[[], set[str]], older_than: float) -> int:
    """Delete the strays; returns how many there were."""
    left = strays(store, registered, older_than)
    for path in left:
        path.unlink(missing_ok=True)
        _remove_empty(path.parent)
    return len(left)


def _is_held(lock: Path) -> bool:
    try:
        FileLock(lock).acquire(timeout=0).lock.release()
    except (Timeout, OSError):
        return True
    return False


def _is_old(path: Path, older_than: float) -> bool:
    try:
        return path.is_file() and path.stat().st_mtime < older_than
    except FileNotFoundError:
        return False
