"""Languages of stored runs: read off a few of their traces, and held against those of a list."""

from collections.abc import Mapping, Sequence
from itertools import islice

from backend.lexicon.entries import Lexicon
from backend.lexicon.languages import letters, warning
from backend.store import Store

_TRACES, _CHARACTERS = 40, 4_000  # of a run: a language shows in the first lines


class RunLanguages:
    """The languages of one store's runs; each run is read once, for it never changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Mapping[str, int]] = {}

    def warnings(self, runs: Sequence[str], lexicons: Sequence[Lexicon]) -> list[str]:
        """A sentence for each way in which some lists' languages aren't those of some of these runs."""
        return list(dict.fromkeys(filter(None, (warning(lexicons, self._letters(run)) for run in runs))))

    def _letters(self, run: str) -> Mapping[str, int]:
        if run not in self._known:
            rows = islice(self._store.queries.texts(run), _TRACES)
            self._known[run] = letters(row["text"][:_CHARACTERS] for row in rows)
        return self._known[run]
