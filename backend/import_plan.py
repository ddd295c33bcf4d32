"""The plan of an import: the runs and problem sets that some files would become, and what a person corrects in it.

Owns the values that pass between the readers of trace files, the import service and the Import page. It is pure, so
that a page may name them without importing a reader.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from backend.domain import Context, ImportProblem, ProblemDraft, RunInfo, Sampling, TraceDraft, visible

Row = dict[str, Any]
Draft = TraceDraft | ProblemDraft
# What a person says of a table: part -> column, or the columns of several arms. Parts are the fields of ColumnMapping.
Said = Mapping[str, str | Sequence[str]]


NO_QUESTION = "no question is known: problems are told apart by their place or id"


class Shape(StrEnum):
    """The container of a file's rows."""

    JSONL = "JSON Lines"
    JSON = "JSON"
    CSV = "CSV"
    PARQUET = "Parquet"
    ARROW = "Arrow"


class SourceKind(StrEnum):
    """What a source becomes."""

    RUN = "run"
    PROBLEMS = "problems"


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column of a table holds what. None: no column does.

    A dotted name reaches into objects; a number in it is a place in a list (`resps.0.0`); through a list without a
    number it means every item (`generations.text` is a list of responses). `rows` is the place of the rows inside a
    file or inside each of its rows: lists on the way are expanded at any depth, and a row keeps the fields of what is
    around it. `*` stands for every key of an object: `rows=tasks.*`.

    Of several arms (`text` = two columns, or `answers.*`) each becomes a source of its own, with one column as `text`;
    the other parts may name as many columns, or a `*` too.
    """

    # Without a question rows are told apart by `id`, or else by their place.
    question: str | None = None
    # Without it the rows are problems, not traces. It may hold a list of responses; the other columns are then taken
    # per response where they hold lists.
    text: str | None = None
    gold: str | None = None
    prompt: str | None = None
    sample: str | None = None
    tokens: str | None = None
    finish: str | None = None
    answer: str | None = None
    verdict: str | None = None
    reasoning: str | None = None
    model: str | None = None  # divides the rows into runs
    rows: str | None = None
    id: str | None = None  # names the problem where no question does

    def used(self) -> dict[str, str]:
        """Part -> column, for the parts that have one."""
        pairs = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {part: column for part, column in pairs if column}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was when scanned. `shown` names it to people; `size` is in bytes, `modified` in ns."""

    path: Path
    shown: str
    sha256: str
    # Checked again before reading: the hash would be that of another content if the file was changed meanwhile.
    size: int
    modified: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class Source:
    """A run to be imported, or a problem set.

    `key` tells the runs of the same files apart ("round 2", "step 10", a model's name), `beside` are files that belong
    to it and hold no rows of their own (settings, requests).
    """

    format: str
    kind: SourceKind
    files: tuple[SourceFile, ...]
    info: RunInfo
    key: str = ""
    # Kept with the source: other columns make another run of the same file.
    mapping: ColumnMapping | None = None
    beside: tuple[SourceFile, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the files lie that hold its rows."""
        return tuple(file.path for file in self.files)

    @property
    def sha256s(self) -> tuple[str, ...]:
        """SHA-256 of each file, in reading order."""
        return tuple(file.sha256 for file in self.files)

    @property
    def size(self) -> int:
        """Bytes to read."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file of a folder that holds nothing to import, and why, as a clause."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table, judged by its first rows.

    `kind` is "text", "texts" (a list of them), "messages", "number", "true or false", "object" or "list"; `length` the
    median of its characters (of one text in a list); `sample` the first value, cut; `used` the part that the guess
    takes it for, "" where it is left over.
    """

    name: str
    kind: str
    length: int
    sample: str
    used: str = ""


@dataclass(frozen=True, slots=True)
class RowPlace:
    """A place where rows may lie inside a file, as `ColumnMapping.rows` takes it, and how many are there."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class TableView:
    """The first rows of any table as a person maps it: its columns, a guess, and where else rows may lie.

    Rows and columns are those at `guess.rows`. `arms` are the columns that the guess takes for responses of several
    models in one row; `guess.text` is then empty.
    """

    columns: tuple[TableColumn, ...]
    rows: list[Row]
    guess: ColumnMapping
    arms: tuple[str, ...] = ()
    places: tuple[RowPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Files whose rows could be traces, with the question which column is the response: they need a word of a person.

    The files of a folder that have the same columns are asked about together. `long` are the unused columns of text
    that could be responses; `shown` names the files, `reason` is a clause that says what isn't known.
    """

    paths: tuple[Path, ...]
    shown: str
    reason: str
    long: tuple[TableColumn, ...]
    guess: ColumnMapping
    places: tuple[RowPlace, ...] = ()

    @property
    def words(self) -> str:
        """The mapping to say it with, ready for the command line: the guess with the longest unused column as text."""
        text = self.guess.text or (self.long[0].name if self.long else "COLUMN")
        said = {**self.guess.used(), "text": text}
        return "--map " + " ".join(shlex.quote(f"{part}={column}") for part, column in said.items())


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows were read, how many traces (or problems) they became, and how many were left out, by reason.

    `tags`: in how many traces stands a tag that may mark thinking and is in no table.
    """

    rows: int = 0
    made: int = 0
    left: tuple[tuple[str, int], ...] = ()
    tags: tuple[tuple[str, int], ...] = ()

    @property
    def words(self) -> str:
        """The counts as a clause: rows read, what was left out of them and why, and tags that nobody knows."""
        left = "".join(f", {number:,} left out: {visible(reason)}" for reason, number in self.left)
        known = ", ".join(f"{visible(tag, 60)} in {number:,}" for tag, number in self.tags)
        tags = f"; tags that may mark thinking and aren't read as such, by traces: {known}" if known else ""
        return f"{self.rows:,} {'row' if self.rows == 1 else 'rows'} read{left}{tags}"


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What a scan found: sources to import, files left aside, files that can't be imported, and files to ask about."""

    sources: list[Source]
    skipped: list[Skipped]
    failed: list[ImportProblem]
    questions: list[Unmapped] = field(default_factory=list)

    def instead(self, files: Sequence[Path], found: ImportPlan, base: Path | None) -> ImportPlan:
        """This plan with what was `found` in some of its files, read by a mapping, in place of what it had of them."""
        shown = {str(file.relative_to(base) if base and file.is_relative_to(base) else file) for file in files}
        return ImportPlan(
            [*found.sources, *(source for source in self.sources if not set(files) & set(source.paths))],
            self.skipped,
            [*(problem for problem in self.failed if problem.file not in shown), *found.failed],
            [question for question in self.questions if not set(files) & set(question.paths)],
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows as they stand, their columns (dotted), the drafts they become, and the counts of both."""

    columns: tuple[str, ...]
    rows: list[Row]
    drafts: list[Draft]
    counts: RowCounts = RowCounts()


@dataclass(frozen=True, slots=True)
class MappingEffect:
    """What a mapping would do: the sources it makes with a preview of each, or the `problem` why it can't be used.

    Previews stop before the first row that can't be read; `problem` then says which it is.
    """

    sources: list[Source]
    previews: list[Preview]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """A person's corrections of a proposed run. None leaves the proposal as it is."""

    model: str | None = None
    dataset: str | None = None
    variant: str | None = None
    parent: str | None = None
    series: str | None = None
    step: int | None = None
    context: Context | None = None
    tokenizer: str | None = None
    note: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    seed: int | None = None
    template: str | None = None
    system: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The values by their fields."""
        every = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in every.items() if value is not None}

    def on(self, source: Source) -> Source:
        """`source` with every given value in place of the proposed one."""
        return replace(source, info=corrected(source.info, self.given))


def corrected(info: RunInfo, values: Mapping[str, Any]) -> RunInfo:
    """`info` with these values, by the fields of Overrides, in place of its own; None empties a field."""
    # Fields are named as those of RunInfo and Sampling, so that a name says by itself where its value belongs.
    sampling = {each.name: values[each.name] for each in fields(Sampling) if each.name in values}
    given = {name: value for name, value in values.items() if name not in sampling}
    if "note" in given:  # the one text that is never unknown
        given["note"] = given["note"] or ""
    return replace(info, sampling=replace(info.sampling, **sampling), **given)
