"""Snapshot of the store as one plain DuckDB file, for SQL or a notebook.

Owns the snapshot's tables and their comments, which DuckDB's `duckdb_tables()` shows.
"""

# ruff: noqa: S608 - statements are put together from the names in this module alone; values are bound

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from backend.domain import Run, UserError, visible
from backend.files import replacing
from backend.store.ledger import Ledger, PartRow, ProblemRow
from backend.store.parts import SCHEMAS
from backend.store.verification import StoredParts

COMMENTS = {
    "runs": "One row a run: one model x one problem set x one context x one sampling configuration",
    "problems": "One row a problem; id is the hash of its content, so runs join on it",
    "traces": "One row a response; *_correct is the verdict of the file, of the paper's rules and of ours",
    "cues": 'One row a cue: [start, "end") in code points of text (of prompt where section is prompt)',
    "measures": "One row a trace and lexicon: cues by section and group, density per 1,000 tokens (else words)",
}

_KINDS = ("traces", "cues", "counts")
_MEASURES = """CREATE TABLE measures AS
    SELECT c.*, CASE WHEN t.tokens IS NULL THEN 'words' ELSE 'tokens' END AS unit,
           coalesce(t.tokens, t.words) AS length, 1000.0 * c.n / nullif(coalesce(t.tokens, t.words), 0) AS per_1k
    FROM counts c JOIN traces t USING (trace_id)"""


class _View(NamedTuple):
    """The ledger's content at one moment."""

    runs: list[Run]
    problems: list[ProblemRow]
    parts: list[PartRow]


def write_snapshot(ledger: Ledger, stored: StoredParts, folder: Path, target: Path) -> dict[str, int]:
    """Write the whole store but damaged runs to `target`; returns rows by table. Raises UserError if it can't."""
    shown = visible(str(target))
    try:
        if target.is_dir() or not target.parent.is_dir():
            raise UserError(f"The snapshot can't be written to {shown}: it is a folder, or its folder doesn't exist.")
        with replacing(target) as half:
            try:
                return _fill(ledger, stored, folder, half)
            finally:
                with suppress(OSError):  # DuckDB leaves its log behind where it was interrupted
                    half.with_name(half.name + ".wal").unlink(missing_ok=True)
    except (duckdb.Error, OSError) as error:
        raise UserError(f"The snapshot can't be written to {shown}: {visible(str(error))}") from error


def _view(ledger: Ledger, stored: StoredParts) -> tuple[_View, int]:
    """Runs, problems and parts of one version of the store, damaged runs left out, and that version."""
    # Several reads in several transactions: repeated until nobody has written between the first and the last.
    while True:
        version = stored.version()
        parts = [part for kind in _KINDS for part in stored.of(kind)]
        runs = [run for run in ledger.runs() if run.id not in stored.damaged()]
        view = _View(runs, ledger.all_problems(), parts)
        if stored.version() == version:
            return view, version


def _fill(ledger: Ledger, stored: StoredParts, folder: Path, path: Path) -> dict[str, int]:
    while True:
        view, version = _view(ledger, stored)
        database = duckdb.connect(str(path), config={"autoinstall_known_extensions": False})
        try:
            return _tables(database, view, folder)
        except duckdb.Error:
            # A run was deleted while its parts were read, or is damaged: begin again without it.
            if not stored.blame(view.parts) and stored.version() == version:
                raise
        finally:
            database.close()
        path.unlink()


def _tables(database: duckdb.DuckDBPyConnection, view: _View, folder: Path) -> dict[str, int]:
    """Fill an empty database; returns rows by table."""
    for kind in _KINDS:
        # Empty first: a store without any part gets its tables too.
        _create(database, kind, SCHEMAS[kind].empty_table())
        if paths := [str(folder / part.path) for part in view.parts if part.kind == kind]:
            parts = "read_parquet($paths, hive_partitioning=false, union_by_name=true)"
            database.execute(f"INSERT INTO {kind} BY NAME SELECT * FROM {parts}", {"paths": paths})
    run_schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in _RUN_COLUMNS])
    problem_schema = pa.schema([(name, pa.string()) for name in ProblemRow._fields])
    _create(database, "runs", pa.Table.from_pylist([_run_row(run) for run in view.runs], schema=run_schema))
    _create(database, "problems", pa.Table.from_pylist([p._asdict() for p in view.problems], schema=problem_schema))
    database.execute(_MEASURES)
    database.execute("DROP TABLE counts")
    for table, comment in COMMENTS.items():
        # COMMENT takes a literal alone; nothing can be bound.
        quoted = comment.replace("'", "''")
        database.execute(f"COMMENT ON TABLE {table} IS '{quoted}'")
    return {table: database.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in COMMENTS}


def _create(database: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    database.register("incoming", rows)
    database.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming")
    database.unregister("incoming")


_TYPES = {
    "temperature": pa.float64(),
    "top_p": pa.float64(),
    "top_k": pa.int64(),
    "max_tokens": pa.int64(),
    "seed": pa.int64(),
    "problems": pa.int64(),
    "traces": pa.int64(),
}
_RUN_COLUMNS = (
    *("id", "model", "parent", "variant", "dataset", "context", "temperature", "top_p", "top_k", "max_tokens", "seed"),
    *("template", "system", "format", "source", "tokenizer", "note", "length_unit", "problems", "traces", "created"),
)


def _run_row(run: Run) -> dict[str, object]:
    flat = dataclasses.asdict(run)
    info = flat.pop("info")
    sampling = info.pop("sampling")
    return {**flat, **info, **sampling}
