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
from backend.services import wire

FILES, ROWS = 4, 60


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Files that take an import a while, each of several parts."""
    folder = tmp_path / "in"
    folder.mkdir()
    draw = random.Random(1)
    words = ["wait", "maybe", "so", "then", "check", "therefore", "hmm", "x"]
    for number in range(FILES):
        with (folder / f"{number}.jsonl").open("w") as file:
            for i in range(ROWS):
                text = " ".join(draw.choices(words, k=3_000)) + f"\\boxed{{{i}}}"
                line = {"question": f"{number}: {i}?", "gold_answer": str(i), "generated_responses": [text]}
                file.write(json.dumps(line) + "\n")
    return folder


def importing(sources: Path, store: Path) -> subprocess.Popen[bytes]:
    """An import under way, its parts kept small so that it writes many."""
    code = (
        "import sys, backend.services.importing as importing; importing.PART_BYTES = 200_000; "
        "from backend.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "import", str(sources), "--store", str(store)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def check(settings: Settings) -> int:
    """Assert that the store is whole; returns how many runs it holds."""
    with wire(settings) as services:
        runs = services.runs.all()
        parts = [part for kind in ("traces", "cues", "counts") for part in services.store.ledger.parts(kind)]
        assert {part.run_id for part in parts} == {run.id for run in runs}
        for part in parts:
            table = pq.read_table(services.store.folder / part.path)
            assert table.num_rows == part.rows and set(table["run_id"].to_pylist()) == {part.run_id}
        assert all((run.traces, run.problems) == (ROWS, ROWS) for run in runs)
        assert services.browsing.page(TraceFilter()).total == ROWS * len(runs)
        assert len(services.runs.summaries()) == len(runs) == len(services.runs.densities())
        problems = services.store.ledger.all_problems()
        assert len(problems) == ROWS * len(runs)
        return len(runs)


def killed_at(moments: list[float], sources: Path, store: Path) -> None:
    settings = Settings(store=store)
    for moment in moments:
        process = importing(sources, store)
        time.sleep(moment)
        process.kill()
        process.wait()
        check(settings)
    process = importing(sources, store)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert check(settings) == FILES
    with wire(settings) as services:
        registered = services.store.ledger.part_paths()
        services.store.sweep(older_than=-1)
        left = {p.relative_to(store).as_posix() for p in (store / "parts").rglob("*") if p.is_file()}
        assert left == registered, "what killed processes left is swept, what is registered stays"
        assert {p.name for p in (store / "parts").iterdir()} == {run.id for run in services.runs.all()}
    assert check(settings) == FILES


def whole_import(sources: Path, store: Path) -> float:
    """Seconds an import takes here when nobody kills it."""
    start = time.perf_counter()
    assert importing(sources, store).wait(300) == 0
    return time.perf_counter() - start


def test_two_kills_leave_the_store_whole(sources: Path, tmp_path: Path) -> None:
    whole = whole_import(sources, tmp_path / "whole")
    killed_at([0.5 * whole, 0.8 * whole], sources, tmp_path / "store")


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_twenty_kills_leave_the_store_whole(sources: Path, tmp_path: Path) -> None:
    whole = whole_import(sources, tmp_path / "whole")
    draw = random.Random()
    moments = [draw.uniform(0.2, 1.0) * whole for _ in range(20)]
    killed_at(moments, sources, tmp_path / "store")


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_kills_of_several_that_import_at_once(sources: Path, tmp_path: Path) -> None:
    store, draw = tmp_path / "store", random.Random()
    whole = whole_import(sources, tmp_path / "whole")
    for _ in range(5):
        processes = [importing(sources, store) for _ in range(3)]
        for process in processes:
            time.sleep(draw.uniform(0.1, 0.6) * whole)
            process.kill()
            process.wait()
        check(Settings(store=store))
    processes = [importing(sources, store) for _ in range(3)]
    for process in processes:
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
    assert check(Settings(store=store)) == FILES
