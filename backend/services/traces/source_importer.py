"""The import of one source: it is read, graded, matched with lexicons, and stored whole or not at all.

Owns a run's identity, by its content or by its place in a file that grows, and so what is stored already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from backend.domain import (
    ImportProblem,
    ProblemDraft,
    Run,
    TraceDraft,
    UserError,
    bare_question,
    digest,
    problem_id,
    run_id,
    visible,
)
from backend.exchange.traces.containers.scratch import lasting
from backend.exchange.traces.read import RowTally, read
from backend.grading.pool import GraderPool
from backend.grading.rules import Response
from backend.grading.verdicts import Verdicts
from backend.import_plan import (
    NO_QUESTION,
    RowCounts,
    Source,
    SourceKind,
)
from backend.services.lexicons.catalog import LexiconService
from backend.services.lexicons.run_languages import RunLanguages
from backend.services.traces.losses import BROKEN_OFF, UNGRADED
from backend.services.traces.run_builder import RunBuilder
from backend.store import Store
from backend.store.database import now
from backend.store.ledger import ProblemRow, SetRow, SourceRow
from backend.store.parts import PartWriter
from backend.store.trace_columns import TokenCounter, mapping_key

Progress = Callable[[int, int, str], None]

# "asked": the file needs a word of a person; `sentence` names its unused long columns and how to map them.
State = Literal["imported", "grown", "present", "planned", "skipped", "failed", "asked"]


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """The outcome of one source: a `sentence` for people, and the id of the `run` or `problem_set` stored now.

    `counts` are those of the rows read, where rows were read; the sentence says them too.
    """

    state: State
    sentence: str
    run: str | None = None
    problem_set: str | None = None
    counts: RowCounts | None = None


@dataclass(frozen=True, slots=True)
class SourceImporter:
    """Imports one source after the other into a store; `counter` counts tokens in place of the files."""

    store: Store
    _lexicons: LexiconService
    _graders: GraderPool
    _counter: TokenCounter | None
    _on_progress: Progress

    def run(self, source: Source, dry_run: bool, places: Sequence[str] = ()) -> ImportOutcome:
        """Import a source. With `places`, those of a watch, what they became before is written anew as it grew."""
        content = identity_of(source)
        # By the files' content, so that the same file is recognised under another name, or after it was watched.
        identity = self.store.watched.holder(content)
        name = visible(f"{source.info.model} · {source.info.dataset}")
        where = visible(source.files[0].shown) + (f" and {len(source.files) - 1} more" if len(source.files) > 1 else "")
        found, grown = self.store.ledger.find_run(identity), None
        if found and not self.store.parts.verify([identity]):
            if places:
                self.store.watched.adopt(places, identity, content)
            return ImportOutcome(
                "present", f"{where}: already in the store as {visible(found.label)}, by its content.", identity
            )
        if dry_run:
            words = f"would take the place of the damaged files of {name}" if found else f"would become {name}"
            return ImportOutcome("planned", f"{where}: {source.format} {words}.")
        if places and not found:
            identity = self.store.watched.at(places) or places[0]
            grown = self.store.ledger.find_run(identity)
        engines = self._lexicons.held_by(identity) if found or grown else self._lexicons.matchers()
        # What is written before a failure is never registered, and the writer removes it: there are no half runs.
        work, tally = RunBuilder(identity, source.info, engines, self._counter), RowTally()
        with PartWriter(self.store.folder, identity) as writer:
            try:
                for draft, verdicts in graded(_with_progress(source, self._on_progress, tally), self._graders):
                    work.add(draft, verdicts, writer)
                if not work.count:
                    return ImportOutcome(
                        "skipped", f"{where}: nothing to import; {tally.counts.words}.", counts=tally.counts
                    )
                run = _noted(work.close(writer), tally)
                sources = [SourceRow(file.sha256, file.shown, file.size) for file in (*source.files, *source.beside)]
                held = self._lexicons.contents_of(engines)
                if found:
                    stored = work.take_back(self.store, writer, found, run, held)
                elif grown:
                    stored = work.renew(self.store, writer, run, places, content, sources, held)
                else:
                    stored = work.register(self.store, writer, run, sources, held)
            except ImportProblem:
                raise
            # A grader's or the disk's error knows no file; an ImportProblem names its own row.
            except UserError as error:
                raise UserError(f"{where}, row {work.row}: {error}") from error
        if not stored:
            return ImportOutcome("present", f"{where}: another process has just stored it as {name}.", identity)
        if places and not grown:
            self.store.watched.enter(dict.fromkeys(places, (identity, content)))
        told = "its damaged files are replaced, " if found else ""
        told += f"{run.traces:,} traces of {run.problems:,} problems; {tally.counts.words}"
        strange = RunLanguages(self.store).warnings([identity], list(self._lexicons.by_name.values()))
        told += f"; {NO_QUESTION}" if NO_QUESTION in run.info.note else ""
        sentence = " ".join([f"{where}: {name}, {told}.", *strange])
        return ImportOutcome("grown" if grown else "imported", sentence, identity, counts=tally.counts)

    def problems(self, source: Source, dry_run: bool) -> ImportOutcome:
        """Import a problem set."""
        where, name = visible(source.files[0].shown), source.info.dataset
        identity = identity_of(source)
        if any(row.id == identity for row in self.store.ledger.problem_sets()):
            return ImportOutcome("present", f"{where}: already in the store, by its content.", problem_set=identity)
        if dry_run:
            return ImportOutcome("planned", f"{where}: would become the problem set {visible(name)}.")
        tally = RowTally()
        drafts = [cast(ProblemDraft, draft) for draft in read(source, tally=tally)]
        if not drafts:
            told = tally.counts.words
            return ImportOutcome("skipped", f"{where}: no problem in it; {told}.", counts=tally.counts)
        rows = [ProblemRow(problem_id(d.question), bare_question(d.question), d.gold) for d in drafts]
        unique = len({row.id for row in rows})
        first = source.files[0]
        entry = SetRow(identity, name, first.shown, first.sha256, unique, len(rows), now())
        if not self.store.ledger.add_problem_set(entry, rows, [dict(d.extra) for d in drafts]):
            return ImportOutcome("present", f"{where}: another process has just stored it.", problem_set=identity)
        repeats = "" if unique == len(rows) else f" in {len(rows):,} rows"
        sentence = f"{where}: problem set {visible(name)}, {unique:,} problems{repeats}; {tally.counts.words}."
        return ImportOutcome("imported", sentence, problem_set=identity, counts=tally.counts)


def identity_of(source: Source) -> str:
    """The id of the run or problem set that a source becomes: it follows from the files' content."""
    if source.kind is SourceKind.PROBLEMS:
        return digest("problems", *source.sha256s, size=6)
    # The mapping is part of the identity: read with other columns, the same file is another run.
    key = mapping_key(source.key, source.mapping.used() if source.mapping else None)
    return run_id(source.format, source.sha256s, key)


def places_of(source: Source) -> list[str]:
    """What a watch knows a source by while its content changes, one a file: path, format and key."""
    key = mapping_key(source.key, source.mapping.used() if source.mapping else None)
    return [digest("watched", lasting(path), source.format, key, size=6) for path in source.paths]


def _noted(run: Run, tally: RowTally) -> Run:
    """The run with what its training reported, and a note of what was left out: whoever compares it has to know."""
    left = tally.counts.words if tally.counts.left else ""
    note = "; ".join(filter(None, (run.info.note, left)))
    return replace(run, info=replace(run.info, note=note, metrics=tally.metrics))


def _with_progress(source: Source, on_progress: Progress, tally: RowTally) -> Iterator[TraceDraft]:
    def report(done: int) -> None:
        on_progress(done, max(source.size, 1), source.files[0].shown)

    return cast("Iterator[TraceDraft]", read(source, on_progress=report, tally=tally))


def graded(drafts: Iterable[TraceDraft], graders: GraderPool) -> Iterator[tuple[TraceDraft, Verdicts]]:
    """Each draft with its verdicts, in order."""
    # The pool reads a bounded window ahead: a file larger than memory can be imported.
    waiting: deque[TraceDraft] = deque()

    def feed() -> Iterator[Response]:
        for draft in drafts:
            waiting.append(draft)
            yield Response.of(draft)

    for verdicts in graders.grade(feed()):
        draft = waiting.popleft()
        yield draft, UNGRADED if BROKEN_OFF in draft.extra else verdicts
