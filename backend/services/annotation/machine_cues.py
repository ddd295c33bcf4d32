"""The machine's cues of an item: what a project's lexicon finds in the stretch to be annotated."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from backend.annotation import Item
from backend.domain import Group
from backend.lexicon.entries import Entry, Lexicon, MatchMode, Overlap
from backend.lexicon.finder import CueFinder
from backend.lexicon.matcher import Matcher
from backend.services.annotation.records import ItemCue
from backend.services.lexicons.catalog import LexiconService
from backend.store import Store


class LexiconCueFinder:
    """Finds cues by a lexicon's id. Threads may share it."""

    def __init__(self, store: Store, lexicons: LexiconService) -> None:
        """`lexicons` has the present ones; the ledger keeps the content of those that are gone."""
        self._store, self._lexicons = store, lexicons
        self._old: dict[str, Matcher | None] = {}
        self._lock = Lock()

    def find(self, lexicon: str, text: str, item: Item) -> tuple[ItemCue, ...]:
        """The cues that lie wholly in the item's stretch of `text`, in order; none for no lexicon."""
        matcher = self._matcher(lexicon) if lexicon else None
        if matcher is None:
            return ()
        found = []
        for form, start, end in matcher.find(text):
            # The whole text is searched, so that a cue at the edge of a passage has its neighbours for word edges.
            if item.start <= start and end <= item.end:
                entry = matcher.entry_of[form]
                found.append(ItemCue(lexicon, entry.name, entry.group, start, end))
        return tuple(found)

    def _matcher(self, lexicon: str) -> CueFinder | None:
        # A project keeps the lexicon it was made with, even after its file changed: labels answer its cues by place.
        if current := self._lexicons.finder(lexicon):
            return current
        # A lexicon that is gone is compiled once, None included: each item of a project asks for it.
        with self._lock:
            if lexicon not in self._old:
                content = self._store.ledger.lexicons().get(lexicon)
                self._old[lexicon] = Matcher(_lexicon(content)) if content and content.get("entries") else None
            return self._old[lexicon]


def _lexicon(content: Mapping[str, Any]) -> Lexicon:
    entries = (
        Entry(
            entry["name"],
            Group(entry["group"]),
            tuple(entry["forms"]),
            tuple(entry["exceptions"]),
            entry.get("why", ""),
        )
        for entry in content["entries"]
    )
    head = {name: content[name] for name in ("name", "version", "title", "description")}
    return Lexicon(**head, mode=MatchMode(content["mode"]), overlap=Overlap(content["overlap"]), entries=tuple(entries))
