"""Progress of annotation projects: items finished and settled, labels and time by person.

Owns these counts, and the version numbers that caches of them are keyed by.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select

from backend.annotation import Layer, Op
from backend.store import annotation_tables as tables
from backend.store.database import Database


class Tally(NamedTuple):
    """One person's work in a project: items by state, labels that stand, time."""

    project: str
    person: str
    name: str
    done: int
    open: int
    flagged: int
    labels: int
    seconds: float


class Counts(NamedTuple):
    """A project's items: all, those finished by as many people as needed, those settled by an adjudicator."""

    items: int
    finished: int
    settled: int


class ProgressCounts(Database):
    """Counts over all projects, or over one of them."""

    def counts(self, project_id: str | None = None) -> dict[str, Counts]:
        """How many items are finished and settled, by project id, of all projects or one."""
        items, taken = tables.items.c, tables.assignments.c
        ready = (
            select(taken.item_id, taken.project_id, func.count().label("people"))
            .where(taken.state == "done")
            .group_by(taken.item_id, taken.project_id)
            .subquery()
        )
        enough = (
            select(ready.c.project_id, func.count())
            .join(tables.projects, tables.projects.c.id == ready.c.project_id)
            .where(ready.c.people >= tables.projects.c.annotators)
            .group_by(ready.c.project_id)
        )
        whole = select(items.project_id, func.count(), func.count().filter(items.settled != ""))
        if project_id is not None:
            enough = enough.where(ready.c.project_id == project_id)
            whole = whole.where(items.project_id == project_id)
        with self.reading() as connection:
            finished = {row[0]: row[1] for row in connection.execute(enough)}
            rows = connection.execute(whole.group_by(items.project_id)).all()
        return {row[0]: Counts(row[1], finished.get(row[0], 0), row[2]) for row in rows}

    def tallies(self, project_id: str | None = None) -> list[Tally]:
        """The work of everybody who took an item, by project and name."""
        taken, people = tables.assignments.c, tables.people.c
        states = [func.count().filter(taken.state == state) for state in ("done", "open", "flagged")]
        query = (
            select(taken.project_id, taken.person, func.max(people.name), *states, func.sum(taken.seconds))
            .join(tables.people, people.id == taken.person, isouter=True)
            .group_by(taken.project_id, taken.person)
        )
        rows = tables.labels.c
        labels = _standing_counts(
            (rows.project_id, rows.person), () if project_id is None else (rows.project_id == project_id,)
        )
        if project_id is not None:
            query = query.where(taken.project_id == project_id)
        with self.reading() as connection:
            found = connection.execute(query).all()
            standing = {(row[0], row[1]): row[2] for row in connection.execute(labels)}
        tallies = [Tally(r[0], r[1], r[2] or "", r[3], r[4], r[5], standing.get((r[0], r[1]), 0), r[6]) for r in found]
        # Not by the database: SQLite and PostgreSQL order letters differently.
        return sorted(tallies, key=lambda tally: (tally.project, tally.name.casefold(), tally.person))

    def standing_by_item(self, project_id: str, person: str) -> dict[str, int]:
        """Item -> how many labels of one person stand on it."""
        rows = tables.labels.c
        query = _standing_counts((rows.item_id,), (rows.project_id == project_id, rows.person == person))
        with self.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def version(self, project_id: str | None) -> tuple[int, int]:
        """Two numbers, one of which grows with every change of people and projects, and with every label and claim."""

        counted = select(func.coalesce(func.sum(tables.projects.c.version), 0))
        if project_id is not None:
            counted = counted.where(tables.projects.c.id == project_id)
        with self.reading() as connection:
            whole = connection.execute(select(tables.annotation_state.c.version)).scalar_one()
            return whole, int(connection.execute(counted).scalar_one())


def _standing_counts(by: Sequence[Any], wanted: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """How many of the annotators' labels stand, grouped by columns of the log, among the wanted rows."""
    # Of each label (root) only the last row counts, and a withdrawn one not at all.
    rows = tables.labels.c
    own = (rows.layer == Layer.PERSON.value, *wanted)
    last = select(func.max(rows.seq)).where(*own).group_by(rows.project_id, rows.root)
    return select(*by, func.count()).where(rows.seq.in_(last), rows.op != Op.WITHDRAW.value).group_by(*by)
