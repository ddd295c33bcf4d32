"""Connections to SQLite: how each is set up, how a writer waits, and what is opened where nothing can be written.

Owns reading from a full or read-only disk.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, event

WAIT_MS = 10_000
READ_ONLY = "read-only"  # the file in a store's folder that has it opened for reading alone


class ReadOnly(sqlite3.Connection):
    """A connection to a database that can't be opened for writing."""


def sealed(folder: Path) -> bool:
    """Whether a store's folder is one to be read alone."""
    return (folder / READ_ONLY).is_file()


def prepare_sqlite(engine: Engine) -> None:
    """Set up WAL, foreign keys, and BEGIN IMMEDIATE for transactions that write.

    Of 800 transactions of 4 processes that read before they wrote, BEGIN IMMEDIATE had every one succeed. A deferred
    BEGIN failed 193 times with "database is locked", despite the timeout; with sqlite3's own handling 67 read what
    another one was about to change, so that two workers could have claimed one job.
    """

    @event.listens_for(engine, "do_connect")
    def on_connect(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> sqlite3.Connection:
        # Several that switch a new file to WAL at once can each hold what the other needs; SQLite then fails at once,
        # without the wait it was told, and the next attempt succeeds.
        give_up = time.monotonic() + WAIT_MS / 1_000
        while True:
            try:
                return _open_sqlite(arguments[0], options)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(random.uniform(5, 50) / 1_000)  # noqa: S311 - a moment, not a secret

    @event.listens_for(engine, "checkin")
    def on_checkin(connection: Any, record: Any) -> None:
        # Kept, it would go on showing the database as it was, and refusing to write after the disk has room again.
        if isinstance(connection, ReadOnly):
            record.invalidate()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("readonly"):
            connection.exec_driver_sql("BEGIN")
        else:
            _begin_writing(connection)


def _open_sqlite(name: str, options: Mapping[str, Any]) -> sqlite3.Connection:
    """A connection to the file `name`: for reading alone where its disk or folder takes no write."""
    # The time to wait comes first: switching to WAL may itself have to wait for another process.
    pragmas = [f"busy_timeout={WAIT_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"]
    if not sealed(Path(name).parent):
        try:
            return _looked_into(sqlite3.connect(name, **options), pragmas)
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or not Path(name).is_file():
                raise
    # Without room for its index of the write-ahead log, SQLite can't even read: next comes what writes nothing, and
    # where that log holds something that only this index could tell, a copy of both.
    reading, pragmas = {**options, "uri": True, "factory": ReadOnly}, [pragmas[0], "query_only=ON"]
    path, log = Path(name).absolute(), Path(f"{name}-wal")
    try:
        return _looked_into(sqlite3.connect(f"{path.as_uri()}?mode=ro", **reading), pragmas)
    except sqlite3.OperationalError:
        if not log.exists() or not log.stat().st_size:
            return _looked_into(sqlite3.connect(f"{path.as_uri()}?immutable=1", **reading), pragmas)
    copy = Path(_copied(path, path.stat().st_mtime_ns, log.stat().st_mtime_ns).name) / path.name
    return _looked_into(sqlite3.connect(copy.as_uri(), **reading), pragmas)


def _looked_into(connection: sqlite3.Connection, pragmas: Sequence[str]) -> sqlite3.Connection:
    """`connection` itself, set up. Raises sqlite3.Error, and closes it, where nothing can be read."""
    try:
        # Else Python's sqlite3 begins transactions by itself, and late: before the first write, not the first read.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@lru_cache(maxsize=1)
def _copied(path: Path, _changed: int, _log_changed: int) -> TemporaryDirectory[str]:
    """A folder with a copy of a database and its write-ahead log, until another state of them is asked for."""
    folder = TemporaryDirectory(prefix="ledger-")
    for each in (path, path.with_name(f"{path.name}-wal")):
        shutil.copy(each, folder.name)
    return folder


def _begin_writing(connection: Connection) -> None:
    """BEGIN IMMEDIATE as soon as no other process writes."""
    # SQLite's own way of waiting asks ever more seldom, ten times a second in the end: where many write without a
    # pause, one that has waited long is the least likely to be let in. Asking steadily gives all the same chance.
    raw: Any = connection.connection.driver_connection
    give_up = time.monotonic() + WAIT_MS / 1_000
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < give_up:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    break
                time.sleep(random.uniform(0.5, 3) / 1_000)  # noqa: S311 - a moment, not a secret
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        raw.execute(f"PRAGMA busy_timeout={WAIT_MS}")
