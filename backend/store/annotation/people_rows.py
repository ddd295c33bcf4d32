"""People: who works here, by what name or account, in which role.

Owns that a typed-in name or an issuer's account stands for one person, and that at least one admin is left.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from backend.annotation import Person, Role
from backend.store.annotation_tables import annotation_state, people
from backend.store.database import Database, now

# Without `subject`: an issuer's identifier of a person is for finding them alone, and is shown nowhere.
_COLUMNS: tuple[Any, ...] = (
    people.c.id,
    people.c.name,
    people.c.role,
    people.c.source,
    people.c.email,
    people.c.created,
)


class People(Database):
    """Reads and writes of people."""

    def enter(self, person: Person, subject: str) -> Person:
        """Find the person whom their source calls `subject`, or store them as given; returns them as stored."""
        with self.writing(counted=False, durable=True) as connection:
            bump(connection)
            return enter(connection, person, subject)

    def find(self, source: str, subject: str) -> Person | None:
        """The person whom `source` calls `subject`."""
        return self._first(people.c.source == source, people.c.subject == subject)

    def get(self, person_id: str) -> Person | None:
        """One person."""
        return self._first(people.c.id == person_id)

    def all(self) -> list[Person]:
        """Everybody, by name."""
        query = select(*_COLUMNS).order_by(func.lower(people.c.name), people.c.created, people.c.id)
        with self.reading() as connection:
            return [_person(row) for row in connection.execute(query)]

    def change(self, person_id: str, name: str, email: str, role: Role) -> None:
        """Update name, e-mail and role to what an issuer now gives."""
        values = {"name": name, "email": email, "role": role.value}
        with self.writing(counted=False, durable=True) as connection:
            bump(connection)
            connection.execute(update(people).where(people.c.id == person_id).values(**values))

    def set_role(self, person_id: str, role: Role) -> bool:
        """Give somebody a role. False, and nothing changed, where no admin would be left."""
        others = select(func.count()).where(people.c.role == Role.ADMIN.value, people.c.id != person_id)
        with self.writing(counted=False, durable=True) as connection:
            # The lock comes before the count: else two admins could each demote the other.
            bump(connection)
            if role is not Role.ADMIN and not connection.execute(others).scalar_one():
                return False
            connection.execute(update(people).where(people.c.id == person_id).values(role=role.value))
        return True

    def _first(self, *conditions: ColumnElement[bool]) -> Person | None:
        with self.reading() as connection:
            row = connection.execute(select(*_COLUMNS).where(*conditions)).first()
        return _person(row) if row else None


def enter(connection: Connection, person: Person, subject: str) -> Person:
    """`People.enter` inside a transaction that has called `bump`."""
    query = select(*_COLUMNS).where(people.c.source == person.source, people.c.subject == subject)
    if row := connection.execute(query).first():
        return _person(row)
    values = {"id": person.id, "name": person.name, "role": person.role.value, "source": person.source}
    values |= {"subject": subject, "email": person.email, "created": now()}
    connection.execute(insert(people).values(**values))
    return _person(connection.execute(query).one())


def bump(connection: Connection) -> None:
    """Count a change of people, or of the list of projects; writers of these wait for each other here."""
    connection.execute(update(annotation_state).values(version=annotation_state.c.version + 1))


def _person(row: Row[Any]) -> Person:
    return Person(row.id, row.name, Role(row.role), row.source, row.email, row.created)
