"""Watched runs: which run a place in a growing file became, what it holds by now, and its rows put in anew as it grows.

A place is a hash of a file's path, its format and the part of it that is the run; a content is the identity that an
import of the same bytes would have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update

from backend.domain import Run, digest
from backend.store import tables
from backend.store.database import Database, chunks, insert_rows
from backend.store.ledger import PartRow, ProblemRow, SourceRow, add_contents, has_run, registered_parts

# What belongs to a run's rows; its name, its place in a series and its links are a person's by now, and stay.
_RENEWED = ("problems", "traces", "length_unit")


class Watched(Database):
    """Reads and writes of watched runs."""

    def holder(self, content: str) -> str:
        """The id of the run that holds this content, of a watched one or the content's own, or that is to hold it."""
        table = tables.watched.c
        query = select(table.run_id, table.content).where((table.content == content) | (table.run_id == content))
        with self.reading() as connection:
            rows = connection.execute(query).all()
        # An imported run that a watch let grow holds more by now than its id says.
        other = digest("apart", content, size=6) if rows else content
        return next((str(row.run_id) for row in rows if row.content == content), other)

    def adopt(self, places: Sequence[str], run_id: str, content: str) -> None:
        """Note that these places became a run, unless it is another file's: a copy may grow in its own way."""
        table = tables.watched.c
        others = select(table.place).where(table.run_id == run_id, table.place.not_in(list(places)))
        with self.reading() as connection:
            if connection.execute(others.limit(1)).first():
                return
        self.enter(dict.fromkeys(places, (run_id, content)))

    def at(self, places: Sequence[str]) -> str | None:
        """The id of the run that one of these places became."""
        table, made = tables.watched.c, tables.runs.c.id
        with self.reading() as connection:
            for chunk in chunks(places):
                # A process that died between run and place left a run that is called like its first place.
                for query in (select(table.run_id).where(table.place.in_(chunk)), select(made).where(made.in_(chunk))):
                    if found := connection.execute(query.limit(1)).scalar():
                        return str(found)
        return None

    def contents(self) -> dict[str, tuple[str, str]]:
        """Place -> its run, and the content it had when it was last looked at."""
        with self.reading() as connection:
            return {row.place: (row.run_id, row.content) for row in connection.execute(select(tables.watched))}

    def enter(self, places: Mapping[str, tuple[str, str]]) -> None:
        """Note for each place its run and its content; a place whose run is gone is left out."""
        table = tables.watched
        with self.writing(counted=False) as connection:
            for chunk in chunks(list(places)):
                connection.execute(delete(table).where(table.c.place.in_(chunk)))
                runs = {places[place][0] for place in chunk}
                held = set(connection.execute(select(tables.runs.c.id).where(tables.runs.c.id.in_(runs))).scalars())
                rows = [{"place": place, "run_id": places[place][0], "content": places[place][1]} for place in chunk]
                insert_rows(connection, table, [row for row in rows if row["run_id"] in held])

    def renew(
        self,
        run: Run,
        places: Sequence[str],
        content: str,
        sources: Sequence[SourceRow],
        problems: Sequence[ProblemRow],
        parts: Sequence[PartRow],
        lexicons: Mapping[str, Mapping[str, Any]],
        rules: int,
    ) -> list[PartRow] | None:
        """Put a run's rows in the place of those it had: readers see all or nothing. Returns the parts that may go.

        None, and nothing changed, where the run was deleted meanwhile.
        """
        values = {name: getattr(run, name) for name in _RENEWED} | {"rules": rules}
        values |= {"metrics": dict(run.info.metrics), "note": run.info.note}
        # Durable, because the old files go next: after a power cut the ledger must not name them again.
        with self.writing(durable=True) as connection:
            if not has_run(connection, run.id):
                return None
            gone = registered_parts(connection, tables.parts.c.run_id == run.id)
            for table in (tables.sources, tables.run_problems, tables.parts, tables.run_lexicons):
                connection.execute(delete(table).where(table.c.run_id == run.id))
            connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(values))
            add_contents(connection, run.id, sources, problems, parts, lexicons)
            connection.execute(delete(tables.watched).where(tables.watched.c.run_id == run.id))
            rows = [{"place": place, "run_id": run.id, "content": content} for place in places]
            insert_rows(connection, tables.watched, rows)
        return gone
