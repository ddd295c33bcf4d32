"""The catalog of lexicons, shipped ones and the store's own, and the matching of stored runs with new ones.

A name stands for its newest version unless that was put away; older versions stay readable by their id, and so do the
cues that runs hold of them.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from backend.annotation import Role
from backend.codec import decode
from backend.domain import Run, Section, SectionSpan, UserError, visible
from backend.lexicon.entries import Lexicon, from_yaml, load, load_all
from backend.lexicon.finder import CueFinder
from backend.lexicon.judgements import Judgements, load_judgements
from backend.lexicon.loops import find_loops
from backend.lexicon.markers import markers
from backend.lexicon.matcher import Matcher
from backend.lexicon.serialization import to_yaml
from backend.services.access.authorization import needs
from backend.services.access.people import PeopleService
from backend.services.lexicons.own_lexicons import (
    SEEN,
    LearnedDetector,
    OwnLexicon,
    check_name,
    engine_of,
    learned_row,
    list_row,
    own,
)
from backend.store import Store
from backend.store.lexicon_versions import OwnRow
from backend.store.parts import PartWriter
from backend.store.trace_columns import CueColumns

DEFAULT = "doubts"


@dataclass(frozen=True, slots=True)
class LexiconRow:
    """A lexicon as a list shows it; `runs` counts the runs that hold its cues. `learned` tells a detector."""

    id: str
    name: str
    title: str
    entries: int
    runs: int
    learned: bool = False


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The lexicons at one version of the ledger: shipped ones first, the default at their front, each by name."""

    version: int
    rows: tuple[OwnRow, ...] = ()
    engines: Mapping[str, CueFinder] = field(default_factory=dict)


class LexiconService:
    """The lexicons of one folder and of one store."""

    def __init__(self, store: Store, folder: Path, people: PeopleService) -> None:
        self._store, self._folder, self._people = store, folder, people
        self._shelved = _Shelf(-1)
        self._own: dict[tuple[str, int], CueFinder | None] = {}
        self._contents: dict[str, dict[str, Any]] = {}

    @cached_property
    def _shipped(self) -> dict[str, CueFinder]:
        found = load_all(self._folder)
        if not found:
            raise UserError(f"There is no lexicon in {visible(str(self._folder))}.")
        return {
            name: Matcher(lexicon)
            for name, lexicon in sorted(found.items(), key=lambda item: (item[0] != DEFAULT, item[0]))
        }

    def _shelf(self) -> _Shelf:
        # Asked at every call: another process may have added a lexicon. One number is a cheap thing to read.
        version = self._store.ledger.version()
        if self._shelved.version != version:
            rows = tuple(self._store.own_lexicons.rows())
            # A release may ship a lexicon of a name that somebody used before: the shipped one's figures are published.
            newest = {row.name: row for row in rows if not row.retired and row.name not in self._shipped}
            engines = {name: engine for name, row in sorted(newest.items()) if (engine := self._engine(row))}
            self._shelved = _Shelf(version, rows, {**self._shipped, **engines})
        return self._shelved

    def _engine(self, row: OwnRow) -> CueFinder | None:
        """The engine of an own version, made once; None where this release can't read it."""
        # A version never changes, and a matcher of hundreds of entries takes a moment to compile.
        key = (row.name, row.version)
        if key not in self._own:
            content = self._store.own_lexicons.content(row.id)
            try:
                self._own[key] = engine_of(row, content) if content else None
            except UserError:
                self._own[key] = None
        return self._own[key]

    # -- reading ------------------------------------------------------------------------------------

    @property
    def by_name(self) -> dict[str, Lexicon]:
        """Name -> lexicon, the default first. Raises UserError for a bad file or an empty folder."""
        return {name: engine.lexicon for name, engine in self._shelf().engines.items()}

    def get(self, name: str) -> Lexicon:
        """The lexicon of that name. Raises UserError if there is none."""
        found = self.by_name
        if name not in found:
            raise UserError(f"There is no lexicon called {visible(name)!r}; there are {', '.join(found)}.")
        return found[name]

    def word_list(self, name: str) -> Lexicon:
        """The list of words of that name. Raises UserError if there is none, or if it is a detector."""
        lexicon = self.get(name)
        if lexicon.learned:
            raise UserError(f"{visible(name)} is a trained detector: it has no list of words to forbid or to change.")
        return lexicon

    @cached_property
    def judgements(self) -> Judgements:
        """The hits of shipped lists that were read in context. Raises UserError for a bad table."""
        return load_judgements(self._folder)

    @property
    def default(self) -> str:
        """Name of the lexicon shown unless a person chooses another."""
        return next(iter(self._shipped))

    def matchers(self) -> dict[str, CueFinder]:
        """Lexicon id -> engine, of every name."""
        return {engine.lexicon.id: engine for engine in self._shelf().engines.values()}

    def finder(self, identity: str) -> CueFinder | None:
        """The engine of an id, older versions' and put-away ones' included; None where there is none."""
        if current := self.matchers().get(identity):
            return current
        row = next((row for row in reversed(self._shelf().rows) if row.id == identity), None)
        return self._engine(row) if row else self._former(identity)

    def held_by(self, run_id: str) -> dict[str, CueFinder]:
        """Lexicon id -> engine, of the lexicons whose cues a run holds, in the order of `matchers`."""
        held = self._store.ledger.run_lexicons().get(run_id, set())
        order = [*(each for each in self.matchers() if each in held), *sorted(held - set(self.matchers()))]
        return {each: engine for each in order if (engine := self.finder(each))}

    def _former(self, identity: str) -> CueFinder | None:
        """The engine of a list that was shipped once: the ledger keeps its content beside its cues."""
        if (identity, 0) not in self._own:
            content = self._store.ledger.lexicons().get(identity, {})
            try:
                lexicon = decode(Lexicon, content)
                whole = lexicon.id == identity and not lexicon.learned
            except (TypeError, ValueError, AttributeError):
                whole = False
            self._own[identity, 0] = Matcher(lexicon) if whole else None
        return self._own[identity, 0]

    @property
    def shipped(self) -> list[str]:
        """Ids of the lexicons that are shipped with this release."""
        return [engine.lexicon.id for engine in self._shipped.values()]

    def name_of(self, identity: str) -> str:
        """The name that stands for an id, or stood for it when it was the newest version; "" for ""."""
        known = self.matchers().get(identity)
        return known.lexicon.name if known else identity.partition("@")[0]

    def contents(self) -> dict[str, dict[str, Any]]:
        """Lexicon id -> its whole content, which the ledger keeps beside the cues found with it."""
        return self.contents_of(self.matchers())

    def contents_of(self, engines: Mapping[str, CueFinder]) -> dict[str, dict[str, Any]]:
        """Lexicon id -> its whole content, of these engines."""
        # Every run of a folder of steps asks for hundreds of entries, which never change under their id.
        for identity, engine in engines.items():
            if identity not in self._contents:
                self._contents[identity] = dataclasses.asdict(engine.lexicon)
        return {identity: self._contents[identity] for identity in engines}

    def overview(self) -> list[LexiconRow]:
        """Every lexicon with how many runs hold its cues."""
        held = self._store.ledger.run_lexicons()
        return [
            LexiconRow(x.id, x.name, x.title, len(x.entries), sum(x.id in i for i in held.values()), bool(x.learned))
            for x in self.by_name.values()
        ]

    @property
    def thinking_marks(self) -> str:
        """The regular expression, for a browser too, of the marks around thinking (whole lines left out)."""
        return markers().expression

    # -- the store's own ----------------------------------------------------------------------------

    def own(self) -> list[OwnLexicon]:
        """Every version made here, by name and version."""
        shelf = self._shelf()
        current = {(name, engine.lexicon.version) for name, engine in shelf.engines.items()}
        return [
            own(row, (row.name, str(row.version)) in current and row.name not in self._shipped) for row in shelf.rows
        ]

    def own_name(self, name: str) -> str:
        """What a changed `name` may be called: a shipped lexicon keeps its name for itself."""
        return f"{name}-own" if name in self._shipped else name

    def add_version(self, actor: str, lexicon: Lexicon, note: str = "") -> OwnLexicon:
        """Store `lexicon` as the newest version of its name. For adjudicators.

        Raises UserError for a shipped lexicon's name, for one that is no proper list, and where nothing is new in it.
        """
        person = self._people.require(actor, Role.ADJUDICATOR)
        return self._add(*list_row(lexicon, note, person.id))

    def add_file(self, actor: str, path: Path, note: str = "") -> OwnLexicon:
        """Store the lexicon in a YAML file, as `add_version`. Raises UserError for a bad file."""
        return self.add_version(actor, load(path), note)

    def add_yaml(self, actor: str, raw: bytes, shown: str, note: str = "") -> OwnLexicon:
        """Store the lexicon in the bytes of a YAML file that people call `shown`, as `add_version`."""
        return self.add_version(actor, from_yaml(raw, shown), note)

    def add_detector(self, actor: str, name: str, learned: LearnedDetector, note: str = "") -> OwnLexicon:
        """Store a trained detector as the newest version of `name`, as `add_version`."""
        person = self._people.require(actor, Role.ADJUDICATOR)
        return self._add(*learned_row(name, learned, note, person.id))

    def seen(self, identity: str) -> frozenset[str]:
        """Digests of the texts that the detector of that id learned from."""
        return frozenset((self._store.own_lexicons.content(identity) or {}).get(SEEN, ()))

    def _add(self, row: OwnRow, content: Mapping[str, Any]) -> OwnLexicon:
        self.check_own(row.name)
        # The ledger numbers versions in its transaction: two people who save at once get two versions.
        version = self._store.own_lexicons.add(row, content)
        if version is None:
            raise UserError(f"Nothing is new in it: that is what {visible(row.name)} stands for already.")
        return next(one for one in self.own() if (one.name, one.version) == (row.name, version))

    def check_own(self, name: str) -> None:
        """Raise UserError for a name that nothing made here may have."""
        check_name(name)
        if name in self._shipped:
            raise UserError(
                f"{visible(name)} is a shipped lexicon, whose figures must not change their meaning: give yours "
                f"another name, such as {self.own_name(name)}."
            )

    def retire(self, actor: str, name: str) -> None:
        """Put a name away with all its versions; the cues that runs hold of them stay. For admins."""
        self._people.require(actor, Role.ADMIN)
        if name in self._shipped:
            raise UserError(f"{visible(name)} is a shipped lexicon: only what was made here can be put away.")
        if not self._store.own_lexicons.retire(name):
            raise UserError(f"There is no lexicon of your own called {visible(name)!r} in use.")

    def figures(self, name: str) -> Mapping[str, Any]:
        """The measured figures of the lexicon that `name` stands for; {} where there are none."""
        return next((one.figures for one in self.own() if one.current and one.name == name), {})

    def to_yaml(self, name_or_id: str) -> str:
        """The YAML of a list, by name or by the id of any version. Raises UserError for a detector."""
        engine = self.finder(name_or_id)
        return to_yaml(engine.lexicon if engine else self.get(name_or_id))

    # -- cues of stored runs ------------------------------------------------------------------------

    def missing(self) -> dict[str, list[str]]:
        """Run id -> lexicon ids it holds no cues of, for the runs that lack any."""
        held, known = self._store.ledger.run_lexicons(), list(self.matchers())
        lacking = {run.id: [x for x in known if x not in held.get(run.id, set())] for run in self._store.runs()}
        return {run: ids for run, ids in lacking.items() if ids}

    @needs(Role.ADMIN)
    def match_missing(self) -> Iterator[tuple[str, list[str]]]:
        """Find and store the cues that are missing; yields (run label, lexicon names) after each run."""
        # A run is stored whole before the next begins: who stops in between has lost nothing.
        missing = self.missing()
        for run in self._store.runs():
            if (ids := missing.get(run.id)) and self.match(run, ids):
                yield run.label, [self.name_of(identity) for identity in ids]

    def match(self, run: Run, ids: Sequence[str]) -> bool:
        """Find and store a run's cues under the lexicons of these ids. False where it was deleted meanwhile."""
        engines = self.matchers()
        engines = {each: engines[each] for each in ids if each in engines}  # one may have been put away meanwhile
        found = CueColumns(engines)
        for row in self._store.queries.texts(run.id):
            sections = [SectionSpan(Section(s["section"]), s["start"], s["end"]) for s in row["sections"]]
            place = {"trace_id": row["trace_id"], "run_id": run.id, "problem_id": row["problem_id"]}
            found.add(place, row["prompt"], row["text"], sections, find_loops(row["text"]))
        with PartWriter(self._store.folder, run.id) as writer:
            for kind, rows in found.tables().items():
                writer.write(kind, rows)
            held = self.contents_of(engines)
            return writer.register(lambda parts: self._store.ledger.add_matches(run.id, parts, held))
