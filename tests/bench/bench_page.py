"""A page of 50 out of 200,000 traces against the raw DuckDB query over the same Parquet files.

Owns the synthetic store: numbers only, texts are short. A ratio of 1 means that the service's page, with its filters,
joins, ledger and questions, takes as long as the bare statement; above 1 it is slower.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

from backend.config import Settings
from backend.domain import Run, RunInfo, TraceFilter
from backend.services import Services, wire
from backend.services.rows import Columns
from backend.store import PartWriter, ProblemRow, SourceRow
from backend.store.ledger import now
from backend.store.parts import GROUP_COLUMNS, SCHEMAS

RUNS, TRACES, PROBLEMS, ROUNDS = 40, 5_000, 500, 7


def fill(services: Services, draw: random.Random) -> None:
    """Store 40 runs of 5,000 traces each, with counts of one lexicon."""
    lexicon = services.lexicons.get("doubts").id
    contents = {lexicon: services.lexicons.contents()[lexicon]}
    problems = [ProblemRow(f"p{i:04d}", f"Problem number {i}", "1") for i in range(PROBLEMS)]
    for number in range(RUNS):
        identity = f"run{number:03d}"
        traces, counts = Columns("traces"), Columns("counts")
        for i in range(TRACES):
            row = dict.fromkeys(SCHEMAS["traces"].names)
            row |= {"trace_id": f"{identity}-{i:05d}", "run_id": identity, "problem_id": f"p{i % PROBLEMS:04d}"}
            row |= {"problem_ordinal": i % PROBLEMS, "ordinal": i, "sample": i // PROBLEMS, "finish": "stop"}
            row |= {"words": draw.randrange(50, 20_000), "chars": 9, "verify_correct": draw.random() < 0.5}
            row |= {"text": "wait, no", "prompt": "", "question": "", "sections": [], "extra": "{}"}
            traces.add(row)
            count = dict.fromkeys(SCHEMAS["counts"].names, 0) | {"trace_id": row["trace_id"], "run_id": identity}
            counts.add(count | {"lexicon": lexicon, "n": draw.randrange(0, 500), next(iter(GROUP_COLUMNS.values())): 1})
        run = Run(identity, RunInfo(f"model {number}", "synthetic"), PROBLEMS, TRACES, "words", now())
        with PartWriter(services.store.folder, identity) as writer:
            writer.write("traces", traces.table())
            writer.write("counts", counts.table())
            source = SourceRow(f"{number:064d}", f"{identity}.jsonl", 1)
            enter = partial(services.store.ledger.add_run, run, [source], problems)
            assert writer.register(lambda parts, enter=enter: enter(parts, contents))


def seconds(work: Callable[[], object]) -> float:
    """The best of a few wall-clock times, after one that fills caches."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


CASES = {
    "a page of 50, no filter": (TraceFilter(), "true"),
    "right answers of at least 10,000 words": (
        TraceFilter(correct=True, min_words=10_000),
        "t.verify_correct AND t.words >= 10000",
    ),
    "at least 30 cues per 1,000 words": (TraceFilter(min_density=30.0), "1000.0 * c.n / t.words >= 30"),
}


def run() -> list[tuple[str, float, str]]:
    """(case, time of the service's page over time of the raw query, milliseconds)."""
    with tempfile.TemporaryDirectory() as folder, wire(Settings(store=Path(folder))) as services:
        fill(services, random.Random(11))
        ledger = services.store.ledger
        paths = {kind: [str(Path(folder) / p.path) for p in ledger.parts(kind)] for kind in ("traces", "counts")}
        raw = duckdb.connect(config={"threads": Settings().threads})
        rows = []
        for what, (wanted, where) in CASES.items():
            sql = f"""SELECT t.trace_id, t.problem_id, t.words, t.verify_correct, c.n
                FROM read_parquet($traces) t LEFT JOIN read_parquet($counts) c USING (trace_id)
                WHERE {where} ORDER BY t.words DESC LIMIT 50"""
            bare = seconds(lambda sql=sql: raw.execute(sql, paths).fetchall())
            ours = seconds(lambda wanted=wanted: services.browsing.page(wanted, sort="words", descending=True))
            rows.append(
                (f"{what}, against the raw query", ours / bare, f"{ours * 1e3:.0f} ms against {bare * 1e3:.0f}")
            )
    return rows


if __name__ == "__main__":
    for what, ratio, detail in run():
        print(f"{ratio:10.3f}x  {what}  ({detail})")
