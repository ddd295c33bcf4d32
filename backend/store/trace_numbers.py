"""The numbers of every registered trace, in memory: what lists, figures and comparisons are made of.

Owns two tables of the process's DuckDB database, `traces` and `counts`, filled from the Parquet parts that
the ledger names. Parts never change, so keeping up means reading new ones and forgetting those that are
gone. Holds no text. Knows nothing of the questions asked of the tables.
"""

# ruff: noqa: S608 - statements are put together from the names in this module alone; values are bound

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import duckdb
import pyarrow as pa

from backend.domain import UserError, visible
from backend.store.ledger import Ledger, PartRow
from backend.store.parts import GROUP_COLUMNS, SCHEMAS

# An answer is shown in a list at most this long; hostile ones are longer.
_ANSWER = 200
_TRACE_COLUMNS = (
    *("trace_id", "run_id", "problem_id", "problem_ordinal", "ordinal", "sample", "chars", "words", "tokens"),
    *("think_words", "think_tokens", "finish", "file_correct", "paper_correct", "verify_correct"),
)
_ANSWERS = ("file_answer", "paper_answer", "verify_answer")
_COUNT_COLUMNS = ("n", "think", "answer", *GROUP_COLUMNS.values())
ATTEMPTS = 5

_SELECT_TRACES = f"""SELECT {", ".join(_TRACE_COLUMNS)},
    {", ".join(f"left({name}, {_ANSWER}) AS {name}" for name in _ANSWERS)}"""
# Rows are joined by a number given here: ids are text, and joining on text takes most of a query's time.
_ADD_TRACES = f"""INSERT INTO traces SELECT nextval('keys') AS key, *
    FROM ({_SELECT_TRACES} FROM read_parquet($paths, hive_partitioning=false))"""
_ADD_COUNTS = f"""INSERT INTO counts SELECT t.key, c.lexicon, {", ".join(f"c.{name}" for name in _COUNT_COLUMNS)}
    FROM read_parquet($paths, hive_partitioning=false) c JOIN traces t USING (trace_id)"""


class Numbers:
    """Keeps the tables in step with the ledger. Threads may share it."""

    def __init__(self, database: duckdb.DuckDBPyConnection, ledger: Ledger, folder: Path) -> None:
        """`folder` is the store's; the tables are made in `database`, empty."""
        self._database, self._ledger, self._folder = database, ledger, folder
        self._lock = Lock()
        self._version = -1
        self._loaded: dict[str, str] = {}
        database.execute("CREATE SEQUENCE keys")
        database.execute(f"CREATE TABLE traces (key BIGINT, {_columns('traces', (*_TRACE_COLUMNS, *_ANSWERS))})")
        database.execute(f"CREATE TABLE counts (key BIGINT, {_columns('counts', ('lexicon', *_COUNT_COLUMNS))})")

    def refresh(self) -> None:
        """Bring the tables up to what the ledger says now. Raises UserError for a part that can't be read."""
        if self._version == self._ledger.version():
            return
        with self._lock:
            for attempt in range(ATTEMPTS):
                version = self._ledger.version()
                if version == self._version:
                    return
                parts = [*self._ledger.parts("traces"), *self._ledger.parts("counts")]
                try:
                    self._load(parts)
                except duckdb.Error as error:
                    # A run that was deleted between the ledger's answer and the read is no longer asked for.
                    if version == self._ledger.version() or attempt == ATTEMPTS - 1:
                        raise UserError(f"The store can't be read: {visible(str(error))}") from error
                    continue
                self._version = version
                return

    def _load(self, parts: Sequence[PartRow]) -> None:
        registered = {part.path: part.run_id for part in parts}
        gone = sorted({run for path, run in self._loaded.items() if path not in registered})
        kept = {path: run for path, run in self._loaded.items() if run not in gone}
        new = [part for part in parts if part.path not in kept]
        with self._database.cursor() as cursor:
            cursor.execute("BEGIN")
            if gone:
                mine = "key IN (SELECT key FROM traces WHERE run_id IN (SELECT unnest($gone)))"
                cursor.execute(f"DELETE FROM counts WHERE {mine}", {"gone": gone})
                cursor.execute("DELETE FROM traces WHERE run_id IN (SELECT unnest($gone))", {"gone": gone})
            for kind, statement in (("traces", _ADD_TRACES), ("counts", _ADD_COUNTS)):
                if paths := [str(self._folder / part.path) for part in new if part.kind == kind]:
                    cursor.execute(statement, {"paths": paths})
            cursor.execute("COMMIT")
        self._loaded = registered


def _columns(kind: str, names: Sequence[str]) -> str:
    """Names and SQL types of a part's columns; labels that Arrow numbers are text."""
    types = {pa.int32(): "INTEGER", pa.bool_(): "BOOLEAN"}
    return ", ".join(f"{name} {types.get(SCHEMAS[kind].field(name).type, 'VARCHAR')}" for name in names)
