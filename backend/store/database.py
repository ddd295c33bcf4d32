"""The SQL database: its address, its schema brought up to date, and transactions.

Owns connections and what a person is told when the database refuses. Knows nothing of what any table means.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, update
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from backend.domain import UserError, visible
from backend.store import migrations, tables

_WAIT_MS = 10_000


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
        options = connection.get_execution_options()
        if not options.get("readonly"):
            connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('durable') else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN" if options.get("readonly") else "BEGIN IMMEDIATE")


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
            with self._engine.execution_options(durable=durable).begin() as connection:
                if counted:
                    connection.execute(update(tables.state).values(version=tables.state.c.version + 1))
                yield connection
        except IntegrityError as error:
            reason = "something it builds on was deleted or added by another process meanwhile"
            raise UserError(f"The ledger could not be written: {reason}. Nothing was changed.") from error
        except SQLAlchemyError as error:
            raise UserError(f"The ledger could not be written: {_reason(error)}. Nothing was changed.") from error
