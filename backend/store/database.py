"""The SQL database: its address, its schema brought up to date, and transactions.

Owns connections and what a person is told when the database refuses. Knows nothing of what any table means.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event, update
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from backend.domain import UserError, visible
from backend.store import migrations, tables

_WAIT_MS = 10_000
_locks: WeakKeyDictionary[Engine, RLock] = WeakKeyDictionary()


def now() -> str:
    """The present instant, ISO 8601 in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def connect(url: str | URL) -> Engine:
    """An engine for `url`, its schema brought up to date. Raises UserError where that can't be done."""
    try:
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        with engine.connect().execution_options(readonly=True) as connection:
            current = migrations.is_current(connection)
        if not current:
            with engine.begin() as connection:
                migrations.migrate(connection)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise UserError(f"The ledger's address can't be used: {visible(str(error))}.") from error
    except DBAPIError as error:
        where = visible(engine.url.render_as_string())
        raise UserError(f"The ledger at {where} can't be opened: {_reason(error)}.") from error
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    """WAL, foreign keys, and BEGIN IMMEDIATE for writers: a read that becomes a write can't be locked out half-way."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        # The time to wait comes first: switching to WAL may itself have to wait for another process.
        for pragma in (f"busy_timeout={_WAIT_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("readonly"):
            connection.exec_driver_sql("BEGIN")
        else:
            _begin_writing(connection)


def _begin_writing(connection: Connection) -> None:
    """BEGIN IMMEDIATE as soon as no other process writes.

    SQLite's own way of waiting asks ever more seldom, ten times a second in the end: where many write without a pause,
    one that has waited long is the least likely to be let in. Asking steadily gives everybody the same chance.
    """
    raw: Any = connection.connection.driver_connection
    give_up = time.monotonic() + _WAIT_MS / 1_000
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
        raw.execute(f"PRAGMA busy_timeout={_WAIT_MS}")


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Threads of this process write to SQLite one after the other: handing on is quicker than asking again."""
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = _locks.setdefault(engine, RLock())
    if not lock.acquire(timeout=3 * _WAIT_MS / 1_000):
        raise UserError("The ledger could not be written: others kept it locked. Nothing was changed.")
    try:
        yield
    finally:
        lock.release()


def _flush(engine: Engine) -> None:
    """Have the disk hold what SQLite's log holds; done after the commit, so that nobody waits for it meanwhile."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    try:
        handle = os.open(f"{engine.url.database}-wal", os.O_RDONLY)
    except FileNotFoundError:
        return  # it was moved into the database, and flushed with it
    try:
        os.fsync(handle)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"The disk doesn't confirm what was written: {reason}. Save again.") from error
    finally:
        os.close(handle)


def _reason(error: SQLAlchemyError) -> str:
    """What the database said, as a clause on one line."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    if "database or disk is full" in said[0] or "No space left" in said[0]:
        return "the disk is full"
    if "database is locked" in said[0]:
        return "another process kept it locked"
    return visible(said[0].rstrip("."))


class Database:
    """Reading and writing in transactions, every refusal a sentence."""

    def __init__(self, engine: Engine) -> None:
        """`engine` comes from `connect`."""
        self._engine = engine

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view."""
        try:
            with self._engine.connect().execution_options(readonly=True) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise UserError(f"The ledger can't be read: {_reason(error)}.") from error

    @contextmanager
    def writing(self, counted: bool = True, durable: bool = False) -> Iterator[Connection]:
        """One transaction; writers wait for each other, on PostgreSQL at the row that counts writes.

        `counted` False is for rows no cached figure depends on (progress, streams): readers' caches stay. With
        `durable` the disk holds it when the block ends: on SQLite a cut of power may take other writes back.
        """
        try:
            with _turn(self._engine), self._engine.begin() as connection:
                if counted:
                    connection.execute(update(tables.state).values(version=tables.state.c.version + 1))
                yield connection
        except IntegrityError as error:
            reason = "something it builds on was deleted or added by another process meanwhile"
            raise UserError(f"The ledger could not be written: {reason}. Nothing was changed.") from error
        except SQLAlchemyError as error:
            raise UserError(f"The ledger could not be written: {_reason(error)}. Nothing was changed.") from error
        if durable:
            _flush(self._engine)
