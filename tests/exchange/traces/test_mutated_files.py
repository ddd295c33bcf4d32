"""Real files of the tools, damaged in every way: no traceback, every row accounted for, nothing half-written in a store."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.config import Settings
from backend.domain import UserError
from backend.exchange.traces.scan import scan
from backend.reader_process import ReaderPool
from backend.services import build_services
from tests.conftest import SHARED
from tests.exchange.traces.test_any_rows import accounted

FOLDERS = (SHARED / "formats", SHARED / "traces")
MOST_BYTES = 300_000
MOST_BESIDE = 12  # files of its folder that are copied with a file
TEXTS = {".json", ".jsonl", ".csv"}
# Other libraries than ours look into these, and may end the process over what is damaged.
PACKED = {".parquet", ".arrow", ".eval", ".db"}
MINUTES = float(os.environ.get("FUZZ_MINUTES", "10"))
STRANGE: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        2**53,
        2**63,
        10**30,
        1.5,
        float("nan"),
        float("inf"),
        "",
        " ",
        "\x00",
        "\ud800",
        "12",
        "x" * 5_000,
    ),
    *([], {}, [[]], [None], {"": None}, ["a", 1], [{"role": "user"}], [{"role": "assistant", "content": None}]),
)


def files() -> list[Path]:
    """The real files, in an order that is the same everywhere."""
    found = (path for folder in FOLDERS for path in sorted(folder.rglob("*")))
    return [
        path
        for path in found
        if path.suffix in TEXTS | PACKED and path.stat().st_size <= MOST_BYTES and path.name != "expected.json"
    ]


FILES = files()
pytestmark = pytest.mark.skipif(not FILES, reason="the real files (../shared/data) are not on this machine")


def other(value: Any, draw: random.Random, depth: int = 0) -> Any:
    """A value with something in it dropped, doubled, of another type, or deep."""
    if draw.random() < 0.15 or depth > 5:
        deep: Any = draw.choice(STRANGE)
        for _ in range(draw.choice((0, 0, 0, 3, 120))):
            deep = [deep] if draw.random() < 0.5 else {"a": deep}
        return deep
    if isinstance(value, dict) and value:
        key, what = draw.choice(list(value)), draw.randrange(8)
        if what == 0:
            return {name: item for name, item in value.items() if name != key}
        if what == 1:
            return {**value, draw.choice(list(value)): value[key], f"{key} ": value[key]}
        return {**value, key: other(value[key], draw, depth + 1)}
    if isinstance(value, list) and value:
        place, what = draw.randrange(len(value)), draw.randrange(6)
        if what == 0:
            return value[:place] + value[place + 1 :]
        if what == 1:
            return [*value, value[place]]
        return [*value[:place], other(value[place], draw, depth + 1), *value[place + 1 :]]
    return draw.choice(STRANGE)


def bytes_of(raw: bytes, draw: random.Random) -> bytes:
    """Bytes flipped, cut out, cut off or put in."""
    for _ in range(draw.choice((1, 1, 3, 20))):
        place = draw.randrange(len(raw) + 1)
        end = place + draw.choice((1, 1, 4, 64))
        put = draw.choice(
            (b"", b"\x00", b"\xff\xff\xff\x7f", b'"', b"\n", b"}", raw[place:end] * 2, draw.randbytes(end - place))
        )
        raw = raw[:place] if draw.random() < 0.1 else raw[:place] + put + raw[end:]
    return raw


def lines_of(raw: bytes, draw: random.Random) -> bytes:
    """JSON with other values, or lines doubled, dropped and put elsewhere."""
    try:
        whole = [json.loads(raw)]
    except ValueError:
        whole = []
    found = whole or [json.loads(line) for line in raw.splitlines() if line.strip()]
    for _ in range(draw.choice((1, 1, 2, 5))):
        place = draw.randrange(len(found) or 1)
        what = draw.randrange(8)
        if what == 0 and len(found) > 1:
            del found[place]
        elif what == 1 and not whole:
            found.insert(draw.randrange(len(found) + 1), found[place])
        elif found:
            found[place] = other(found[place], draw)
    return "\n".join(map(json.dumps, found)).encode()


def parquet_of(path: Path, draw: random.Random) -> None:
    """A Parquet file with other values in one column; Arrow refuses most mixtures of types."""
    rows = pq.read_table(path).to_pylist()
    column = draw.choice(list(rows[0]))
    value = draw.choice((None, 1, "x", 2.5, [1], ["a"], {"a": 1}, b"\xff", other(rows[0][column], draw)))
    some = draw.random() < 0.5
    for row in rows[: 1 if some else None]:
        row[column] = value
        if draw.random() < 0.1:
            del row[draw.choice(list(row))]
    with suppress(pa.ArrowException, OverflowError, UnicodeError, TypeError):
        pq.write_table(pa.Table.from_pylist(rows), path)


def log_of(path: Path, draw: random.Random) -> None:
    """An Inspect log whose samples have other values, packed anew."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if any(info.compress_type == 93 for info in members.values()):  # Python's module reads it from 3.14 on
            return
        content = {name: archive.read(name) for name in members}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in content.items():
            if draw.random() < 0.9:
                archive.writestr(name, lines_of(raw, draw) if draw.random() < 0.4 else raw)


def database_of(path: Path, draw: random.Random) -> None:
    """A database with other values in one column."""
    with closing(sqlite3.connect(path)) as made, made:
        table = draw.choice(("traces", "metrics", "configs"))
        column = draw.choice([row[1] for row in made.execute(f"PRAGMA table_info({table})")])
        value = draw.choice(
            (None, 1, 1.5, "x", "[]", "{}", b"\xff", '[{"role": 1}]', json.dumps(other({"a": [1]}, draw)))
        )
        with suppress(sqlite3.Error, UnicodeError):
            made.execute(f"UPDATE {table} SET {column} = ? WHERE rowid % 3 = ?", (value, draw.randrange(3)))


def damage(path: Path, draw: random.Random) -> None:
    """Change a file where it lies."""
    inner: dict[str, Callable[[Path, random.Random], None]] = {
        ".parquet": parquet_of, ".eval": log_of, ".db": database_of,
    }  # fmt: skip
    path.chmod(0o644)
    if path.suffix in inner and draw.random() < 0.5:
        inner[path.suffix](path, draw)
    elif path.suffix in (".json", ".jsonl") and draw.random() < 0.7:
        path.write_bytes(lines_of(path.read_bytes(), draw))
    else:
        path.write_bytes(bytes_of(path.read_bytes(), draw))


def damaged(path: Path, seed: int, folder: Path) -> Path:
    """A copy of a file, with what lies beside it, damaged."""
    draw = random.Random(seed)
    top = next(top for top in FOLDERS if path.is_relative_to(top))
    place = folder / path.parent.relative_to(top)
    place.mkdir(parents=True)
    for each in sorted(path.parent.iterdir())[:MOST_BESIDE]:
        if each.is_file() and each.stat().st_size <= MOST_BYTES and each.name != "expected.json":
            shutil.copy(each, place)
    shutil.copy(path, place)
    damage(place / path.name, draw)
    return place


def looked(folder: Path) -> None:
    """Scan and read, here or in a process of its own."""
    plan = scan([folder])
    assert all(str(problem).endswith(".") and "\n" not in str(problem) for problem in plan.failed)
    accounted(plan)


def check(path: Path, seed: int, pool: ReaderPool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = damaged(path, seed, Path(folder))
        if path.suffix not in PACKED:
            looked(place)
            return
        try:
            pool.call(looked, place)
        except UserError as problem:  # it may end the process, which is told; a fault of ours has another sentence
            assert "reading it failed" not in str(problem), (path, seed)


@pytest.fixture(scope="module")
def pool() -> ReaderPool:
    return ReaderPool(2048, 60)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(place=st.integers(0, len(FILES) - 1), seed=st.integers(0, 2**32))
def test_damaged_files_are_accounted_for_or_refused(pool: ReaderPool, place: int, seed: int) -> None:
    check(FILES[place], seed, pool)


def seeds() -> Iterator[tuple[Path, int]]:
    """Files and seeds for as many minutes as are set, other ones in every go."""
    until, first = time.monotonic() + 60 * MINUTES, int(os.environ.get("FUZZ_SEED", time.time_ns() % 2**32))
    draw = random.Random(first)
    print(f"FUZZ_SEED={first}")
    while time.monotonic() < until:
        yield draw.choice(FILES), draw.randrange(2**32)


@pytest.mark.stress
@pytest.mark.timeout(60 * MINUTES + 900)
def test_ten_minutes_of_damaged_files(pool: ReaderPool) -> None:
    faults: dict[str, tuple[Path, int]] = {}
    for path, seed in seeds():
        try:
            check(path, seed, pool)
        except Exception as error:
            faults.setdefault(f"{type(error).__name__}: {error}"[:300], (path, seed))
    assert not faults, "\n".join(f"{path} {seed}: {what}" for what, (path, seed) in faults.items())


def whole(store: Path) -> None:
    """Every run of a store has the traces that it says, and every file of it is registered."""
    with build_services(Settings(store=store, graders=1)) as services:
        for run in services.runs.all():
            assert sum(1 for _ in services.store.queries.texts(run.id)) == run.traces > 0
        registered = {part.path for part in services.store.ledger.parts()}
        there = {path.relative_to(store).as_posix() for path in (store / "parts").rglob("*.parquet")}
        assert there == registered


@pytest.mark.parametrize("count", [6, pytest.param(100, marks=pytest.mark.stress)])
def test_damaged_files_leave_nothing_half_in_a_store(tmp_path: Path, count: int) -> None:
    draw, store = random.Random(count), tmp_path / "store"
    with build_services(Settings(store=store, graders=1)) as services:
        for number in range(count):
            place = damaged(draw.choice(FILES), draw.randrange(2**32), tmp_path / str(number))
            before = {run.id for run in services.runs.all()}
            outcomes = list(services.imports.run([place]))
            assert not any("reading it failed" in outcome.sentence for outcome in outcomes), (place, outcomes)
            made = {outcome.run for outcome in outcomes if outcome.state == "imported" and outcome.run}
            assert {run.id for run in services.runs.all()} - before == made - before
    whole(store)
