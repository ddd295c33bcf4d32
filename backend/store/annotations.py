"""Annotators at work: who has which item, and the append-only log of labels.

Owns that no item is taken by more people than it needs, and that a row of the log is entered once and stays. What may
be entered, callers say: they see what stands inside the transaction that enters it. Knows nothing of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, Select, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.annotation import Item, Label, Layer, Op, Person, ProjectState, Role, Scheme
from backend.domain import UserError, visible
from backend.store import annotation_tables as tables
from backend.store.annotation_rows import Taken, item_of, label_of, label_values, scheme_of, taken_of, taken_values
from backend.store.database import Database, now
from backend.store.project_rows import touch

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class LabelTransaction:
    """What new rows are held against, as it is while they are entered.

    `person` is the writer, None for somebody unknown; `taken` says whether they have taken the item. `known` are the
    rows of the ids asked for, `last` the last row of each root asked for, `standing` how many labels of the writer's
    layer stand on the item, or more where that is still below the limit asked for.
    """

    item: Item
    person: Person | None
    scheme: Scheme
    scheme_version: int
    guidelines_version: int
    open: bool
    taken: bool
    known: Mapping[str, Label]
    last: Mapping[str, Label]
    standing: int


class _Overtaken(Exception):
    """The project was changed between looking and writing."""


class Annotations(Database):
    """Reads and writes of annotators' work. Cached figures of runs don't depend on it."""

    # -- items --------------------------------------------------------------------------------------

    def claim(self, project_id: str, person: str) -> Item | None:
        """The item `person` left open, else one more for them to take; None where none needs them.

        Raises UserError where the project is gone or closed.
        """
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
        """Take this item, unless it has the people it needs already. Raises UserError like `claim`."""
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
        """Who took which item, in order; of one person, in the order they took them."""
        columns = tables.assignments.c
        query = select(tables.assignments).where(columns.project_id == project_id)
        if person is not None:
            query = query.where(columns.person == person)
        with self.reading() as connection:
            return [taken_of(row) for row in connection.execute(query.order_by(columns.turn, columns.item_id))]

    def mark(self, item: Item, person: str, seconds: float, **values: Any) -> bool:
        """Say how somebody left an item; `seconds` are added to their time. False where they haven't taken it.

        Raises UserError where the project is gone or closed.
        """
        columns = tables.assignments.c
        change = update(tables.assignments).where(columns.item_id == item.id, columns.person == person)
        change = change.values(**values, seconds=columns.seconds + seconds, changed=now())
        said = "state" in values
        with self.writing(counted=False, durable=said) as connection:
            _lock_open(connection, item.project, touching=said)
            return connection.execute(change).rowcount == 1

    def settle(self, item: Item, person: str) -> None:
        """Say who has finished adjudicating an item; "" takes it back. Raises UserError like `mark`."""
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
        """Add the rows that `make` returns for the log as it stands; returns id -> seq of all of `ids`.

        What stands is counted exactly only where it may come to exceed `limit`. Nothing is added where `make` raises.
        Raises UserError where there is no such item in the project.
        """
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
        """`enter`, once. On PostgreSQL annotators wait for each other only while they commit."""
        project_id, *_, layer = place
        with self.writing(counted=False, durable=True) as connection:
            if layer is Layer.GOLD:  # decisions and merging see each other's rows
                touch(connection, project_id)
            desk = _desk(connection, *place, ids, roots, limit)
            places = {label.id: label.seq for label in desk.known.values()}
            if labels := make(desk):
                places |= _add(connection, labels)
                if layer is Layer.PERSON and not touch(connection, project_id, desk.scheme_version):
                    raise UserError("The project was changed at this moment: save again.") from _Overtaken()
        return places

    def enter_all(self, project_id: str, make: Callable[[], Sequence[Label]]) -> None:
        """Add the rows `make` returns; nobody else writes to the project meanwhile, so that it may read what stands.

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
    """Hold up other writers of a project; returns how many people an item of it needs."""
    columns = tables.projects.c
    if touching:
        touch(connection, project_id)
    row = connection.execute(select(columns.state, columns.annotators).where(columns.id == project_id)).first()
    if row is None:
        raise UserError("This project was deleted.")
    if row.state != ProjectState.OPEN.value:
        raise UserError("This project is closed: it takes no more labels until an admin reopens it.")
    return row.annotators


def _left_open(project_id: str, person: str) -> Select[Any]:
    """The item somebody took first of those they left open."""
    taken = tables.assignments.c
    return (
        select(tables.items)
        .join(tables.assignments, taken.item_id == tables.items.c.id)
        .where(taken.project_id == project_id, taken.person == person, taken.state == "open")
        .order_by(taken.turn)
        .limit(1)
    )


def _wanting(project_id: str, person: str, needed: int) -> Select[Any]:
    """The item to be taken next: begun by others, then by priority, then in order."""
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
    last = select(func.max(columns.turn)).where(columns.project_id == project_id, columns.person == person)
    turn = (connection.execute(last).scalar() or 0) + 1
    values = taken_values(project_id, Taken(item_id, person, "open", turn))
    connection.execute(insert(tables.assignments).values(**values))


def _own(layer: Layer) -> list[ColumnElement[bool]]:
    """The rows of an item's log that count as the writer's: of annotators' those of `person`, of the gold layer all."""
    rows = tables.labels.c
    mine = [rows.item_id == bindparam("item"), rows.layer == layer.value]
    return [*mine, rows.person == bindparam("person")] if layer is Layer.PERSON else mine


def _standing_query(layer: Layer) -> Select[Any]:
    """How many labels stand on an item."""
    rows = tables.labels.c
    last = select(func.max(rows.seq)).where(*_own(layer)).group_by(rows.root)
    return select(func.count()).select_from(tables.labels).where(rows.seq.in_(last), rows.op != Op.WITHDRAW.value)


def _desk_query(layer: Layer) -> Select[Any]:
    """An item of a project with what its project says now, who `person` is to it, and how many rows its log has."""
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


# Made once: to put a statement together takes longer than to carry it out.
_DESK = {layer: _desk_query(layer) for layer in Layer}
_STANDING = {layer: _standing_query(layer) for layer in Layer}


def _desk(
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
    row = connection.execute(_DESK[layer], place).first()
    if row is None:
        raise UserError(f"There is no item {visible(item_id, 80)} in this project; it may have been deleted.")
    found, standing = _rows_of(connection, project_id, ids, roots), row.written
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
        for start in range(0, len(wanted), _CHUNK):
            chunk = column.in_(wanted[start : start + _CHUNK])
            query = select(tables.labels).where(columns.project_id == project_id, chunk)
            found |= {row.seq: row for row in connection.execute(query)}
    return [label_of(found[seq]) for seq in sorted(found)]


def _add(connection: Connection, labels: Sequence[Label]) -> dict[str, int]:
    """Put rows into the log, in order; id -> seq."""
    columns = tables.labels.c
    places: dict[str, int] = {}
    for start in range(0, len(labels), _CHUNK):
        rows = [label_values(label) for label in labels[start : start + _CHUNK]]
        adding = insert(tables.labels).returning(columns.id, columns.seq, sort_by_parameter_order=True)
        places |= {row.id: row.seq for row in connection.execute(adding, rows)}
    return places
