"""Parquet parts: immutable files of traces, cues and counts.

Owns their columns and the way a file becomes visible: written under a temporary name in the run's
folder, flushed to the disk, renamed, and only then registered by the caller. Knows nothing of the
ledger or of queries.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from backend.domain import Group, UserError
from backend.store.ledger import PartRow

ROW_GROUP = 128
# A part is closed at this much text: small enough to rewrite, large enough that a run has few parts.
PART_BYTES = 64 * 2**20

GROUP_COLUMNS: Mapping[Group, str] = {
    Group.HESITATION: "hesitation",
    Group.HEDGE: "hedge",
    Group.SELF_CORRECTION: "self_correction",
    Group.ALTERNATIVE: "alternative",
    Group.VERIFICATION: "verification",
    Group.IGNORANCE: "ignorance",
}

_label = pa.dictionary(pa.int32(), pa.string())

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
        ]
    ),
    "counts": pa.schema(
        [
            ("trace_id", pa.string()),
            ("run_id", _label),
            ("lexicon", _label),
            ("n", pa.int32()),
            ("think", pa.int32()),
            ("answer", pa.int32()),
            ("prompt", pa.int32()),
            *[(column, pa.int32()) for column in GROUP_COLUMNS.values()],
        ]
    ),
}


class PartWriter:
    """Writes the parts of one run. Used as a context manager: leaving without `finish` removes every trace of it."""

    def __init__(self, store: Path, run_id: str) -> None:
        """`store` is the store's folder; the run's parts go to `parts/<run_id>` below it."""
        self._store, self._run_id = store, run_id
        self._folder = store / "parts" / run_id
        self._written: list[PartRow] = []
        self._finished = False

    def __enter__(self) -> PartWriter:
        """Make the run's folder."""
        with disk_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _tb: TracebackType | None) -> None:
        """Without `finish`, take back what was written."""
        if not self._finished:
            remove_parts(self._store, self._written)

    def write(self, kind: str, rows: Sequence[Mapping[str, Any]] | pa.Table) -> None:
        """One part of `rows`; nothing if there are none. Raises UserError where the disk refuses."""
        if len(rows) == 0:
            return
        schema = SCHEMAS[kind]
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=schema)
        name = f"{kind}-{uuid.uuid4().hex}.parquet"
        target, temporary = self._folder / name, self._folder / f".{name}.tmp"
        try:
            with disk_errors():
                pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP if kind == "traces" else 65536)
                _flush(temporary)
                os.replace(temporary, target)
                _flush(self._folder)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        path = target.relative_to(self._store).as_posix()
        self._written.append(PartRow(path, self._run_id, kind, table.num_rows, target.stat().st_size))

    def finish(self) -> list[PartRow]:
        """The parts written, for the ledger. From here on they stay."""
        self._finished = True
        return list(self._written)

    def discard(self) -> None:
        """Take back finished parts that could not be registered."""
        remove_parts(self._store, self._written)


class disk_errors:  # noqa: N801 - reads as a phrase: `with disk_errors():`
    """Turns a full or read-only disk into a sentence."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _tb: TracebackType | None) -> None:
        """Raise UserError in place of an OSError."""
        if isinstance(error, OSError):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in str(error)
            reason = "the disk is full" if full else (error.strerror or str(error))
            raise UserError(f"The store could not be written: {reason}. Nothing was changed.") from error


def _flush(path: Path) -> None:
    """Have the disk hold what was written to a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_parts(store: Path, parts: Iterable[PartRow]) -> None:
    """Delete the files of parts that no ledger row names, and folders left empty."""
    folders = set()
    for part in parts:
        path = store / part.path
        folders.add(path.parent)
        path.unlink(missing_ok=True)
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)


def orphans(store: Path, registered: set[str], older_than: float) -> list[Path]:
    """Files below `parts/` that no ledger row names, last changed before `older_than` (seconds since the epoch)."""
    found = []
    for path in sorted((store / "parts").glob("*/*")):
        known = path.relative_to(store).as_posix() in registered
        if not known and path.is_file() and path.stat().st_mtime < older_than:
            found.append(path)
    return found
