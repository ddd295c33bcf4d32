"""Annotation values: people and their roles, label schemes, projects, items, labels.

Owns that vocabulary, the default scheme and the rule by which labels supersede each other. It is pure and does no I/O.
Offsets are Unicode code points, half-open, into the item's whole text.
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
        # By place: a StrEnum compares by its text, and "viewer" > "admin".
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """A person who uses the app. `source` is "local" for a typed-in name, else the address of the sign-in's issuer."""

    id: str
    name: str
    role: Role
    source: str = "local"
    email: str = ""
    created: str = ""

    @property
    def local(self) -> bool:
        """Whether the name was typed in and taken on trust, not signed in."""
        return self.source == "local"


class Flag(StrEnum):
    """How a marked expression is used where it stands."""

    GENUINE = "genuine doubt"
    FILLER = "filler"
    QUOTED = "quoted"


NOT_A_CUE = "not-a-cue"


@dataclass(frozen=True, slots=True)
class LabelKind:
    """One label of a scheme: `key` names it in the store and in files, `name` on the page.

    `group` is the cue group it stands for, None where there is none.
    """

    key: str
    name: str
    group: Group | None = None
    # It says that no cue stands here: an annotator's answer to a machine's mark, never a span of agreement or gold.
    negative: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A label scheme: the labels annotators choose from, in the order of keys 1 to 9, and the flags they may add."""

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


# Keys stand in stores and files, so that a group's name may be reworded and its key may not.
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
    """An annotation project: a sample of texts, a scheme, guidelines.

    `annotators` is how many people an item needs, `lexicon` the id of the lexicon whose cues are shown ("" for none).
    `scheme_version` and `guidelines_version` count from 1; labels keep the versions they were made under. `sampling`
    says how the items were drawn.
    """

    id: str
    name: str
    state: ProjectState
    scheme: Scheme
    guidelines: str = ""
    lexicon: str = ""
    annotators: int = 2
    # Share of items shown without machine highlights: recall rests on them alone, for highlights steer the eye.
    blind_share: float = 0.2
    seed: int = 0
    scheme_version: int = 1
    guidelines_version: int = 1
    sampling: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A unit of annotation: a stretch `[start, end)` of a text; what lies around it is context.

    `trace` is the trace the text came from and `run` its run ("" where it was imported). `stratum` is the cell of the
    sample it was drawn for; `priority` orders the queue of active learning, the highest first. `name` is what an
    imported text is called in its file.
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
    """Whose label it is: one annotator's, or the adjudicated one."""

    # Gold is a layer of its own and no mark on somebody's label: an adjudicator never changes what an annotator wrote.
    PERSON = "person"
    GOLD = "gold"


class Op(StrEnum):
    """What a row of the label log does."""

    PUT = "put"
    WITHDRAW = "withdraw"
    # An adjudicator's "no label belongs here". Unlike a withdrawal it stands, and a later merge leaves the place alone.
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class MachineCue:
    """A machine-found cue that a label answers: confirms, relabels or refuses."""

    lexicon: str
    entry: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Label:
    """One row of the append-only label log.

    `root` is the id of the first row of the same label: a correction, a withdrawal and an undo share it, and the row
    with the highest `seq` is what stands. `how` is the way it was made (mouse, keyboard, accepted, bulk, adopted,
    merged, imported). `machine` names the cue it answers. `reason` is an adjudicator's tag. `at` is the writer's clock,
    `received` the store's.
    """

    id: str  # made by the writer, so that a row sent twice is entered once
    root: str
    project: str
    item: str
    person: str
    op: Op
    start: int
    end: int
    # With the offsets the words and the hash of the whole text: a label can never drift onto another text unnoticed.
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
        """Its place and label alone."""
        return Span(self.start, self.end, self.label)


# A tuple, because agreement hashes, compares and sorts spans by the hundred thousand.
class Span(NamedTuple):
    """A labelled stretch `[start, end)`."""

    start: int
    end: int
    label: str


def standing(rows: Iterable[Label]) -> list[Label]:
    """The rows of the log that stand: the last of each root, unless it withdraws; by place, then label and seq."""
    last: dict[str, Label] = {}
    # By seq and not by `at`: the writers' clocks differ.
    for row in sorted(rows, key=lambda row: row.seq):
        last[row.root] = row
    return sorted(
        (row for row in last.values() if row.op is not Op.WITHDRAW),
        key=lambda row: (row.start, row.end, row.label, row.seq),
    )


@dataclass(frozen=True, slots=True)
class Labelled:
    """An item with everything that stands on it: what agreement, gold and exports are made of.

    `by_person` holds the labels of everybody who opened it, an empty tuple included. `gold` are the adjudicated labels
    and rejections; `settled` means that an adjudicator has finished with it.
    """

    item: Item
    text: str
    by_person: Mapping[str, tuple[Label, ...]]
    # Who has said that they are finished: only their silence means "no cue here".
    done: frozenset[str] = frozenset()
    gold: tuple[Label, ...] = ()
    settled: bool = False


@dataclass(frozen=True, slots=True)
class AnnotatedSpan:
    """A labelled stretch as files carry it. `annotator` is "" where the file names none.

    `rejected` is the REJECT of `Op` and belongs to gold alone. `machine`, `reason`, `at` and the versions are those of
    `Label`.
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

    `done` names the annotators who finished it.
    """

    id: str
    text: str
    spans: tuple[AnnotatedSpan, ...] = ()
    start: int = 0
    end: int | None = None
    done: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
