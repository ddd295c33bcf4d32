"""Assignments of items to annotators, and the append-only log of labels.

Owns that no item is taken by more people than it needs, and that a row of the log is added once and stays. Which labels
are allowed is for callers to decide: they get the state of the log inside the transaction that adds to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, Select, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.annotation import Item, Label, Layer, Op, Person, ProjectState, Role, Scheme
from backend.domain import UserError, visible
from backend.store import annotation_tables as tables
from backend.store.annotation.annotation_rows import (
    Taken,
    item_of,
    label_of,
    label_values,
    scheme_of,
    taken_of,
    taken_values,
)
from backend.store.annotation.project_rows import touch
from backend.store.database import Database, chunks, highest, now


@dataclass(frozen=True, slots=True)
class LabelTransaction:
    """What new rows are checked against, as it stands while they are added."""

    item: Item
    person: Person | None  # the writer, None for somebody unknown
    scheme: Scheme
    scheme_version: int
    guidelines_version: int
    open: bool
    taken: bool  # by the writer
    # The rows of the ids asked for, and the last row of each root asked for.
    known: Mapping[str, Label]
    last: Mapping[str, Label]
    # How many labels of the writer's layer stand on the item; may be too high while it is below the limit asked for.
    standing: int


class _Overtaken(Exception):
    """Another transaction changed the project between the check and the write."""


class Annotations(Database):
    """Reads and writes of annotators' work. No write is counted: cached figures of runs don't depend on them."""

    # -- items --------------------------------------------------------------------------------------

    def claim(self, project_id: str, person: str) -> Item | None:
        """Assign an item to `person`: the one they left open, else one that needs more people; None where none does.

        Raises UserError where the project is gone or closed.
        """
        # First without a lock: whoever reloads the page gets the same item again, and holds up nobody.
        with self.reading() as connection:
            row = connection.execute(_left_open(project_id, person)).first()
        if row:
            return item_of(row)
        with self.writing(counted=False, durable=True) as connection:
            needed = _lock_open(connection, project_id)
            row = connection.execute(_left_open(project_id, person)).first()
            if row is None and (row := connection.execute(_wanting(project_id, person, needed)).first()):
                _take(connection, project_id, row.id, person)
        return item_of(row) if row else None

    def take(self, item: Item, person: str) -> bool:
        """Assign this item to `person`; False where it has the people it needs. Raises UserError like `claim`."""
        columns = tables.assignments.c
        with self.writing(counted=False, durable=True) as connection:
            needed = _lock_open(connection, item.project)
            others = connection.execute(select(columns.person).where(columns.item_id == item.id)).scalars().all()
            if person not in others:
                if len(others) >= needed:
                    return False
                _take(connection, item.project, item.id, person)
        return True

    def taken(self, project_id: str, person: str | None = None) -> list[Taken]:
        """A project's assignments in the order they were made, all or one person's."""
        columns = tables.assignments.c
        query = select(tables.assignments).where(columns.project_id == project_id)
        if person is not None:
            query = query.where(columns.person == person)
        with self.reading() as connection:
            return [taken_of(row) for row in connection.execute(query.order_by(columns.turn, columns.item_id))]

    def mark(self, item: Item, person: str, seconds: float, **values: Any) -> bool:
        """Record how `person` left an item: columns by name, and `seconds` more of their time.

        False where they haven't taken it. Raises UserError where the project is gone or closed.
        """
        columns = tables.assignments.c
        change = update(tables.assignments).where(columns.item_id == item.id, columns.person == person)
        change = change.values(**values, seconds=columns.seconds + seconds, changed=now())
        # A browser sends place and time every 20 seconds: only a change of state is worth a flush of the disk, and a
        # new version of the project, after which all its figures are counted again.
        matters = "state" in values
        with self.writing(counted=False, durable=matters) as connection:
            _lock_open(connection, item.project, touching=matters)
            return connection.execute(change).rowcount == 1

    def settle(self, item: Item, person: str) -> None:
        """Record who has finished adjudicating an item; "" reopens it. Raises UserError like `mark`."""
        change = update(tables.items).where(tables.items.c.id == item.id).values(settled=person)
        with self.writing(counted=False, durable=True) as connection:
            _lock_open(connection, item.project)
            connection.execute(change)

    # -- the log ------------------------------------------------------------------------------------

    def enter(
        self,
        project_id: str,
        item_id: str,
        person: str,
        layer: Layer,
        ids: Sequence[str],
        roots: Sequence[str],
        make: Callable[[LabelTransaction], Sequence[Label]],
        limit: int = 0,
    ) -> dict[str, int]:
        """Add the rows that `make` returns for the state of the log; returns id -> seq of all of `ids`.

        `standing` is counted exactly only where it may come to exceed `limit`. Nothing is added where `make` raises.
        Raises UserError where there is no such item in the project.
        """
        # Twice at most: a row sent twice at the same moment, or a project changed meanwhile, is seen the second time.
        for attempt in (1, 2):
            try:
                return self._enter((project_id, item_id, person, layer), ids, roots, make, limit)
            except UserError as error:
                if attempt == 2 or not isinstance(error.__cause__, IntegrityError | _Overtaken):
                    raise
        raise AssertionError

    def _enter(
        self,
        place: tuple[str, str, str, Layer],
        ids: Sequence[str],
        roots: Sequence[str],
        make: Callable[[LabelTransaction], Sequence[Label]],
        limit: int,
    ) -> dict[str, int]:
        project_id, *_, layer = place
        with self.writing(counted=False, durable=True) as connection:
            # Adjudicators decide on each other's rows, so they take the project's lock before they look.
            if layer is Layer.GOLD:
                touch(connection, project_id)
            state = _transaction(connection, *place, ids, roots, limit)
            places = {label.id: label.seq for label in state.known.values()}
            if labels := make(state):
                places |= _add(connection, labels)
                # Annotators take it last: on PostgreSQL they wait for each other only while they commit. The scheme
                # they were checked against must still be the one in force then.
                if layer is Layer.PERSON and not touch(connection, project_id, state.scheme_version):
                    raise UserError("The project was changed at this moment: save again.") from _Overtaken()
        return places

    def enter_all(self, project_id: str, make: Callable[[], Sequence[Label]]) -> None:
        """Add the rows `make` returns. It may read the project's log: nobody else writes to the project meanwhile.

        Raises UserError where the project is gone or closed.
        """
        with self.writing(counted=False, durable=True) as connection:
            _lock_open(connection, project_id)
            _add(connection, make())

    def of_item(self, item_id: str, *, person: str | None = None, layer: Layer | None = None) -> list[Label]:
        """An item's log by seq, of one person or layer where given."""
        columns = tables.labels.c
        wanted = [columns.item_id == item_id]
        wanted += [columns.person == person] if person is not None else []
        wanted += [columns.layer == layer.value] if layer is not None else []
        return self._labels(*wanted)

    def of_project(self, project_id: str, layer: Layer | None = None) -> list[Label]:
        """A project's log by seq."""
        columns = tables.labels.c
        wanted = [columns.project_id == project_id]
        return self._labels(*wanted, *([columns.layer == layer.value] if layer is not None else []))

    def _labels(self, *wanted: ColumnElement[bool]) -> list[Label]:
        query = select(tables.labels).where(*wanted).order_by(tables.labels.c.seq)
        with self.reading() as connection:
            return [label_of(row) for row in connection.execute(query)]


def _lock_open(connection: Connection, project_id: str, *, touching: bool = True) -> int:
    """Take the lock of a project that has to be open; returns how many people an item of it needs."""
    columns = tables.projects.c
    if touching:
        touch(connection, project_id)
    row = connection.execute(select(columns.state, columns.annotators).where(columns.id == project_id)).first()
    if row is None:
        raise UserError("This project was deleted.")
    if row.state != ProjectState.OPEN.value:
        raise UserError("This project is closed: it takes no more labels until an admin reopens it.")
    return int(row.annotators)


def _left_open(project_id: str, person: str) -> Select[Any]:
    """Of the items `person` left open, the one they took first."""
    taken = tables.assignments.c
    return (
        select(tables.items)
        .join(tables.assignments, taken.item_id == tables.items.c.id)
        .where(taken.project_id == project_id, taken.person == person, taken.state == "open")
        .order_by(taken.turn)
        .limit(1)
    )


def _wanting(project_id: str, person: str, needed: int) -> Select[Any]:
    """The item that `person` is to take next."""
    # Items that others have begun come first: agreement is measured on items that all their people have finished.
    items, taken = tables.items.c, tables.assignments
    mine = select(taken.c.item_id).where(taken.c.item_id == items.id, taken.c.person == person).exists()
    people = select(func.count()).where(taken.c.item_id == items.id).scalar_subquery()
    return (
        select(tables.items)
        .where(items.project_id == project_id, ~mine, people < needed)
        .order_by((people > 0).desc(), items.priority.desc(), items.ordinal)
        .limit(1)
    )


def _take(connection: Connection, project_id: str, item_id: str, person: str) -> None:
    columns = tables.assignments.c
    mine = (columns.project_id == project_id, columns.person == person)
    turn = highest(connection, columns.turn, *mine) + 1
    values = taken_values(project_id, Taken(item_id, person, "open", turn))
    connection.execute(insert(tables.assignments).values(**values))


def _own(layer: Layer) -> list[ColumnElement[bool]]:
    """The rows of an item's log that count as the writer's: of annotators' those of `person`, of the gold layer all."""
    rows = tables.labels.c
    mine = [rows.item_id == bindparam("item"), rows.layer == layer.value]
    return [*mine, rows.person == bindparam("person")] if layer is Layer.PERSON else mine


def _standing_query(layer: Layer) -> Select[Any]:
    """How many labels stand on an item: the last row of a root counts, unless it withdraws the label."""
    rows = tables.labels.c
    last = select(func.max(rows.seq)).where(*_own(layer)).group_by(rows.root)
    return select(func.count()).select_from(tables.labels).where(rows.seq.in_(last), rows.op != Op.WITHDRAW.value)


def _transaction_query(layer: Layer) -> Select[Any]:
    """An item with its project's present scheme, its assignment to `person`, and the number of rows in its log."""
    projects, items, taken, people = tables.projects.c, tables.items.c, tables.assignments.c, tables.people.c
    schemes = tables.project_schemes.c
    person: BindParameter[str] = bindparam("person")
    written = select(func.count()).select_from(tables.labels).where(*_own(layer)).scalar_subquery()
    return (
        select(
            tables.items,
            *(projects.state, projects.scheme_version, projects.guidelines_version, schemes.scheme),
            *(people.name.label("person_name"), people.role, taken.state.label("taken"), written.label("written")),
        )
        .join(tables.projects, projects.id == items.project_id)
        .join(
            tables.project_schemes,
            (schemes.project_id == projects.id) & (schemes.version == projects.scheme_version),
        )
        .join(tables.people, people.id == person, isouter=True)
        .join(tables.assignments, (taken.item_id == items.id) & (taken.person == person), isouter=True)
        .where(items.id == bindparam("item"), items.project_id == bindparam("project"))
    )


# Built once: putting a statement together takes longer than executing it.
_TRANSACTION = {layer: _transaction_query(layer) for layer in Layer}
_STANDING = {layer: _standing_query(layer) for layer in Layer}


def _transaction(
    connection: Connection,
    project_id: str,
    item_id: str,
    person: str,
    layer: Layer,
    ids: Sequence[str],
    roots: Sequence[str],
    limit: int,
) -> LabelTransaction:
    place = {"project": project_id, "item": item_id, "person": person}
    row = connection.execute(_TRANSACTION[layer], place).first()
    if row is None:
        raise UserError(f"There is no item {visible(item_id, 80)} in this project; it may have been deleted.")
    found, standing = _rows_of(connection, project_id, ids, roots), row.written
    # The rows of the log bound the labels that stand, and are counted in a fraction of the time.
    if standing + len(ids) > limit:
        standing = connection.execute(_STANDING[layer], place).scalar_one()
    return LabelTransaction(
        item=item_of(row),
        person=Person(person, row.person_name, Role(row.role)) if row.role else None,
        scheme=scheme_of(row.scheme),
        scheme_version=row.scheme_version,
        guidelines_version=row.guidelines_version,
        open=row.state == ProjectState.OPEN.value,
        taken=row.taken is not None,
        known={label.id: label for label in found if label.id in set(ids)},
        last={label.root: label for label in found},
        standing=standing,
    )


def _rows_of(connection: Connection, project_id: str, ids: Sequence[str], roots: Sequence[str]) -> list[Label]:
    """The rows of a project's log that have one of these ids or roots, by seq."""
    columns = tables.labels.c
    found: dict[int, Row[Any]] = {}
    for column, wanted in ((columns.id, ids), (columns.root, roots)):
        for chunk in chunks(wanted):
            query = select(tables.labels).where(columns.project_id == project_id, column.in_(chunk))
            found |= {row.seq: row for row in connection.execute(query)}
    return [label_of(found[seq]) for seq in sorted(found)]


def _add(connection: Connection, labels: Sequence[Label]) -> dict[str, int]:
    """Add rows to the log in order; returns id -> seq."""
    columns = tables.labels.c
    places: dict[str, int] = {}
    for chunk in chunks(labels):
        rows = [label_values(label) for label in chunk]
        # Without the order asked for, a database may number the rows of one statement as it likes.
        adding = insert(tables.labels).returning(columns.id, columns.seq, sort_by_parameter_order=True)
        places |= {row.id: row.seq for row in connection.execute(adding, rows)}
    return places
