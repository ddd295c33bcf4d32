"""In-memory tables with the numbers of every registered trace, over which lists and figures are computed.

Owns the tables `traces` and `counts` of the process's DuckDB database, filled from the Parquet parts that the ledger
names, and what figures are made of over them (t is `traces`, c is `counts`). No texts. Parts
never change, so keeping up means reading new ones and deleting the rows of those that are gone.
"""

# ruff: noqa: S608 - statements are put together from the names in this module alone; values are bound

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import duckdb
import pyarrow as pa

from backend.store.ledger import PartRow
from backend.store.parts import COUNT_COLUMNS, GROUP_COLUMNS, SCHEMAS, loop_column
from backend.store.verification import StoredParts, out_of_memory, unread

# Characters of an answer shown in a list; a broken or hostile trace may have a whole text for one.
_ANSWER = 200
_TRACE_COLUMNS = (
    *("trace_id", "run_id", "problem_id", "problem_ordinal", "ordinal", "sample", "chars", "words", "tokens"),
    *("think_words", "think_tokens", "loop_chars", "loop_words", "loop_tokens", "distinct_words"),
    *("finish", "file_correct", "paper_correct", "verify_correct"),
)
_ANSWERS = ("file_answer", "paper_answer", "verify_answer")
_COUNT_COLUMNS = (*COUNT_COLUMNS, *map(loop_column, COUNT_COLUMNS), "closing")
ATTEMPTS = 5  # each fails only where another run was deleted or found damaged at that very moment


def parts_of(kind: str) -> str:
    """The parts `$paths` of one kind as a table: columns that the parts of earlier releases lack are NULL in them."""
    # An empty table of all columns comes first, for where no part has one. No Hive partitioning: a folder on the way
    # that is called a=b would become a column.
    files = "read_parquet($paths, hive_partitioning=false, union_by_name=true)"
    return f"(SELECT * FROM no_{kind} UNION ALL BY NAME SELECT * FROM {files})"


_SELECT_TRACES = f"""SELECT {", ".join(_TRACE_COLUMNS)},
    {", ".join(f"left({name}, {_ANSWER}) AS {name}" for name in _ANSWERS)}"""
# Rows are joined by a number: ids are text, and joining on text takes most of a query's time.
_ADD_TRACES = f"""INSERT INTO traces SELECT nextval('keys') AS key, *
    FROM ({_SELECT_TRACES} FROM {parts_of("traces")})"""
_ADD_COUNTS = f"""INSERT INTO counts SELECT t.key, c.lexicon, {", ".join(f"c.{name}" for name in _COUNT_COLUMNS)}
    FROM {parts_of("counts")} c JOIN traces t USING (trace_id)"""


def looped(column: str) -> str:
    """How many of a trace's cues that `column` counts lie in loops; NULL, unknown, for parts of earlier releases."""
    return f"CASE WHEN c.key IS NULL AND t.loop_chars IS NOT NULL THEN 0 ELSE c.{loop_column(column)} END"


def _whole(expression: str) -> str:
    """The sum of `expression` over traces, NULL where it is unknown for any of them."""
    return f"CASE WHEN count({expression}) = count(*) THEN sum({expression})::BIGINT END"


def _median(expression: str) -> str:
    """The median of `expression` over traces, NULL where it is unknown for any of them."""
    return f"CASE WHEN count({expression}) = count(*) THEN median({expression}) END"


COUNTS = ", ".join(
    f"coalesce(c.{column}, 0) AS {column}, {looped(column)} AS {loop_column(column)}" for column in COUNT_COLUMNS[1:]
)
GROUP_SUMS = ", ".join(
    f"sum(coalesce(c.{column}, 0))::BIGINT AS {column}, {_whole(looped(column))} AS {loop_column(column)}"
    for column in GROUP_COLUMNS.values()
)
LENGTH_SUMS = ", ".join(
    f"sum(t.{column})::BIGINT AS {column}, {_whole(f't.loop_{column}')} AS loop_{column}"
    for column in ("chars", "words", "tokens")
)

LOOPING = _whole("(t.loop_chars > 0)::INT")
CUE_SUMS = f"""sum(coalesce(c.n, 0))::BIGINT AS cues, {_whole(looped("n"))} AS loop_cues,
    max(coalesce(c.n, 0)) AS largest"""
MEDIANS = ", ".join(
    f"{_median(whole)} AS median_{name}, {_median(f'{whole} - {part}')} AS median_free_{name}"
    for name, whole, part in (
        ("cues", "coalesce(c.n, 0)", looped("n")),
        ("words", "t.words", "t.loop_words"),
        ("tokens", "t.tokens", "t.loop_tokens"),
    )
)

_ENDED = "t.finish NOT IN ('length', 'unknown')"
# Lengths of responses that ended stand apart: one that was cut off has the length of its limit.
_FINISHED = ", ".join(
    f"""coalesce(sum(t.{each}) FILTER ({_ENDED}), 0)::BIGINT AS finished_{each},
    {_whole(f"CASE WHEN {_ENDED} THEN t.loop_{each} ELSE 0 END")} AS looped_{each}"""
    for each in ("words", "tokens")
)


def step_sums(verdict: str) -> str:
    """What the figures of a series are made of; `verdict` is a grader's column. X_known counts where X is known."""
    answer, judged = verdict.replace("correct", "answer"), f"t.{verdict} IS NOT NULL AND c.closing IS NOT NULL"
    shares = {
        "accuracy": (f"t.{verdict}", f"t.{verdict} IS NOT NULL"),
        "ended": (_ENDED, "t.finish <> 'unknown'"),
        "loops": ("t.loop_chars > 0", "t.loop_chars IS NOT NULL"),
        "closing": ("c.closing > 0", "c.closing IS NOT NULL"),
        # As measure/confidence.py has it: it ended by itself, gives an answer that is wrong, and doesn't doubt it.
        "confident_wrong": (
            f"t.finish = 'stop' AND t.{answer} <> '' AND NOT t.{verdict} AND c.closing = 0",
            f"{judged} AND t.finish <> 'unknown'",
        ),
    }
    counted = ", ".join(
        f"count(*) FILTER ({known} AND {holds}) AS {name}, count(*) FILTER ({known}) AS {name}_known"
        for name, (holds, known) in shares.items()
    )
    return f"""count(*) AS n, {LENGTH_SUMS}, {CUE_SUMS}, {GROUP_SUMS}, {_FINISHED}, {counted},
        coalesce(sum(t.distinct_words), 0) AS distinct_n, count(t.distinct_words) AS distinct_n_known"""


class Numbers:
    """Keeps the tables up to date with the ledger; threads may share it."""

    def __init__(self, database: duckdb.DuckDBPyConnection, parts: StoredParts, folder: Path) -> None:
        """Create the tables, empty, in `database`; `folder` is the store's."""
        self._database, self._parts, self._folder = database, parts, folder
        self._lock = Lock()
        self._version = -1
        self._loaded: dict[str, str] = {}
        database.execute("CREATE SEQUENCE keys")
        for kind, schema in SCHEMAS.items():
            database.register("empty", schema.empty_table())
            database.execute(f"CREATE TABLE no_{kind} AS SELECT * FROM empty")
            database.unregister("empty")
        database.execute(f"CREATE TABLE traces (key BIGINT, {_columns('traces', (*_TRACE_COLUMNS, *_ANSWERS))})")
        database.execute(f"CREATE TABLE counts (key BIGINT, {_columns('counts', ('lexicon', *_COUNT_COLUMNS))})")

    def refresh(self) -> None:
        """Bring the tables up to date, without damaged runs. Raises UserError where the parts can't be read."""
        # Without the lock first: almost every query finds nothing new.
        if self._version == self._parts.version():
            return
        with self._lock:
            for _ in range(ATTEMPTS):
                version = self._parts.version()
                if version == self._version:
                    return
                parts = [*self._parts.of("traces"), *self._parts.of("counts")]
                try:
                    self._load(parts)
                except duckdb.OutOfMemoryException as error:
                    raise out_of_memory() from error
                except duckdb.Error as error:
                    # A run may be damaged, or was deleted meanwhile; the next attempt doesn't ask for its files.
                    if not self._parts.blame(parts) and version == self._parts.version():
                        raise unread() from error
                    continue
                self._version = version
                return
            raise unread()

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
    types = {pa.int32(): "INTEGER", pa.float32(): "REAL", pa.bool_(): "BOOLEAN"}
    return ", ".join(f"{name} {types.get(SCHEMAS[kind].field(name).type, 'VARCHAR')}" for name in names)
