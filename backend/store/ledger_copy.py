"""The ledger copied whole: into an SQLite file while others write, and from such a file into another database."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text

from backend.domain import UserError, visible
from backend.store import tables
from backend.store.database import Database, connect
from backend.store.ledger import PartRow, sqlite_url
from backend.store.registry import IN_STORE

_ROWS = 500
# What a ledger without a single run holds all the same.
_COUNTERS = {"state", "annotation_state"}


class LedgerCopy(Database):
    """Copies of one ledger."""

    def write(self, target: Path, folder: Path) -> list[PartRow]:
        """Write the ledger, as it is at one moment, to `target`, a path without a file; returns the parts it names.

        `folder` is the store's; the copy names nothing by it, and no worker.
        """
        try:
            with self.reading() as connection, closing(sqlite3.connect(target)) as copy:
                if connection.dialect.name == "sqlite":
                    raw: Any = connection.connection.driver_connection
                    raw.backup(copy)
                else:
                    _into_file(connection, target)
                # A worker that is alive here is not where the copy is restored.
                copy.execute("DELETE FROM workers")
                # Rows of earlier releases name models by their whole path.
                start = f"{folder}/"
                copy.execute(
                    "UPDATE models SET location = ? || substr(location, ?) WHERE substr(location, 1, ?) = ?",
                    (IN_STORE, len(start) + 1, len(start), start),
                )
                copy.commit()
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
                columns = ", ".join(PartRow._fields)
                return [PartRow(*row) for row in copy.execute(f"SELECT {columns} FROM parts ORDER BY path")]  # noqa: S608
        except sqlite3.Error as error:
            raise UserError(f"The ledger can't be copied: {visible(str(error))}.") from error

    def fill(self, file: Path) -> None:
        """Fill this ledger, which has to be empty, from one that `write` wrote. Raises UserError where it isn't."""
        engine = connect(sqlite_url(file.parent).set(database=str(file)))  # brings it up to date
        try:
            with self.writing() as connection, engine.connect().execution_options(readonly=True) as source:
                counts = {
                    table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in tables.metadata.sorted_tables
                }
                if held := [f"{n:,} {name}" for name, n in counts.items() if n and name not in _COUNTERS]:
                    raise UserError(f"The ledger is not empty, it holds {', '.join(held)}: name a new database.")
                _copy_rows(source, connection)
        finally:
            engine.dispose()


def _into_file(source: Connection, target: Path) -> None:
    source.execution_options(isolation_level="REPEATABLE READ", stream_results=True, max_row_buffer=_ROWS)
    engine = connect(sqlite_url(target.parent).set(database=str(target)))
    try:
        with engine.begin() as connection:
            _copy_rows(source, connection)
    finally:
        engine.dispose()


def _copy_rows(source: Connection, target: Connection) -> None:
    for table in tables.metadata.sorted_tables:
        target.execute(delete(table))
        for rows in source.execute(select(table)).mappings().partitions(_ROWS):
            target.execute(insert(table), [dict(row) for row in rows])
    # Numbers of labels are never given twice, not even those of a project that was deleted: browsers go by them.
    last = source.execute(text(_LAST_LABEL[source.dialect.name])).scalar()
    for statement in _SET_LAST_LABEL[target.dialect.name] if last else ():
        target.execute(text(statement), {"last": last})


_LAST_LABEL = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = 'labels'",
    "postgresql": "SELECT pg_sequence_last_value(pg_get_serial_sequence('labels', 'seq')::regclass)",
}
_SET_LAST_LABEL = {
    "sqlite": (
        "DELETE FROM sqlite_sequence WHERE name = 'labels'",
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('labels', :last)",
    ),
    "postgresql": ("SELECT setval(pg_get_serial_sequence('labels', 'seq'), :last)",),
}
