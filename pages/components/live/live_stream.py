"""The items a browser gets of a job's stream: the ledger's messages, made small and with their cues marked.

Owns the format between `stream_route.py` and `live_view/*.js`, and the search for cues in a text that still grows.
Offsets are code points. Each trace's marks are at any time exactly what the lexicon finds in the text sent so far.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from backend.domain import Group
from pages.components.browser.component import encodable

_GROUPS = tuple(Group)
_MOST_BANNED = 400  # a lexicon may forbid thousands of token ids; a tooltip shows the first few
_PANES = 4
_DONE = ("i", "finish", "correct", "answer", "tokens", "words", "seconds", "trace")

Item = dict[str, Any]
Mark = tuple[int, int, str, int]
"""Start, end, the entry's name, its group's place in `Group`."""


class Finder(Protocol):
    """A lexicon's engine."""

    @property
    def entry_of(self) -> Sequence[Any]:
        """The entry (name, group) of every form."""

    def find(self, text: str) -> list[tuple[int, int, int]]:
        """(form, start, end) of every match, in order."""


class StreamMessage(NamedTuple):
    """One message of a job's stream; see backend/store/streams.py."""

    seq: int
    payload: Mapping[str, Any]


class GrowingText:
    """A text that only grows, and its marks."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._tail, self._base, self._settled = "", 0, 0
        self.marks: list[Mark] = []

    def add(self, text: str) -> tuple[int, list[Mark]]:
        """Grow; returns how many of the old marks stand, and the marks that follow those."""
        self._tail += text
        old = self.marks
        self.marks = old[: self._settled] + [self._mark(*hit) for hit in self._finder.find(self._tail)]
        kept = self._settled
        while kept < min(len(old), len(self.marks)) and old[kept] == self.marks[kept]:
            kept += 1
        self._settle()
        return kept, self.marks[kept:]

    def _settle(self) -> None:
        # No form of a lexicon reaches over a blank line: what was found before the last one stands, and isn't searched
        # again. Searching the whole text at each addition would be quadratic.
        cut = self._tail.rfind("\n\n") + 2
        if cut > 1:
            self._base, self._tail = self._base + cut, self._tail[cut:]
            self._settled = sum(start < self._base for start, *_ in self.marks)

    def _mark(self, form: int, start: int, end: int) -> Mark:
        entry = self._finder.entry_of[form]
        return start + self._base, end + self._base, entry.name, _GROUPS.index(entry.group)


@dataclass(slots=True)
class _Addition:
    """Pieces of one trace on their way out together."""

    text: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    logprobs: list[float | None] = field(default_factory=list)
    entropies: list[float | None] = field(default_factory=list)
    forced: int = 0

    def add(self, piece: Mapping[str, Any]) -> None:
        self.text.append(encodable(piece["t"]))
        self.sizes += piece.get("n", ())
        self.forced += piece.get("forced", 0)
        self.logprobs += _rounded(piece.get("lp"), len(self.sizes) - len(self.logprobs))
        self.entropies += _rounded(piece.get("h"), len(self.sizes) - len(self.entropies))


class StreamWriter:
    """The items for one browser, batch by batch."""

    def __init__(self, finder: Finder, lexicon: str, problem: int = 0, sample: int = 0) -> None:
        """`problem` and `sample` are those whose traces are sent with their text; `lexicon` names `finder`'s."""
        self._finder, self._lexicon, self._focus = finder, lexicon, (problem, sample)
        # Only the traces of one problem and sample are sent with their text, the others with their end alone: a job of
        # hundreds costs no more than what is looked at.
        # Only the traces of one problem and sample are sent with their text, the others with their end alone: a job of
        # hundreds costs no more than what is looked at.
        self._shown: set[int] = set()
        self._texts: dict[int, GrowingText] = {}
        self._waiting: dict[int, _Addition] = {}
        self._writers = {
            "plan": self._plan,
            "open": self._open,
            "done": self._done,
            "failed": self._failed,
            "end": self._end,
        }

    def items(self, messages: Iterable[StreamMessage]) -> list[Item]:
        """The items for these messages, in order; pieces that follow each other in one trace become one."""
        items: list[Item] = []
        for _, payload in messages:
            kind = payload["k"]
            if kind == "piece":
                if payload["i"] in self._shown:
                    self._waiting.setdefault(payload["i"], _Addition()).add(payload)
                continue
            if kind == "open":
                self._waiting.pop(payload["i"], None)
            elif kind in ("done", "failed"):
                items += self._addition(payload["i"])
            if kind in self._writers:
                items += self._writers[kind](payload)
        return items + [item for trace in list(self._waiting) for item in self._addition(trace)]

    def _plan(self, plan: Mapping[str, Any]) -> list[Item]:
        problems, samples = plan["problems"], plan["samples"]
        self._focus = (min(self._focus[0], len(problems) - 1), min(self._focus[1], samples - 1))
        self._shown = {(arm * len(problems) + self._focus[0]) * samples + self._focus[1] for arm in range(_PANES)}
        asked = [{"question": encodable(p["question"]), "gold": encodable(p["gold"])} for p in problems]
        arms = [_arm(arm) for arm in plan["arms"][:_PANES]]
        return [{"k": "plan", "arms": arms, "problems": asked, "samples": samples, "focus": list(self._focus)}]

    def _open(self, opened: Mapping[str, Any]) -> list[Item]:
        trace = opened["i"]
        if trace not in self._shown:
            return [{"k": "open", "i": trace}]
        self._texts[trace] = GrowingText(self._finder)
        return [{"k": "open", "i": trace, "prompt": encodable(opened.get("prompt", ""))}]

    def _addition(self, trace: int) -> list[Item]:
        added = self._waiting.pop(trace, None)
        if added is None:
            return []
        text = "".join(added.text)
        kept, new = self._texts.setdefault(trace, GrowingText(self._finder)).add(text)
        item: Item = {"k": "text", "i": trace, "t": text, "n": added.sizes, "m": kept}
        more = {"c": new, "f": added.forced, "lp": _known(added.logprobs), "h": _known(added.entropies)}
        return [item | {name: value for name, value in more.items() if value}]

    def _done(self, done: Mapping[str, Any]) -> list[Item]:
        item = {name: done.get(name) for name in _DONE}
        cues = (done.get("cues") or {}).get(self._lexicon)
        return [{"k": "done", **item, "answer": encodable(item["answer"]), "cues": cues}]

    def _failed(self, failed: Mapping[str, Any]) -> list[Item]:
        return [{"k": "failed", "i": failed["i"], "reason": encodable(failed["reason"])}]

    def _end(self, end: Mapping[str, Any]) -> list[Item]:
        return [{"k": "end", "state": end["state"], "error": encodable(end.get("error", ""))}]


def _arm(arm: Mapping[str, Any]) -> Item:
    """An arm's names, what was done to it in few words, and the token ids it can't say (at most 400 of them)."""
    banned = arm.get("banned", ())
    notes = [arm["label"]] if arm.get("label") else arm_notes(arm["context"], arm["prefix"], arm["hush"])
    shown = [[identity, encodable(text)] for identity, text, *_ in banned[:_MOST_BANNED]]
    return {
        "title": encodable(arm["model"]),
        "notes": encodable(" · ".join(notes)),
        "banned": shown,
        "bans": len(banned),
    }


def arm_notes(context: str, prefix: str, hush: str) -> list[str]:
    """What is special about an arm, in few words each: "sees the full solution", "starts with “Maybe”"."""
    notes = [] if context == "none" else [f"sees {_ARTICLES.get(context, context)}"]
    if prefix.strip():
        notes.append(f"starts with “{prefix.strip()}”")
    if hush:
        notes.append(f"can’t say the words of {hush}")
    return notes


_ARTICLES = {
    "full solution": "the full solution",
    "solution without thinking": "the solution without its thinking",
    "regenerated response": "a regenerated response",
    "answer only": "the answer alone",
}


def _rounded(values: Sequence[float | None] | None, size: int) -> list[float | None]:
    """Values of `size` tokens to two decimals; without values as many Nones."""
    # Two decimals of a log-probability give the probability to a percent, in a fraction of the bytes.
    if not values:
        return [None] * size
    return [None if value is None else round(value, 2) for value in values]


def _known(values: list[float | None]) -> list[float | None]:
    return values if any(value is not None for value in values) else []
