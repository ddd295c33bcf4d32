"""The snapshot: a plain DuckDB file whose tables explain themselves and hold the store's numbers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from backend.config import Settings
from backend.domain import UserError
from backend.services import build_services
from backend.store import Store
from backend.store.snapshot import COMMENTS
from tests.store.store_cases import LEXICON, counted, put, trace


@pytest.fixture
def filled(store: Store) -> Store:
    for run in ("a", "b"):
        texts = [{"text": f"{run} wait \0 𝔸 {i}", "tokens": 10 * i or None, "sample": i} for i in range(3)]
        rows = [trace(run, i, **given) for i, given in enumerate(texts)]
        cue = {
            "run_id": run,
            "lexicon": LEXICON,
            "entry": "wait",
            "grp": "hesitation",
            "section": "answer",
            "start": 2,
            "end": 6,
        }
        cues = [{**cue, "trace_id": row["trace_id"], "problem_id": row["problem_id"]} for row in rows]
        put(store, run, rows, [counted(row, 1, hesitation=1) for row in rows], cues)
    return store


def opened(path: Path) -> Any:
    return duckdb.connect(str(path), read_only=True)


def test_tables_and_their_comments(filled: Store, tmp_path: Path) -> None:
    written = filled.snapshot(tmp_path / "out.duckdb")
    assert written == {"runs": 2, "problems": 1, "traces": 6, "cues": 6, "measures": 6}
    with opened(tmp_path / "out.duckdb") as database:
        tables = dict(database.sql("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        assert tables == COMMENTS
        for table, rows in written.items():
            assert database.sql(f"SELECT count(*) FROM {table}").fetchall() == [(rows,)]
        columns = {row[0] for row in database.sql("DESCRIBE runs").fetchall()}
        assert {"id", "model", "parent", "dataset", "temperature", "seed", "tokenizer", "traces"} <= columns
        assert {"question", "gold"} <= {row[0] for row in database.sql("DESCRIBE problems").fetchall()}


def test_rows_join_and_are_the_stores(filled: Store, tmp_path: Path) -> None:
    filled.snapshot(tmp_path / "out.duckdb")
    with opened(tmp_path / "out.duckdb") as database:
        cut = database.sql(
            """SELECT DISTINCT t.text[c.start + 1 : c."end"] FROM cues c JOIN traces t USING (trace_id)"""
        )
        assert cut.fetchall() == [("wait",)], "offsets are code points"
        measures = database.sql(
            "SELECT trace_id, unit, length, per_1k FROM measures WHERE run_id = 'a' ORDER BY ALL"
        ).fetchall()
        assert [row[1:] for row in measures] == [("words", 5, 200.0), ("tokens", 10, 100.0), ("tokens", 20, 50.0)]
        joined = database.sql(
            "SELECT count(*) FROM traces t JOIN problems p ON p.id = t.problem_id JOIN runs r ON r.id = t.run_id"
        )
        assert joined.fetchall() == [(6,)]
        texts = dict(database.sql("SELECT trace_id, text FROM traces").fetchall())
    assert texts == {trace_id: filled.queries.trace(trace_id)["text"] for trace_id in texts}


def test_figures_equal_those_of_the_services(real_store: Settings, tmp_path: Path) -> None:
    with build_services(real_store) as services:
        services.runs.snapshot(tmp_path / "real.duckdb")
        summaries = services.runs.summaries("kim2026")
        densities = services.runs.densities()
        lexicon = services.lexicons.get("kim2026").id
    with opened(tmp_path / "real.duckdb") as database:
        # every problem weighs the same, however many samples it has
        rows = database.execute(
            """SELECT run_id, avg(cues), 1000 * avg(cues) / avg(length), avg(right_) FROM (
                 SELECT t.run_id, t.problem_id, avg(m.n) AS cues,
                        avg(CASE r.length_unit WHEN 'tokens' THEN t.tokens ELSE t.words END) AS length,
                        avg(t.verify_correct::INT) AS right_
                 FROM traces t JOIN measures m USING (trace_id) JOIN runs r ON r.id = t.run_id
                 WHERE m.lexicon = $lexicon GROUP BY ALL) GROUP BY run_id""",
            {"lexicon": lexicon},
        ).fetchall()
    figures = {run: (cues, per_1k, right) for run, cues, per_1k, right in rows}
    assert len(summaries) == len(figures) >= 26
    for summary in summaries:
        cues, per_1k, right = figures[summary.run.id]
        assert summary.cues.value == pytest.approx(cues)
        assert summary.per_1k is not None and summary.per_1k.value == pytest.approx(per_1k)
        assert densities[summary.run.id]["kim2026"] == pytest.approx((cues, per_1k))
        accuracy = summary.accuracy["final answer"]
        assert (accuracy and accuracy.value) == pytest.approx(right)


def test_an_empty_store_has_empty_tables(store: Store, tmp_path: Path) -> None:
    assert store.snapshot(tmp_path / "out.duckdb") == dict.fromkeys(COMMENTS, 0)


def test_an_older_snapshot_is_replaced(filled: Store, tmp_path: Path) -> None:
    target = tmp_path / "out.duckdb"
    target.write_text("something else")
    filled.snapshot(target)
    with opened(target) as database:
        assert database.sql("SELECT count(*) FROM runs").fetchall() == [(2,)]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "store") == ["out.duckdb"]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder nothing can be written to: for root, who ignores permissions, one of the kernel's."""
    if os.geteuid() == 0:
        if not Path("/proc/self").is_dir():
            pytest.skip("root can write everywhere here")
        yield Path("/proc/self")
        return
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    yield folder
    folder.chmod(0o755)


def test_a_target_that_cannot_be_written_is_a_sentence(filled: Store, tmp_path: Path, read_only: Path) -> None:
    for target in (tmp_path, tmp_path / "missing" / "out.duckdb", read_only / "out.duckdb", tmp_path / ("x" * 300)):
        with pytest.raises(UserError, match="snapshot can't be written to"):
            filled.snapshot(target)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name not in ("store", "closed")) == []


def test_runs_that_go_meanwhile_leave_a_whole_snapshot(filled: Store, settings: Settings, tmp_path: Path) -> None:
    stop = threading.Event()
    other = Store(settings)

    def come_and_go() -> None:
        while not stop.is_set():
            rows = [trace("goes", i) for i in range(4)]
            put(other, "goes", rows, [counted(row, 2) for row in rows])
            other.delete_run("goes")

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for number in range(5):
            target = tmp_path / f"{number}.duckdb"
            written = filled.snapshot(target)
            assert (written["runs"], written["traces"], written["measures"]) in ((2, 6, 6), (3, 10, 10))
    finally:
        stop.set()
        thread.join()
        other.close()
