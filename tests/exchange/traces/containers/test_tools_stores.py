"""Logs and databases of tools, and saved data sets: their rows as they come out, and nothing of theirs touched."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, load_from_disk

from backend.exchange.traces.input_files import describe_file
from backend.exchange.traces.paths import WalkedFile, walk
from backend.exchange.traces.read import read
from backend.exchange.traces.rows import first_row, rows_of
from backend.exchange.traces.scan import scan
from backend.services.traces.source_importer import identity_of, places_of


def rows_in(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every file that comes out of a path, by its name from the container on, with its rows."""
    found = {}
    for each in walk([path], path.parent):
        assert isinstance(each, WalkedFile), each
        looked = first_row(each.path, each.shown)
        assert looked
        found[each.shown] = [row for _, row in rows_of(describe_file(each.path, each.shown, looked[0]))]
    return found


def test_inspect_logs_give_every_sample(shared_data: Path) -> None:
    folder = shared_data / "formats" / "inspect_ai"
    expected = {each["file"].split()[0]: each for each in json.loads((folder / "expected.json").read_text())["runs"]}
    seen = 0
    for path in sorted((folder / "eval").glob("*.eval")):
        ((shown, rows),) = rows_in(path).items()
        assert shown == path.name and all(row["eval"]["model"] for row in rows)
        if wanted := expected.get(f"eval/{path.name}"):
            seen += 1
            assert len(rows) == wanted["samples"]
            if told := wanted.get("rows"):
                assert {(row["id"], row["epoch"]) for row in rows} == {(r["id"], r["epoch"]) for r in told}
                assert {row["id"] for row in rows if row.get("error")} == {r["id"] for r in told if r.get("error")}
        assert "events" not in rows[0] and "attachment://" not in json.dumps([row["messages"] for row in rows])
    assert seen >= 5


def test_a_log_is_the_same_run_however_it_is_packed(shared_data: Path) -> None:
    folder = shared_data / "formats" / "inspect_ai" / "eval"
    one, two = scan([folder / "fx12_inline_think.eval", folder / "fx12_inline_think_deflate.eval"]).sources
    assert identity_of(one) == identity_of(two) and [d.text for d in read(one)] == [d.text for d in read(two)]


def made_log(path: Path, samples: dict[str, Any], head: str = "header.json") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(head, json.dumps({"eval": {"model": "m", "task": "t"}, "status": "success"}))
        for name, sample in samples.items():
            archive.writestr(f"samples/{name}.json", sample if isinstance(sample, str) else json.dumps(sample))
    return path


def test_samples_in_order_with_their_attachments(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "attachment://a"},
        {"role": "assistant", "content": [{"text": "attachment://b"}]},
    ]
    sample = {"messages": turns, "attachments": {"a": "What?", "b": "Wait."}, "events": [1]}
    names = ["10_epoch_1", "9_epoch_1", "9_epoch_2", "x_epoch_y_epoch_1"]
    path = made_log(
        tmp_path / "x.eval", {name: {"id": name, "epoch": 1, **sample} for name in names}, "_journal/start.json"
    )
    (rows,) = rows_in(path).values()
    assert [row["id"] for row in rows] == ["9_epoch_1", "10_epoch_1", "x_epoch_y_epoch_1", "9_epoch_2"]
    assert [turn["content"] for turn in rows[0]["messages"]] == ["What?", [{"text": "Wait."}]]
    made_log(tmp_path / "bad.eval", {"1_epoch_1": "{"})
    (problem,) = scan([tmp_path / "bad.eval"]).failed
    assert "samples/1_epoch_1.json in it" in problem.reason


def test_trackio_traces_by_run_and_step(shared_data: Path) -> None:
    folder = shared_data / "formats" / "trackio"
    before = {each: each.read_bytes() for each in folder.glob("*.db*")}
    found = rows_in(folder / "lab-traces.db")
    assert {each: each.read_bytes() for each in folder.glob("*.db*")} == before
    expected = json.loads((folder / "expected.json").read_text())["lab-traces.db"]
    assert list(found) == [f"lab-traces.db/sdft-seed{s}/step_{n}.jsonl" for s, n in ((0, 0), (0, 10), (0, 20), (1, 0))]
    heads = [rows.pop(0) for rows in found.values()]
    assert [head["config"]["model"] for head in heads] == ["lab-base"] * 4 and heads[1]["metrics"] == {
        "train/loss": 0.25
    }
    rows = [row for rows in found.values() for row in rows]
    told = [
        (r["run_name"], r["step"], r["key"], r["trace_index"], r["messages"][-1]["content"], r["metadata"].get("gold"))
        for r in rows
    ]
    wanted = [(r["run"], r["step"], r["key"], r["trace_index"], r["response"], r["gold"]) for r in expected["rows"]]
    assert len(told) == expected["traces"] and sorted(map(str, told)) == sorted(map(str, wanted))


def test_tables_of_completions_stand_once_under_the_trainings_step(shared_data: Path) -> None:
    found = rows_in(shared_data / "formats" / "trackio" / "huggingface_trl_grpo.db")
    assert list(found) == [f"huggingface_trl_grpo.db/lab-grpo-conv/step_{n}.jsonl" for n in (1, 2, 3)]
    for step, rows in enumerate(found.values(), 1):
        head, *table = rows
        assert head["metrics"]["train/global_step"] == step and head["config"]["_name_or_path"] == "lab-base"
        assert len(table) == 8 and {row["step"] for row in table} == {step} and "correctness_reward" in table[0]


def database(path: Path) -> sqlite3.Connection:
    """An empty store as Trackio makes one, held by its writer."""
    made = sqlite3.connect(path, isolation_level=None)
    made.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
        "CREATE TABLE configs (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, config TEXT);"
        "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, step INTEGER, metrics TEXT);"
        "CREATE TABLE traces (id TEXT PRIMARY KEY, run_id TEXT, run_name TEXT, step INTEGER, key TEXT, "
        "trace_index INTEGER, messages TEXT, metadata TEXT, timestamp TEXT);"
    )
    return made


def logged(writer: sqlite3.Connection, step: object, number: int, run: str = "r", name: str = "a/../b") -> None:
    turns = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": f"Wait, {number}."}]
    values = (f"{run}{step}{number}", run, name, step, "k", number, json.dumps(turns), "{}", "now")
    writer.execute("INSERT INTO traces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def test_a_store_is_read_while_it_is_written_and_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    writer = database(path)
    logged(writer, 1, 0)
    logged(writer, 1, 0, run="another of the same name")
    writer.execute("BEGIN IMMEDIATE")  # it holds the lock, with a row that may still be taken back
    logged(writer, 2, 0)
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    first = rows_in(path)
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before and f"{path}-wal" in map(str, before)
    assert list(first) == ["p.db/a_.._b/step_1.jsonl", "p.db/a_.._b 2/step_1.jsonl"]
    writer.execute("COMMIT")
    second = rows_in(path)
    assert len(second) == 3 and first.items() <= second.items()  # what was there is the same file again
    # Where a watch remembers them stays the same as well.
    logged(writer, 3, 0)
    one, two = ([places_of(each) for each in scan([path], scratch=tmp_path / name).sources] for name in ("one", "two"))
    assert one == two
    writer.close()
    shutil.copy(path, tmp_path / "half.db")
    raw = bytearray(path.read_bytes())
    raw[5000:9000] = bytes(4000)
    (tmp_path / "half.db").write_bytes(raw[: len(raw) - 100])
    assert scan([tmp_path / "half.db"]).failed


@pytest.mark.parametrize("step", ["ten", 1.5, None])
def test_a_step_that_is_none_is_refused(tmp_path: Path, step: object) -> None:
    logged(database(tmp_path / "p.db"), step, 0)
    (problem,) = scan([tmp_path / "p.db"]).failed
    assert "a step should be a whole number" in problem.reason


def test_other_databases_are_named_for_what_they_are(tmp_path: Path) -> None:
    for name, tables, word in (
        ("mlflow.db", ("experiments", "runs", "latest_metrics"), "MLflow"),
        ("x.db", ("apples", "pears"), "a database of apples, pears"),
        ("none.db", (), "without tables"),
    ):
        with sqlite3.connect(tmp_path / name) as made:
            made.executescript("PRAGMA user_version = 1;" + "".join(f"CREATE TABLE {each} (a);" for each in tables))
        (problem,) = scan([tmp_path / name]).failed
        assert word in problem.reason
    assert len(scan([tmp_path]).skipped) == 3


def test_saved_data_sets_in_their_own_order(tmp_path: Path) -> None:
    texts = [f"Problem number {n}, which is a question?" for n in range(40)]
    made = Dataset.from_dict({"question": texts, "response": ["Wait, maybe it is so. " * 20] * 40, "gold": ["4"] * 40})
    made.save_to_disk(str(tmp_path / "mine"), num_shards=2)
    state = tmp_path / "mine" / "state.json"
    said = json.loads(state.read_text())
    said["_data_files"].reverse()
    state.write_text(json.dumps(said))
    (tmp_path / "mine" / "cache-123.arrow").write_bytes((tmp_path / "mine" / "data-00000-of-00002.arrow").read_bytes())
    (source,) = scan([tmp_path / "mine"]).sources
    assert [draft.question for draft in read(source)] == load_from_disk(str(tmp_path / "mine"))["question"][:]
    assert (
        source.info.model == "mine"
        and next(each.file.rsplit("/", 1)[1] for each in scan([tmp_path]).skipped) == "cache-123.arrow"
    )
    (alone,) = scan([tmp_path / "mine" / "data-00001-of-00002.arrow"]).sources
    assert len(list(read(alone))) == 20


def test_damaged_arrow_files_are_refused_in_a_sentence(tmp_path: Path, shared_data: Path) -> None:
    raw = (shared_data / "formats" / "hf_datasets" / "saved_dataset" / "data-00000-of-00001.arrow").read_bytes()
    for place in range(8, len(raw), len(raw) // 12):
        path = tmp_path / "x.arrow"
        path.write_bytes(raw[:place] + b"\xff\xff\xff\x7f" + raw[place + 4 :])
        plan = scan([path])
        assert plan.sources or plan.failed or plan.questions
        path.write_bytes(raw[:place])
        plan = scan([path])
        assert plan.sources or plan.failed or plan.questions
