"""Labelling: an annotator takes an item, labels it, leaves it and comes back.

Owns what an annotator may write and see.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from backend.annotation import Item, Label, Labelled, Layer, ProjectState, Role, standing
from backend.domain import UserError, visible
from backend.services.access.display_names import prose
from backend.services.access.people import PeopleService, allowed, known, plausible
from backend.services.annotation.label_rules import STANDING, accepted, check_ids
from backend.services.annotation.machine_cues import LexiconCueFinder
from backend.services.annotation.projects import ProjectService
from backend.services.annotation.records import ItemState, LabelDraft, Saved, Sheet
from backend.store import Store
from backend.store.annotation.annotation_rows import Taken
from backend.store.annotation.annotations import LabelTransaction

STATES: Final = ("open", "done", "flagged")
ROWS: Final = 5_000  # at once: they are entered in one transaction, for which everybody else waits
_NOTE = 2_000
_HOUR = 3_600.0  # the most seconds taken at once: a laptop that was shut for a night has worked on nothing
_NOBODY = Taken("", "", "open", 0)


class LabellingService:
    """Annotators' work on the projects of one store."""

    def __init__(self, store: Store, people: PeopleService, projects: ProjectService, cues: LexiconCueFinder) -> None:
        self._store, self._people, self._projects, self._cues = store, people, projects, cues

    def next_item(self, actor: str, project_id: str) -> Item | None:
        """Take the next item, or go on with the one left open; None where nothing is left. For annotators.

        Items somebody else began come first, then those of the highest priority, then in order. However many ask at
        once, an item is never taken by more people than it needs. The item is anonymous.
        """
        person = self._people.require(actor, Role.ANNOTATOR)
        project = self._projects.get(project_id)
        item = self._store.annotations.claim(project.id, person.id)
        return anonymous(item) if item else None

    def open(self, actor: str, item_id: str) -> Sheet:
        """An item as `actor` sees it, taken by them if it needs annotators and they may label; else to read only."""
        person = self._people.get(actor)
        item = self._projects.item(item_id)
        project = self._projects.get(item.project)
        # First of all, because it takes the item: what follows reads it as taken.
        why = self._reason(person.role.covers(Role.ANNOTATOR), project.state, item, person.id)
        mine = self._store.annotations.taken(project.id, person.id)
        taken = next((row for row in mine if row.item == item.id), _NOBODY)
        text = self._projects.text_row(item.text_sha256)
        log = self._store.annotations.of_item(item.id, person=person.id, layer=Layer.PERSON)
        return Sheet(
            item=anonymous(item),
            # How items were sampled names the runs.
            project=replace(project, sampling={}),
            text=text.text,
            sections=text.sections,
            labels=tuple(standing(log)),
            history=len(log),
            cues=() if item.blind else self._cues.find(project.lexicon, text.text, item),
            state=taken.state,
            place=taken.place,
            seconds=taken.seconds,
            note=taken.note,
            number=taken.turn,
            done=sum(row.state == "done" for row in mine),
            of=self._store.projects.count(project.id),
            writable=not why,
            why=why,
        )

    def _reason(self, may_label: bool, state: ProjectState, item: Item, person: str) -> str:
        """Why a person can only read an item; "" if they have it or took it just now."""
        if not may_label:
            return "You may read here, not label: ask an admin for the role of an annotator."
        if state is not ProjectState.OPEN:
            return "This project is closed: it takes no more labels."
        if not self._store.annotations.take(item, person):
            return f"Item {item.ordinal + 1} has all the annotators it needs: take another one."
        return ""

    def save(self, actor: str, project_id: str, item_id: str, rows: Sequence[LabelDraft]) -> list[Saved]:
        """Put rows into the label log, all or none, in one transaction; returns each with its seq. For annotators.

        A row that is in the log already is only acknowledged again. Raises UserError where one breaks a rule.
        """
        return enter(self._store, self._projects, project_id, item_id, actor, Layer.PERSON, rows)

    def mark(
        self,
        actor: str,
        item_id: str,
        *,
        state: str | None = None,
        place: int | None = None,
        seconds: float | None = None,
        note: str | None = None,
    ) -> None:
        """Set an item's state ("open", "done", "flagged"), reading place and note; `seconds` are added to the time."""
        person = self._people.require(actor, Role.ANNOTATOR)
        item = self._projects.item(item_id)
        values: dict[str, Any] = {}
        if state is not None:
            if state not in STATES:
                raise UserError(f"An item is one of {', '.join(STATES)}, not '{visible(state, 40)}'.")
            values["state"] = state
        if place is not None:
            # Kept in bounds and not refused: a reading place is never worth an error message.
            values["place"] = min(max(place, 0), item.end)
        if note is not None:
            values["note"] = prose("The note", note, _NOTE)
        spent = min(max(seconds or 0.0, 0.0), _HOUR)
        if not self._store.annotations.mark(item, person.id, spent, **values):
            raise UserError(f"Item {item.ordinal + 1} isn't yours: open it before you say how it stands.")

    def history(self, item_id: str, person: str | None = None) -> list[Label]:
        """Every row of an item's log by seq; of one person's own layer where `person` is given."""
        layer = None if person is None else Layer.PERSON
        return self._store.annotations.of_item(item_id, person=person, layer=layer)

    def mine(self, actor: str, project_id: str) -> list[ItemState]:
        """The items that `actor` took, in the order they were taken."""
        items = {item.id: anonymous(item) for item in self._projects.items(project_id)}
        counts = self._store.progress.standing_by_item(project_id, actor)
        return [
            ItemState(items[row.item], row.state, row.turn, row.place, row.seconds, row.note, counts.get(row.item, 0))
            for row in self._store.annotations.taken(project_id, actor)
            if row.item in items
        ]

    def labelled(self, project_id: str) -> list[Labelled]:
        """Every item with all that stands on it, in order: what agreement, gold and exports are made of."""
        items = self._projects.items(project_id)
        # One query a table, and none an item: a project may have 50,000 of them.
        logs: dict[str, list[Label]] = defaultdict(list)
        for label in self._store.annotations.of_project(project_id):
            logs[label.item].append(label)
        taken: dict[str, list[Taken]] = defaultdict(list)
        for row in self._store.annotations.taken(project_id):
            taken[row.item].append(row)
        texts, settled = self._store.projects.texts(project_id), self._store.projects.settled(project_id)
        return [
            labelled_item(item, texts.get(item.text_sha256, ""), logs[item.id], taken[item.id], item.id in settled)
            for item in items
        ]


def anonymous(item: Item) -> Item:
    """The item without what tells whose text it is: trace, run, stratum, name."""
    return replace(item, trace="", run="", stratum="", name="")


def labelled_item(item: Item, text: str, log: Sequence[Label], taken: Sequence[Taken], settled: bool) -> Labelled:
    """An item with everything that stands on it, out of its log and of who took it."""
    found = standing(log)
    # Whoever opened the item and marked nothing has an empty tuple, and is no stranger to it.
    people = sorted({row.person for row in taken} | {label.person for label in log if label.layer is Layer.PERSON})
    own: dict[str, list[Label]] = {person: [] for person in people}
    for label in found:
        if label.layer is Layer.PERSON:
            own[label.person].append(label)
    return Labelled(
        item=item,
        text=text,
        by_person={person: tuple(labels) for person, labels in own.items()},
        done=frozenset(row.person for row in taken if row.state == "done"),
        gold=tuple(label for label in found if label.layer is Layer.GOLD),
        settled=settled,
    )


def enter(
    store: Store,
    projects: ProjectService,
    project_id: str,
    item_id: str,
    actor: str,
    layer: Layer,
    rows: Sequence[LabelDraft],
) -> list[Saved]:
    """Put rows into one layer of an item's log, all or none. Raises UserError where a rule is broken."""
    if len(rows) > ROWS:
        raise UserError(f"At most {ROWS:,} labels can be saved at once; these are {len(rows):,}.")
    check_ids(rows)
    item = projects.made(item_id)
    # The address names both, and the project decides who may write.
    if item.project != project_id:
        raise UserError(f"There is no item {visible(item_id, 80)} in this project.")
    text = projects.text_row(item.text_sha256).text
    role = Role.ANNOTATOR if layer is Layer.PERSON else Role.ADJUDICATOR

    # Inside the transaction, the role too: it may have been taken away, or the project closed, a moment ago.
    def make(transaction: LabelTransaction) -> list[Label]:
        person = allowed(known(transaction.person, actor), role)
        return accepted(rows, transaction, text, person.id, layer)

    ids = list(dict.fromkeys(row.id for row in rows))
    roots = list(dict.fromkeys(row.root for row in rows if row.root))
    places = store.annotations.enter(project_id, item_id, plausible(actor), layer, ids, roots, make, STANDING)
    return [Saved(name, places[name]) for name in ids]
