"""Small stores made by hand: rows with defaults, runs put straight into a store, and a look at everything it holds."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from backend.config import Settings
from backend.domain import Run, RunInfo, problem_id
from backend.store import Store
from backend.store.database import connect
from backend.store.ledger import Ledger, ProblemRow, SourceRow, sqlite_url
from backend.store.parts import GROUP_COLUMNS, PartWriter

LEXICON = "doubts@0123456789abcdef"


def run_of(run_id: str, problems: int = 1, traces: int = 1, **info: Any) -> Run:
    """A run's ledger row."""
    facts = {"model": f"model {run_id}", "dataset": "set", **info}
    return Run(run_id, RunInfo(**facts), problems, traces, "words", "2026-01-01T00:00:00+00:00")


def trace(run_id: str, ordinal: int, question: str = "What is 1 + 1?", **given: Any) -> dict[str, Any]:
    """A row of a traces part: `given` over plain defaults."""
    text = given.get("text", "It is 2.")
    return {
        "trace_id": f"{run_id}-{ordinal:05d}",
        "run_id": run_id,
        "problem_id": problem_id(question),
        "problem_ordinal": 0,
        "ordinal": ordinal,
        "sample": 0,
        "chars": len(text),
        "words": len(text.split()),
        "finish": "unknown",
        "roles_known": True,
        "source_file": "file.jsonl",
        "source_sha256": "0" * 64,
        "source_row": ordinal + 1,
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "question": question,
        "prompt": "",
        "sections": [{"section": "answer", "start": 0, "end": len(text)}],
        "extra": "{}",
        **given,
        "text": text,
    }


def counted(row: Mapping[str, Any], n: int, lexicon: str = LEXICON, **groups: int) -> dict[str, Any]:
    """A row of a counts part for a trace with `n` cues, all in the answer."""
    zeros = dict.fromkeys(GROUP_COLUMNS.values(), 0)
    sections = {"n": n, "think": 0, "answer": n, "prompt": 0}
    return {"trace_id": row["trace_id"], "run_id": row["run_id"], "lexicon": lexicon, **sections, **zeros, **groups}


def put(
    store: Store,
    run_id: str,
    traces: Iterable[Mapping[str, Any]],
    counts: Iterable[Mapping[str, Any]] = (),
    cues: Iterable[Mapping[str, Any]] = (),
    **info: Any,
) -> bool:
    """Write and register a run, as an import does."""
    rows = list(traces)
    problems = {row["problem_id"]: ProblemRow(row["problem_id"], row["question"], row.get("gold")) for row in rows}
    run = run_of(run_id, len(problems), len(rows), **info)
    source = SourceRow("0" * 64, f"{run_id}.jsonl", 1)
    with PartWriter(store.folder, run_id) as writer:
        for kind, part in (("traces", rows), ("counts", list(counts)), ("cues", list(cues))):
            writer.write(kind, part)
        content: dict[str, dict[str, Any]] = {LEXICON: {"name": "doubts"}}
        return writer.register(
            lambda parts: store.ledger.add_run(run, [source], list(problems.values()), parts, content)
        )


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every path below `folder` with its content (None: a folder); SQLite's own files are left to `dump`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if "ledger.sqlite" not in path.name
    }


def dump(folder: Path) -> list[str]:
    """The ledger row for row, as SQL; the count of writes is left out."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        return [line for line in connection.iterdump() if 'INTO "state"' not in line]


def state(folder: Path) -> tuple[dict[str, bytes | None], list[str]]:
    """All that a store durably holds."""
    return listing(folder), dump(folder)


def add_many(folder: str, url: str, worker: int, runs: int) -> list[int]:
    """One process of several: add runs that share problems, one by one; returns the versions it saw."""
    ledger = Ledger(connect(url or sqlite_url(Path(folder))))
    seen = []
    for number in range(runs):
        run_id = f"w{worker}r{number}"
        problem = ProblemRow(problem_id(f"shared {number}"), f"shared {number}", str(number) if worker % 2 else None)
        assert ledger.add_run(run_of(run_id), [SourceRow("0" * 64, run_id, 1)], [problem], [], {LEXICON: {"a": 1}})
        seen.append(ledger.version())
    ledger.close()
    return seen


def open_store(folder: str) -> int:
    """One process of several that open the same new store."""
    store = Store(Settings(store=Path(folder)))
    try:
        return len(store.ledger.runs())
    finally:
        store.close()
