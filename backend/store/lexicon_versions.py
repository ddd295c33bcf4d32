"""Lexicons and detectors made in the app, by name and version.

Owns that the versions of a name count up and are never changed, since stored cues and projects refer to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from backend.store.database import Database, insert_rows, now
from backend.store.tables import lexicons, own_lexicons


@dataclass(frozen=True, slots=True)
class OwnRow:
    """One version of a lexicon or detector; the store numbers it. `figures` are its measured results, {} for none."""

    id: str
    name: str
    kind: str
    title: str
    note: str = ""
    person: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0
    created: str = ""
    retired: str = ""


_COLUMNS: tuple[Any, ...] = tuple(own_lexicons.c[name] for name in OwnRow.__dataclass_fields__)


class OwnLexicons(Database):
    """Reads and writes of lexicons and detectors made in the app."""

    def rows(self) -> list[OwnRow]:
        """Every version of every name, the oldest first, without its content."""
        query = select(*_COLUMNS).order_by(own_lexicons.c.name, own_lexicons.c.version)
        with self.reading() as connection:
            return [OwnRow(**row._mapping) for row in connection.execute(query)]

    def content(self, identity: str) -> dict[str, Any] | None:
        """The content of the lexicon with that id, None where there is none."""
        # A content that was retired and brought back has two versions with one id.
        query = select(own_lexicons.c.content).where(own_lexicons.c.id == identity).limit(1)
        with self.reading() as connection:
            return connection.execute(query).scalar()

    def add(self, row: OwnRow, content: Mapping[str, Any]) -> int | None:
        """Store `row` as the next version of its name; returns its number.

        None, and nothing changed, where the newest version has the same id and is in use.
        """
        columns = own_lexicons.c
        newest = select(columns.id, columns.version, columns.retired).where(columns.name == row.name)
        with self.writing() as connection:
            last = connection.execute(newest.order_by(columns.version.desc()).limit(1)).first()
            # The same content is no new version, unless the last one was retired: then it is brought back.
            if last and last.id == row.id and not last.retired:
                return None
            values = {name: getattr(row, name) for name in ("id", "name", "kind", "title", "note", "person")}
            values |= {
                "version": last.version + 1 if last else 1,
                "figures": dict(row.figures),
                "content": dict(content),
            }
            connection.execute(insert(own_lexicons).values(**values, created=now(), retired=""))
        return int(values["version"])

    def retire(self, name: str) -> int:
        """Retire every version of a name; returns how many were in use."""
        mine = (own_lexicons.c.name == name) & (own_lexicons.c.retired == "")
        with self.writing() as connection:
            count = connection.execute(select(func.count()).where(mine)).scalar_one()
            connection.execute(update(own_lexicons).where(mine).values(retired=now()))
        return count


def add_lexicons(connection: Connection, contents: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the content of lexicons (by id) that aren't kept yet, inside the caller's transaction."""
    known = set(connection.execute(select(lexicons.c.id)).scalars())
    new = [
        # An id is the lexicon's name, "@" and the digest of its content.
        {"id": key, "name": key.partition("@")[0], "content": content, "created": now()}
        for key, content in contents.items()
        if key not in known
    ]
    insert_rows(connection, lexicons, new)
