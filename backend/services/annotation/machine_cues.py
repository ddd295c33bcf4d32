"""The machine's cues of an item: what a project's lexicon finds in the stretch to be annotated."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from backend.annotation import Item
from backend.lexicon.loops import find_loops, inside
from backend.services.annotation.records import ItemCue
from backend.services.lexicons.catalog import LexiconService

_AROUND: Final = 40  # characters on either side by which a repeated cue is known


class LexiconCueFinder:
    """Finds cues by a lexicon's id. Threads may share it."""

    def __init__(self, lexicons: LexiconService) -> None:
        self._lexicons = lexicons

    def find(self, lexicon: str, text: str, item: Item) -> tuple[ItemCue, ...]:
        """The cues that lie wholly in the item's stretch of `text`, in order; none for no lexicon.

        Of those that a loop repeats, the first alone.
        """
        # A project keeps the lexicon it was made with, even after its file changed: labels answer its cues by place.
        matcher = self._lexicons.finder(lexicon) if lexicon else None
        if matcher is None:
            return ()
        found = []
        # The whole text is searched, so that a cue at the edge of a passage has its neighbours for word edges.
        hits = matcher.find(text)
        repeated = _repeated(text, hits)
        for number, (form, start, end) in enumerate(hits):
            if item.start <= start and end <= item.end and number not in repeated:
                entry = matcher.entry_of[form]
                found.append(ItemCue(lexicon, entry.name, entry.group, start, end))
        return tuple(found)


def _repeated(text: str, found: Sequence[tuple[int, int, int]]) -> set[int]:
    """Which of the cues in loops stand in the same words as one before them: a person need judge those but once."""
    places = np.array([start for _, start, _ in found], dtype=np.int64)
    said: set[str] = set()
    repeated = set()
    for number in np.flatnonzero(inside(find_loops(text), places)).tolist():
        _, start, end = found[number]
        around = text[max(0, start - _AROUND) : end + _AROUND]
        if around in said:
            repeated.add(number)
        said.add(around)
    return repeated
