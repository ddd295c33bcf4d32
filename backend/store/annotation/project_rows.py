"""Annotation projects in the ledger: their items and texts, and the versions of their schemes and guidelines.

Owns that a project is visible whole or not at all, and that a text is kept once, by its content. Who works on the
items, and the log of labels, is in `annotations`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from backend.annotation import Item, Label, Person, Project, ProjectState, Scheme
from backend.domain import UserError
from backend.store import annotation_tables as tables
from backend.store.annotation.annotation_rows import (
    Taken,
    TextRow,
    item_of,
    item_values,
    label_values,
    project_of,
    project_values,
    scheme_of,
    scheme_values,
    sections_of,
    taken_values,
)
from backend.store.annotation.people_rows import bump, enter
from backend.store.database import Database, chunks, highest, insert_rows, now
from backend.store.lexicon_versions import add_lexicons


class VersionRow(NamedTuple):
    """A version of a project's guidelines."""

    version: int
    text: str
    person: str
    created: str


@dataclasses.dataclass(frozen=True, slots=True)
class NewProject:
    """Everything a project begins with: an imported one has people, work and labels already.

    `people` are pairs of a person and what their source calls them; `settled` holds ids of items.
    """

    project: Project
    items: Sequence[Item]
    texts: Mapping[str, TextRow]
    lexicons: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    people: Sequence[tuple[Person, str]] = ()
    taken: Sequence[Taken] = ()
    labels: Sequence[Label] = ()
    settled: frozenset[str] = frozenset()


class Projects(Database):
    """Reads and writes of projects. Nothing here is a counted write: cached figures of runs don't depend on them."""

    def add(self, new: NewProject) -> Project:
        """Store a project whole; returns it as stored."""
        project = dataclasses.replace(new.project, created=now())
        with self.writing(counted=False, durable=True) as connection:
            bump(connection)
            ordinal = highest(connection, tables.projects.c.ordinal) + 1
            row = project_values(project) | {"ordinal": ordinal, "version": 0}
            connection.execute(insert(tables.projects).values(**row))
            _add_scheme(connection, project, project.owner)
            _add_guidelines(connection, project, project.owner)
            _add_texts(connection, new.texts)
            add_lexicons(connection, new.lexicons)
            for person, subject in new.people:
                enter(connection, person, subject)
            # Whoever settled an imported item may be nobody here: the owner stands in.
            settled = dict.fromkeys(new.settled, project.owner)
            insert_rows(connection, tables.items, [item_values(item, settled.get(item.id, "")) for item in new.items])
            insert_rows(connection, tables.assignments, [taken_values(project.id, taken) for taken in new.taken])
            insert_rows(connection, tables.labels, [label_values(label) for label in new.labels])
        return project

    def get(self, project_id: str) -> Project | None:
        """One project."""
        with self.reading() as connection:
            row = connection.execute(_projects().where(tables.projects.c.id == project_id)).first()
        return project_of(row) if row else None

    def all(self) -> list[Project]:
        """Every project, the newest first."""
        with self.reading() as connection:
            rows = connection.execute(_projects().order_by(tables.projects.c.ordinal.desc()))
            return [project_of(row) for row in rows]

    def change(
        self,
        old: Project,
        new: Project,
        person: str,
        lexicons: Mapping[str, Mapping[str, Any]],
        check: Callable[[Scheme, Scheme, set[str], set[str]], None],
    ) -> None:
        """Store the differences of `new` from `old`: name, lexicon, number of annotators, guidelines and scheme.

        Before a new scheme is stored, `check` gets both schemes and the labels and flags in use, and may raise. Raises
        UserError where somebody else changed the project since `old` was read.
        """
        columns = tables.projects.c
        names = ("name", "lexicon", "annotators", "scheme_version", "guidelines_version")
        values = {name: getattr(new, name) for name in names}
        # The condition is checked by the UPDATE itself: nobody can change the project between a look and the write.
        same = (columns.scheme_version == old.scheme_version, columns.guidelines_version == old.guidelines_version)
        change = update(tables.projects).where(columns.id == old.id, *same)
        with self.writing(counted=False, durable=True) as connection:
            bump(connection)
            if not connection.execute(change.values(**values, version=columns.version + 1)).rowcount:
                raise UserError("Somebody else changed or deleted this project meanwhile: look at it again.")
            add_lexicons(connection, lexicons)
            if new.scheme_version != old.scheme_version:
                check(old.scheme, new.scheme, *_used(connection, old.id))
                _add_scheme(connection, new, person)
            if new.guidelines_version != old.guidelines_version:
                _add_guidelines(connection, new, person)

    def set_state(self, project_id: str, state: ProjectState) -> None:
        """Open or close a project."""
        columns = tables.projects.c
        change = update(tables.projects).where(columns.id == project_id)
        with self.writing(counted=False, durable=True) as connection:
            bump(connection)
            connection.execute(change.values(state=state.value, version=columns.version + 1))

    def delete(self, project_id: str) -> None:
        """Delete a project, all in it and the texts nothing else holds."""
        with self.writing(counted=False, durable=True) as connection:
            bump(connection)
            # Items, assignments and labels go with it, by ON DELETE CASCADE; a text may be in other projects too.
            connection.execute(delete(tables.projects).where(tables.projects.c.id == project_id))
            held = select(tables.items.c.text_sha256)
            connection.execute(delete(tables.texts).where(tables.texts.c.sha256.not_in(held)))

    def schemes(self, project_id: str) -> dict[int, Scheme]:
        """Version -> scheme."""
        columns = tables.project_schemes.c
        query = select(columns.version, columns.scheme).where(columns.project_id == project_id)
        with self.reading() as connection:
            return {row.version: scheme_of(row.scheme) for row in connection.execute(query.order_by(columns.version))}

    def guidelines(self, project_id: str) -> list[VersionRow]:
        """Every version, the newest first."""
        columns = tables.project_guidelines.c
        query = select(columns.version, columns.text, columns.person, columns.created)
        query = query.where(columns.project_id == project_id).order_by(columns.version.desc())
        with self.reading() as connection:
            return [VersionRow(*row) for row in connection.execute(query)]

    # -- items --------------------------------------------------------------------------------------

    def items(self, project_id: str) -> list[Item]:
        """A project's items in order."""
        query = select(tables.items).where(tables.items.c.project_id == project_id).order_by(tables.items.c.ordinal)
        with self.reading() as connection:
            return [item_of(row) for row in connection.execute(query)]

    def count(self, project_id: str) -> int:
        """How many items a project has."""
        with self.reading() as connection:
            query = select(func.count()).where(tables.items.c.project_id == project_id)
            return connection.execute(query).scalar_one()

    def item(self, item_id: str) -> Item | None:
        """One item."""
        with self.reading() as connection:
            row = connection.execute(select(tables.items).where(tables.items.c.id == item_id)).first()
        return item_of(row) if row else None

    def settled(self, project_id: str) -> set[str]:
        """The items an adjudicator has finished with."""
        columns = tables.items.c
        query = select(columns.id).where(columns.project_id == project_id, columns.settled != "")
        with self.reading() as connection:
            return set(connection.execute(query).scalars())

    def text(self, sha256: str) -> TextRow | None:
        """One text."""
        with self.reading() as connection:
            row = connection.execute(select(tables.texts).where(tables.texts.c.sha256 == sha256)).first()
        return TextRow(row.text, sections_of(row.sections)) if row else None

    def texts(self, project_id: str) -> dict[str, str]:
        """Hash -> text of everything a project holds."""
        columns = tables.texts.c
        held = select(tables.items.c.text_sha256).where(tables.items.c.project_id == project_id)
        with self.reading() as connection:
            rows = connection.execute(select(columns.sha256, columns.text).where(columns.sha256.in_(held)))
            return {row.sha256: row.text for row in rows}

    def set_priorities(self, project_id: str, priorities: Mapping[str, float]) -> None:
        """Set the order in which items are given out, highest priority first."""
        columns = tables.items.c
        with self.writing(counted=False) as connection:
            touch(connection, project_id)
            for item_id, priority in priorities.items():
                change = update(tables.items).where(columns.id == item_id, columns.project_id == project_id)
                connection.execute(change.values(priority=priority))


def touch(connection: Connection, project_id: str, scheme_version: int | None = None) -> bool:
    """Count a change within a project; writers of one project wait for each other here.

    False where there is no such project. With a `scheme_version`, also where it is closed or has another one.
    """
    columns = tables.projects.c
    change = update(tables.projects).where(columns.id == project_id)
    if scheme_version is not None:
        change = change.where(columns.state == ProjectState.OPEN.value, columns.scheme_version == scheme_version)
    # On PostgreSQL the update locks the project's row until the commit; on SQLite all writers wait anyway.
    return connection.execute(change.values(version=columns.version + 1)).rowcount == 1


def _projects() -> Select[Any]:
    """Projects with the scheme and guidelines of their present versions."""
    columns, schemes, guidelines = tables.projects.c, tables.project_schemes.c, tables.project_guidelines.c
    return (
        select(tables.projects, schemes.scheme, guidelines.text.label("guidelines"))
        .join(
            tables.project_schemes,
            (schemes.project_id == columns.id) & (schemes.version == columns.scheme_version),
        )
        .join(
            tables.project_guidelines,
            (guidelines.project_id == columns.id) & (guidelines.version == columns.guidelines_version),
        )
    )


def _used(connection: Connection, project_id: str) -> tuple[set[str], set[str]]:
    """The labels and flags any row of a project's log carries."""
    columns = tables.labels.c
    query = select(columns.label, columns.flag).where(columns.project_id == project_id).distinct()
    rows = connection.execute(query).all()
    return {row.label for row in rows}, {row.flag for row in rows if row.flag}


def _add_scheme(connection: Connection, project: Project, person: str) -> None:
    values = {"project_id": project.id, "version": project.scheme_version, "person": person, "created": now()}
    connection.execute(insert(tables.project_schemes).values(**values, scheme=scheme_values(project.scheme)))


def _add_guidelines(connection: Connection, project: Project, person: str) -> None:
    values = {"project_id": project.id, "version": project.guidelines_version, "person": person, "created": now()}
    connection.execute(insert(tables.project_guidelines).values(**values, text=project.guidelines))


def _add_texts(connection: Connection, texts: Mapping[str, TextRow]) -> None:
    known: set[str] = set()
    for chunk in chunks(list(texts)):
        query = select(tables.texts.c.sha256).where(tables.texts.c.sha256.in_(chunk))
        known |= set(connection.execute(query).scalars())
    rows = [
        {"sha256": sha, "text": row.text, "sections": [[s.section.value, s.start, s.end] for s in row.sections]}
        for sha, row in texts.items()
        if sha not in known
    ]
    insert_rows(connection, tables.texts, rows)
