"""The registry of models, and which trace goes on from which.

Owns these two lists. Knows nothing of what is at a model's location.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, insert, select, update

from backend.domain import Model, ModelKind
from backend.store import tables
from backend.store.database import Database, now


class Fork(NamedTuple):
    """Trace `child` follows `parent` to code point `at` of its text, then says `inserted` and goes on."""

    child: str
    parent: str
    at: int
    inserted: str


class Registry(Database):
    """Reads and writes of models and forks."""

    def models(self) -> list[Model]:
        """Every model, the oldest first."""
        with self.reading() as connection:
            query = select(tables.models).order_by(tables.models.c.created, tables.models.c.name)
            return [_model(row) for row in connection.execute(query)]

    def model(self, model_id: str) -> Model | None:
        """One model."""
        with self.reading() as connection:
            row = connection.execute(select(tables.models).where(tables.models.c.id == model_id)).first()
        return _model(row) if row else None

    def add_model(self, model: Model) -> bool:
        """Enter a model. False, and nothing changed, where its id or its name is taken."""
        columns = tables.models.c
        row = dataclasses.asdict(model) | {"settings": dict(model.settings), "created": model.created or now()}
        with self.writing() as connection:
            taken = select(columns.id).where((columns.id == model.id) | (columns.name == model.name))
            if connection.execute(taken).first():
                return False
            connection.execute(insert(tables.models).values(**row))
        return True

    def change_model(self, model_id: str, **values: Any) -> None:
        """Set columns of a model (name, note, location, parent)."""
        with self.writing() as connection:
            connection.execute(update(tables.models).where(tables.models.c.id == model_id).values(**values))

    def remove_model(self, model_id: str) -> None:
        """Forget a model; its runs and its files stay."""
        with self.writing() as connection:
            connection.execute(delete(tables.models).where(tables.models.c.id == model_id))

    def add_forks(self, forks: list[Fork]) -> None:
        """Enter which traces go on from which; what is entered already stays as it is."""
        with self.writing() as connection:
            known = set(connection.execute(select(tables.forks.c.child)).scalars())
            rows = [fork._asdict() for fork in forks if fork.child not in known]
            if rows:
                connection.execute(insert(tables.forks), rows)

    def forks_of(self, trace_id: str) -> list[Fork]:
        """The traces that go on from one, by where they leave it."""
        return self._forks(tables.forks.c.parent == trace_id)

    def fork(self, trace_id: str) -> Fork | None:
        """What a trace goes on from, if anything."""
        return next(iter(self._forks(tables.forks.c.child == trace_id)), None)

    def _forks(self, condition: Any) -> list[Fork]:
        columns = tables.forks.c
        query = select(columns.child, columns.parent, columns.at, columns.inserted).where(condition)
        with self.reading() as connection:
            return [Fork(*row) for row in connection.execute(query.order_by(columns.at, columns.child))]


def _model(row: Row[Any]) -> Model:
    values = {field.name: row._mapping[field.name] for field in dataclasses.fields(Model)}
    return Model(**(values | {"kind": ModelKind(row.kind)}))
