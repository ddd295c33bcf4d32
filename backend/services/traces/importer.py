"""The import of trace files and problem sets: scan, read, grade, find cues, store whole or not at all.

Owns the order of these steps, the recognition of what is already stored, and the sentence each source ends with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from backend.annotation import Role
from backend.config import Settings
from backend.domain import (
    UserError,
    visible,
)
from backend.exchange.traces.detection import use_formats, with_formats
from backend.exchange.traces.read import preview
from backend.exchange.traces.scan import scan, scan_as
from backend.exchange.traces.tables import view
from backend.grading.pool import GraderPool
from backend.import_plan import (
    ColumnMapping,
    ImportPlan,
    MappingEffect,
    Overrides,
    Preview,
    Said,
    Source,
    SourceKind,
    TableView,
)
from backend.reader_process import GivenUp, reader_pool
from backend.services.access.authorization import needs
from backend.services.access.machine_files import readable
from backend.services.access.people import PeopleService
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.file_tokenizer import FileTokenizer
from backend.services.traces.import_survey import CountedSources, survey
from backend.services.traces.run_fields import corrected_source
from backend.services.traces.source_importer import ImportOutcome, Progress, SourceImporter, identity_of
from backend.store import Store

P = ParamSpec("P")
R = TypeVar("R")
Step = tuple[int, int, str]  # bytes read, bytes in all, what is being read

_MOST_KNOWN = 64  # answers about files that are kept: those of a page, with its previews


class ImportService:
    """Imports files and folders into one store; they are read in processes of bounded memory and time."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """`store` is that of the `settings`."""
        self._settings, self._store = settings, store
        self._readers = reader_pool(settings.read_mb, settings.read_seconds)
        self._scratch = settings.store / "unpacked"
        self._known: dict[str, tuple[object, Any]] = {}

    def warm(self) -> None:
        """Start a process for files that will soon be named."""
        self._readers.warm()

    def _asked(self, paths: Sequence[Path], function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `function` finds in the files below `paths`: read once, for as long as they stay as they are."""
        # A page asks the same at every click.
        key, state = repr((function.__qualname__, args, kwargs)), _stamps([*paths, *map(Path, self._settings.formats)])
        held = self._known.pop(key, None)
        if held is None or held[0] != state:
            found = self._readers.call(with_formats, self._settings.formats, function, *args, **kwargs)  # type: ignore[arg-type]
            held = (state, found)
        self._known[key] = held
        for oldest in list(self._known)[:-_MOST_KNOWN]:
            self._known.pop(oldest, None)
        return cast(R, held[1])

    @needs(Role.ADMIN)
    def plan(self, paths: Sequence[Path], mapping: Said | None = None, base: Path | None = None) -> ImportPlan:
        """The sources these paths hold, files that are skipped and why, that can't be read, and that need a word.

        With `mapping` every file of the paths (folders are walked) whose rows have its columns is read by it; those
        that haven't are skipped, or fail where they were named directly. Names are shown relative to `base`, the
        folder of uploads; without it, UserError is raised for a path that isn't open to pages.
        """
        paths = [readable(self._settings, path) for path in paths] if base is None else paths
        if not mapping:
            return self._planned(paths, scan, paths, base, self._scratch)
        known = {field.name for field in fields(ColumnMapping)}
        if unknown := sorted(set(mapping) - known):
            raise UserError(
                f"There is no field {visible(unknown[0], 40)!r} to map; there are {', '.join(sorted(known))}."
            )
        plan = self._planned(paths, scan_as, paths, mapping, base, self._scratch)
        # Of a single file the problem is that of the mapping.
        if plan.failed and not plan.sources and len(paths) == 1:
            raise plan.failed[0]
        return plan

    def _planned(self, paths: Sequence[Path], function: Callable[..., ImportPlan], *args: object) -> ImportPlan:
        plan = self._asked(paths, function, *args)
        # What was unpacked is swept after a day, and a page may stay open for longer.
        if not all(path.exists() for source in plan.sources for path in source.paths):
            self._known.clear()
            plan = self._asked(paths, function, *args)
        return plan

    def plan_mapped(
        self, paths: Sequence[Path], mappings: Mapping[tuple[Path, ...], Said], base: Path | None = None
    ) -> ImportPlan:
        """As `plan`, with the files that a person mapped read by their mapping in place of what was recognised."""
        plan = self.plan(paths, None, base)
        for files, said in mappings.items():
            try:
                plan = plan.instead(files, self.plan(files, said, base), base)
            except UserError as error:
                raise UserError(f"{error} Read it as recognised, or choose other columns.") from error
        return plan

    @needs(Role.ADMIN)
    def preview(self, source: Source) -> Preview:
        """The first rows of a source, and the drafts they become. Raises ImportProblem."""
        return self._asked(source.paths, preview, source)

    @needs(Role.ADMIN)
    def peek(self, path: Path, rows: str | None = None) -> TableView:
        """The first rows of any table, known format or not, with a guess which column is what. Raises ImportProblem.

        `rows` is a place of rows inside the file; None takes the likeliest. Always answers for a readable table, so
        that a mapping can be offered for any file.
        """
        return self._asked([path], view, path, rows, self._scratch)

    @needs(Role.ADMIN)
    def effect(self, paths: Sequence[Path], mapping: Said, base: Path | None = None, rows: int = 20) -> MappingEffect:
        """What a mapping would make of the first rows of these paths, before anything is imported. Raises nothing."""
        sources: list[Source] = []
        previews: list[Preview] = []
        try:
            sources = self.plan(paths, mapping, base).sources
            for source in sources:
                previews.append(self._asked(source.paths, preview, source, rows))
        except UserError as error:
            return MappingEffect(sources, previews, str(error))
        return MappingEffect(sources, previews)

    @needs(Role.ADMIN)
    def count(self, sources: Sequence[Source]) -> CountedSources:
        """What each source will become, found by reading it through in the background; stores nothing."""
        return CountedSources(sources, lambda source: self._readers.call(survey, source))

    @needs(Role.ADMIN)
    def present(self, sources: Sequence[Source]) -> list[str]:
        """The name under which each source is in the store already, by its content; "" where it isn't."""
        # A damaged run is taken back by importing its file again.
        known = {run.id: run.label for run in self._store.runs()}
        known |= {row.id: row.name for row in self._store.ledger.problem_sets()}
        holder = self._store.watched.holder
        return [known.get(holder(identity_of(source)), "") for source in sources]

    @needs(Role.ADMIN)
    def run(
        self,
        paths: Sequence[Path],
        overrides: Overrides | None = None,
        *,
        mapping: Said | None = None,
        tokenizer: Path | None = None,
        dry_run: bool = False,
    ) -> Iterator[ImportOutcome]:
        """Import everything these paths hold; one outcome a source, question, failure or kind of skipped files."""
        plan = self.plan(paths, mapping)
        yield from outcomes_of(plan)
        given = overrides.given if overrides else {}
        sources = [corrected_source(source, given) for source in plan.sources]
        yield from self.take(sources, tokenizer=tokenizer, dry_run=dry_run)

    @needs(Role.ADMIN)
    def take(
        self,
        sources: Sequence[Source],
        *,
        tokenizer: Path | None = None,
        dry_run: bool = False,
        on_progress: Progress | None = None,
    ) -> Iterator[ImportOutcome]:
        """Import these sources, each whole or not at all; one outcome each, as they come."""
        left = list(sources)
        while left:
            try:
                asked = (self._settings, left, tokenizer, dry_run)
                with closing(self._readers.stream(import_here, *asked)) as steps:
                    for step in steps:
                        if isinstance(step, ImportOutcome):
                            left = left[1:]
                            yield step
                        elif on_progress:
                            on_progress(*step)
            except GivenUp as problem:  # its process is gone; the others go on in another
                left = left[1:]
                yield ImportOutcome("failed", str(problem))


def _stamps(paths: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Size and time of every file below some paths."""
    found = []
    for path in paths:
        below = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)  # noqa: PTH118
        for each in chain([str(path), f"{path}-wal"], below):  # a database grows in the file beside it
            with suppress(OSError, ValueError):
                state = os.stat(each)  # noqa: PTH116 - of a folder of many thousand files, at every click
                found.append((each, state.st_size, state.st_mtime_ns))
    return found


def import_here(
    settings: Settings,
    sources: Sequence[Source],
    tokenizer: Path | None,
    dry_run: bool,
    tell: Callable[[ImportOutcome | Step], None],
) -> None:
    """Import sources in this process, whatever memory they take; `tell` gets steps of progress, and an outcome each."""
    use_formats(settings.formats)
    counter = FileTokenizer(tokenizer) if tokenizer else None
    with closing(Store(settings)) as store, GraderPool(settings.graders) as graders:
        lexicons = LexiconService(store, settings.lexicons, PeopleService(store, settings))
        importer = SourceImporter(store, lexicons, graders, counter, lambda *step: tell(step))
        # One after the other, each in a transaction of its own: a bad file costs nothing but itself.
        for source in sources:
            try:
                take = importer.problems if source.kind is SourceKind.PROBLEMS else importer.run
                tell(take(source, dry_run))
            except UserError as error:
                tell(ImportOutcome("failed", str(error)))


def outcomes_of(plan: ImportPlan) -> Iterator[ImportOutcome]:
    """What a scan left aside, a line a kind, what failed, and what it asks: all that isn't imported."""
    kinds: dict[str, list[str]] = {}
    for skipped in plan.skipped:
        kinds.setdefault(skipped.reason, []).append(skipped.file)
    for reason, files in kinds.items():
        names = ", ".join(visible(file, 120) for file in files[:3])
        more = f" and {len(files) - 3:,} more" if len(files) > 3 else ""
        yield ImportOutcome("skipped", f"{names}{more}: {visible(reason)}.")
    yield from (ImportOutcome("failed", sentence) for sentence in dict.fromkeys(map(str, plan.failed)))
    for question in plan.questions:
        columns = "; ".join(f"{visible(c.name, 60)} (about {c.length:,} characters)" for c in question.long[:6])
        rows = f" Rows may lie at {', '.join(place.path for place in question.places[:6])}." if question.places else ""
        yield ImportOutcome(
            "asked",
            f"{visible(question.shown)}: {question.reason}. Unused columns of text: {columns or 'none'}.{rows} "
            f"Say it with {visible(question.words)} (without text= the rows are problems).",
        )
