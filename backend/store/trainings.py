"""Training runs: their specification, the figures and rollouts of every step, their evaluations.

A step or an evaluation that is recorded again replaces the earlier one: a training that resumes repeats the steps after
its last checkpoint.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Table, delete, func, insert, select, update

from backend.domain import Context, Training
from backend.store import tables
from backend.store.database import Database, field_values, highest, now


class StepRow(NamedTuple):
    """The figures of one step."""

    step: int
    values: dict[str, Any]


class RolloutRow(NamedTuple):
    """Responses of one step: a sample of those it learned from, and those to the watched problems."""

    step: int
    sampled: list[dict[str, Any]]
    watched: list[dict[str, Any]]


class EvaluationRow(NamedTuple):
    """An evaluation: a problem set answered at a step under a context, the run with its traces, and its figures."""

    step: int
    name: str
    context: Context
    run: str
    values: dict[str, Any]


class Standing(NamedTuple):
    """The last step of a training (None: none yet), and how and why its last process ended ("" where none has)."""

    step: int | None
    outcome: str
    reason: str


class Trainings(Database):
    """Reads and writes of trainings. Evaluations are counted writes, since pages cache them; steps are not."""

    def add(self, training: Training) -> Training:
        """Store a training; returns it as stored."""
        row = dataclasses.asdict(training) | {"created": training.created or now(), "outcome": "", "reason": ""}
        with self.writing(counted=False) as connection:
            ordinal = highest(connection, tables.trainings.c.ordinal) + 1
            connection.execute(insert(tables.trainings).values(**row, ordinal=ordinal))
        return dataclasses.replace(training, created=row["created"])

    def get(self, training_id: str) -> Training | None:
        """One training."""
        return self._first(select(tables.trainings).where(tables.trainings.c.id == training_id))

    def of_part(self, part: str) -> Training | None:
        """The training of a recipe's part, the newest where there are several; None for no part."""
        columns = tables.trainings.c
        query = select(tables.trainings).where(columns.part == part).order_by(columns.ordinal.desc())
        return self._first(query) if part else None

    def all(self) -> list[Training]:
        """Every training, the newest first."""
        with self.reading() as connection:
            rows = connection.execute(select(tables.trainings).order_by(tables.trainings.c.ordinal.desc()))
            return [_training(row) for row in rows]

    def set_job(self, training_id: str, job_id: str | None) -> None:
        """Record which job runs a training."""
        self._change(training_id, job=job_id)

    def wish(self, training_id: str, what: str) -> None:
        """Record what a person asked of a training: "pause", or "" for nothing."""
        self._change(training_id, wish=what)

    def end(self, training_id: str, outcome: str, reason: str = "") -> None:
        """Record how a training's process ended: "done", "paused", "failed", "cancelled"; "" when one begins."""
        self._change(training_id, outcome=outcome, reason=reason)

    def standings(self) -> dict[str, Standing]:
        """How far every training is, by id."""
        columns, steps = tables.trainings.c, tables.training_steps.c
        query = (
            select(columns.id, func.max(steps.step), columns.outcome, columns.reason)
            # Outer: a training that has just begun has no step yet.
            .join(tables.training_steps, steps.training_id == columns.id, isouter=True)
            .group_by(columns.id, columns.outcome, columns.reason)
        )
        with self.reading() as connection:
            return {row[0]: Standing(row[1], row[2], row[3]) for row in connection.execute(query)}

    def forget(self, training_id: str) -> None:
        """Delete a training with its history; its runs and files stay."""
        with self.writing() as connection:
            connection.execute(delete(tables.trainings).where(tables.trainings.c.id == training_id))

    # -- history ------------------------------------------------------------------------------------

    def put_step(
        self,
        training_id: str,
        step: int,
        values: Mapping[str, Any],
        sampled: Sequence[Mapping[str, Any]] = (),
        watched: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Store the figures and responses of a step, in place of earlier ones."""
        place = {"training_id": training_id, "step": step}
        responses = {"sampled": list(sampled), "watched": list(watched), "watches": len(watched)}
        with self.writing(counted=False) as connection:
            _put(connection, tables.training_steps, place, {"figures": dict(values)})
            _put(connection, tables.training_rollouts, place, responses if sampled or watched else None)

    def steps(self, training_id: str, after: int = -1) -> list[StepRow]:
        """The figures of the steps after number `after`, in order."""
        columns = tables.training_steps.c
        query = select(columns.step, columns.figures).where(columns.training_id == training_id, columns.step > after)
        with self.reading() as connection:
            return [StepRow(*row) for row in connection.execute(query.order_by(columns.step))]

    def rollouts(self, training_id: str, step: int) -> RolloutRow | None:
        """Responses of the latest step up to `step` that has any; None where none has."""
        columns = tables.training_rollouts.c
        query = (
            select(columns.step, columns.sampled, columns.watched)
            .where(columns.training_id == training_id, columns.step <= step)
            .order_by(columns.step.desc())
        )
        with self.reading() as connection:
            row = connection.execute(query.limit(1)).first()
        return RolloutRow(*row) if row else None

    def rollout_steps(self, training_id: str) -> list[int]:
        """The steps that have responses to watched problems, in order."""
        columns = tables.training_rollouts.c
        query = select(columns.step).where(columns.training_id == training_id, columns.watches > 0)
        with self.reading() as connection:
            return list(connection.execute(query.order_by(columns.step)).scalars())

    def put_evaluation(self, training_id: str, row: EvaluationRow) -> None:
        """Store an evaluation, in place of an earlier one of the same step, name and context."""
        place = {"training_id": training_id, "step": row.step, "name": row.name, "context": row.context.value}
        with self.writing() as connection:
            _put(connection, tables.evaluations, place, {"run": row.run, "figures": dict(row.values)})

    def evaluations(self, training_id: str) -> list[EvaluationRow]:
        """Every evaluation of a training, by step."""
        columns = tables.evaluations.c
        query = select(columns.step, columns.name, columns.context, columns.run, columns.figures)
        query = query.where(columns.training_id == training_id).order_by(columns.step, columns.name, columns.context)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return [EvaluationRow(step, name, Context(context), run, figures) for step, name, context, run, figures in rows]

    def cut(self, training_id: str, step: int) -> None:
        """Delete the history after `step`, from which a training resumes."""
        with self.writing() as connection:
            for table in (tables.training_steps, tables.training_rollouts, tables.evaluations):
                connection.execute(delete(table).where(table.c.training_id == training_id, table.c.step > step))

    # -- inside -------------------------------------------------------------------------------------

    def _first(self, query: Select[Any]) -> Training | None:
        with self.reading() as connection:
            row = connection.execute(query.limit(1)).first()
        return _training(row) if row else None

    def _change(self, training_id: str, **values: Any) -> None:
        with self.writing(counted=False) as connection:
            connection.execute(update(tables.trainings).where(tables.trainings.c.id == training_id).values(**values))


def _put(connection: Connection, table: Table, place: Mapping[str, Any], values: Mapping[str, Any] | None) -> None:
    """Replace the row at `place` by `values`, or delete it where they are None."""
    # Not an upsert, which SQLAlchemy has for each dialect apart; delete and insert serve SQLite and PostgreSQL alike.
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in place.items())))
    if values is not None:
        connection.execute(insert(table).values(**place, **values))


def _training(row: Row[Any]) -> Training:
    return Training(**field_values(row, Training))
