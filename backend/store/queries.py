"""Every DuckDB statement: questions asked of the registered parts.

Owns one in-memory database a process, a cursor a call. Values are bound; the few identifiers that vary
come from the allow-lists below. The parts to read are named by the ledger, never by a glob, so a
half-written file can't be seen. Knows nothing of what the numbers mean to a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from backend.domain import SearchAs, TraceFilter, UserError
from backend.store.ledger import Ledger
from backend.store.parts import GROUP_COLUMNS

# Grader, as people name it -> the column that holds its verdict.
VERDICTS = {"file": "file_correct", "paper": "paper_correct", "math-verify": "verify_correct"}

_PER_1K = "1000.0 * coalesce(c.n, 0) / nullif(coalesce(t.tokens, t.words), 0)"

SORTS = {
    "run": "list_position($order, t.run_id)",
    "problem": "t.problem_ordinal",
    "sample": "t.sample",
    "words": "t.words",
    "cues": "coalesce(c.n, 0)",
    "density": _PER_1K,
    "correct": "{verdict}",
    "finish": "t.finish",
}

_LISTED = """t.trace_id, t.run_id, t.problem_id, t.problem_ordinal, t.sample, t.words, t.tokens, t.chars, t.finish,
    t.gold, t.file_answer, t.file_correct, t.paper_answer, t.paper_correct, t.verify_answer, t.verify_correct,
    coalesce(c.n, 0) AS cues, {density} AS per_1k"""

_GROUPS = ", ".join(f"coalesce(c.{column}, 0) AS {column}" for column in GROUP_COLUMNS.values())
_GROUP_SUMS = ", ".join(f"sum(coalesce(c.{column}, 0))::BIGINT AS {column}" for column in GROUP_COLUMNS.values())

_FROM = """FROM read_parquet($traces) t
    LEFT JOIN (SELECT * FROM read_parquet($counts) WHERE lexicon = $lexicon) c ON c.trace_id = t.trace_id"""

_DISAGREE = """(t.file_correct IS DISTINCT FROM t.paper_correct AND t.file_correct IS NOT NULL
     AND t.paper_correct IS NOT NULL)
  OR (t.file_correct IS DISTINCT FROM t.verify_correct AND t.file_correct IS NOT NULL
     AND t.verify_correct IS NOT NULL)
  OR (t.paper_correct IS DISTINCT FROM t.verify_correct AND t.paper_correct IS NOT NULL
     AND t.verify_correct IS NOT NULL)"""


def verdict_column(grader: str) -> str:
    """The column of a grader's verdicts. Raises UserError for a grader that doesn't exist."""
    if grader not in VERDICTS:
        raise UserError(f"There is no grader called {grader!r}; there are {', '.join(VERDICTS)}.")
    return VERDICTS[grader]


def open_database(threads: int, memory_mb: int) -> duckdb.DuckDBPyConnection:
    """An in-memory database that fetches nothing from anywhere."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    connection.execute("SET parquet_metadata_cache = true")
    return connection


class Queries:
    """The reading side of the store."""

    def __init__(self, ledger: Ledger, folder: Path, threads: int = 2, memory_mb: int = 2048) -> None:
        """`folder` is the store's; a query may use `threads` threads and `memory_mb` megabytes."""
        self._ledger, self._folder = ledger, folder
        self._database = open_database(threads, memory_mb)

    def close(self) -> None:
        """Free the database."""
        self._database.close()

    def _paths(self, kind: str, runs: Sequence[str] | None) -> list[str]:
        return [str(self._folder / part.path) for part in self._ledger.parts(kind, runs)]

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._database.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _ask(self, sql: str, runs: Sequence[str] | None, kinds: Sequence[str], **values: Any) -> pa.Table | None:
        """Rows of `sql`, or None where the store holds no part of the first kind."""
        for attempt in (1, 2):
            paths = {kind: self._paths(kind, runs) for kind in kinds}
            if not paths[kinds[0]]:
                return None
            if not all(paths.values()):
                sql = _without_counts(sql)
                paths = {kind: found for kind, found in paths.items() if found}
            used = {key: value for key, value in {**paths, **values}.items() if f"${key}" in sql}
            try:
                with self._cursor() as cursor:
                    return cursor.sql(sql, params=used).to_arrow_table()
            except duckdb.IOException:
                # A run was deleted between the ledger's answer and the read: ask once more.
                if attempt == 2:
                    raise
            except duckdb.InvalidInputException as error:
                raise UserError(f"The search can't be done: {error}") from error
        return None

    # -- lists --------------------------------------------------------------------------------------

    def page(
        self, wanted: TraceFilter, *, sort: str = "run", descending: bool = False, limit: int = 50, offset: int = 0
    ) -> list[dict[str, Any]]:
        """`limit` traces from `offset` on, with their numbers and without their text."""
        where, values = _where(wanted)
        order = SORTS.get(sort, SORTS["run"]).format(verdict=f"t.{verdict_column(wanted.grader)}")
        sql = f"""SELECT {_LISTED.format(density=_PER_1K)} {_FROM} WHERE {where}
            ORDER BY {order} {"DESC" if descending else "ASC"} NULLS LAST, t.run_id, t.problem_ordinal, t.sample, t.ordinal
            LIMIT $limit OFFSET $offset"""
        values |= {"limit": limit, "offset": offset, "order": [run.id for run in self._ledger.runs()]}
        rows = self._ask(sql, wanted.runs or None, ("traces", "counts"), lexicon=wanted.lexicon, **values)
        return rows.to_pylist() if rows else []

    def count(self, wanted: TraceFilter) -> int:
        """How many traces the filter lets through."""
        where, values = _where(wanted)
        sql = f"SELECT count(*) AS n {_FROM} WHERE {where}"
        rows = self._ask(sql, wanted.runs or None, ("traces", "counts"), lexicon=wanted.lexicon, **values)
        return rows["n"][0].as_py() if rows else 0

    def per_trace(self, runs: Sequence[str], lexicon: str) -> list[dict[str, Any]]:
        """One row a trace of these runs: numbers, verdicts and counts by group, without text."""
        sql = f"""SELECT {_LISTED.format(density=_PER_1K)}, t.think_words, t.think_tokens, t.ordinal, t.text_sha256,
            coalesce(c.think, 0) AS think, coalesce(c.answer, 0) AS answer, {_GROUPS}
            {_FROM} ORDER BY t.run_id, t.problem_ordinal, t.sample, t.ordinal"""
        rows = self._ask(sql, runs, ("traces", "counts"), lexicon=lexicon)
        return rows.to_pylist() if rows else []

    def per_problem(self, runs: Sequence[str] | None, lexicon: str) -> list[dict[str, Any]]:
        """One row a run and problem: traces, sums of lengths, cues by group, verdicts known and right by grader."""
        verdicts = ", ".join(
            f"count(t.{column}) AS {column}_known, count(*) FILTER (t.{column}) AS {column}_right"
            for column in VERDICTS.values()
        )
        sql = f"""SELECT t.run_id, t.problem_id, min(t.problem_ordinal) AS ordinal, count(*) AS n,
            sum(t.chars)::BIGINT AS chars, sum(t.words)::BIGINT AS words, sum(t.tokens)::BIGINT AS tokens,
            count(*) FILTER (t.finish = 'length') AS cut, count(*) FILTER (t.finish <> 'unknown') AS finish_known,
            sum(coalesce(c.n, 0))::BIGINT AS cues, {_GROUP_SUMS}, {verdicts},
            count(*) FILTER ({_DISAGREE}) AS disagree
            {_FROM} GROUP BY t.run_id, t.problem_id ORDER BY t.run_id, ordinal"""
        rows = self._ask(sql, runs, ("traces", "counts"), lexicon=lexicon)
        return rows.to_pylist() if rows else []

    def entry_counts(self, runs: Sequence[str], lexicon: str) -> list[dict[str, Any]]:
        """One row a run, problem, entry and section: how often the entry was found in the responses."""
        sql = """SELECT run_id, problem_id, entry, any_value(grp) AS grp, section, count(*)::INT AS n
            FROM read_parquet($cues) WHERE lexicon = $lexicon AND section <> 'prompt' GROUP BY ALL"""
        rows = self._ask(sql, runs, ("cues",), lexicon=lexicon)
        return rows.to_pylist() if rows else []

    def totals(self) -> list[dict[str, Any]]:
        """One row a run and lexicon: cues in the responses (think and answer)."""
        rows = self._ask(
            "SELECT run_id, lexicon, sum(n)::BIGINT AS cues FROM read_parquet($counts) GROUP BY ALL", None, ("counts",)
        )
        return rows.to_pylist() if rows else []

    def samples(self, run: str, problem: str) -> list[dict[str, Any]]:
        """A run's traces of one problem, in order of sample: id, sample and the text's hash."""
        sql = """SELECT trace_id, sample, text_sha256 FROM read_parquet($traces)
            WHERE problem_id = $problem ORDER BY sample, ordinal"""
        rows = self._ask(sql, [run], ("traces",), problem=problem)
        return rows.to_pylist() if rows else []

    def neighbours(self, trace_id: str) -> tuple[str | None, str | None]:
        """The traces before and after one in its run's order (problem, then sample); None at the ends."""
        sql = """SELECT before, after FROM (SELECT trace_id, lag(trace_id) OVER w AS before, lead(trace_id) OVER w AS after
            FROM read_parquet($traces) WINDOW w AS (ORDER BY problem_ordinal, sample, ordinal)) WHERE trace_id = $id"""
        rows = self._ask(sql, [trace_id.rpartition("-")[0]], ("traces",), id=trace_id)
        found = rows.to_pylist() if rows else []
        return (found[0]["before"], found[0]["after"]) if found else (None, None)

    def prompts(self, runs: Sequence[str]) -> list[dict[str, Any]]:
        """One row a run and problem: a prompt the model was shown ("" where the source doesn't tell)."""
        sql = """SELECT run_id, problem_id, arg_min(prompt, ordinal) AS prompt FROM read_parquet($traces)
            GROUP BY ALL"""
        rows = self._ask(sql, runs, ("traces",))
        return rows.to_pylist() if rows else []

    # -- one trace ----------------------------------------------------------------------------------

    def trace(self, trace_id: str) -> dict[str, Any] | None:
        """Everything stored of one trace, or None."""
        run = trace_id.rpartition("-")[0]
        rows = self._ask("SELECT * FROM read_parquet($traces) WHERE trace_id = $id", [run], ("traces",), id=trace_id)
        return rows.to_pylist()[0] if rows else None

    def cues(self, trace_id: str, lexicon: str) -> list[dict[str, Any]]:
        """A trace's cues under one lexicon, prompt first, in order of place."""
        run = trace_id.rpartition("-")[0]
        sql = """SELECT entry, grp, section, "start", "end" FROM read_parquet($cues)
            WHERE trace_id = $id AND lexicon = $lexicon ORDER BY section = 'prompt' DESC, "start", "end" """
        rows = self._ask(sql, [run], ("cues",), id=trace_id, lexicon=lexicon)
        return rows.to_pylist() if rows else []

    def texts(self, run: str) -> Iterator[dict[str, Any]]:
        """Every trace of a run with what matching needs: id, problem, prompt, text, sections."""
        sql = """SELECT trace_id, problem_id, prompt, text, sections, words, tokens FROM read_parquet($traces)
            ORDER BY problem_ordinal, sample"""
        rows = self._ask(sql, [run], ("traces",))
        for batch in rows.to_batches(max_chunksize=256) if rows else []:
            yield from batch.to_pylist()


def _without_counts(sql: str) -> str:
    """The statement for a store without a single counts part: every count reads as nothing found."""
    names = ", ".join(f"0 AS {name}" for name in ("n", "think", "answer", *GROUP_COLUMNS.values()))
    empty = f"(SELECT '' AS trace_id, {names} WHERE false)"
    return sql.replace("(SELECT * FROM read_parquet($counts) WHERE lexicon = $lexicon)", empty)


def _where(wanted: TraceFilter) -> tuple[str, dict[str, Any]]:
    """The condition of a filter and its bound values."""
    verdict = f"t.{verdict_column(wanted.grader)}"
    tests: list[str] = []
    values: dict[str, Any] = {}
    ranges = (("min_words", "t.words >="), ("max_words", "t.words <="))
    ranges += (("min_density", f"{_PER_1K} >="), ("max_density", f"{_PER_1K} <="))
    for name, test in ranges:
        if (bound := getattr(wanted, name)) is not None:
            tests.append(f"{test} ${name}")
            values[name] = bound
    if wanted.problem:
        tests.append("t.problem_id = $problem")
        values["problem"] = wanted.problem
    if wanted.unknown:
        tests.append(f"{verdict} IS NULL")
    elif wanted.correct is not None:
        tests.append(verdict if wanted.correct else f"NOT {verdict}")
    if wanted.disagree:
        tests.append(f"({_DISAGREE})")
    if wanted.cut is not None:
        tests.append("t.finish = 'length'" if wanted.cut else "t.finish <> 'length'")
    if wanted.search:
        tests.append(_search(wanted, values))
    return " AND ".join(tests) or "true", values


def _search(wanted: TraceFilter, values: dict[str, Any]) -> str:
    if wanted.search_as is SearchAs.TEXT:
        values["search"] = wanted.search.lower()
        return "contains(lower(t.text), $search)"
    whole = wanted.search_as is SearchAs.WORD
    values["search"] = rf"(?i)(?:^|[^\pL\pN_]){re.escape(wanted.search)}(?:[^\pL\pN_]|$)" if whole else wanted.search
    return "regexp_matches(t.text, $search)"
