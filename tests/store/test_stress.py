"""A process that imports is killed outright, at any moment: the store stays whole and the import can be done again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from backend.config import ROOT, Settings
from backend.domain import TraceFilter
from backend.services import build_services

FILES = 4


def sources(folder: Path, rows: int) -> Path:
    """Files of `rows` problems that take an import a while, each of several parts."""
    folder.mkdir()
    draw = random.Random(1)
    words = ["wait", "maybe", "so", "then", "check", "therefore", "hmm", "x"]
    for number in range(FILES):
        with (folder / f"{number}.jsonl").open("w") as file:
            for i in range(rows):
                text = " ".join(draw.choices(words, k=3_000)) + f"\\boxed{{{i}}}"
                line = {"question": f"{number}: {i}?", "gold_answer": str(i), "generated_responses": [text]}
                file.write(json.dumps(line) + "\n")
    return folder


def importing(folder: Path, store: Path) -> subprocess.Popen[bytes]:
    """An import under way, its parts kept small so that it writes many."""
    code = (
        "import sys, backend.services.traces.importer as importing; importing.PART_BYTES = 200_000; "
        "from backend.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "import", str(folder), "--store", str(store)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def check(settings: Settings, rows: int) -> int:
    """Assert that the store is whole; returns how many runs it holds."""
    with build_services(settings) as services:
        runs = services.runs.all()
        parts = [part for kind in ("traces", "cues", "counts") for part in services.store.ledger.parts(kind)]
        assert {part.run_id for part in parts} == {run.id for run in runs}
        for part in parts:
            table = pq.read_table(services.store.folder / part.path)
            assert table.num_rows == part.rows and set(table["run_id"].to_pylist()) == {part.run_id}
        assert all((run.traces, run.problems) == (rows, rows) for run in runs)
        assert services.trace_list.page(TraceFilter()).total == rows * len(runs)
        assert len(services.runs.summaries()) == len(runs) == len(services.runs.densities())
        problems = services.store.ledger.all_problems()
        assert len(problems) == rows * len(runs)
        return len(runs)


def killed_at(moments: list[float], folder: Path, store: Path, rows: int) -> None:
    settings = Settings(store=store)
    for moment in moments:
        process = importing(folder, store)
        time.sleep(moment)
        process.kill()
        process.wait()
        check(settings, rows)
    process = importing(folder, store)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert check(settings, rows) == FILES
    with build_services(settings) as services:
        registered = services.store.ledger.part_paths()
        services.store.sweep(older_than=-1)
        left = {p.relative_to(store).as_posix() for p in (store / "parts").rglob("*") if p.is_file()}
        assert left == registered, "what killed processes left is swept, what is registered stays"
        assert {p.name for p in (store / "parts").iterdir()} == {run.id for run in services.runs.all()}
    assert check(settings, rows) == FILES


def whole_import(folder: Path, store: Path) -> float:
    """Seconds an import takes here when nobody kills it."""
    start = time.perf_counter()
    assert importing(folder, store).wait(300) == 0
    return time.perf_counter() - start


def test_two_kills_leave_the_store_whole(tmp_path: Path) -> None:
    folder = sources(tmp_path / "in", rows=12)
    whole = whole_import(folder, tmp_path / "whole")
    killed_at([0.6 * whole, 0.85 * whole], folder, tmp_path / "store", rows=12)


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_twenty_kills_leave_the_store_whole(tmp_path: Path) -> None:
    folder, draw = sources(tmp_path / "in", rows=60), random.Random()
    whole = whole_import(folder, tmp_path / "whole")
    moments = [draw.uniform(0.2, 1.0) * whole for _ in range(20)]
    killed_at(moments, folder, tmp_path / "store", rows=60)


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_kills_of_several_that_import_at_once(tmp_path: Path) -> None:
    folder, store, draw = sources(tmp_path / "in", rows=60), tmp_path / "store", random.Random()
    whole = whole_import(folder, tmp_path / "whole")
    for _ in range(5):
        processes = [importing(folder, store) for _ in range(3)]
        for process in processes:
            time.sleep(draw.uniform(0.1, 0.6) * whole)
            process.kill()
            process.wait()
        check(Settings(store=store), 60)
    processes = [importing(folder, store) for _ in range(3)]
    for process in processes:
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
    assert check(Settings(store=store), 60) == FILES
