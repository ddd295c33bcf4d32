"""The plan of an import: the runs and problem sets that some files would become, and what a person corrects in it.

Owns the values that pass between the readers of trace files, the import service and the Import page. It is pure, so
that a page may name them without importing a reader.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from backend.domain import Context, ImportProblem, ProblemDraft, RunInfo, Sampling, TraceDraft

Row = dict[str, Any]
Draft = TraceDraft | ProblemDraft


class Shape(StrEnum):
    """The container of a file's rows."""

    JSONL = "JSON Lines"
    JSON = "JSON"
    CSV = "CSV"
    PARQUET = "Parquet"


class SourceKind(StrEnum):
    """What a source becomes."""

    RUN = "run"
    PROBLEMS = "problems"


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column of a table holds what; dotted names reach into nested objects and lists. None: no column does."""

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
class ImportPlan:
    """What a scan found: sources to import, files left aside, and files that can't be imported."""

    sources: list[Source]
    skipped: list[Skipped]
    failed: list[ImportProblem]


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows as they stand, their columns (dotted), and the drafts they become."""

    columns: tuple[str, ...]
    rows: list[Row]
    drafts: list[Draft]


@dataclass(frozen=True, slots=True)
class Overrides:
    """A person's corrections of a proposed run. None leaves the proposal as it is."""

    model: str | None = None
    dataset: str | None = None
    variant: str | None = None
    parent: str | None = None
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

    def apply(self, info: RunInfo) -> RunInfo:
        """`info` with every given value in place of the proposed one."""
        given = {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) is not None}
        # Fields are named as those of RunInfo and Sampling, so that a name says by itself where its value belongs.
        sampling = {each.name: given.pop(each.name) for each in fields(Sampling) if each.name in given}
        return replace(info, sampling=replace(info.sampling, **sampling), **given)

    def on(self, source: Source) -> Source:
        """`source` with its run corrected."""
        return replace(source, info=self.apply(source.info))
