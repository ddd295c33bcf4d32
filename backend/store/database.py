"""The SQL database: connections, transactions, and the schema brought up to date.

Owns how writers wait for each other, and the sentences that database errors become. The modules
with the tables' reads and writes build on `Database` and on the few helpers at the end.
"""

from __future__ import annotations

import dataclasses
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from threading import RLock
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Table,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.domain import UserError, visible
from backend.outages import Breaker, LedgerUnreachable, StoreUnavailable
from backend.store import migrations, tables
from backend.store.sqlite_connections import WAIT_MS, ReadOnly, prepare_sqlite

T = TypeVar("T")

# SQLite binds at most 32,766 values a statement: 500 rows of the widest table, with 23 columns, stay well below.
_CHUNK = 500
_locks: WeakKeyDictionary[Engine, RLock] = WeakKeyDictionary()
# One for each database, not for each engine: while it is away, every attempt to open the store makes a new engine.
_breakers: defaultdict[URL, Breaker] = defaultdict(Breaker)
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 20.0
# A host that is gone is given up within seconds, and not when the operating system does, after a quarter of an hour.
_LIBPQ = {
    "connect_timeout": _CONNECT_SECONDS,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
# Words of the databases' messages -> what is said instead.
_REASONS = {
    "database or disk is full": "the disk is full",
    "No space left": "the disk is full",
    "database is locked": "another process kept it locked",
    "readonly database": "its disk or folder is read-only",
    "disk I/O error": "the disk is full, read-only or broken",
    "malformed": "its file is damaged, so restore a backup of it",
    "file is not a database": "file is not a database, so restore a backup of it",
    "QueuePool limit": "it answers too slowly",
    "wait timeout expired": "it doesn't answer",
}


class Fence(NamedTuple):
    """The job that this thread works on, and the token by which the ledger knows that it still holds it."""

    job: str
    holder: str


_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


# Neither is an Exception: nothing between the ledger and the job's caller may take it for the failure of one item.
class JobLost(BaseException):
    """Another worker holds the job by now: this one was silent for long, and stops without writing anything more."""


class LedgerAway(BaseException):
    """The ledger can't be reached in the middle of a job, which goes on from what was kept once it can."""


@contextmanager
def holding(fence: Fence) -> Iterator[None]:
    """Have every write of this thread to the ledger, for the length of a block, depend on the job being held still.

    Within it JobLost and LedgerAway are raised.
    """
    reset = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(reset)


def check_holder(job_id: str, holder: str | None) -> None:
    """Raise JobLost where this thread works on a job whose `holder`, as just read, is another one by now."""
    if (fence := _fence.get()) and fence.job == job_id and fence.holder != holder:
        raise JobLost


def _begin(connection: Connection, counted: bool) -> None:
    """What every transaction that writes begins with. Raises JobLost where another worker holds this thread's job."""
    if fence := _fence.get():
        query = select(tables.jobs.c.holder).where(tables.jobs.c.id == fence.job).with_for_update(key_share=True)
        # The lock keeps it: nobody takes the job before the transaction ends.
        check_holder(fence.job, connection.execute(query).scalar())
    # On PostgreSQL this row is also the lock that makes counted writers wait for each other.
    if counted:
        connection.execute(update(tables.state).values(version=tables.state.c.version + 1))


def connect(url: str | URL) -> Engine:
    """An engine for `url`, its schema brought up to date. Raises UserError where that fails."""
    try:
        engine = _engine(_address(url))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise UserError(f"The ledger's address can't be used: {visible(str(error))}.") from error
    with _breakers[engine.url].attempt():
        try:
            # Asked with a reader's transaction first: most starts find nothing to do, and needn't wait for any writer.
            with engine.connect().execution_options(readonly=True) as connection:
                current = migrations.is_current(connection)
            if not current:
                with engine.begin() as connection:
                    migrations.migrate(connection)
        # A host that no name can be is a UnicodeError, a port beyond all ports an OverflowError.
        except (SQLAlchemyError, ValueError, OverflowError) as error:
            kind = LedgerUnreachable if isinstance(error, SQLAlchemyError) else UserError
            where = visible(engine.url.set(query={}).render_as_string())
            raise kind(f"The ledger at {where} can't be opened: {_reason(error)}.") from error
    return engine


def _address(url: str | URL) -> URL:
    """The ledger's address, read. Raises UserError without any part of it, which may be a password."""
    bad = "The ledger's address can't be used: "
    before = url.partition("://")[2].rpartition("@")[0] if isinstance(url, str) else ""
    # Read as it stands, the rest of such a password would be taken for a host or a database, and shown in sentences.
    if not str(url).startswith("sqlite") and (before.count(":") > 1 or set("/?#@[]") & set(before)):
        raise UserError(f"{bad}signs in its user name or password have to be written as in @ = %40, / = %2F, : = %3A.")
    try:
        read = make_url(url)
        kind = read.get_backend_name()
    except ValueError:
        raise UserError(f"{bad}its port is no number.") from None
    if kind not in ("sqlite", "postgresql"):
        raise UserError(
            f"{bad}the ledger lies in SQLite or PostgreSQL (postgresql+psycopg://…), not in {visible(kind, 40)}."
        )
    return read


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url)
        prepare_sqlite(engine)
        return engine
    limits = _LIBPQ if url.get_driver_name() in ("psycopg", "psycopg2") else {}
    own = {name: value for name, value in limits.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, pool_timeout=_CONNECT_SECONDS, connect_args=own)
    if url.get_driver_name() == "psycopg":
        connection = _impatient_connection()
        event.listen(engine, "do_connect", lambda _dialect, _record, given, named: connection.connect(*given, **named))
    return engine


@lru_cache
def _impatient_connection() -> Any:
    """The class of connections that give up a server which takes a question and doesn't answer."""
    from psycopg import Connection, OperationalError  # noqa: PLC0415 - whoever has no PostgreSQL needs no driver

    class ImpatientConnection(Connection[Any]):
        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, timeout or _ANSWER_SECONDS)
            except OperationalError as error:
                if error.sqlstate is None:  # nothing was heard of the server, whose answer may come at any time
                    self.pgconn.finish()
                raise

    return ImpatientConnection


@contextmanager
def _one_writer(engine: Engine) -> Iterator[None]:
    """Have this process's threads write to SQLite one after the other."""
    # A lock handed on is quicker than a database asked again and again.
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = _locks.setdefault(engine, RLock())
    if not lock.acquire(timeout=3 * WAIT_MS / 1_000):
        raise StoreUnavailable("The ledger could not be written: others kept it locked. Nothing was changed.")
    try:
        yield
    finally:
        lock.release()


def _flush(engine: Engine) -> None:
    """Flush SQLite's write-ahead log to the disk."""
    # After the commit, not within it (as PRAGMA synchronous=FULL would): no other writer waits for the disk meanwhile.
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    try:
        handle = os.open(f"{engine.url.database}-wal", os.O_RDONLY)
    except FileNotFoundError:
        return  # a checkpoint has moved it into the database, and flushed that
    try:
        os.fsync(handle)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreUnavailable(f"The disk doesn't confirm what was written: {reason}. Save again.") from error
    finally:
        os.close(handle)


def _reason(error: Exception) -> str:
    """The database's message as a clause on one line."""
    # PostgreSQL adds details and hints on further lines.
    message, *_ = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    said = next((reason for words, reason in _REASONS.items() if words in message), message.rstrip("."))
    return visible(said)


def _kind(error: SQLAlchemyError, otherwise: type[UserError]) -> type[UserError]:
    """What an error becomes: LedgerUnreachable where the database is gone, `otherwise` where it refuses for now."""
    if isinstance(error, PoolTimeout):
        return LedgerUnreachable
    if not isinstance(error, DBAPIError):
        return UserError
    state = getattr(error.orig, "sqlstate", "")  # None: the driver's own error, such as of a connection refused
    gone = error.connection_invalidated or state is None or state.startswith(("08", "57P"))
    if gone or type(error) in (DatabaseError, InterfaceError) or "unable to open" in str(error.orig):
        return LedgerUnreachable
    return otherwise if isinstance(error, OperationalError) else UserError


class Database:
    """Transactions that read or write; every error of the database becomes a UserError with a sentence."""

    _secret = ""

    def __init__(self, engine: Engine) -> None:
        """`engine` comes from `connect`."""
        self._engine = engine

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def read_only(self) -> bool:
        """Whether the database can be opened for reading alone."""
        with self.reading() as connection:
            return isinstance(connection.connection.driver_connection, ReadOnly)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """A block that asks the database; in the middle of a job LedgerAway where PostgreSQL can't be reached."""
        try:
            with _breakers[self._engine.url].attempt():
                yield
        except LedgerUnreachable as error:
            if _fence.get() and self._engine.dialect.name == "postgresql":
                raise LedgerAway from error
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads: one consistent view."""
        with self._asking():
            try:
                with self._engine.connect().execution_options(readonly=True) as connection:
                    yield connection
            except SQLAlchemyError as error:
                kind = _kind(error, LedgerUnreachable)
                raise kind(f"The ledger can't be read: {_reason(error)}.") from error

    @contextmanager
    def writing(self, counted: bool = True, durable: bool = False) -> Iterator[Connection]:
        """A transaction that writes, committed when the block ends; writers wait for each other.

        `counted` False is for rows no cached figure depends on (progress, streams): readers' caches stay valid. With
        `durable` the write survives a power cut once the block has ended; on SQLite others may not.
        """
        end = "Nothing was changed"
        with self._asking():
            try:
                with _one_writer(self._engine), self._engine.begin() as connection:
                    _begin(connection, counted)
                    yield connection
                    end = "Whether it was kept is unknown: look before you do it again"
            except IntegrityError as error:
                reason = "something it builds on was deleted or added by another process meanwhile"
                raise UserError(f"The ledger could not be written: {reason}. Nothing was changed.") from error
            except SQLAlchemyError as error:
                kind = _kind(error, StoreUnavailable)
                end = end if kind is LedgerUnreachable else "Nothing was changed"
                raise kind(f"The ledger could not be written: {_reason(error)}. {end}.") from error
        if durable:
            _flush(self._engine)

    def secret(self) -> str:
        """The store's own secret, by which its apps sign and know each other's tokens."""
        if not self._secret:  # it never changes
            with self.reading() as connection:
                self._secret = str(connection.execute(select(tables.state.c.secret)).scalar_one())
        return self._secret

    def is_current(self) -> bool:
        """Whether the schema is that of this release. Raises UserError where it is of a newer one."""
        with self.reading() as connection:
            return migrations.is_current(connection)


# -- what modules of the store share ------------------------------------------------------------------


def now() -> str:
    """The present instant, ISO 8601 in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """`values` in order, as many at a time as one statement can bind."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, which may be none."""
    if rows:  # without rows the statement would insert one of nothing but defaults
        connection.execute(insert(table), list(rows))


def highest(connection: Connection, column: Column[int], *conditions: ColumnElement[bool]) -> int:
    """The highest number in a column, among the rows that meet the conditions; 0 where there are none."""
    return connection.execute(select(func.max(column)).where(*conditions)).scalar() or 0


def field_values(row: Row[Any], kind: type, **renamed: str) -> dict[str, Any]:
    """What `row` holds for each field of the dataclass `kind`; `renamed` gives the columns that differ in name."""
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: row._mapping[renamed.get(name, name)] for name in names}
