"""The ledger: which runs, problems, problem sets, parts and lexicons exist.

SQLAlchemy Core over SQLite or PostgreSQL. Every write is one transaction, so that a run or a problem set is visible
whole or not at all. Jobs, models, trainings and annotations have modules of their own over the same database.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, ColumnElement, Connection, Row, Table, delete, func, select, update

from backend.domain import Context, Run, RunInfo, Sampling
from backend.store import tables
from backend.store.database import Database, chunks, field_values, insert_rows
from backend.store.lexicon_versions import add_lexicons


class PartRow(NamedTuple):
    """A registered Parquet file; `path` is relative to the store's folder."""

    path: str
    run_id: str
    kind: str
    rows: int
    bytes: int
    sha256: str | None = None  # of the file; unknown where an earlier release stored it
    damage: str | None = None  # what a verification found wrong with the file


class SourceRow(NamedTuple):
    """A file a run came from."""

    sha256: str
    file: str
    bytes: int


class ProblemRow(NamedTuple):
    """A problem in the order of its run or set."""

    id: str
    question: str
    gold: str | None


class SetRow(NamedTuple):
    """An imported problem set."""

    id: str
    name: str
    file: str
    sha256: str
    problems: int
    rows: int
    created: str


class Ledger(Database):
    """All reads and writes of runs, problems, parts and lexicons."""

    def version(self) -> int:
        """A number that grows with every counted write by any process; caches are keyed by it."""
        with self.reading() as connection:
            return int(connection.execute(select(tables.state.c.version)).scalar_one())

    def store_id(self) -> str | None:
        """The id that binds this ledger to its store's folder, None before any is bound."""
        with self.reading() as connection:
            return connection.execute(select(tables.state.c.store_id)).scalar()

    def bind(self, mark: Callable[[str], None]) -> None:
        """Give the ledger an id, unless it has one: `mark` writes it into the folder. Where that fails, nothing is."""
        identity, column = uuid.uuid4().hex, tables.state.c.store_id
        with self.writing(counted=False, durable=True) as connection:
            # Of two processes that open a new ledger at once, the second finds the first one's id.
            if connection.execute(update(tables.state).where(column.is_(None)).values(store_id=identity)).rowcount:
                mark(identity)

    # -- runs ---------------------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """Every run, by dataset, then model."""
        query = select(tables.runs).order_by(tables.runs.c.dataset, tables.runs.c.model, tables.runs.c.id)
        with self.reading() as connection:
            return [_run(row) for row in connection.execute(query)]

    def find_run(self, run_id: str) -> Run | None:
        """The run with this identity, if it is stored."""
        with self.reading() as connection:
            row = connection.execute(select(tables.runs).where(tables.runs.c.id == run_id)).first()
        return _run(row) if row else None

    def add_run(
        self,
        run: Run,
        sources: Sequence[SourceRow],
        problems: Sequence[ProblemRow],
        parts: Sequence[PartRow],
        lexicons: Mapping[str, Mapping[str, Any]],
        rules: int = 1,
    ) -> bool:
        """Register a complete run, read by `rules`: from this transaction on, every reader sees it whole.

        False, and nothing changed, where another process stored the same run meanwhile.
        """
        row = {**dataclasses.asdict(run.info), "id": run.id, "problems": run.problems, "traces": run.traces}
        row |= {"length_unit": run.length_unit, "created": run.created, "rules": rules}
        with self.writing() as connection:
            if has_run(connection, run.id):
                return False
            insert_rows(connection, tables.runs, [row])
            add_contents(connection, run.id, sources, problems, parts, lexicons)
        return True

    def add_matches(self, run_id: str, parts: Sequence[PartRow], lexicons: Mapping[str, Mapping[str, Any]]) -> bool:
        """Register further parts of a run that is stored, with the lexicons whose cues they hold.

        False, and nothing changed, where the run was deleted meanwhile, or another process added one of them.
        """
        held = tables.run_lexicons.c
        known = select(held.run_id).where(held.run_id == run_id, held.lexicon_id.in_(list(lexicons)))
        with self.writing() as connection:
            if not has_run(connection, run_id) or connection.execute(known).first():
                return False
            insert_rows(connection, tables.parts, [p._asdict() for p in parts])
            _add_run_lexicons(connection, run_id, lexicons)
        return True

    def replace_parts(
        self,
        run_id: str,
        old: Sequence[PartRow],
        new: Sequence[PartRow],
        rules: int,
        lexicons: Mapping[str, Mapping[str, Any]],
    ) -> bool:
        """Put `new` parts, made by `rules` with these lexicons, in the place of `old` ones: readers see all or nothing.

        False, and nothing changed, where the run was deleted meanwhile, or has other parts of these kinds by now.
        """
        held = tables.parts.c
        mine = (held.run_id == run_id) & held.kind.in_({part.kind for part in old})
        links = tables.run_lexicons
        # Durable, because the old files go next: after a power cut the ledger must not name them again.
        with self.writing(durable=True) as connection:
            present = set(connection.execute(select(held.path).where(mine)).scalars())
            if not has_run(connection, run_id) or present != {part.path for part in old}:
                return False
            connection.execute(delete(tables.parts).where(mine))
            insert_rows(connection, tables.parts, [part._asdict() for part in new])
            connection.execute(delete(links).where(links.c.run_id == run_id))
            _add_run_lexicons(connection, run_id, lexicons)
            connection.execute(update(tables.runs).where(tables.runs.c.id == run_id).values(rules=rules))
        return True

    def change_runs(self, changes: Sequence[tuple[Run, RunInfo]]) -> list[Run]:
        """Give stored runs other facts, all or none: none where this returns runs that aren't as they were given."""
        with self.writing() as connection:
            stored = {row.id: _run(row) for row in connection.execute(select(tables.runs))}
            stale = [run for run, _ in changes if stored.get(run.id) != run]
            for run, info in () if stale else changes:
                connection.execute(
                    update(tables.runs).where(tables.runs.c.id == run.id).values(dataclasses.asdict(info))
                )
        return stale

    def run_rules(self) -> dict[str, int]:
        """Run id -> the number of the rules by which its traces were read."""
        with self.reading() as connection:
            return {row.id: row.rules for row in connection.execute(select(tables.runs.c.id, tables.runs.c.rules))}

    def delete_run(self, run_id: str) -> list[PartRow]:
        """Delete a run and the problems nothing else holds; returns the parts whose files may now go."""
        with self.writing() as connection:
            parts = registered_parts(connection, tables.parts.c.run_id == run_id)
            # Its parts, links and lexicons go with it, by ON DELETE CASCADE.
            connection.execute(delete(tables.runs).where(tables.runs.c.id == run_id))
            _delete_orphan_problems(connection)
        return parts

    def sources(self, run_id: str) -> list[SourceRow]:
        """The files a run came from."""
        table = tables.sources
        query = select(table.c.sha256, table.c.file, table.c.bytes).where(table.c.run_id == run_id)
        with self.reading() as connection:
            return [SourceRow(*row) for row in connection.execute(query.order_by(table.c.file))]

    def run_lexicons(self) -> dict[str, set[str]]:
        """Run id -> ids of the lexicons whose cues are stored for it."""
        found: dict[str, set[str]] = {}
        with self.reading() as connection:
            for row in connection.execute(select(tables.run_lexicons)):
                found.setdefault(row.run_id, set()).add(row.lexicon_id)
        return found

    def lexicons(self) -> dict[str, dict[str, Any]]:
        """Id -> content of every lexicon any stored cue was made with."""
        with self.reading() as connection:
            return {row.id: row.content for row in connection.execute(select(tables.lexicons))}

    # -- parts --------------------------------------------------------------------------------------

    def parts(self, kind: str | None = None, run_ids: Sequence[str] | None = None) -> list[PartRow]:
        """Registered parts of one kind or of all, of these runs or of all, damaged ones included."""
        held = tables.parts.c
        asked = [] if kind is None else [held.kind == kind]
        with self.reading() as connection:
            return registered_parts(connection, *asked, *([] if run_ids is None else [held.run_id.in_(run_ids)]))

    def update_parts(self, parts: Sequence[PartRow], dropped: Sequence[PartRow] = ()) -> None:
        """Enter the hashes of stored parts and what was found wrong with them; forget `dropped` ones."""
        table = tables.parts
        with self.writing(durable=bool(dropped)) as connection:
            for part in parts:
                values = {"sha256": part.sha256, "damage": part.damage}
                connection.execute(update(table).where(table.c.path == part.path).values(values))
            connection.execute(delete(table).where(table.c.path.in_([part.path for part in dropped])))

    def part_paths(self) -> set[str]:
        """Every registered path, whatever its kind."""
        with self.reading() as connection:
            return set(connection.execute(select(tables.parts.c.path)).scalars())

    # -- problems -----------------------------------------------------------------------------------

    def problems(self, run_id: str) -> list[ProblemRow]:
        """A run's problems in its own order."""
        return self._ordered(tables.run_problems, tables.run_problems.c.run_id == run_id)

    def _ordered(self, links: Table, condition: ColumnElement[bool]) -> list[ProblemRow]:
        """The problems of a run or a set, in its own order."""
        columns = tables.problems.c
        query = select(columns.id, columns.question, columns.gold).join(links, links.c.problem_id == columns.id)
        with self.reading() as connection:
            return [ProblemRow(*row) for row in connection.execute(query.where(condition).order_by(links.c.ordinal))]

    def all_problems(self) -> list[ProblemRow]:
        """Every problem any run or set holds."""
        columns = tables.problems.c
        with self.reading() as connection:
            rows = connection.execute(select(columns.id, columns.question, columns.gold).order_by(columns.id))
            return [ProblemRow(*row) for row in rows]

    def questions(self, ids: Sequence[str]) -> dict[str, str]:
        """Problem id -> question, for the ids that exist."""
        found: dict[str, str] = {}
        table = tables.problems.c
        with self.reading() as connection:
            for chunk in chunks(ids):
                query = select(table.id, table.question).where(table.id.in_(chunk))
                found |= {row.id: row.question for row in connection.execute(query)}
        return found

    def problem(self, problem_id: str) -> ProblemRow | None:
        """One problem."""
        query = select(tables.problems).where(tables.problems.c.id == problem_id)
        with self.reading() as connection:
            row = connection.execute(query).first()
        return ProblemRow(*row) if row else None

    def datasets(self, ids: Sequence[str]) -> dict[str, str]:
        """Problem id -> what the oldest run that holds it calls its data set, for at most a few hundred ids."""
        links, held = tables.run_problems.c, tables.runs.c
        # Newest first, so that the oldest comes last and is what the dict keeps.
        query = (
            select(links.problem_id, held.dataset)
            .join(tables.runs, held.id == links.run_id)
            .where(links.problem_id.in_(list(ids)))
            .order_by(held.created.desc(), held.id)
        )
        with self.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def runs_with(self, problem_id: str) -> list[str]:
        """Ids of the runs that hold a problem."""
        table = tables.run_problems.c
        with self.reading() as connection:
            return list(connection.execute(select(table.run_id).where(table.problem_id == problem_id)).scalars())

    def shared_problems(self, among: Collection[str]) -> list[tuple[str, str, int]]:
        """(run, run, number of problems both hold) for every two of these that share any; the smaller id first."""
        left, right = tables.run_problems.alias(), tables.run_problems.alias()
        query = (
            select(left.c.run_id, right.c.run_id, func.count())
            .join(right, left.c.problem_id == right.c.problem_id)
            .where(left.c.run_id < right.c.run_id, left.c.run_id.in_(among), right.c.run_id.in_(among))
            .group_by(left.c.run_id, right.c.run_id)
        )
        with self.reading() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def add_problem_set(self, row: SetRow, problems: Sequence[ProblemRow], extras: Sequence[Mapping[str, Any]]) -> bool:
        """Register a problem set whole; `problems` and `extras` run in parallel, repeats included.

        False, and nothing changed, where another process stored the same set meanwhile.
        """
        unique = list({p.id: p for p in problems}.values())
        with self.writing() as connection:
            if connection.execute(select(tables.problem_sets.c.id).where(tables.problem_sets.c.id == row.id)).first():
                return False
            insert_rows(connection, tables.problem_sets, [row._asdict()])
            _add_problems(connection, unique)
            items = [
                {"set_id": row.id, "ordinal": i, "problem_id": p.id, "extra": dict(extra)}
                for i, (p, extra) in enumerate(zip(problems, extras, strict=True))
            ]
            insert_rows(connection, tables.set_problems, items)
        return True

    def problem_sets(self) -> list[SetRow]:
        """Every imported problem set, by name."""
        with self.reading() as connection:
            rows = connection.execute(select(tables.problem_sets).order_by(tables.problem_sets.c.name))
            return [SetRow(*row) for row in rows]

    def set_problems(self, set_id: str) -> list[ProblemRow]:
        """A set's problems in its own order, repeats included."""
        return self._ordered(tables.set_problems, tables.set_problems.c.set_id == set_id)

    def extras(self, problem_id: str) -> list[dict[str, Any]]:
        """What problem sets hold on a problem beside question and gold answer."""
        columns = tables.set_problems.c
        with self.reading() as connection:
            return list(connection.execute(select(columns.extra).where(columns.problem_id == problem_id)).scalars())

    def delete_problem_set(self, set_id: str) -> None:
        """Delete a problem set and the problems nothing else holds."""
        with self.writing() as connection:
            connection.execute(delete(tables.problem_sets).where(tables.problem_sets.c.id == set_id))
            _delete_orphan_problems(connection)


def add_contents(
    connection: Connection,
    run_id: str,
    sources: Sequence[SourceRow],
    problems: Sequence[ProblemRow],
    parts: Sequence[PartRow],
    lexicons: Mapping[str, Mapping[str, Any]],
) -> None:
    """Enter what a run consists of, inside the caller's transaction."""
    named = {source.file: source for source in sources}.values()  # the table's key: named twice is kept once
    insert_rows(connection, tables.sources, [{"run_id": run_id, **s._asdict()} for s in named])
    _add_problems(connection, problems)
    links = [{"run_id": run_id, "problem_id": p.id, "ordinal": i} for i, p in enumerate(problems)]
    insert_rows(connection, tables.run_problems, links)
    insert_rows(connection, tables.parts, [p._asdict() for p in parts])
    _add_run_lexicons(connection, run_id, lexicons)


def _add_run_lexicons(connection: Connection, run_id: str, lexicons: Mapping[str, Mapping[str, Any]]) -> None:
    add_lexicons(connection, lexicons)
    insert_rows(connection, tables.run_lexicons, [{"run_id": run_id, "lexicon_id": key} for key in lexicons])


def _add_problems(connection: Connection, problems: Sequence[ProblemRow]) -> None:
    """Enter the problems that are new, and gold answers that were unknown until now."""
    known: dict[str, str | None] = {}
    for chunk in chunks([p.id for p in problems]):
        query = select(tables.problems.c.id, tables.problems.c.gold).where(tables.problems.c.id.in_(chunk))
        known |= {row.id: row.gold for row in connection.execute(query)}
    insert_rows(connection, tables.problems, [p._asdict() for p in problems if p.id not in known])
    # The id covers the question alone: another file may bring the gold answer that the first one lacked.
    for p in problems:
        if p.gold is not None and known.get(p.id, p.gold) is None:
            connection.execute(update(tables.problems).where(tables.problems.c.id == p.id).values(gold=p.gold))


def has_run(connection: Connection, run_id: str) -> bool:
    """Whether a run is stored."""
    return connection.execute(select(tables.runs.c.id).where(tables.runs.c.id == run_id)).first() is not None


def _delete_orphan_problems(connection: Connection) -> None:
    """Delete the problems that no run and no problem set holds."""
    held = select(tables.run_problems.c.problem_id).union(select(tables.set_problems.c.problem_id))
    connection.execute(delete(tables.problems).where(tables.problems.c.id.not_in(held)))


def registered_parts(connection: Connection, *conditions: ColumnElement[bool]) -> list[PartRow]:
    """Registered parts that meet the conditions, inside the caller's transaction."""
    query = select(*(tables.parts.c[name] for name in PartRow._fields)).where(*conditions)
    return [PartRow(*row) for row in connection.execute(query.order_by(tables.parts.c.path))]


def _run(row: Row[Any]) -> Run:
    info = field_values(row, RunInfo)
    info |= {"context": Context(row.context), "sampling": Sampling(**row.sampling), "losses": tuple(row.losses or ())}
    info |= {"metrics": row.metrics or {}}
    return Run(row.id, RunInfo(**info), row.problems, row.traces, row.length_unit, row.created)


def sqlite_url(folder: Path) -> URL:
    """The default ledger of a store folder."""
    return URL.create("sqlite", database=str(folder / "ledger.sqlite"))
