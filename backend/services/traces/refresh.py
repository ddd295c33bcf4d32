"""Refreshing stored runs: what was computed when their traces arrived is computed anew, by the present rules.

Owns which runs need it and how it is done: from the stored texts alone, into new parts that take the old ones' place in
one transaction. Ids, texts, annotations and token scores stay. Killed at any moment, it leaves a run as it was, and
goes on with the runs that are left when it is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from backend.annotation import Role
from backend.domain import Run, UserError, visible
from backend.grading.pool import GraderPool
from backend.grading.verdicts import Verdicts
from backend.job import Job, JobKind, Lane
from backend.lexicon.loops import find_loops
from backend.services.access.authorization import needs
from backend.services.jobs import JobProgress, JobService
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.source_importer import graded
from backend.store import Store
from backend.store.ledger import PartRow
from backend.store.parts import ROW_GROUP, PartWriter, read_rows, remove_parts
from backend.store.trace_columns import RULES, Columns, CueColumns, draft_of, sections_of, trace_row

Report = Callable[[int], None]
_PLACE = ("trace_id", "run_id", "problem_id", "problem_ordinal", "ordinal")


@dataclass(frozen=True, slots=True)
class OutdatedRun:
    """A run that was read by earlier rules, or lacks cues of lexicons that are shipped now (their ids)."""

    run: Run
    older: bool
    lexicons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why it is out of date, in words."""
        names = ", ".join(identity.partition("@")[0] for identity in self.lexicons)
        return "; ".join(
            (*(["read by earlier rules"] if self.older else []), *([f"no cues of {names}"] if names else []))
        )


class RefreshService:
    """Brings the runs of one store up to date."""

    def __init__(self, store: Store, lexicons: LexiconService, jobs: JobService, graders: int) -> None:
        """`graders` processes grade answers."""
        self._store, self._lexicons, self._jobs, self._graders = store, lexicons, jobs, graders

    def outdated(self, runs: Sequence[str] = ()) -> list[OutdatedRun]:
        """The runs that are out of date, of these or of all. Raises UserError for an id that isn't in the store."""
        stored = {run.id: run for run in (self._store.chosen(runs) if runs else self._store.runs())}
        rules, held, shipped = self._store.ledger.run_rules(), self._store.ledger.run_lexicons(), self._lexicons.shipped
        found = [
            OutdatedRun(
                stored[run],
                rules.get(run, RULES) < RULES,
                tuple(each for each in shipped if each not in held.get(run, ())),
            )
            for run in runs or stored
        ]
        return [each for each in found if each.older or each.lexicons]

    def submit_if_needed(self) -> Job | None:
        """Queue a refresh of all runs that are out of date; None where there is none, or one is queued already."""
        if any(job.kind is JobKind.REFRESH for job in self._jobs.open()) or not (outdated := self.outdated()):
            return None
        count = "1 run" if len(outdated) == 1 else f"{len(outdated):,} runs"
        return self._jobs.submit(JobKind.REFRESH, f"Refresh of {count}", {}, Lane.FILES)

    def carry_out(self, _job: Job, progress: JobProgress) -> dict[str, Any]:
        """Do a queued refresh, or what is left of it; returns the runs that are up to date now, and what failed."""
        left = self.outdated()
        progress.begin(sum(each.run.traces for each in left), "traces")
        done: list[str] = []
        failed: list[str] = []
        before = 0

        def report(count: int) -> None:
            progress.check()
            progress.step(before + count, "reading stored traces anew")

        with GraderPool(self._graders) as graders:
            for each in left:
                report(0)
                try:
                    if self._bring(each, graders, report):
                        done.append(each.run.id)
                except UserError as error:  # a run whose files are damaged keeps no other from being brought up to date
                    failed.append(f"{visible(each.run.label)}: {error}")
                    progress.log(failed[-1], "error")
                before += each.run.traces
        return {"refreshed": done, "failed": failed}

    @needs(Role.ADMIN)
    def run(self, runs: Sequence[str] = ()) -> Iterator[OutdatedRun]:
        """Bring these runs up to date, or all; yields each that was out of date once it is done."""
        with GraderPool(self._graders) as graders:
            for each in self.outdated(runs):
                if self._bring(each, graders, lambda _count: None):
                    yield each

    @needs(Role.ADMIN)
    def run_all(self) -> None:
        """Read every run anew, out of date or not, and keep the cues of shipped lexicons alone."""
        with GraderPool(self._graders) as graders:
            for run in self._store.runs():
                self._read(run.id, self._lexicons.shipped, graders, lambda _count: None)

    @needs(Role.ADMIN)
    def rebuild(self, run: str) -> bool:
        """Make a run's cues and counts anew from its traces. False where it was deleted or changed meanwhile."""
        with GraderPool(self._graders) as graders:
            return self._read(run, list(self._lexicons.held_by(run)), graders, lambda _count: None)

    def _bring(self, outdated: OutdatedRun, graders: GraderPool, report: Report) -> bool:
        """Bring one run up to date. False where it was deleted or changed meanwhile: asked again, it is seen anew."""
        if not outdated.older:
            return self._lexicons.match(outdated.run, outdated.lexicons)
        held = self._lexicons.held_by(outdated.run.id)
        return self._read(outdated.run.id, list(dict.fromkeys((*held, *self._lexicons.shipped))), graders, report)

    def _read(self, run: str, lexicons: Sequence[str], graders: GraderPool, report: Report) -> bool:
        """Read a run's traces anew, under these lexicons. False where it was deleted or changed meanwhile."""
        ledger = self._store.ledger
        old = [part for kind in ("traces", "cues", "counts") for part in ledger.parts(kind, [run])]
        # Cues of a lexicon that nobody has any more would lie in sections of earlier rules: they go.
        finders = {identity: finder for identity in lexicons if (finder := self._lexicons.finder(identity))}
        with PartWriter(self._store.folder, run) as writer:
            count = 0
            for part in (part for part in old if part.kind == "traces"):
                traces, cues = Columns("traces"), CueColumns(finders)
                for row, verdicts in self._graded(part, graders):
                    _read_anew(row, verdicts, traces, cues)
                    count += 1
                    report(count)
                writer.write("traces", traces.table())
                for kind, rows in cues.tables().items():
                    writer.write(kind, rows)
            contents = self._lexicons.contents_of(finders)
            swapped = writer.register(lambda new: ledger.replace_parts(run, old, new, RULES, contents))
        if swapped:
            remove_parts(self._store.folder, old)
        return swapped

    def _graded(self, part: PartRow, graders: GraderPool) -> Iterator[tuple[dict[str, Any], Verdicts]]:
        """The rows of a part with new verdicts."""
        # In batches, because the pool reads ahead and a row is needed once its verdicts are there.
        stored = read_rows(self._store.folder, part)
        while True:
            with self._store.parts.reading([part]):
                rows = list(islice(stored, ROW_GROUP))
            if not rows:
                return
            for row, (_, verdicts) in zip(rows, graded(map(draft_of, rows), graders), strict=True):
                yield row, verdicts


def _read_anew(row: Mapping[str, Any], verdicts: Verdicts, traces: Columns, cues: CueColumns) -> None:
    """Add one stored trace, read by the present rules."""
    draft = draft_of(row)
    sections, loops = sections_of(draft), find_loops(draft.text)
    new = trace_row(draft, verdicts, sections, loops, {name: row[name] for name in _PLACE}, None)
    # Thinking was counted by a tokenizer that isn't here; its count holds as long as its place does.
    kept = row["think_tokens"] if new["sections"] == row["sections"] else None
    traces.add({**new, "think_tokens": kept, "text_sha256": row["text_sha256"], "extra": row["extra"]})
    cues.add(row, draft.prompt, draft.text, sections, loops)
