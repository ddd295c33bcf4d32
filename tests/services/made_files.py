"""Real files of the paper's evaluation format made for a test, and a look at all that a store durably holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from backend.services import Services
from backend.services.traces.source_importer import ImportOutcome

BOXED = "Please reason step by step, and put your final answer within \\boxed{}."


def row(question: str, *responses: str, gold: str | None = "2", **given: Any) -> dict[str, Any]:
    """A problem with its responses, as the paper's evaluation writes it."""
    return {"question": question, "gold_answer": gold, "generated_responses": list(responses), **given}


def write(path: Path, rows: Sequence[dict[str, Any]], *, ascii_only: bool = False) -> Path:
    """JSON Lines at `path`, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(each, ensure_ascii=ascii_only) for each in rows]
    path.write_bytes("".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass"))
    return path


def take(services: Services, *paths: Path, **options: Any) -> list[ImportOutcome]:
    """Import, to the end."""
    return list(services.imports.run(paths, **options))


def take_one(services: Services, path: Path, **options: Any) -> str:
    """Import a file that holds one run; returns the run's id."""
    (outcome,) = take(services, path, **options)
    assert outcome.state == "imported" and outcome.run, outcome
    return outcome.run


def state(store: Path) -> tuple[dict[str, bytes | None], list[str]]:
    """Every file of a store with its content (None: a folder), shipped models aside; the ledger row for row."""
    files = {
        path.relative_to(store).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(store.rglob("*"))
        if "ledger.sqlite" not in path.name and path.name not in ("lab-models.json", "store-id")
    }
    with closing(sqlite3.connect(store / "ledger.sqlite")) as connection:
        rows = [line for line in connection.iterdump() if 'INTO "state"' not in line]
    return files, rows


def made_newer(store: Path) -> None:
    """Leave in a store's ledger what the migration of a later release leaves."""
    with closing(sqlite3.connect(store / "ledger.sqlite")) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES ('m999_later')")
