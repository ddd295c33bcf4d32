"""Damaged parts, noticed by a running store: their runs are left out with a reason, everything else is read."""

import hashlib
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from backend.config import Settings
from backend.domain import TraceFilter, UserError
from backend.store import Store
from backend.store.verification import CHANGED, FOREIGN, MISSING, OTHER_COLUMNS, OTHER_ROWS, RESIZED, UNREADABLE, fault
from tests.store.store_cases import LEXICON, counted, put, trace

ALL = TraceFilter(lexicon=LEXICON)


def fill(store: Store, run: str, traces: int = 3) -> None:
    rows = [trace(run, n, f"What is {n} + 1?", text=f"Wait, it is {n}.") for n in range(traces)]
    cues = [
        {**{k: row[k] for k in ("trace_id", "run_id", "problem_id")}, "lexicon": LEXICON, "entry": "wait",
         "grp": "hesitation", "section": "answer", "start": 0, "end": 4, "looped": False}
        for row in rows
    ]  # fmt: skip
    put(store, run, rows, [counted(row, 1) for row in rows], cues)


def path_of(store: Store, run: str, kind: str = "traces") -> Path:
    return store.folder / store.ledger.parts(kind, [run])[0].path


def flip(path: Path, place: int | None = None) -> None:
    """Change one bit, by default in the middle, and keep the size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 4
    path.write_bytes(bytes(content))


def swap(store: Store, kind: str = "traces") -> None:
    a, b = path_of(store, "aa", kind), path_of(store, "bb", kind)
    a_bytes, b_bytes = a.read_bytes(), b.read_bytes()
    a.write_bytes(b_bytes)
    b.write_bytes(a_bytes)


def look(store: Store) -> None:
    """Have the store look at its files now, as it does every few seconds."""
    store.parts._again = 0


def test_every_part_has_the_hash_of_its_file_and_the_same_rows_make_the_same_bytes(store: Store) -> None:
    fill(store, "aa")
    before = {}
    for part in store.ledger.parts():
        content = (store.folder / part.path).read_bytes()
        assert part.sha256 == hashlib.sha256(content).hexdigest()
        before[part.kind] = content
    store.delete_run("aa")
    fill(store, "aa")
    assert {part.kind: (store.folder / part.path).read_bytes() for part in store.ledger.parts()} == before


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda path: path.unlink(), "1 of 3 files is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "1 of 3 files has another size"),
        (lambda path: path.write_bytes(b""), "1 of 3 files has another size"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "1 of 3 files"),
        (lambda path: flip(path), "1 of 3 files has changed"),
        (lambda path: (path.unlink(), path.mkdir()), "1 of 3 files can't be read"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "1 of 3 files can't be read"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["traces", "cues", "counts"])
def test_a_part_damaged_under_a_running_store_takes_out_its_run_alone(
    store: Store, harm: object, what: str, kind: str
) -> None:
    for run in ("aa", "bb"):
        fill(store, run)
    assert store.queries.page(ALL)[1] == 6
    version, path = store.parts.version(), path_of(store, "aa", kind)
    kept = path.read_bytes()
    harm(path)  # type: ignore[operator]
    look(store)
    assert what in store.parts.damaged()["aa"].what and set(store.parts.damaged()) == {"aa"}
    assert store.parts.version() > version
    assert [row["run_id"] for row in store.queries.page(ALL)[0]] == ["bb"] * 3
    assert [run.id for run in store.runs()] == ["bb"]
    for read in (lambda: list(store.queries.texts("aa")), lambda: store.chosen(["bb", "aa"])):
        with pytest.raises(UserError, match="The run model aa · set is damaged: 1 of 3 files"):
            read()
    assert {row["run_id"] for row in store.queries.entry_counts(["aa", "bb"], LEXICON)} == {"bb"}
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.write_bytes(kept)
    look(store)
    assert store.parts.damaged() == {} and store.queries.page(ALL)[1] == 6


@pytest.mark.parametrize("kind", ["traces", "cues", "counts"])
def test_swapped_parts_are_found_by_a_running_and_by_a_new_store(settings: Settings, store: Store, kind: str) -> None:
    for run in ("aa", "bb", "cc"):
        fill(store, run)
    assert store.queries.page(ALL)[1] == 9 and store.queries.entry_counts(["aa"], LEXICON)
    swap(store, kind)
    reading = Store(settings)
    for one in (store, reading):
        look(one)
        assert {row["run_id"] for row in one.queries.page(ALL)[0]} >= {"cc"}
        assert {row["run_id"] for row in one.queries.entry_counts(["aa", "bb", "cc"], LEXICON)} == {"cc"}
        assert set(one.parts.damaged()) == {"aa", "bb"}
    reading.close()


def test_an_error_of_reading_is_traced_to_its_run(settings: Settings, store: Store) -> None:
    for run in ("aa", "bb"):
        fill(store, run)
    for place in range(8, 2000, 16):  # the pages of the file: what is compressed can't be read any more
        flip(path_of(store, "aa"), place)
    reading = Store(settings)  # a new process: the size is right, and nothing is known of what the file was
    found = reading.queries._parts_of("SELECT run_id, text FROM PARTS", "traces", None)
    assert found is not None and set(found["run_id"].to_pylist()) == {"bb"}
    assert reading.parts.damaged()["aa"].faults
    assert reading.snapshot(settings.store.parent / "out.duckdb")["runs"] == 1
    reading.close()


def test_what_may_be_wrong_with_a_part_is_told_apart(store: Store) -> None:
    for run in ("aa", "bb"):
        fill(store, run)
    fill(store, "ee", traces=2)
    part = store.ledger.parts("traces", ["aa"])[0]
    here, size = store.folder / part.path, lambda path: path.stat().st_size
    content = here.read_bytes()
    assert fault(store.folder, part) == fault(store.folder, part, thorough=True) == ""
    assert fault(store.folder, part._replace(sha256=None), thorough=True) == ""
    for other, words in (
        (path_of(store, "bb"), FOREIGN),
        (path_of(store, "aa", "cues"), OTHER_COLUMNS),
        (path_of(store, "ee"), OTHER_ROWS),
    ):
        shutil.copyfile(other, here)
        assert fault(store.folder, part._replace(bytes=size(other))) == words
        assert fault(store.folder, part) == ("" if size(other) == part.bytes else RESIZED) or words == FOREIGN
    here.write_bytes(b"x" * part.bytes)
    assert fault(store.folder, part) == UNREADABLE and fault(store.folder, part, thorough=True) == CHANGED
    here.write_bytes(content)
    here.unlink()
    assert fault(store.folder, part) == MISSING


def test_looking_costs_nothing_while_nothing_changes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, "aa")
    store.queries.page(ALL)
    looked: list[str] = []
    monkeypatch.setattr(type(store.parts), "_stat", lambda _self, part: looked.append(part.path))
    store.parts._again = float("inf")
    store.queries.page(ALL)
    store.queries.trace("aa-00000")
    assert looked == []
    fill(store, "bb")
    store.queries.page(ALL)
    assert {path.split("/")[1] for path in looked} == {"bb"}


@pytest.mark.parametrize("kind", ["traces", "counts"])
def test_a_part_of_an_earlier_release_is_whole(settings: Settings, kind: str) -> None:
    store = Store(settings)
    fill(store, "aa")
    path = path_of(store, "aa", kind)
    later = ["distinct_words", "closing", "loop_chars", "loop_n"]
    old = pq.read_table(path)
    pq.write_table(old.drop_columns([name for name in later if name in old.column_names]), path)
    [part] = [part._replace(bytes=path.stat().st_size, sha256=None) for part in store.ledger.parts(kind, ["aa"])]
    assert fault(store.folder, part) == ""
    pq.write_table(old.drop_columns(["run_id"]), path)
    assert fault(store.folder, part._replace(bytes=path.stat().st_size)) == OTHER_COLUMNS
    store.close()
