"""Values that the annotation services take and return: project specifications, open items, drafts of labels.

Owns these values and the reading of a draft that the browser sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backend.annotation import DEFAULT_SCHEME, Item, Label, Labelled, MachineCue, Op, Project, Scheme
from backend.domain import GRADERS, Group, SectionSpan, TraceFilter, UserError, visible
from backend.store.annotation.project_progress import Tally

WINDOW = 4_000  # code points of an item: about five minutes' reading


@dataclass(frozen=True, slots=True)
class ProjectSpec:
    """The specification of a new project.

    `lexicon` is a name ("" for none). `size` is the number of traces, `window` the most code points an item may have
    (0: whole texts). `wanted` says which traces may be drawn; `stratify` draws equally many of every run and verdict of
    `grader`, as far as there are as many. What a trace repeats in a loop is left out unless `loops` is set.
    """

    name: str
    scheme: Scheme = DEFAULT_SCHEME
    guidelines: str = ""
    lexicon: str = ""
    annotators: int = 2
    blind_share: float = 0.2
    seed: int = 0
    size: int = 50
    window: int = WINDOW
    wanted: TraceFilter = field(default_factory=TraceFilter)
    # Wrong answers of a good model are rare: drawn by chance alone they would hardly be in the sample.
    stratify: bool = True
    grader: str = GRADERS[0]
    loops: bool = False


class Stratum(NamedTuple):
    """A cell of the sample: how many traces there are, how many are taken, and the items they make."""

    name: str
    available: int
    taken: int
    items: int
    blind: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """The size of a sample: its strata, traces and items; `blind` counts items without machine highlights."""

    strata: tuple[Stratum, ...]
    traces: int
    items: int
    blind: int


@dataclass(frozen=True, slots=True)
class ProjectInfo:
    """A project with its progress: `finished` items have all the annotators they need, `settled` are adjudicated."""

    project: Project
    items: int
    finished: int
    settled: int
    progress: tuple[Tally, ...]


@dataclass(frozen=True, slots=True)
class ItemState:
    """An item that somebody took, as they left it. `state` is "open", "done" or "flagged"; `place` is a code point.

    `turn` counts the items they took, from 1. The item is anonymous (`labelling.anonymous`).
    """

    item: Item
    state: str
    turn: int
    # Where the reader was in the text, so that an item is found again as it was left, on another machine too.
    place: int = 0
    seconds: float = 0.0
    note: str = ""
    labels: int = 0


@dataclass(frozen=True, slots=True)
class ItemCue:
    """A machine cue of an item: where `entry` of the lexicon (an id) stands in the text."""

    lexicon: str
    entry: str
    group: Group
    start: int
    end: int

    @property
    def machine(self) -> MachineCue:
        """The cue as a label names it when it answers it."""
        return MachineCue(self.lexicon, self.entry, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Sheet:
    """An item as one annotator sees it.

    `text` is the whole text, of which `item.start` to `item.end` is to be annotated. `labels` are the person's own
    that stand; `history` counts all rows they wrote here. `cues` lie in the window; there are none if the item is
    blind. `number` is the place among the items they took, `done` how many of those are finished, `of` the items of
    the project. `writable` False comes with the reason in `why`.
    """

    # Nothing here names a run, a model or another annotator: whoever knows the model looks for its habits.
    item: Item
    project: Project
    text: str
    sections: tuple[SectionSpan, ...]
    labels: tuple[Label, ...]
    history: int
    cues: tuple[ItemCue, ...]
    state: str = "open"
    place: int = 0
    seconds: float = 0.0
    note: str = ""
    number: int = 0
    done: int = 0
    of: int = 0
    writable: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Adjudication:
    """An item as an adjudicator sees it: everybody's labels, who they are, the machine's cues, what stands as gold.

    `history` counts the rows of the gold layer. `number` of `of` is its place in the project.
    """

    labelled: Labelled
    project: Project
    names: Mapping[str, str]
    sections: tuple[SectionSpan, ...]
    cues: tuple[ItemCue, ...]
    history: int
    number: int
    of: int
    writable: bool = True
    why: str = ""


# Everything merging left alone is counted too: a person has to see why "agreed by all" gave fewer labels than expected.
class MergeCounts(NamedTuple):
    """Counts of a merge: `items` looked at, gold labels added, kept and withdrawn; what it left alone.

    `decided` counts what agreed but lies where an adjudicator has decided; `waiting` items had too few people who are
    finished, `settled` items an adjudicator has finished with.
    """

    items: int
    added: int
    kept: int
    withdrawn: int
    decided: int
    waiting: int
    settled: int


@dataclass(frozen=True, slots=True)
class LabelDraft:
    """A row for the label log as its writer sends it; the same row may be sent again.

    `root` is the id of the label it corrects, withdraws or brings back ("" for a new one). A withdrawal gets its place
    and words from what it withdraws.
    """

    id: str
    start: int
    end: int
    quote: str
    text_sha256: str
    label: str
    root: str = ""
    op: Op = Op.PUT
    flag: str = ""
    comment: str = ""
    how: str = ""
    machine: MachineCue | None = None
    reason: str = ""
    at: str = ""

    @staticmethod
    def read(data: Mapping[str, Any]) -> LabelDraft:
        """A draft from JSON. Raises UserError for a field that is missing, unknown or of another kind."""
        if not isinstance(data, Mapping):
            raise UserError(f"A label is a mapping of fields, not {visible(repr(data), 60)}.")
        values = dict(data)
        # An unknown field is refused, not dropped: a page of another version would lose somebody's work without a word.
        machine, op = values.pop("machine", None), values.pop("op", Op.PUT)
        _check_kinds("label", values, _DRAFT, ("id", "start", "end", "quote", "text_sha256", "label"))
        if op not in list(Op):
            raise UserError(f"A label's op is one of {', '.join(Op)}, not {visible(repr(op), 60)}.")
        if machine is not None:
            if not isinstance(machine, Mapping):
                raise UserError(f"A label's machine cue is a mapping of fields, not {visible(repr(machine), 60)}.")
            _check_kinds("machine cue", machine, _MACHINE, tuple(_MACHINE))
        return LabelDraft(**values, op=Op(op), machine=MachineCue(**machine) if machine is not None else None)


class Saved(NamedTuple):
    """A row that is in the log: its own id and its place there."""

    id: str
    seq: int


_TEXTS = ("id", "quote", "text_sha256", "label", "root", "flag", "comment", "how", "reason", "at")
_DRAFT: Mapping[str, type] = {"start": int, "end": int, **dict.fromkeys(_TEXTS, str)}
_MACHINE: Mapping[str, type] = {"lexicon": str, "entry": str, "start": int, "end": int}


def _check_kinds(what: str, data: Mapping[str, Any], kinds: Mapping[str, type], needed: tuple[str, ...]) -> None:
    for name, value in data.items():
        if name not in kinds:
            raise UserError(f"A {what} has no field '{visible(str(name), 40)}'.")
        # True is an int to Python.
        if not isinstance(value, kinds[name]) or isinstance(value, bool):
            kind = "a whole number" if kinds[name] is int else "text"
            raise UserError(f"The field {name} of a {what} is {kind}, not {visible(repr(value), 60)}.")
    if missing := [name for name in needed if name not in data]:
        raise UserError(f"A {what} lacks the field {missing[0]}.")
