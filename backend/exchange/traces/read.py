"""Streaming a source's drafts, in the file's order, one row in memory at a time.

Owns the numbering of samples across rows, progress, and the naming of file and row in errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice

from backend.domain import ImportProblem, ProblemDraft, SourceRef, TraceDraft, problem_id
from backend.exchange.traces.columns import columns_of
from backend.exchange.traces.detection import named
from backend.exchange.traces.row_paths import shortened
from backend.exchange.traces.rows import rows_in
from backend.exchange.traces.run_parts import part_of
from backend.exchange.traces.trace_format import Advance, Format, LeftOut, RowError, StepMetrics
from backend.import_plan import Draft, Preview, Row, RowCounts, Source
from backend.lexicon.sections import unknown_markers

_MOST_TAGS = 5  # named in a sentence
_REPORT_EVERY = 2**18  # bytes between two calls of on_progress


@dataclass(slots=True)
class RowTally:
    """Counts of a reading: rows, what they became, and what was left out, by reason."""

    rows: int = 0
    made: int = 0
    left: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def counts(self) -> RowCounts:
        """The counts so far, the most frequent reason first."""
        return RowCounts(self.rows, self.made, tuple(self.left.most_common()), tuple(self.tags.most_common(_MOST_TAGS)))


def read(
    source: Source, *, on_progress: Callable[[int], None] | None = None, tally: RowTally | None = None
) -> Iterator[Draft]:
    """The source's traces, or its problems. `on_progress` gets the bytes read so far, ending with source.size.

    `tally` is filled on the way: every row is read into a draft, or left out for a reason.

    Rows of the same problem are samples of it, numbered in the order of the file unless the source numbers them.
    Raises ImportProblem, naming file, row and reason, for the first row that can't be imported.
    """
    # Reading stops at the first bad row, and the caller discards what came before: half a run would be compared as if
    # it were whole.
    form, numbering = named(source.format), _Numbering()
    explicit = form.explicit or bool(source.mapping and source.mapping.sample)
    tally = tally or RowTally()
    for row, ref in _records(form, source, _progress(source.size, on_progress)):
        drafts = _drafts(form, row, ref, source, tally)
        yield from numbering.checked(drafts) if explicit else numbering.numbered(drafts)
    if not tally.rows:
        raise ImportProblem(source.files[0].shown, "it holds no rows of this run")
    if on_progress:
        on_progress(source.size)


def preview(source: Source, rows: int = 5) -> Preview:
    """The first rows as they stand and the drafts they become. Raises ImportProblem like `read`."""
    form = named(source.format)
    first = list(islice(_records(form, source, lambda size: None), rows))
    shown = [shortened(row) for row, _ in first if not isinstance(row, LeftOut)]
    tally = RowTally()
    drafts = [_shortened(draft) for row, ref in first for draft in _drafts(form, row, ref, source, tally)]
    return Preview(tuple(column.name for column in columns_of(shown)), shown, drafts, tally.counts)


def _shortened(draft: Draft) -> Draft:
    return replace(draft, **{each.name: shortened(getattr(draft, each.name)) for each in fields(draft)})


def _records(form: Format, source: Source, advance: Advance) -> Iterator[tuple[Row | LeftOut, SourceRef]]:
    """The rows that belong to this run, with their places."""
    parted = bool(form.split or (source.mapping and source.mapping.model))
    for row, ref in _own_rows(form, source, advance) if form.rows else _plain(source, advance):
        # Each run of a file reads all of its rows: a source is a stream, and runs are few.
        try:
            mine = not parted or isinstance(row, LeftOut) or part_of(form, row, source.mapping) in (None, source.key)
        except RowError as error:
            raise ImportProblem(ref.file, str(error), ref.row) from None
        if mine:
            yield row, ref


def _own_rows(form: Format, source: Source, advance: Advance) -> Iterator[tuple[Row | LeftOut, SourceRef]]:
    """The rows as the format itself reads them, from several files perhaps."""
    try:
        yield from form.rows(source, advance) if form.rows else ()
    except RowError as error:
        raise ImportProblem(source.files[0].shown, str(error), error.row) from None


def _plain(source: Source, advance: Advance) -> Iterator[tuple[Row | LeftOut, SourceRef]]:
    place = source.mapping.rows if source.mapping else None
    for file in source.files:
        for number, row in rows_in(file, place, advance):
            yield row, SourceRef(file.shown, file.sha256, number)


def _drafts(form: Format, row: Row | LeftOut, ref: SourceRef, source: Source, tally: RowTally) -> Sequence[Draft]:
    try:
        found = [row] if isinstance(row, LeftOut) else list(form.drafts(row, ref, source))
    except RowError as error:
        raise ImportProblem(ref.file, str(error), error.row or ref.row) from None
    except KeyError as error:  # A format is known by the file's first row; a later one may be of another.
        raise ImportProblem(ref.file, f"the column '{str(error.args[0])[:60]}' is missing", ref.row) from None
    drafts = [each for each in found if not isinstance(each, LeftOut | StepMetrics)]
    tally.rows += 1
    tally.made += len(drafts)
    tally.left.update(each.reason for each in found if isinstance(each, LeftOut))
    for metrics in (each for each in found if isinstance(each, StepMetrics)):
        tally.metrics |= metrics.values
    if not any(isinstance(each, TraceDraft | ProblemDraft | LeftOut) for each in found):
        tally.left["what the training reported at its step" if found else "no response in it"] += 1
    for draft in (each for each in drafts if isinstance(each, TraceDraft)):
        tally.tags.update(unknown_markers(draft.text, draft.prompt))
    return drafts


def _progress(size: int, report: Callable[[int], None] | None) -> Advance:
    done = reported = 0

    def advance(step: int) -> None:
        nonlocal done, reported
        done += step
        if report and done - reported >= _REPORT_EVERY:
            reported = done
            report(min(done, size))  # UTF-16 and Parquet count their bytes roughly

    return advance


class _Numbering:
    """Sample numbers of problems that stand in several rows, as in files with a row a response."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}
        self._rows: dict[tuple[str, int], int] = {}

    def numbered(self, drafts: Sequence[Draft]) -> Iterator[Draft]:
        """A row's drafts (of one problem), counted on from the problem's earlier rows."""
        traces = [draft for draft in drafts if isinstance(draft, TraceDraft)]
        if not traces:
            return iter(drafts)
        problem = problem_id(traces[0].question)
        # By the problem's content hash, as the store has it: the same question in another spelling is the same problem.
        first = self._next.get(problem, 0)
        self._next[problem] = first + len(traces)
        return iter(traces if not first else [replace(draft, sample=draft.sample + first) for draft in traces])

    def checked(self, drafts: Sequence[Draft]) -> Iterator[Draft]:
        """Drafts with the source's own numbers. Raises ImportProblem where a problem has one twice."""
        for draft in drafts:
            if isinstance(draft, TraceDraft):
                place = (problem_id(draft.question), draft.sample)
                if place in self._rows:
                    reason = f"sample {draft.sample} of this problem was in row {self._rows[place]} already"
                    raise ImportProblem(draft.source.file, reason, draft.source.row)
                self._rows[place] = draft.source.row
            yield draft
