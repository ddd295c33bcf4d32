"""Parts: seen only once they are whole and registered, gone with their run, swept when a writer died."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from backend.config import Settings
from backend.domain import TraceFilter, UserError
from backend.store import Store
from backend.store.parts import SCHEMAS, PartWriter
from tests.store.store_cases import LEXICON, counted, listing, put, trace

ROOT = Path(__file__).resolve().parents[2]
ALL = TraceFilter(lexicon=LEXICON)


def rows(run_id: str, count: int = 3, **given: Any) -> list[dict[str, Any]]:
    return [trace(run_id, i, sample=i, **given) for i in range(count)]


def test_a_registered_part_is_read_back(store: Store) -> None:
    traces = rows("r")
    assert put(store, "r", traces, [counted(row, 4) for row in traces])
    parts = store.ledger.parts("traces") + store.ledger.parts("counts")
    assert [part.rows for part in parts] == [3, 3]
    for part in parts:
        path = store.folder / part.path
        assert path.stat().st_size == part.bytes
        assert pq.read_table(path).schema.names == SCHEMAS[part.kind].names
    assert store.queries.page(ALL)[1] == 3
    found = store.queries.trace("r-00001")
    assert found is not None
    assert {name: found[name] for name in traces[1]} == traces[1]


def test_nothing_is_left_of_what_is_not_registered(store: Store) -> None:
    before = listing(store.folder)
    with PartWriter(store.folder, "r") as writer:
        writer.write("traces", rows("r"))
        assert list((store.folder / "parts" / "r").iterdir())
    assert listing(store.folder) == before
    with pytest.raises(ZeroDivisionError), PartWriter(store.folder, "r") as writer:
        writer.write("traces", rows("r"))
        raise ZeroDivisionError
    assert listing(store.folder) == before
    with PartWriter(store.folder, "r") as writer:
        writer.write("traces", rows("r"))
        assert not writer.register(lambda parts: False)
    assert listing(store.folder) == before
    with pytest.raises(UserError), PartWriter(store.folder, "r") as writer:
        writer.write("traces", rows("r"))
        writer.register(lambda parts: (_ for _ in ()).throw(UserError("the ledger refused")))
    assert listing(store.folder) == before
    with PartWriter(store.folder, "r"):
        pass
    assert listing(store.folder) == before


def test_an_interrupt_while_registering_leaves_the_files_to_the_sweep(store: Store) -> None:
    def interrupted(parts: object) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), PartWriter(store.folder, "r") as writer:
        writer.write("traces", rows("r"))
        writer.register(interrupted)
    assert store.queries.page(ALL)[1] == 0
    assert store.sweep(older_than=-1) == 1
    assert not list((store.folder / "parts").iterdir())


def test_no_rows_make_no_part(store: Store) -> None:
    with PartWriter(store.folder, "r") as writer:
        writer.write("cues", [])
        assert writer.register(lambda parts: parts == [])
    assert not list((store.folder / "parts").iterdir())


def test_a_writer_does_not_take_another_ones_files(store: Store) -> None:
    with PartWriter(store.folder, "r") as first, PartWriter(store.folder, "r") as second:
        first.write("traces", rows("r"))
        second.write("traces", rows("r"))
        assert second.register(lambda parts: True)
    assert len(list((store.folder / "parts" / "r").iterdir())) == 1


@pytest.mark.parametrize("kind", ["traces", "counts"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, kind: str) -> None:
    """A limit on a file's size stands for the disk: the process that writes gets the error half-way through."""
    code = f"""
import random, sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
from pathlib import Path
from tests.store.store_cases import counted, listing, put, trace
from backend.config import Settings
from backend.domain import UserError
from backend.store import Store
from backend.store.parts import PartWriter
store = Store(Settings(store=Path(sys.argv[1])))
put(store, "kept", [trace("kept", 0)])
before = listing(store.folder)
draw = random.Random(1)
traces = [trace("r", i, text=str(draw.getrandbits(4096))) for i in range(2_000)]
counts = [counted(row, draw.getrandbits(31), think=draw.getrandbits(31)) for row in traces * 20]
rows = traces if {kind!r} == "traces" else counts
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
try:
    with PartWriter(store.folder, "r") as writer:
        writer.write({kind!r}, rows)
    print("no error")
except UserError as error:
    print(error)
assert listing(store.folder) == before
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "store"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "The store could not be written: the disk is full. Nothing was changed."


def test_the_sweep_takes_old_orphans_alone(store: Store) -> None:
    put(store, "kept", rows("kept"))
    registered = listing(store.folder / "parts")
    folder = store.folder / "parts" / "dead"
    folder.mkdir()
    old, young = folder / "traces-1.parquet", folder / ".traces-2.parquet.tmp"
    beside = store.folder / "parts" / "kept" / ".cues-3.parquet.tmp"
    for path in (old, young, beside):
        path.write_bytes(b"half a file")
    for path in (old, beside):
        os.utime(path, (1, 1))
    assert store.sweep() == 2
    assert young.is_file() and not old.exists() and not beside.exists()
    assert store.sweep(older_than=-1) == 1
    assert listing(store.folder / "parts") == registered


def test_a_half_written_file_is_never_seen(store: Store) -> None:
    put(store, "r", rows("r"))
    (store.folder / "parts" / "r" / "traces-x.parquet").write_bytes(b"PAR1 half")
    assert store.queries.page(ALL)[1] == 3
    assert store.queries.trace("r-00000") is not None


def test_deleting_reclaims_files_and_folder(store: Store) -> None:
    put(store, "a", rows("a", text="alpha"), [counted(row, 1) for row in rows("a")])
    put(store, "b", rows("b", text="beta"))
    store.delete_run("a")
    assert [path.name for path in (store.folder / "parts").iterdir()] == ["b"]
    assert store.queries.page(ALL)[1] == 3
    assert store.queries.trace("a-00000") is None
    assert store.queries.per_problem(["a"], LEXICON) == []


def test_a_run_that_was_deleted_and_came_back_is_read_anew(store: Store, settings: Settings) -> None:
    reader = Store(settings)
    put(store, "r", rows("r", text="old words"), [counted(row, 1) for row in rows("r")])
    assert [row["cues"] for row in reader.queries.page(ALL)[0]] == [1, 1, 1]
    store.delete_run("r")
    put(store, "r", rows("r", 2, text="new"), [counted(row, 7) for row in rows("r", 2)])
    listed, total, _ = reader.queries.page(ALL)
    assert total == 2 and [(row["cues"], row["words"]) for row in listed] == [(7, 1)] * 2
    reader.close()


def test_readers_never_see_half_a_run_while_runs_come_and_go(store: Store, settings: Settings) -> None:
    put(store, "stays", rows("stays"), [counted(row, 2) for row in rows("stays")])
    errors: list[BaseException] = []
    seen: set[tuple[int, int]] = set()
    stop = threading.Event()

    def read() -> None:
        reader = Store(settings)
        try:
            while not stop.is_set():
                found = reader.queries.per_problem(None, LEXICON)
                runs = {row["run_id"]: (row["n"], row["cues"]) for row in found}
                assert runs.pop("stays") == (3, 6)
                seen.update(runs.values())
                reader.queries.page(TraceFilter(lexicon=LEXICON, search="2"))
                reader.queries.trace("goes-00001")
        except BaseException as error:
            errors.append(error)
        finally:
            reader.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(25):
        put(store, "goes", rows("goes", 5), [counted(row, 1) for row in rows("goes", 5)])
        store.delete_run("goes")
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert seen <= {(5, 5)}


@pytest.mark.parametrize("folder", ["a [b]* c?{x}", "run_id=5/lexicon=3", "ü 中文 %20#"])
def test_the_store_may_lie_in_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    opened = Store(Settings(store=tmp_path / folder / "store"))
    put(opened, "r", rows("r"), [counted(row, 2) for row in rows("r")])
    assert [row["run_id"] for row in opened.queries.page(ALL)[0]] == ["r"] * 3
    assert opened.queries.trace("r-00000")["run_id"] == "r"
    assert opened.snapshot(tmp_path / "out.duckdb")["traces"] == 3
    opened.close()


@pytest.mark.parametrize("place", ["file", "file/inside"])
def test_a_store_that_cannot_be_made_is_a_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="could not be written"):
        Store(Settings(store=tmp_path / place))
