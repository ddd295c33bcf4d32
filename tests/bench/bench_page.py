"""The list's page of 50 out of 200,000 traces, against the plain DuckDB query on the same Parquet files.

Owns the made store and the clock. Ours also counts all rows that pass, fetches the questions and asks the ledger
whether anything changed; theirs is the page alone. Run `python -m tests.bench page`.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from backend.config import Settings
from backend.domain import Run, RunInfo, TraceFilter, digest
from backend.services import Services, build_services
from backend.store.ledger import ProblemRow, SourceRow
from backend.store.parts import SCHEMAS, PartWriter

TRACES, RUNS, SAMPLES, ROUNDS = 200_000, 8, 4, 7
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa " * 30

# (what, our filter, their condition, our sort, their order)
BY_PROBLEM, BY_DENSITY = "t.problem_ordinal, t.run_id, t.ordinal", "1000.0 * c.n / t.tokens DESC, t.run_id, t.ordinal"
CASES = [
    ("all traces", TraceFilter(), "true", "problem", BY_PROBLEM),
    (
        "length between bounds",
        TraceFilter(min_words=100, max_words=200),
        "t.words BETWEEN 100 AND 200",
        "problem",
        BY_PROBLEM,
    ),
    (
        "cue density above a bound",
        TraceFilter(min_density=20.0),
        "1000.0 * c.n / t.tokens >= 20",
        "density",
        BY_DENSITY,
    ),
    ("right answers", TraceFilter(correct=True), "t.verify_correct", "density", BY_DENSITY),
    ("one run", TraceFilter(runs=("000000000003",)), "t.run_id = '000000000003'", "problem", BY_PROBLEM),
]


def run_tables(run: str, number: int, lexicon: str) -> tuple[pa.Table, pa.Table]:
    """Traces and counts of one run of `number` traces, four samples a problem, some 700 characters each."""
    draw = np.random.default_rng(int(run, 16))
    place = np.arange(number)
    lengths = draw.integers(50, 400, number)
    texts = [f"{i} {WORDS[: 4 * n]}" for i, n in enumerate(lengths)]
    known: dict[str, Any] = {
        "trace_id": [f"{run}-{i:05d}" for i in place],
        "run_id": [run] * number,
        "problem_id": [digest(str(i // SAMPLES)) for i in place],
        "problem_ordinal": place // SAMPLES,
        "ordinal": place,
        "sample": place % SAMPLES,
        "chars": [len(text) for text in texts],
        "words": lengths,
        "tokens": lengths * 4 // 3,
        "finish": ["stop"] * number,
        **{f"{grader}_correct": draw.random(number) < 0.5 for grader in ("file", "paper", "verify")},
        "text_sha256": [hashlib.sha256(text.encode()).hexdigest() for text in texts],
        "text": texts,
        **{name: ["x"] * number for name in ("question", "prompt", "extra", "gold")},
    }
    cues = draw.integers(0, 30, number)
    counts = {
        "trace_id": known["trace_id"],
        "run_id": [run] * number,
        "lexicon": [lexicon] * number,
        "n": cues,
        "answer": cues,
    }
    return _table("traces", known, number), _table("counts", counts, number)


def _table(kind: str, known: dict[str, Any], rows: int) -> pa.Table:
    columns = {}
    for field in SCHEMAS[kind]:
        empty = pa.nulls(rows, field.type) if kind == "traces" else pa.array(np.zeros(rows, np.int32))
        values = pa.array(known[field.name]) if field.name in known else empty
        encoded = values.dictionary_encode() if pa.types.is_dictionary(field.type) and field.name in known else values
        columns[field.name] = encoded.cast(field.type)
    return pa.table(columns, schema=SCHEMAS[kind])


def fill(services: Services) -> None:
    """Put eight runs into an empty store."""
    each, lexicon = TRACES // RUNS, services.lexicons.get(services.lexicons.default).id
    for number in range(RUNS):
        run = f"{number:012x}"
        traces, counts = run_tables(run, each, lexicon)
        ids = dict.fromkeys(traces["problem_id"].to_pylist())
        problems = [ProblemRow(name, f"question {name}", "1") for name in ids]
        row = Run(run, RunInfo(f"model {number}", "set"), len(problems), each, "tokens", "2026-01-01")
        with PartWriter(services.store.folder, run) as writer:
            writer.write("traces", traces)
            writer.write("counts", counts)
            source = [SourceRow("0" * 64, f"{number}.jsonl", 1)]
            add, contents = services.store.ledger.add_run, services.lexicons.contents()
            assert writer.register(lambda parts: add(row, source, problems, parts, contents))  # noqa: B023


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Best wall-clock time of several goes."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def run() -> list[tuple[str, float, str]]:
    """(what, our time as a multiple of the plain query's, aim) for several filters, and for a process's first page."""
    with tempfile.TemporaryDirectory() as folder, build_services(Settings(store=Path(folder))) as services:
        fill(services)
        paths = {
            kind: [str(Path(folder) / p.path) for p in services.store.ledger.parts(kind)]
            for kind in ("traces", "counts")
        }
        database = duckdb.connect(config={"threads": 2})
        database.execute("SET parquet_metadata_cache = true")

        def plain(condition: str, order: str) -> Callable[[], object]:
            sql = f"""SELECT t.trace_id, t.run_id, t.problem_id, t.problem_ordinal, t.sample, t.words, t.tokens, t.finish,
                t.verify_correct, c.n FROM read_parquet($traces) t JOIN read_parquet($counts) c USING (trace_id)
                WHERE {condition} ORDER BY {order} LIMIT 50"""
            return lambda: database.sql(sql, params=paths).fetchall()

        rows = []
        with build_services(Settings(store=Path(folder))) as fresh:
            first, theirs = (
                best(lambda: fresh.trace_list.page(TraceFilter(), sort="problem"), 1),
                best(plain("true", BY_PROBLEM)),
            )
        rows.append((f"first page of a process, {first * 1e3:.0f} ms", first / theirs, "numbers are read once; no aim"))
        for what, wanted, condition, sort, order in CASES:
            ask = lambda w=wanted, s=sort: services.trace_list.page(w, 1, s, s == "density")  # noqa: E731
            ours, theirs = best(ask), best(plain(condition, order))
            shown = f"page of 50 from {TRACES:,}, {what}: {ours * 1e3:.0f} ms against {theirs * 1e3:.0f} ms"
            rows.append((shown, ours / theirs, "aim: at most 1"))
        return rows
