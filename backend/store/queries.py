"""Queries over the traces: all DuckDB statements that read them.

Numbers come from tables in memory (see trace_numbers), texts and cues from the registered Parquet parts. Values are
bound; the few identifiers that vary come from the allow-lists of trace_filters.
"""

# ruff: noqa: S608 - statements are put together from the names in this module alone; values are bound

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from backend.domain import GRADERS, Context, SearchAs, TraceFilter, UserError, visible
from backend.store.ledger import Ledger
from backend.store.parts import ROW_GROUP, single_texts
from backend.store.trace_filters import (
    DISAGREE,
    OF_RUNS,
    PER_1K,
    SORTS,
    VERDICTS,
    conditions,
    search_condition,
    verdict_column,
)
from backend.store.trace_numbers import (
    ATTEMPTS,
    COUNTS,
    CUE_SUMS,
    GROUP_SUMS,
    LENGTH_SUMS,
    LOOPING,
    MEDIANS,
    Numbers,
    looped,
    parts_of,
    step_sums,
)
from backend.store.verification import StoredParts, out_of_memory, unread

_LISTED = f"""t.trace_id, t.run_id, t.problem_id, t.problem_ordinal, t.sample, t.words, t.tokens, t.chars, t.finish,
    t.loop_chars, t.loop_words, t.loop_tokens,
    t.file_answer, t.file_correct, t.paper_answer, t.paper_correct, t.verify_answer, t.verify_correct,
    coalesce(c.n, 0) AS cues, {looped("n")} AS loop_cues, {PER_1K} AS per_1k"""

# A left join: a trace without any cue of the lexicon has no row in counts.
_FROM = "FROM traces t LEFT JOIN counts c ON c.key = t.key AND c.lexicon = $lexicon"


def open_database(threads: int, memory_mb: int, spill: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory database of `memory_mb` megabytes; larger intermediate results go to the folder `spill`."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(spill),
            # DuckDB would download what a statement seems to need: nothing here does, and there may be no network.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    # Parts never change, so what their footers say can be kept.
    connection.execute("SET parquet_metadata_cache = true")
    return connection


class Queries:
    """Reads traces, their cues and their figures."""

    def __init__(
        self,
        ledger: Ledger,
        parts: StoredParts,
        folder: Path,
        threads: int = 2,
        memory_mb: int = 2048,
        seconds: float | None = None,
    ) -> None:
        """`folder` is the store's; a query may use `threads` threads, `memory_mb` megabytes and `seconds`."""
        self._ledger, self._parts, self._folder, self._seconds = ledger, parts, folder, seconds
        self._database = open_database(threads, memory_mb, folder / "spill")
        self._numbers = Numbers(self._database, parts, folder)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        # A cursor a call: an open result owns its connection, and threads that shared one failed in nearly half of all
        # calls.
        cursor = self._database.cursor()
        stop = Timer(self._seconds or 0, cursor.interrupt)
        try:
            if self._seconds:
                stop.start()
            yield cursor
        except duckdb.InterruptException as error:
            raise UserError(
                f"The question was stopped after {self._seconds:g} seconds: ask it of fewer runs, or search for "
                "something simpler. An admin can raise SECOND_THOUGHTS_QUERY_SECONDS."
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise out_of_memory() from error
        finally:
            stop.cancel()
            if stop.is_alive():  # it may be at it just now
                stop.join()
            cursor.close()

    def _numbers_of(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of a statement over the tables of numbers."""
        self._numbers.refresh()
        with self._cursor() as cursor:
            return _rows(cursor.sql(sql, params=_used(sql, values)).to_arrow_table())

    def _parts_of(
        self, sql: str, kind: str, runs: Sequence[str] | None, *, singly: bool = False, **values: Any
    ) -> pa.Table | None:
        """Rows of a statement over the parts of one kind, read as `PARTS`; None where there are none.

        With `singly` the statement gets ids and texts of traces, one at a time.
        """
        # Paths from the ledger, never a glob: one half-written file would make the whole query fail.
        statement = sql.replace("PARTS", "single_texts" if singly else parts_of(kind))
        for _ in range(ATTEMPTS):
            version, parts = self._parts.version(), self._parts.of(kind, runs)
            if not parts:
                return None
            paths = [str(self._folder / part.path) for part in parts]
            try:
                with self._cursor() as cursor:
                    if singly:
                        cursor.register("single_texts", single_texts(paths))
                    return cursor.sql(statement, params=_used(statement, {**values, "paths": paths})).to_arrow_table()
            except duckdb.Error as error:
                # A run may be damaged, or was deleted meanwhile; the next attempt doesn't ask for its files.
                if not self._parts.blame(parts) and version == self._parts.version():
                    raise unread() from error
        raise unread()

    def page(
        self, wanted: TraceFilter, *, sort: str = "run", descending: bool = False, limit: int = 50, number: int = 1
    ) -> tuple[list[dict[str, Any]], int, int]:
        """A page of the traces that match a filter: rows without text, total number of matches, offset of the page.

        Pages of `limit` rows count from 1; a `number` past the end gives the last. Raises UserError for a bad search.
        """
        where, values = self._where(wanted)
        total = int(self._numbers_of(f"SELECT count(*) AS n {_from(where)} WHERE {where}", **values)[0]["n"])
        if not total:
            return [], 0, 0
        offset = (min(max(number, 1), -(-total // limit)) - 1) * limit
        key = SORTS.get(sort, SORTS["run"]).format(verdict=f"t.{verdict_column(wanted.grader)}")
        ties = "t.run_id, t.problem_ordinal, t.sample, t.ordinal"
        order = f"ORDER BY {key} {'DESC' if descending else 'ASC'} NULLS LAST, {ties}"
        # The inner query touches only what filter and order need; everything else is looked up for these few rows.
        chosen = f"SELECT t.key {_from(where + key)} WHERE {where} {order} LIMIT {int(limit)} OFFSET {int(offset)}"
        sql = f"SELECT {_LISTED} {_FROM} WHERE t.key IN ({chosen}) {order}"
        return self._numbers_of(sql, **values, order=[run.id for run in self._ledger.runs()]), total, offset

    def matching(self, wanted: TraceFilter) -> dict[str, set[str]]:
        """Run id -> those of its traces that match a filter. Raises UserError for a bad search."""
        where, values = self._where(wanted)
        sql = f"SELECT t.run_id AS run, list(t.trace_id) AS ids {_from(where)} WHERE {where} GROUP BY ALL"
        return {row["run"]: set(row["ids"]) for row in self._numbers_of(sql, **values)}

    def _where(self, wanted: TraceFilter) -> tuple[str, dict[str, Any]]:
        """The condition of a filter, and its bound values."""
        tests, values = conditions(wanted)
        # Texts and cues are in the parts alone: these filters are run there, and give ids to the query over numbers.
        if wanted.search:
            condition, bound = search_condition(wanted)
            if any_pattern := wanted.search_as is SearchAs.REGEX:
                self._check(wanted.search)
            sql = f"SELECT trace_id FROM PARTS t WHERE {condition}"
            found = self._parts_of(sql, "traces", wanted.runs or None, singly=any_pattern, **bound)
            tests.append("t.trace_id IN (SELECT unnest($found::VARCHAR[]))")
            values["found"] = found["trace_id"].to_pylist() if found else []
        if wanted.entry:
            sql = """SELECT DISTINCT trace_id FROM PARTS
                WHERE lexicon = $lexicon AND entry = $entry AND section <> 'prompt'"""
            found = self._parts_of(sql, "cues", wanted.runs or None, lexicon=wanted.lexicon, entry=wanted.entry)
            tests.append("t.trace_id IN (SELECT unnest($with_entry::VARCHAR[]))")
            values["with_entry"] = found["trace_id"].to_pylist() if found else []
        return " AND ".join(tests) or "true", {**values, "lexicon": wanted.lexicon}

    def _check(self, pattern: str) -> None:
        """Raise UserError where `pattern` is no regular expression (in RE2's syntax, which DuckDB uses)."""
        # Tried on nothing first: an error amid the parts would look like one of the store.
        try:
            with self._cursor() as cursor:
                cursor.execute("SELECT regexp_matches('', $pattern)", {"pattern": pattern}).fetchall()
        except duckdb.Error as error:
            reason = visible(str(error).removeprefix("Invalid Input Error: "), 120)
            raise UserError(f"The search {visible(pattern, 80)} is no regular expression: {reason}.") from error

    def per_trace(self, runs: Sequence[str], lexicon: str) -> list[dict[str, Any]]:
        """A row for each trace of these runs, without text: lengths, verdicts, cue counts by section and group.

        `loop_X` is what lies in loops of each length and count X, None where that is unknown; `loop_cues` of `cues`.
        `closing` counts the cues of the closing passage, None where that is unknown.
        """
        sql = f"""SELECT {_LISTED}, t.think_words, t.think_tokens, t.ordinal, c.closing, {COUNTS}
            {_FROM} WHERE {OF_RUNS} ORDER BY t.run_id, t.problem_ordinal, t.sample, t.ordinal"""
        return self._numbers_of(sql, runs=list(runs), lexicon=lexicon)

    def per_problem(self, runs: Sequence[str] | None, lexicon: str) -> list[dict[str, Any]]:
        """Traces, lengths, cues by group and verdicts by grader, summed up: a row for each run and problem.

        Beside each length and count X stands `loop_X`, what lies in loops of it, None where that is unknown for any
        trace; `looping` counts the traces that hold a loop, `largest` is the most cues of any one trace.
        """
        verdicts = ", ".join(
            f"count(t.{column}) AS {column}_known, count(*) FILTER (t.{column}) AS {column}_right"
            for column in VERDICTS.values()
        )
        sql = f"""SELECT t.run_id, t.problem_id, min(t.problem_ordinal) AS ordinal, count(*) AS n,
            {LENGTH_SUMS}, {LOOPING} AS looping,
            count(*) FILTER (t.finish = 'length') AS cut, count(*) FILTER (t.finish <> 'unknown') AS finish_known,
            {CUE_SUMS}, {GROUP_SUMS}, {verdicts},
            count(*) FILTER ({DISAGREE}) AS disagree {_FROM} WHERE {OF_RUNS if runs is not None else "true"}
            GROUP BY t.run_id, t.problem_id ORDER BY t.run_id, ordinal"""
        return self._numbers_of(sql, runs=list(runs or ()), lexicon=lexicon)

    def per_run(self, runs: Sequence[str] | None, lexicon: str) -> list[dict[str, Any]]:
        """What one trace can do to a run's figures: sums, the largest trace, and medians over traces; a row a run.

        As in `per_problem`, with `median_X` of `cues`, `words` and `tokens`, and `median_free_X` of what of them lies
        outside loops. `largest / cues` is the share of a run's cues that one trace holds, `graded` by the default.
        """
        sql = f"""SELECT t.run_id, count(*) AS n, {LENGTH_SUMS}, {LOOPING} AS looping, {CUE_SUMS}, {MEDIANS},
            count(t.{verdict_column(GRADERS[0])}) AS graded {_FROM}
            WHERE {OF_RUNS if runs is not None else "true"} GROUP BY t.run_id ORDER BY t.run_id"""
        return self._numbers_of(sql, runs=list(runs or ()), lexicon=lexicon)

    def per_step(self, steps: Mapping[str, int], lexicon: str, grader: str) -> pa.Table:
        """`per_problem` of the runs of a series, pooled by the step that each belongs to, with `step_sums`.

        Rows are ordered by step, then by problem.
        """
        sql = f"""SELECT s.step, t.problem_id, {step_sums(verdict_column(grader))}
            {_FROM} JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id, unnest($numbers::INT[]) AS step) s USING (run_id)
            GROUP BY ALL ORDER BY s.step, t.problem_id"""
        self._numbers.refresh()
        with self._cursor() as cursor:
            values = {"runs": list(steps), "numbers": list(steps.values()), "lexicon": lexicon}
            return cursor.sql(sql, params=values).to_arrow_table()

    def extras(self, runs: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """Run, problem and the JSON of what came with it, for each trace of these runs."""
        table = self._parts_of("SELECT run_id, problem_id, extra FROM PARTS WHERE extra <> '{}'", "traces", runs)
        return zip(*(column.to_pylist() for column in table.columns), strict=True) if table else iter(())

    def entropies(self, runs: Sequence[str]) -> Iterator[tuple[str, str, float, int]]:
        """Run, problem, and sum and number of the mean entropies of its traces, where these were kept."""
        sql = """SELECT t.run_id, t.problem_id, sum(list_avg(p.entropies)), count(list_avg(p.entropies)) AS known
            FROM PARTS p JOIN traces t USING (trace_id) WHERE p.generated GROUP BY ALL HAVING known > 0"""
        table = self._parts_of(sql, "tokens", runs)
        return zip(*(column.to_pylist() for column in table.columns), strict=True) if table else iter(())

    def entry_counts(self, runs: Sequence[str], lexicon: str, loops: bool = True) -> list[dict[str, Any]]:
        """How often each entry was found in responses, and one place: a row a run, problem, entry and section."""
        place = """any_value({id: trace_id, start: "start", upto: "end"}) AS place"""
        return self._entries(f"problem_id, {place}", runs, lexicon, loops)

    def tallies(self, run: str, lexicon: str, loops: bool = True) -> list[dict[str, Any]]:
        """How often each entry was found in a response: a row for each trace, entry and section with any cue."""
        return self._entries("trace_id", [run], lexicon, loops)

    def _entries(self, columns: str, runs: Sequence[str], lexicon: str, loops: bool) -> list[dict[str, Any]]:
        """Counts of entries by run, section and `columns`; without `loops` of what is known to lie outside of them."""
        sql = f"""SELECT run_id, {columns}, entry, any_value(grp) AS grp, section, count(*)::INT AS n
            FROM PARTS WHERE lexicon = $lexicon AND section <> 'prompt' AND ($loops OR NOT looped) GROUP BY ALL"""
        return _rows(self._parts_of(sql, "cues", runs, lexicon=lexicon, loops=loops))

    def disputed(self, runs: Sequence[str] | None, first: str, second: str) -> list[dict[str, Any]]:
        """Traces on which two graders contradict each other; `judged` is how many both of them judge."""
        one, other = map(verdict_column, (first, second))
        columns = f"* EXCLUDE (text, prompt, sections, extra), count({one} = {other}) OVER () AS judged"
        sql = f"SELECT {columns} FROM PARTS QUALIFY {one} <> {other} ORDER BY run_id, problem_ordinal, sample"
        return _rows(self._parts_of(sql, "traces", runs))

    def samples(self, run: str, problem: str) -> list[dict[str, Any]]:
        """A run's traces of one problem, in order of sample: id, sample and the text's hash."""
        sql = "SELECT trace_id, sample, text_sha256 FROM PARTS WHERE problem_id = $problem ORDER BY sample, ordinal"
        return _rows(self._parts_of(sql, "traces", [run], problem=problem))

    def neighbours(self, trace_id: str) -> tuple[str | None, str | None]:
        """The traces before and after one in its run's order (problem, then sample); None at the ends."""
        sql = f"""SELECT before, after FROM (
                SELECT trace_id, lag(trace_id) OVER w AS before, lead(trace_id) OVER w AS after FROM traces t
                WHERE {OF_RUNS} WINDOW w AS (ORDER BY problem_ordinal, sample, ordinal)
            ) WHERE trace_id = $id"""
        found = self._numbers_of(sql, runs=[run_of(trace_id)], id=trace_id)
        return (found[0]["before"], found[0]["after"]) if found else (None, None)

    def prompts(self, runs: Sequence[str]) -> list[dict[str, Any]]:
        """A prompt the model was shown for each run and problem ("" where the source has none)."""
        sql = "SELECT run_id, problem_id, arg_min(prompt, ordinal) AS prompt FROM PARTS GROUP BY ALL"
        return _rows(self._parts_of(sql, "traces", runs))

    def trace(self, trace_id: str) -> dict[str, Any] | None:
        """Everything stored of one trace, or None."""
        rows = self._parts_of("SELECT * FROM PARTS WHERE trace_id = $id", "traces", [run_of(trace_id)], id=trace_id)
        return next(iter(_rows(rows)), None)

    def texts_of(self, trace_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Trace id -> its run, question, prompt, text and its hash, sections, loops (None: unknown), if it exists."""
        sql = """SELECT trace_id, run_id, question, prompt, text, text_sha256, sections, loops FROM PARTS
            WHERE trace_id IN (SELECT unnest($ids::VARCHAR[]))"""
        runs = sorted({run_of(trace_id) for trace_id in trace_ids})
        return {row["trace_id"]: row for row in _rows(self._parts_of(sql, "traces", runs, ids=list(trace_ids)))}

    def cues(self, trace_id: str, lexicon: str) -> list[dict[str, Any]]:
        """A trace's cues under one lexicon, prompt first, in order of place."""
        return self.cues_in([trace_id], lexicon).get(trace_id, [])

    def cues_in(self, traces: Sequence[str], lexicon: str) -> dict[str, list[dict[str, Any]]]:
        """Trace id -> its cues as `cues` gives them, for these traces of one run; only those that hold any."""
        sql = """SELECT trace_id, entry, grp, section, "start", "end", looped FROM PARTS WHERE lexicon = $lexicon
            AND trace_id BETWEEN $first AND $last AND trace_id IN (SELECT unnest($ids::VARCHAR[]))
            ORDER BY section = 'prompt' DESC, "start", "end" """
        ids: dict[str, Any] = {"ids": list(traces), "first": min(traces), "last": max(traces), "lexicon": lexicon}
        found: dict[str, list[dict[str, Any]]] = {}
        for row in _rows(self._parts_of(sql, "cues", [run_of(traces[0])], **ids)):
            found.setdefault(row.pop("trace_id"), []).append(row)
        return found

    def digests(self, run: str) -> dict[str, tuple[str, str]]:
        """Trace id -> digests of its text and of its prompt, of a whole run."""
        table = self._parts_of("SELECT trace_id, text_sha256, md5(prompt) AS prompt FROM PARTS", "traces", [run])
        return {row["trace_id"]: (row["text_sha256"], row["prompt"]) for row in _rows(table)}

    def right_texts(self, problem: str, limit: int = 8) -> list[dict[str, Any]]:
        """Responses to a problem that are right by the default grader, shortest first: trace_id, model and text.

        Runs shown a solution are left out: their responses are no solutions of the model's own.
        """
        plain = {run.id: run.info.model for run in self._ledger.runs() if run.info.context is Context.NONE}
        held = [run for run in self._ledger.runs_with(problem) if run in plain]
        sql = f"""SELECT trace_id, run_id, text FROM PARTS
            WHERE problem_id = $problem AND {verdict_column(GRADERS[0])}
            ORDER BY length(text), trace_id LIMIT {int(limit)}"""
        rows = _rows(self._parts_of(sql, "traces", held, problem=problem)) if held else []
        return [{**row, "model": plain[row["run_id"]]} for row in rows]

    def tokens(self, trace_id: str) -> list[dict[str, Any]]:
        """A trace's token scores: a row for each model and context, those of the model that wrote it first."""
        sql = "SELECT * FROM PARTS WHERE trace_id = $id ORDER BY generated DESC, model, context"
        return _rows(self._parts_of(sql, "tokens", [run_of(trace_id)], id=trace_id))

    def scored(self, run: str, model: str, context: str) -> set[str]:
        """The traces of a run that `model` has read under `context`."""
        sql = "SELECT trace_id FROM PARTS WHERE NOT generated AND model = $model AND context = $context"
        return {row["trace_id"] for row in _rows(self._parts_of(sql, "tokens", [run], model=model, context=context))}

    def texts(self, run: str, more: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Every trace of a run as matching needs it: id, problem, prompt, text, sections; and `more` of its columns.

        Not by DuckDB: read row group by row group, a run of any size takes little memory.
        """
        columns = ["trace_id", "problem_id", "prompt", "text", "sections", *more]
        self._parts.require([run])
        parts = self._parts.of("traces", [run])
        with self._parts.reading(parts), ExitStack() as opened:
            # All at once: a part that another process replaces or deletes stays readable once it is open.
            for file in [opened.enter_context(pq.ParquetFile(self._folder / part.path)) for part in parts]:
                for batch in file.iter_batches(batch_size=ROW_GROUP, columns=columns):
                    yield from batch.to_pylist()


def run_of(trace_id: str) -> str:
    """The run a trace belongs to."""
    return trace_id.rpartition("-")[0]


def _from(used: str) -> str:
    """The FROM clause for expressions; counts are joined only where they are used."""
    return _FROM if "c." in used else "FROM traces t"


def _rows(table: pa.Table | None) -> list[dict[str, Any]]:
    return list(table.to_pylist()) if table else []


def _used(sql: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values that a statement names."""
    # DuckDB refuses to bind others.
    return {name: value for name, value in values.items() if re.search(rf"\${name}\b", sql)}
