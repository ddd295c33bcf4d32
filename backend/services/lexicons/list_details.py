"""Details of a list as a page shows them: its entries with their use in the store, and how its hits were judged."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Final

from backend.lexicon.entries import Anchor
from backend.lexicon.judgements import DOUBT
from backend.lexicon.languages import languages_of, languages_of_forms
from backend.measure.bootstrap import Estimate
from backend.measure.shares import wilson_interval
from backend.services.lexicons.catalog import LexiconService
from backend.store import Store

_AROUND: Final = 40  # characters of an example before and after its words
_ANCHORS: Final = {Anchor.SENTENCE: "at the start of a sentence", Anchor.QUESTION: "as the first word of a question"}
_ARMS: Final = {"long": "LIMO and R1", "base": "base, instruct and RL", "lab": "the demo"}


@dataclass(frozen=True, slots=True)
class EntryDetails:
    """An entry to read: `cues` and `example` are of the store's responses, `right` of `judged` hits are doubts."""

    name: str
    group: str
    forms: tuple[str, ...]
    note: str
    languages: tuple[str, ...]
    cues: int
    example: str
    right: int
    judged: int

    def holds(self, words: str) -> bool:
        """Whether a search for `words` finds it."""
        return words.lower() in " ".join([self.name, self.group, self.note, *self.languages, *self.forms]).lower()


class ListDetails:
    """Details of the lists of one store."""

    def __init__(self, store: Store, lexicons: LexiconService) -> None:
        self._store, self._lexicons = store, lexicons

    def entries(self, name: str) -> list[EntryDetails]:
        """Every entry of a list, in the list's order."""
        lexicon = self._lexicons.get(name)
        cues: dict[str, int] = defaultdict(int)
        places: dict[str, dict[str, Any]] = {}
        for row in self._store.queries.entry_counts([run.id for run in self._store.runs()], lexicon.id):
            cues[row["entry"]] += row["n"]
            places[row["entry"]] = row["place"]
        texts = self._store.queries.texts_of([place["id"] for place in places.values()])
        # The words with a little of the text on both sides.
        examples = {
            entry: texts[at["id"]]["text"][max(0, at["start"] - _AROUND) : at["upto"] + _AROUND]
            for entry, at in places.items()
        }
        judged, spoken = self._judged_entries(name), languages_of(lexicon)
        return [
            EntryDetails(
                entry.name,
                entry.group.value,
                entry.forms,
                "; ".join(filter(None, (_ANCHORS.get(entry.at), entry.why))),
                languages_of_forms(entry.forms, spoken),
                cues[entry.name],
                f"…{' '.join(examples[entry.name].split())}…" if entry.name in examples else "",
                judged[entry.name, True],
                judged[entry.name, True] + judged[entry.name, False],
            )
            for entry in lexicon.entries
        ]

    def precision(self, name: str) -> dict[str, Estimate]:
        """Which models' traces -> the share of a list's hits there that are doubts, of those read at random."""
        found = {}
        for arm, label in _ARMS.items():
            hits = [hit for hit in self._lexicons.judgements.hits if (hit.sample, hit.arm) == (name, arm)]
            if hits:
                share = sum(hit.label == DOUBT for hit in hits) / len(hits)
                found[label] = Estimate(share, *wilson_interval(share, len(hits)), len(hits))
        return found

    @property
    def rule(self) -> str:
        """The rule that hits were judged by."""
        return self._lexicons.judgements.rule

    def _judged_entries(self, name: str) -> Counter[tuple[str, bool]]:
        # Hits that were drawn entry by entry are the newest list's.
        samples = {name, "entries"} if name == self._lexicons.default else {name}
        hits = [hit for hit in self._lexicons.judgements.hits if hit.sample in samples and hit.arm != "lab"]
        return Counter((hit.entry, hit.label == DOUBT) for hit in hits)
