"""The trace viewer: one to four reasoning traces side by side, with every cue marked.

Owns the Python side of one Streamlit component: what a pane shows, the data the browser gets, and the check of what
comes back. The browser side is `trace_view/*.js` and `trace_view.css`.

Offsets here are Unicode code points; the browser converts them to UTF-16 once, when data arrives, and back once,
when a selection leaves.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from backend.domain import Cue, Group, Section, SectionSpan
from backend.report.colours import LETTERS
from pages.components.browser.component import browser_component, encodable
from pages.components.viewer.mathematics import mathematics
from pages.components.viewer.token_layer import TokenLayer

MAX_PANES = 4
_GROUPS = tuple(Group)
_HERE = Path(__file__).parent
_VIEWER = browser_component(
    "trace_view", _HERE / "trace_view" / "viewer.js", styles=[_HERE / "trace_view.css"], scope=".tv"
)
# Nine digits: no text is longer, and an address may hold anything.
_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure in a pane's header: `value` in ink, `label` beside it ("41", "doubts")."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class PaneVerdict:
    """How the trace was judged.

    `right` None means nobody judged it. `words` replaces "right"/"wrong" ("wrong, and sure"); `answer` is what the
    trace answered; `disagreement` says which graders differ, and is always shown.
    """

    right: bool | None = None
    answer: str | None = None
    words: str | None = None
    disagreement: str | None = None


@dataclass(frozen=True, slots=True)
class SamplePosition:
    """Which of a problem's samples is shown: `number` from 1, `of` how many."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Pane:
    """One trace as the viewer shows it.

    `id` names the pane in permalinks and events. Offsets of `sections`, `loops` (what repeats itself) and cues run into
    `text`; those of cues in the section `prompt` run into `prompt`. `link` is an address inside the app that opens this
    trace alone. `ending` stands after the last line ("cut off at the token limit"). `units` is the text's length in
    what densities are counted by: with it the chips of groups show theirs. `tokens` colours the text's tokens.
    """

    id: str
    title: str
    text: str
    subtitle: str = ""
    tag: Literal["A", "B", "C", "D"] | None = None
    verdict: PaneVerdict | None = None
    sample: SamplePosition | None = None
    facts: Sequence[Fact] = ()
    units: int = 0
    prompt: str = ""
    sections: Sequence[SectionSpan] = ()
    loops: Sequence[tuple[int, int]] = ()
    cues: Sequence[Cue] = ()
    download: str = "trace.txt"
    link: str | None = None
    ending: str = ""
    tokens: TokenLayer | None = None


@dataclass(frozen=True, slots=True)
class ActiveRange:
    """A stretch `[start, end)` of one pane's text, in code points, to scroll to and mark."""

    pane: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Options:
    """How the viewer stands in its page.

    `fit` "window" fills the height left in the window (at least `minimum` px, keeping `reserve` px below);
    "content" is as high as the text, without tools or map. `list_keys` names j and k in the help, because a list beside
    the viewer answers them. `keys` False leaves the keyboard alone. `go_on` offers to go on from a place in the text.
    """

    fit: Literal["window", "content"] = "window"
    minimum: int = 420
    reserve: int = 16
    keys: bool = True
    list_keys: bool = False
    go_on: bool = False


@dataclass(frozen=True, slots=True)
class SampleStep:
    """A person asked pane `pane` for the sample `step` (-1 or +1) away."""

    pane: str
    step: int


@dataclass(frozen=True, slots=True)
class Place:
    """A person wants to go on from code point `at` of pane `pane`'s text."""

    pane: str
    at: int


@dataclass(frozen=True, slots=True)
class TraceViewResult:
    """What a person did since the last run: a sample step, a place, or nothing."""

    step: SampleStep | None
    go_on: Place | None = None


def read_range(query: Mapping[str, str], panes: Sequence[Pane]) -> ActiveRange | None:
    """The range a permalink asks for (`?range=START-END&pane=ID`), clipped to the text; None where it names nothing.

    Without `pane` the first pane is meant.
    """
    found = _RANGE.fullmatch(query.get("range", ""))
    name = query.get("pane", panes[0].id if panes else "")
    pane = next((pane for pane in panes if pane.id == name), None)
    if found is None or pane is None:
        return None
    start, end = (min(int(number), len(pane.text)) for number in found.groups())
    return ActiveRange(pane.id, start, end) if start < end else None


def trace_view(
    panes: Sequence[Pane], *, key: str, active: ActiveRange | None = None, options: Options = Options()
) -> TraceViewResult:
    """Show one to four traces and return what was asked of them. Raises ValueError for panes that can't be shown."""
    if not 1 <= len(panes) <= MAX_PANES:
        raise ValueError(f"The viewer shows 1 to {MAX_PANES} traces, not {len(panes)}.")
    if len({pane.id for pane in panes}) < len(panes):
        raise ValueError("Two panes have the same id.")
    # Formulas are converted only once a person has asked for them: most readers never do, and each is parsed in Python.
    rendered = bool(st.session_state.get(key, {}).get("mathematics", False))
    result = _VIEWER(key=key, data=_data(panes, active, options, rendered), reports=["mathematics", "step", "place"])
    return TraceViewResult(
        step=_step(result.get("step"), {pane.id for pane in panes}),
        go_on=_place(result.get("place"), {pane.id: len(pane.text) for pane in panes}),
    )


def _step(value: Any, known: set[str]) -> SampleStep | None:
    """The step the browser reports, if it is one step in a pane that is shown."""
    if isinstance(value, Mapping) and value.get("pane") in known and value.get("step") in (-1, 1):
        return SampleStep(str(value["pane"]), int(value["step"]))
    return None


def _place(value: Any, lengths: Mapping[str, int]) -> Place | None:
    """The place the browser reports, if it lies in the text of a pane that is shown."""
    if not isinstance(value, Mapping) or not isinstance(at := value.get("at"), int):
        return None
    pane = str(value.get("pane"))
    return Place(pane, int(at)) if pane in lengths and 0 <= at <= lengths[pane] else None


def _data(panes: Sequence[Pane], active: ActiveRange | None, options: Options, rendered: bool) -> dict[str, Any]:
    return {
        "groups": [{"letter": LETTERS[group], "label": group.value} for group in Group],
        "active": active and asdict(active),
        "mathematics": rendered,
        "options": {
            "fit": options.fit,
            "minimum": options.minimum,
            "reserve": options.reserve,
            "keys": options.keys,
            "listKeys": options.list_keys,
            "goOn": options.go_on,
        },
        "panes": [_pane(pane, rendered) for pane in panes],
    }


def _pane(pane: Pane, rendered: bool) -> dict[str, Any]:
    verdict = pane.verdict
    return {
        "id": pane.id,
        "tag": pane.tag,
        "title": encodable(pane.title),
        "subtitle": encodable(pane.subtitle),
        "verdict": None if verdict is None else {
            "right": verdict.right, "answer": encodable(verdict.answer), "words": verdict.words,
            "disagreement": encodable(verdict.disagreement),
        },
        "sample": pane.sample and asdict(pane.sample),
        "facts": [[fact.value, fact.label] for fact in pane.facts],
        "units": pane.units,
        "download": file_name(pane.download),
        "link": pane.link,
        "ending": pane.ending,
        "prompt": _text(pane.prompt, [cue for cue in pane.cues if cue.section is Section.PROMPT], rendered),
        "text": _text(pane.text, [cue for cue in pane.cues if cue.section is not Section.PROMPT], rendered),
        "sections": [[span.section.value, span.start, span.end] for span in pane.sections],
        "loops": [list(loop) for loop in pane.loops],
        "tokens": None if pane.tokens is None else {"key": pane.tokens.key, **pane.tokens.data},
    }  # fmt: skip


def _text(text: str, cues: Sequence[Cue], rendered: bool) -> dict[str, Any]:
    """A text with its cues as [start, end, group, entry] by index into the groups and `entries`."""
    entries = {entry: index for index, entry in enumerate(dict.fromkeys(cue.entry for cue in cues))}
    drawn = mathematics(text) if rendered else None
    return {
        "text": encodable(text),
        "entries": list(entries),
        "cues": [
            [cue.start, cue.end, _GROUPS.index(cue.group), entries[cue.entry]]
            for cue in sorted(
                cues, key=lambda cue: (cue.start, -cue.end)
            )  # of two that overlap the longer one is whole
        ],
        "mathematics": drawn
        and {"spans": drawn.spans, "trees": drawn.trees, "failed": drawn.failed, "left": drawn.left},
    }


def file_name(name: str) -> str:
    """`name` as a file name for any system: separators, control, bidi and reserved characters become hyphens."""
    bare = re.sub(r'[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff/\\:*?"<>|]+', "-", name)
    bare = encodable(bare).replace("\ufffd", "-").strip(" .-")[:120]
    return bare or "trace.txt"
