"""The registry of models, and the forks: traces that continue another one from a point in its text."""

import dataclasses
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Engine, Row, delete, insert, select, update

from backend.domain import Model, ModelKind
from backend.store import tables
from backend.store.database import Database, field_values, insert_rows, now


class Fork(NamedTuple):
    """Trace `child` repeats `parent` up to code point `at`, then has the text `inserted` and continues from there."""

    child: str
    parent: str
    at: int
    inserted: str


# Begins a location in the store's own folder, which is kept relative: a store can be moved, or restored elsewhere.
IN_STORE: Final = "store:"


class Registry(Database):
    """Reads and writes of models and forks."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        """`folder` is the store's: models that trainings made here lie in it."""
        super().__init__(engine)
        self._folder = folder

    def models(self) -> list[Model]:
        """Every model, the oldest first."""
        with self.reading() as connection:
            query = select(tables.models).order_by(tables.models.c.created, tables.models.c.name)
            return [self._model(row) for row in connection.execute(query)]

    def model(self, model_id: str) -> Model | None:
        """One model."""
        with self.reading() as connection:
            row = connection.execute(select(tables.models).where(tables.models.c.id == model_id)).first()
        return self._model(row) if row else None

    def add_model(self, model: Model) -> bool:
        """Register a model. False, and nothing changed, where its id or its name is taken."""
        columns = tables.models.c
        row = dataclasses.asdict(model) | {"settings": dict(model.settings), "created": model.created or now()}
        if (place := Path(model.location)).is_relative_to(self._folder):
            row["location"] = IN_STORE + place.relative_to(self._folder).as_posix()
        with self.writing() as connection:
            # Asked, rather than left to the table's constraints: the caller has a sentence for it.
            taken = select(columns.id).where((columns.id == model.id) | (columns.name == model.name))
            if connection.execute(taken).first():
                return False
            connection.execute(insert(tables.models).values(**row))
        return True

    def change_model(self, model_id: str, **values: Any) -> None:
        """Set columns of a model (name, note, parent)."""
        with self.writing() as connection:
            connection.execute(update(tables.models).where(tables.models.c.id == model_id).values(**values))

    def remove_model(self, model_id: str) -> None:
        """Remove a model from the registry; its runs and its files stay."""
        with self.writing() as connection:
            connection.execute(delete(tables.models).where(tables.models.c.id == model_id))

    def add_forks(self, forks: list[Fork]) -> None:
        """Store forks; a child that has one already keeps it."""
        with self.writing() as connection:
            known = set(connection.execute(select(tables.forks.c.child)).scalars())
            insert_rows(connection, tables.forks, [fork._asdict() for fork in forks if fork.child not in known])

    def forks_of(self, trace_id: str) -> list[Fork]:
        """The traces that continue this one, by where they leave it."""
        return self._forks(tables.forks.c.parent == trace_id)

    def fork(self, trace_id: str) -> Fork | None:
        """The fork that made a trace, None for a trace that continues no other."""
        return next(iter(self._forks(tables.forks.c.child == trace_id)), None)

    def _forks(self, condition: ColumnElement[bool]) -> list[Fork]:
        columns = tables.forks.c
        query = select(columns.child, columns.parent, columns.at, columns.inserted).where(condition)
        with self.reading() as connection:
            return [Fork(*row) for row in connection.execute(query.order_by(columns.at, columns.child))]

    def _model(self, row: Row[Any]) -> Model:
        model = Model(**field_values(row, Model) | {"kind": ModelKind(row.kind)})
        if not model.location.startswith(IN_STORE):
            return model
        return dataclasses.replace(model, location=str(self._folder / model.location.removeprefix(IN_STORE)))
