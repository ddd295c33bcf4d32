"""A plain DuckDB file of the store, for whoever prefers SQL or a notebook.

Owns the snapshot's tables and their comments (which `DESCRIBE` and `duckdb_columns()` show). Knows
nothing of pages. The file is written beside its target and renamed, so a broken one is never left.
"""

from __future__ import annotations

import dataclasses
import os
import uuid
from pathlib import Path

import duckdb
import pyarrow as pa

from backend.domain import UserError
from backend.store.ledger import Ledger
from backend.store.parts import SCHEMAS, disk_errors

COMMENTS = {
    "runs": "One row a run: one model x one problem set x one context x one sampling configuration",
    "problems": "One row a problem; id is the hash of its content, so runs join on it",
    "traces": "One row a response; *_correct is the verdict of the file, of the paper's rules and of math-verify",
    "cues": 'One row a cue: [start, "end") in code points of text (of prompt where section is prompt)',
    "measures": "One row a trace and lexicon: cues by section and group, density per 1,000 tokens (words where unknown)",
}

_MEASURES = """CREATE TABLE measures AS
    SELECT c.*, CASE WHEN t.tokens IS NULL THEN 'words' ELSE 'tokens' END AS unit,
           coalesce(t.tokens, t.words) AS length, 1000.0 * c.n / nullif(coalesce(t.tokens, t.words), 0) AS per_1k
    FROM counts c JOIN traces t USING (trace_id)"""


def write_snapshot(ledger: Ledger, folder: Path, target: Path) -> dict[str, int]:
    """Write the whole store to `target`; returns rows by table. Raises UserError if it can't be written."""
    if target.is_dir() or not target.parent.is_dir():
        raise UserError(f"The snapshot can't be written to {target}: it is a folder, or its folder doesn't exist.")
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with disk_errors():
            rows = _fill(ledger, folder, temporary)
            os.replace(temporary, target)
    except duckdb.IOException as error:
        raise UserError(f"The snapshot can't be written to {target}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return rows


def _fill(ledger: Ledger, folder: Path, path: Path) -> dict[str, int]:
    database = duckdb.connect(str(path))
    try:
        for kind in ("traces", "cues", "counts"):
            paths = [str(folder / part.path) for part in ledger.parts(kind)]
            empty = SCHEMAS[kind].empty_table()
            database.register("empty", empty)
            database.execute(f"CREATE TABLE {kind} AS SELECT * FROM empty")
            database.unregister("empty")
            if paths:
                database.execute(f"INSERT INTO {kind} BY NAME SELECT * FROM read_parquet($paths)", {"paths": paths})
        _ledger_tables(database, ledger)
        database.execute(_MEASURES)
        database.execute("DROP TABLE counts")
        for table, comment in COMMENTS.items():
            quoted = comment.replace("'", "''")
            database.execute(f"COMMENT ON TABLE {table} IS '{quoted}'")
        counted = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone() for table in COMMENTS}
    finally:
        database.close()
    return {table: row[0] if row else 0 for table, row in counted.items()}


def _ledger_tables(database: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    runs = [_run_row(run) for run in ledger.runs()]
    problems = {p.id: p._asdict() for run in ledger.runs() for p in ledger.problems(run.id)}
    run_schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in _RUN_COLUMNS])
    problem_schema = pa.schema([("id", pa.string()), ("question", pa.string()), ("gold", pa.string())])
    for name, rows, schema in (("runs", runs, run_schema), ("problems", list(problems.values()), problem_schema)):
        database.register("incoming", pa.Table.from_pylist(rows, schema=schema))
        database.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
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


def _run_row(run: object) -> dict[str, object]:
    flat = dataclasses.asdict(run)  # type: ignore[call-overload]
    info = flat.pop("info")
    sampling = info.pop("sampling")
    return {**flat, **info, **sampling}
