"""The lexicons at hand, and the cues stored runs hold of them.

Owns the engines (built once), the choice of a default, and matching stored runs anew when a lexicon
was added or changed. Knows nothing of YAML's details or of how cues are drawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from backend.domain import Run, Section, SectionSpan, UserError, visible
from backend.lexicon.entries import Lexicon, load_all
from backend.lexicon.matcher import Matcher
from backend.services.rows import CueColumns
from backend.store import PartWriter, Store

DEFAULT = "doubts"


@dataclass(frozen=True, slots=True)
class LexiconRow:
    """A lexicon as a list shows it; `runs` counts the runs that hold its cues."""

    id: str
    name: str
    title: str
    entries: int
    runs: int


class LexiconService:
    """Lexicons of one folder over one store."""

    def __init__(self, store: Store, folder: Path) -> None:
        """`folder` holds the YAML files."""
        self._store, self._folder = store, folder

    @cached_property
    def by_name(self) -> dict[str, Lexicon]:
        """Name -> lexicon, the default first. Raises UserError for a bad file or an empty folder."""
        found = load_all(self._folder)
        if not found:
            raise UserError(f"There is no lexicon in {visible(str(self._folder))}.")
        return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT, item[0])))

    def get(self, name: str) -> Lexicon:
        """The lexicon of that name. Raises UserError if there is none."""
        if name not in self.by_name:
            raise UserError(f"There is no lexicon called {visible(name)!r}; there are {', '.join(self.by_name)}.")
        return self.by_name[name]

    @property
    def default(self) -> str:
        """Name of the lexicon shown unless a person chooses another."""
        return next(iter(self.by_name))

    @cached_property
    def _matchers(self) -> dict[str, Matcher]:
        return {lexicon.id: Matcher(lexicon) for lexicon in self.by_name.values()}

    def matchers(self) -> dict[str, Matcher]:
        """Lexicon id -> engine."""
        return dict(self._matchers)

    def contents(self) -> dict[str, dict[str, Any]]:
        """Lexicon id -> its whole content, kept in the ledger beside the cues made with it."""
        return {lexicon.id: dataclasses.asdict(lexicon) for lexicon in self.by_name.values()}

    def overview(self) -> list[LexiconRow]:
        """Every lexicon with how many runs hold its cues."""
        held = self._store.ledger.run_lexicons()
        return [
            LexiconRow(x.id, x.name, x.title, len(x.entries), sum(x.id in ids for ids in held.values()))
            for x in self.by_name.values()
        ]

    def missing(self) -> dict[str, list[str]]:
        """Run id -> lexicon ids it holds no cues of, for the runs that lack any."""
        held = self._store.ledger.run_lexicons()
        lacking = {
            run.id: [x for x in self._matchers if x not in held.get(run.id, set())] for run in self._store.ledger.runs()
        }
        return {run: ids for run, ids in lacking.items() if ids}

    def match_missing(self) -> Iterator[tuple[str, list[str]]]:
        """Find and store the cues that are missing; yields (run label, lexicon names) after each run."""
        missing = self.missing()
        for run in self._store.ledger.runs():
            if ids := missing.get(run.id):
                self._match(run, ids)
                yield run.label, [identity.partition("@")[0] for identity in ids]

    def _match(self, run: Run, ids: list[str]) -> None:
        found = CueColumns({identity: self._matchers[identity] for identity in ids})
        for row in self._store.queries.texts(run.id):
            sections = [SectionSpan(Section(s["section"]), s["start"], s["end"]) for s in row["sections"]]
            place = {"trace_id": row["trace_id"], "run_id": run.id, "problem_id": row["problem_id"]}
            found.add(place, row["prompt"], row["text"], sections)
        with PartWriter(self._store.folder, run.id) as writer:
            for kind, rows in found.tables().items():
                writer.write(kind, rows)
            contents = {identity: self.contents()[identity] for identity in ids}
            writer.register(lambda parts: self._store.ledger.add_matches(run.id, parts, contents))
