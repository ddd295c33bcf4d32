"""In-memory tables with the numbers of every registered trace, over which lists and figures are computed.

Owns the tables `traces` and `counts` of the process's DuckDB database, filled from the Parquet parts that the ledger
names. Parts never change, so keeping up means reading new ones and deleting the rows of those that are gone. No texts.
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

# Characters of an answer shown in a list; a broken or hostile trace may have a whole text for one.
_ANSWER = 200
_TRACE_COLUMNS = (
    *("trace_id", "run_id", "problem_id", "problem_ordinal", "ordinal", "sample", "chars", "words", "tokens"),
    *("think_words", "think_tokens", "finish", "file_correct", "paper_correct", "verify_correct"),
)
_ANSWERS = ("file_answer", "paper_answer", "verify_answer")
_COUNT_COLUMNS = ("n", "think", "answer", *GROUP_COLUMNS.values())
ATTEMPTS = 5  # each fails only where another run was deleted at that very moment

_SELECT_TRACES = f"""SELECT {", ".join(_TRACE_COLUMNS)},
    {", ".join(f"left({name}, {_ANSWER}) AS {name}" for name in _ANSWERS)}"""
# Rows are joined by a number: ids are text, and joining on text takes most of a query's time.
_ADD_TRACES = f"""INSERT INTO traces SELECT nextval('keys') AS key, *
    FROM ({_SELECT_TRACES} FROM read_parquet($paths, hive_partitioning=false))"""
_ADD_COUNTS = f"""INSERT INTO counts SELECT t.key, c.lexicon, {", ".join(f"c.{name}" for name in _COUNT_COLUMNS)}
    FROM read_parquet($paths, hive_partitioning=false) c JOIN traces t USING (trace_id)"""


class Numbers:
    """Keeps the tables up to date with the ledger; threads may share it."""

    def __init__(self, database: duckdb.DuckDBPyConnection, ledger: Ledger, folder: Path) -> None:
        """Create the tables, empty, in `database`; `folder` is the store's."""
        self._database, self._ledger, self._folder = database, ledger, folder
        self._lock = Lock()
        self._version = -1
        self._loaded: dict[str, str] = {}
        database.execute("CREATE SEQUENCE keys")
        database.execute(f"CREATE TABLE traces (key BIGINT, {_columns('traces', (*_TRACE_COLUMNS, *_ANSWERS))})")
        database.execute(f"CREATE TABLE counts (key BIGINT, {_columns('counts', ('lexicon', *_COUNT_COLUMNS))})")

    def refresh(self) -> None:
        """Bring the tables up to date. Raises UserError for a part that can't be read."""
        # Without the lock first: almost every query finds nothing new.
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
                    # A run may have been deleted after the ledger was read; the next attempt doesn't ask for its files.
                    if version == self._ledger.version() or attempt == ATTEMPTS - 1:
                        raise UserError(f"The store can't be read: {visible(str(error))}") from error
                    continue
                self._version = version
                return

    def _load(self, parts: Sequence[PartRow]) -> None:
        registered = {part.path: part.run_id for part in parts}
        # By run, not by part: counts refer to the keys of traces, so a run that has lost any part is read anew as a
        # whole.
        gone = sorted({run for path, run in self._loaded.items() if path not in registered})
        kept = {path: run for path, run in self._loaded.items() if run not in gone}
        new = [part for part in parts if part.path not in kept]
        with self._database.cursor() as cursor:
            # Queries of other threads go on meanwhile: they see the tables before or after, never between.
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
    """Names and SQL types of a part's columns."""
    # What is neither a number nor a truth value is text, Arrow's dictionaries included.
    types = {pa.int32(): "INTEGER", pa.bool_(): "BOOLEAN"}
    return ", ".join(f"{name} {types.get(SCHEMAS[kind].field(name).type, 'VARCHAR')}" for name in names)
