"""Annotating: taking an item, labelling it, leaving it and coming back.

Owns what an annotator may write and see. Knows nothing of pages, and nothing of adjudication.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.annotation import Item, Label, Labelled
from backend.services.annotate_info import ItemState, LabelDraft, PersonProgress, Saved, Sheet
from backend.services.lexicons import LexiconService
from backend.services.people import PeopleService
from backend.store import Store


class AnnotateService:
    """Annotators' work on the projects of one store."""

    def __init__(self, store: Store, lexicons: LexiconService, people: PeopleService) -> None:
        """`people` is the gate, `lexicons` finds the machine's cues."""
        self._store = store

    def next_item(self, actor: str, project_id: str) -> Item | None:
        """Take the next item, or go on with the one left open; None where nothing is left. For annotators.

        Items somebody else began come first, then those of the highest priority, then in order. However many ask at
        once, an item is never taken by more people than it needs. The item names no trace, run or stratum.
        """
        raise NotImplementedError

    def open(self, actor: str, item_id: str) -> Sheet:
        """An item laid out for `actor`, taken by them if it needs people and they may label; else to read only."""
        raise NotImplementedError

    def save(self, actor: str, project_id: str, item_id: str, rows: Sequence[LabelDraft]) -> list[Saved]:
        """Put rows into the log, all or none, in one transaction; returns each with its place there. For annotators.

        A row that is in the log already is only acknowledged again. Raises UserError where one can't be taken.
        """
        raise NotImplementedError

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
        """Say how an item stands ("open", "done", "flagged"), where one is in it, and a note; `seconds` are added."""
        raise NotImplementedError

    def history(self, item_id: str, person: str | None = None) -> list[Label]:
        """Every row of an item's log by seq; of one person's own layer where `person` is given."""
        raise NotImplementedError

    def mine(self, actor: str, project_id: str) -> list[ItemState]:
        """The items `actor` took, in the order they were taken."""
        raise NotImplementedError

    def progress(self, project_id: str) -> tuple[PersonProgress, ...]:
        """How far everybody is who took an item."""
        raise NotImplementedError

    def labelled(self, project_id: str) -> list[Labelled]:
        """Every item with all that stands on it, in order: what agreement, gold and exports are made of."""
        raise NotImplementedError
