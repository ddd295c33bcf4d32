"""Adjudicating: from several people's labels to one that counts.

Owns the gold layer: decisions by hand, merging by rule, and that merging never undoes what a person decided. Knows
nothing of how agreement is measured, nor of pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from backend.services.annotate_info import Adjudication, LabelDraft, MergeCounts, Saved
from backend.services.lexicons import LexiconService
from backend.services.people import PeopleService
from backend.store import Store

REASONS = ("guideline gap", "ambiguous", "slip")
RULES = ("agreed by all", "majority", "any")
Match = Literal["exact", "overlap"]


class AdjudicateService:
    """Adjudicators' work on the projects of one store."""

    def __init__(self, store: Store, lexicons: LexiconService, people: PeopleService) -> None:
        """`people` is the gate, `lexicons` finds the machine's cues."""
        self._store = store

    def sheet(self, actor: str, item_id: str) -> Adjudication:
        """An item laid out with everybody's labels. For adjudicators."""
        raise NotImplementedError

    def decide(self, actor: str, project_id: str, item_id: str, rows: Sequence[LabelDraft]) -> list[Saved]:
        """Put rows into the gold layer, all or none; taken and refused like an annotator's. For adjudicators.

        `op` REJECT says that no label belongs there: unlike a withdrawal, which takes a decision back, it is one, and
        merging leaves the place alone. `reason` is one of `REASONS` or "". `how`: adopted, own or merged.
        """
        raise NotImplementedError

    def settle(self, actor: str, item_id: str, settled: bool = True) -> None:
        """Say that an item is finished with, or not. For adjudicators."""
        raise NotImplementedError

    def merge(self, actor: str, project_id: str, rule: str, match: Match = "exact") -> MergeCounts:
        """Put into the gold layer what annotators who are finished agree on, by one of `RULES`. For adjudicators.

        Whatever was decided by hand stays, and nothing is put where such a decision touches. What an earlier merge
        put there and this rule doesn't is withdrawn. Settled items stay as they are.
        """
        raise NotImplementedError
