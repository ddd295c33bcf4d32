"""Numbered migrations of the ledger's schema, applied in order at start.

A migration is never edited once released: a later change is a new function at the end of the list.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Connection, MetaData, String, Table, func, insert, inspect, select, update
from sqlalchemy.schema import CreateColumn

from backend.domain import UserError, visible
from backend.store import annotation_tables, tables

_applied = Table("migrations", MetaData(), Column("name", String(80), primary_key=True))

_LOCK = 20260325  # of PostgreSQL's advisory locks: any number, but the same in every process


def m001_initial(connection: Connection) -> None:
    """Every table of the first release."""
    tables.metadata.create_all(connection)
    connection.execute(insert(tables.state).values(id=1, version=0))


def m002_models_and_jobs(connection: Connection) -> None:
    """The registry of models, jobs with their logs and streams, and which job and model a run came from."""
    tables.metadata.create_all(connection)
    _add_columns(connection, tables.runs.c.model_id, tables.runs.c.job, tables.runs.c.planned)


def m003_trainings(connection: Connection) -> None:
    """Training runs with their steps, rollouts and evaluations."""
    tables.metadata.create_all(connection)


def m004_annotations(connection: Connection) -> None:
    """People, annotation projects with their items and texts, and the log of labels."""
    tables.metadata.create_all(connection)
    connection.execute(insert(annotation_tables.annotation_state).values(id=1, version=0))


def m005_own_lexicons(connection: Connection) -> None:
    """Lexicons and detectors made in the app, by version."""
    tables.own_lexicons.create(connection, checkfirst=True)


def m006_losses(connection: Connection) -> None:
    """Which responses a run lacks, and why."""
    _add_columns(connection, tables.runs.c.losses)


def m007_rules(connection: Connection) -> None:
    """By which rules the traces of a run were read; stored ones by the first."""
    _add_columns(connection, tables.runs.c.rules)


def m008_identity(connection: Connection) -> None:
    """The store's secret, a place for its id, and the hash of each part, unknown of those stored before."""
    _add_columns(connection, tables.state.c.store_id, tables.state.c.secret, tables.parts.c.sha256)
    connection.execute(update(tables.state).values(secret=secrets.token_hex(32)))


def m009_workers(connection: Connection) -> None:
    """Workers with their machine, device and lanes, any number of them; and the token of a job's holder."""
    # Rows of workers that ran under an earlier release say nothing any more: each enters itself when it starts.
    tables.workers.drop(connection, checkfirst=True)
    tables.workers.create(connection)
    _add_columns(connection, tables.jobs.c.holder)


def m010_damage(connection: Connection) -> None:
    """What is wrong with a part's file."""
    _add_columns(connection, tables.parts.c.damage)


def m011_series(connection: Connection) -> None:
    """Which training's series a run belongs to, at which step, and what the training reported there."""
    columns = tables.runs.c
    _add_columns(connection, columns.series, columns.step, columns.metrics)
    # Rollouts had both in their names: "model · step 10" as the model, "step 10" as the variant.
    query = select(columns.id, columns.model, columns.variant).where(columns.variant.like("step %"))
    for row in connection.execute(query.where(columns.format.in_(("verl rollouts", "TRL completions")))).all():
        named, number = row.model.removesuffix(f" · {row.variant}"), row.variant.removeprefix("step ")
        if number.isdecimal() and len(number) < 9:
            changed = update(tables.runs).where(columns.id == row.id)
            connection.execute(changed.values(series=named, step=int(number)))


def m013_watched(connection: Connection) -> None:
    """Which run a place in a growing file became."""
    tables.watched.create(connection, checkfirst=True)


def _add_columns(connection: Connection, *columns: Column[Any]) -> None:
    """Add the columns that their tables lack."""
    # A store made today has them from m001, which creates the tables as they are now.
    for column in columns:
        present = {each["name"] for each in inspect(connection).get_columns(column.table.name)}
        if column.name not in present:
            described = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {described}")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    m001_initial,
    m002_models_and_jobs,
    m003_trainings,
    m004_annotations,
    m005_own_lexicons,
    m006_losses,
    m007_rules,
    m008_identity,
    m009_workers,
    m010_damage,
    m011_series,
    m013_watched,
)


def migrate(connection: Connection) -> list[str]:
    """Apply the missing migrations inside the caller's transaction; returns their names.

    Raises UserError for a ledger that a newer release has changed.
    """
    # Processes that start together have to wait for each other. On SQLite all who write do.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    _applied.create(connection, checkfirst=True)
    missing = _missing(connection)
    for step in missing:
        step(connection)
        connection.execute(insert(_applied).values(name=step.__name__))
    return [step.__name__ for step in missing]


def is_current(connection: Connection) -> bool:
    """Whether every migration has been applied. Raises UserError as `migrate` does."""
    return inspect(connection).has_table(_applied.name) and not _missing(connection)


def _missing(connection: Connection) -> list[Callable[[Connection], None]]:
    done = set(connection.execute(select(_applied.c.name)).scalars())
    # What a later release changed, this one would read wrongly and write over.
    if unknown := sorted(done - {step.__name__ for step in MIGRATIONS}):
        raise UserError(
            f"The ledger is of a newer release than this one: it has been through {visible(unknown[-1], 80)}, which is "
            "unknown here. Update this installation, or name another store."
        )
    return [step for step in MIGRATIONS if step.__name__ not in done]
