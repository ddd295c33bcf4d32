"""The words of annotating as values: people and their roles, label schemes, projects, items, labels.

Owns that vocabulary, the default scheme and the rule by which labels supersede each other. Knows nothing of files,
databases, pages or of how agreement is measured, and does no I/O.

Offsets are Unicode code points, half-open, into the item's whole text; a label keeps the text it was put on (`quote`)
and the hash of the whole text, so that it can never drift onto another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from backend.domain import Group


class Role(StrEnum):
    """What a person may do; each may also do what those before it may."""

    VIEWER = "viewer"
    ANNOTATOR = "annotator"
    ADJUDICATOR = "adjudicator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role is `needed` or above it."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at work. `source` is "local" for a typed-in name, taken on trust, else the issuer's address."""

    id: str
    name: str
    role: Role
    source: str = "local"
    email: str = ""
    created: str = ""

    @property
    def local(self) -> bool:
        """Nobody vouched for this name."""
        return self.source == "local"


class Flag(StrEnum):
    """What use a marked expression has where it stands."""

    GENUINE = "genuine doubt"
    FILLER = "filler"
    QUOTED = "quoted"


NOT_A_CUE = "not-a-cue"


@dataclass(frozen=True, slots=True)
class LabelKind:
    """One label of a scheme: `key` names it in the store and in files, `name` on the page.

    `group` is the cue group it stands for, None where there is none. A `negative` label says that no cue stands here.
    """

    key: str
    name: str
    group: Group | None = None
    negative: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Scheme:
    """The labels annotators choose from, in the order of keys 1 to 9, and the flags they may add."""

    labels: tuple[LabelKind, ...]
    flags: tuple[str, ...] = tuple(Flag)

    def get(self, key: str) -> LabelKind | None:
        """The label of that key."""
        return next((label for label in self.labels if label.key == key), None)

    @property
    def positive(self) -> tuple[LabelKind, ...]:
        """The labels that say a cue stands here."""
        return tuple(label for label in self.labels if not label.negative)


def key_of(group: Group) -> str:
    """The label key of a cue group."""
    return group.value.replace(" ", "-")


DEFAULT_SCHEME = Scheme(
    (
        *(LabelKind(key_of(group), group.value, group) for group in Group),
        LabelKind(NOT_A_CUE, "not a cue here", negative=True),
    )
)


class ProjectState(StrEnum):
    """Whether a project takes labels."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Project:
    """Work for annotators: a sample of texts, a scheme, guidelines.

    `annotators` is how many people an item needs, `blind_share` the share of items shown without machine highlights,
    `lexicon` the id of the one whose cues the others show ("" for none). `scheme_version` and `guidelines_version`
    count from 1; labels keep the versions they were made under. `sampling` says how the items were drawn.
    """

    id: str
    name: str
    state: ProjectState
    scheme: Scheme
    guidelines: str = ""
    lexicon: str = ""
    annotators: int = 2
    blind_share: float = 0.2
    seed: int = 0
    scheme_version: int = 1
    guidelines_version: int = 1
    sampling: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A stretch `[start, end)` of a text to be annotated as one piece of work; the text around it is context.

    `trace` is the trace the text came from and `run` its run ("" where it was imported). `stratum` is the cell of the
    sample it was drawn for; `priority` orders an active-learning queue, the highest first. `name` is what an imported
    text was called where it came from.
    """

    id: str
    project: str
    ordinal: int
    text_sha256: str
    start: int
    end: int
    blind: bool = False
    trace: str = ""
    run: str = ""
    stratum: str = ""
    priority: float = 0.0
    name: str = ""


class Layer(StrEnum):
    """Whose word a label is: one annotator's, or the adjudicated one."""

    PERSON = "person"
    GOLD = "gold"


class Op(StrEnum):
    """What a row of the log says. REJECT is an adjudicator's "no label belongs here", a decision like any other."""

    PUT = "put"
    WITHDRAW = "withdraw"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class MachineCue:
    """A cue of a lexicon that a label answers: confirms, relabels or refuses."""

    lexicon: str
    entry: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Label:
    """One row of the append-only log. `id` is the writer's own, so that sending it twice enters it once.

    `root` is the id of the first row of the same label: a correction, a withdrawal and an undo share it, and the row
    with the highest `seq` is what stands. `how` is the way it was made (mouse, keyboard, accepted, bulk, adopted,
    merged, imported). `machine` names the cue it answers. `reason` is an adjudicator's tag. `at` is the writer's clock,
    `received` the store's.
    """

    id: str
    root: str
    project: str
    item: str
    person: str
    op: Op
    start: int
    end: int
    quote: str
    text_sha256: str
    label: str
    layer: Layer = Layer.PERSON
    flag: str = ""
    comment: str = ""
    how: str = ""
    machine: MachineCue | None = None
    reason: str = ""
    scheme_version: int = 1
    guidelines_version: int = 1
    at: str = ""
    seq: int = 0
    received: str = ""

    @property
    def span(self) -> Span:
        """Where it stands and what it says."""
        return Span(self.start, self.end, self.label)


class Span(NamedTuple):
    """A labelled stretch `[start, end)`."""

    start: int
    end: int
    label: str


def standing(rows: Iterable[Label]) -> list[Label]:
    """The rows of the log that stand: the last of each root, unless it withdraws; by place, then label and seq.

    A rejection stands too: it is a decision (see `Op`).
    """
    last: dict[str, Label] = {}
    for row in sorted(rows, key=lambda row: row.seq):
        last[row.root] = row
    return sorted(
        (row for row in last.values() if row.op is not Op.WITHDRAW),
        key=lambda row: (row.start, row.end, row.label, row.seq),
    )


@dataclass(frozen=True, slots=True)
class Labelled:
    """An item with everything that stands on it: what agreement, gold and exports are made of.

    `by_person` holds the labels of everybody who opened it, an empty tuple included; `done` those who said that they
    are finished (only their silence means "no cue"). `gold` are the adjudicated labels and rejections; `settled` means
    an adjudicator has finished with it.
    """

    item: Item
    text: str
    by_person: Mapping[str, tuple[Label, ...]]
    done: frozenset[str] = frozenset()
    gold: tuple[Label, ...] = ()
    settled: bool = False


@dataclass(frozen=True, slots=True)
class AnnotatedSpan:
    """A labelled stretch as files carry it. `annotator` is "" where the file names none.

    `rejected` is an adjudicator's "no label belongs here", of gold alone. `machine`, `reason`, `at` and the versions
    are those of the label (see `Label`).
    """

    start: int
    end: int
    label: str
    annotator: str = ""
    gold: bool = False
    flag: str = ""
    comment: str = ""
    how: str = ""
    id: str = ""
    machine: MachineCue | None = None
    rejected: bool = False
    reason: str = ""
    at: str = ""
    scheme_version: int = 1
    guidelines_version: int = 1


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A text with its spans, as files carry it; the annotated window is `[start, end)` (`end` None: to its end).

    `done` names the annotators who finished it: without a span of theirs, they found nothing.
    """

    id: str
    text: str
    spans: tuple[AnnotatedSpan, ...] = ()
    start: int = 0
    end: int | None = None
    done: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
