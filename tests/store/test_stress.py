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
from tests.patience import PATIENCE, dice

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


def parts(store: Path) -> set[Path]:
    """The files of parts in a store, finished or not."""
    return {path for path in (store / "parts").rglob("*") if path.is_file()}


def killed_after(counts: list[int], folder: Path, store: Path, rows: int, draw: random.Random) -> None:
    """Kill an import a moment after it has written so many more files, for each count; then let one end."""
    settings = Settings(store=store)
    for count in counts:
        process, before = importing(folder, store), parts(store)
        while process.poll() is None and len(parts(store) - before) < count:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.02))
        process.kill()
        process.wait()
        check(settings, rows)
    process = importing(folder, store)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    assert check(settings, rows) == FILES
    with build_services(settings) as services:
        registered = services.store.ledger.part_paths()
        services.store.sweep(older_than=-1)
        left = {p.relative_to(store).as_posix() for p in (store / "parts").rglob("*") if p.is_file()}
        assert left == registered, "what killed processes left is swept, what is registered stays"
        assert {p.name for p in (store / "parts").iterdir()} == {run.id for run in services.runs.all()}
    assert check(settings, rows) == FILES


def whole_import(folder: Path, store: Path) -> int:
    """How many files an import writes when nobody kills it."""
    assert importing(folder, store).wait(PATIENCE) == 0
    return len(parts(store))


def test_a_kill_leaves_the_store_whole(tmp_path: Path) -> None:
    folder = sources(tmp_path / "in", rows=12)
    killed_after([FILES], folder, tmp_path / "store", 12, dice())


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_twenty_kills_leave_the_store_whole(tmp_path: Path) -> None:
    folder, draw = sources(tmp_path / "in", rows=60), dice()
    whole = whole_import(folder, tmp_path / "whole")
    counts = [draw.randint(0, whole // 4) for _ in range(20)]
    killed_after(counts, folder, tmp_path / "store", 60, draw)


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_kills_of_several_that_import_at_once(tmp_path: Path) -> None:
    folder, store, draw = sources(tmp_path / "in", rows=60), tmp_path / "store", dice()
    whole = whole_import(folder, tmp_path / "whole")
    for _ in range(5):
        processes = [importing(folder, store) for _ in range(3)]
        for process in processes:
            before, count = parts(store), draw.randint(0, whole // 3)
            while process.poll() is None and len(parts(store) - before) < count:
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.02))
            process.kill()
            process.wait()
        check(Settings(store=store), 60)
    processes = [importing(folder, store) for _ in range(3)]
    for process in processes:
        _, error = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, error
    assert check(Settings(store=store), 60) == FILES
