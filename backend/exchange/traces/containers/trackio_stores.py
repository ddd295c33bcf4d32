"""Trackio's databases (`PROJECT.db`): the traces of a run at a step become a file of JSON Lines of their own.

Owns reading them while they are written, and TRL's tables of completions inside the metrics. A step's file stays the
same when the training goes on, so that what was imported is known again.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from backend.exchange.traces.containers.archives import NoArchive
from backend.exchange.traces.containers.scratch import Budget, Left
from backend.exchange.traces.input_files import ROW_LIMIT
from backend.exchange.traces.json_text import parse, type_name
from backend.exchange.traces.trace_format import RowError
from backend.import_plan import Row

MAGIC = b"SQLite format 3\0"
_TRIES = 5
_BESIDE = ("", "-wal", "-journal")
_TABLE = "trackio.table"
# Its own counter is not the training's, which TRL writes among its metrics.
_STEPS = ("train/global_step", "global_step")
_COLUMNS = {
    "traces": {"run_id", "run_name", "step", "key", "trace_index", "messages", "metadata", "timestamp"},
    "metrics": {"run_id", "run_name", "step", "metrics"},
    "configs": {"run_id", "config"},
}
# Tables that tell whose another database is -> what to do instead.
_OTHERS = (
    ({"experiments", "runs", "latest_metrics"}, "a database of MLflow; export its traces as JSON Lines"),
    ({"evals", "evals_to_datasets"}, "promptfoo's database; `promptfoo export eval ID -o out.json` writes its results"),
    ({"spans", "traces", "projects"}, "a database of Phoenix; export its spans as JSON Lines"),
    ({"responses", "conversations"}, "a database of the tool llm; `llm logs --json` writes its responses"),
    ({"workflow_status"}, "a database of DBOS, which holds no traces"),
)
_Key = tuple[str, int]  # run and step


def unpack(path: Path, folder: Path, left: Left, budget: Budget) -> None:
    """Write the rows of each run and step. Raises NoArchive for another tool's database, RowError for a damaged one."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as copied:
        for attempt in range(_TRIES):
            copy = _snapshot(path, Path(copied) / str(attempt), budget)
            if copy is None:
                continue
            with closing(sqlite3.connect(copy)) as database:
                database.execute("PRAGMA trusted_schema = OFF")
                database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ROW_LIMIT)
                database.text_factory = lambda raw: raw.decode("utf-8", "replace")
                _Store(database, path.stem, folder, budget).unpack(left)
            return
    raise RowError("it is written to faster than it can be copied; try again")


def _snapshot(path: Path, folder: Path, budget: Budget) -> Path | None:
    """A copy with what its journals hold, so that the tool's own file isn't so much as locked; None if it changed."""
    folder.mkdir()
    before = _state(path)
    for suffix in _BESIDE:
        each = Path(f"{path}{suffix}")
        if each.is_file():
            budget.spend(each.stat().st_size, folder)
            shutil.copyfile(each, folder / f"copy{suffix}")
    return folder / "copy" if _state(path) == before else None


def _state(path: Path) -> list[tuple[int, int] | None]:
    found = [Path(f"{path}{suffix}") for suffix in _BESIDE]
    states = [each.stat() if each.is_file() else None for each in found]
    return [state and (state.st_size, state.st_mtime_ns) for state in states]


class _Store:
    """A copied database, whose rows go to files in `folder`."""

    def __init__(self, database: sqlite3.Connection, project: str, folder: Path, budget: Budget) -> None:
        self._database, self._project, self._folder, self._budget = database, project, folder, budget
        self._configs: dict[str, Any] = {}
        self._folders: dict[str, Path] = {}  # of each run
        self._begun: set[_Key] = set()

    def unpack(self, left: Left) -> None:
        tables = self._tables()
        if not _COLUMNS["metrics"] <= tables.get("metrics", set()) or "configs" not in tables:
            raise NoArchive(_what(set(tables)))
        if _COLUMNS["configs"] <= tables["configs"]:
            found = self._rows("SELECT run_id, config FROM configs")
            self._configs = {str(run): _decoded(config, "config") for run, config in found}
        metrics = self._metrics()
        if _COLUMNS["traces"] <= tables.get("traces", set()):
            self._traces(metrics)
        self._completions(metrics)
        alone = len(metrics.keys() - self._begun)
        if alone:
            left.append((f"{alone:,} steps", "metrics of steps without traces", False))

    def _tables(self) -> dict[str, set[str]]:
        names = [name for (name,) in self._rows("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1000")]
        # A virtual table, or one made of an expression, would run what the file says.
        known = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 LIMIT 1000"
        return {name: {column for (column,) in self._rows(known, name)} for name in names}

    def _rows(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        return self._database.execute(statement, values)

    def _metrics(self) -> dict[_Key, dict[str, float]]:
        """What was reported at each step of the training, numbers alone."""
        found: dict[bool, dict[_Key, dict[str, float]]] = {True: {}, False: {}}
        for run, step, raw in self._rows("SELECT run_id, step, metrics FROM metrics ORDER BY id"):
            values = _object(raw, "metrics")
            told = next((values[name] for name in _STEPS if values.get(name) is not None), None)
            numbers = {k: v for k, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool)}
            if numbers:
                key = (str(run), _step(step if told is None else told))
                found[told is not None].setdefault(key, {}).update(numbers)
        # Where a trainer tells its steps, the column counts something else.
        telling = {run for run, _ in found[True]}
        return {key: value for key, value in found[False].items() if key[0] not in telling} | found[True]

    def _traces(self, metrics: dict[_Key, dict[str, float]]) -> None:
        names = ("run_id", "run_name", "step", "key", "trace_index", "messages", "metadata", "timestamp")
        rows = self._rows(
            f"SELECT {', '.join(names)} FROM traces ORDER BY run_id, step, key, trace_index, rowid"  # noqa: S608
        )
        for (run, step), group in groupby(rows, key=lambda row: (str(row[0]), _step(row[2]))):
            lines = (dict(zip(names[1:], row[1:], strict=True)) for row in group)
            parsed = ({**line, **{k: _decoded(line[k], k) for k in ("messages", "metadata")}} for line in lines)
            self._write(run, step, metrics, parsed)

    def _completions(self, metrics: dict[_Key, dict[str, float]]) -> None:
        """The rows of TRL's tables, each table once: the end of a training logs its last again."""
        seen: set[tuple[_Key, bytes]] = set()
        for run, name, raw in self._rows("SELECT run_id, run_name, metrics FROM metrics ORDER BY id"):
            tables = (value for value in _object(raw, "metrics").values() if isinstance(value, dict))
            for table in (each for each in tables if each.get("_type") == _TABLE):
                rows = [row for row in table.get("_value") or () if isinstance(row, dict) and "completion" in row]
                for step, group in groupby(rows, key=lambda row: _step(row.get("step"))):
                    # Trackio writes a number that is none as a word.
                    known = ({k: None if v == "NaN" else v for k, v in row.items()} for row in group)
                    lines = [{"run_name": name, **row} for row in known]
                    place = ((str(run), step), sha256(orjson.dumps(lines)).digest())
                    if place not in seen:
                        seen.add(place)
                        self._write(str(run), step, metrics, iter(lines))

    def _write(self, run: str, step: int, metrics: dict[_Key, dict[str, float]], rows: Iterator[Row]) -> None:
        """Add rows to the file of a run at a step. It begins with a line of what was reported and set."""
        first, key = next(rows), (run, step)
        name = str(first["run_name"])
        known = {"trackio": self._project, "run_name": name, "step": step}
        folder = self._folders.get(run) or self._folder_of(run, name)
        with (folder / f"step_{step}.jsonl").open("ab") as file:
            # Settings may be long: they stand in the first line alone.
            head = {"metrics": metrics.get(key, {}), "config": self._configs.get(run)}
            for row in (*([] if key in self._begun else [head]), first, *rows):
                line = orjson.dumps({**known, **row}) + b"\n"
                self._budget.spend(len(line), folder)
                file.write(line)
        self._begun.add(key)

    def _folder_of(self, run: str, name: str) -> Path:
        label = re.sub(r"[^\w.+=@ -]", "_", name)[:60].strip(". ") or "run"
        taken = {folder.name.lower() for folder in self._folders.values()}
        label = f"{label} {len(taken) + 1}" if label.lower() in taken else label
        self._folders[run] = self._folder / label
        self._folders[run].mkdir()
        return self._folders[run]


def _what(tables: set[str]) -> str:
    """Whose database it is that has these tables."""
    if known := next((what for names, what in _OTHERS if names <= tables), ""):
        return known
    names = ", ".join(sorted(tables)[:6])
    return f"a database of {names[:120]}; export its traces as JSON Lines" if names else "a database without tables"


def _step(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RowError(f"a step should be a whole number, but is {type_name(value)}")
    return value


def _decoded(value: object, name: str) -> Any:
    """JSON as Trackio writes it, as text or as bytes."""
    try:
        raw = value.encode() if isinstance(value, str) else value
        return parse(raw) if isinstance(raw, bytes) else raw
    except RowError as error:
        raise RowError(f"{name} in it: {error}") from None


def _object(value: object, name: str) -> Row:
    found = _decoded(value, name)
    return found if isinstance(found, dict) else {}
