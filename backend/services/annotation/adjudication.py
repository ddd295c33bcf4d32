"""Adjudication: from several people's labels to the gold layer, by hand and by merge rules.

Owns the gold layer, and that merging never undoes what a person decided.
"""

from collections.abc import Sequence
from dataclasses import replace

from backend.annotation import Label, Layer, ProjectState, Role
from backend.services.access.people import PeopleService
from backend.services.annotation.label_merge import BY_RULE, Match, Merged, check, merged
from backend.services.annotation.labelling import LabellingService, enter, labelled_item
from backend.services.annotation.machine_cues import LexiconCueFinder
from backend.services.annotation.projects import ProjectService
from backend.services.annotation.records import Adjudication, LabelDraft, MergeCounts, Saved
from backend.store import Store


class AdjudicationService:
    """Adjudicators' work on the projects of one store."""

    def __init__(
        self,
        store: Store,
        people: PeopleService,
        projects: ProjectService,
        labelling: LabellingService,
        cues: LexiconCueFinder,
    ) -> None:
        self._store, self._people, self._projects = store, people, projects
        self._labelling, self._cues = labelling, cues

    def sheet(self, actor: str, item_id: str) -> Adjudication:
        """An item with everybody's labels, to be adjudicated. For adjudicators."""
        self._people.require(actor, Role.ADJUDICATOR)
        item = self._projects.item(item_id)
        project = self._projects.get(item.project)
        text = self._projects.text_row(item.text_sha256)
        log = self._store.annotations.of_item(item.id)
        taken = [row for row in self._store.annotations.taken(project.id) if row.item == item.id]
        settled = item.id in self._store.projects.settled(project.id)
        closed = project.state is not ProjectState.OPEN
        return Adjudication(
            labelled=labelled_item(item, text.text, log, taken, settled),
            project=project,
            names={person.id: person.name for person in self._people.all()},
            sections=text.sections,
            cues=self._cues.find(project.lexicon, text.text, item),
            history=sum(label.layer is Layer.GOLD for label in log),
            number=item.ordinal + 1,
            of=self._store.projects.count(project.id),
            writable=not closed,
            why="This project is closed: it takes no more labels." if closed else "",
        )

    def decide(self, actor: str, project_id: str, item_id: str, rows: Sequence[LabelDraft]) -> list[Saved]:
        """Put rows into the gold layer, all or none; taken and refused like an annotator's. For adjudicators.

        `op` REJECT says that no label belongs there. `reason` is one of `REASONS` or "". `how` is "adopted" or "own".
        """
        # "merged" is kept for `merge`: by it a later merge knows what it may withdraw again.
        rows = [replace(row, how="own") if row.how == BY_RULE else row for row in rows]
        return enter(self._store, self._projects, project_id, item_id, actor, Layer.GOLD, rows)

    def settle(self, actor: str, item_id: str, settled: bool = True) -> None:
        """Mark an item as adjudicated, or take that back. For adjudicators."""
        person = self._people.require(actor, Role.ADJUDICATOR)
        self._store.annotations.settle(self._projects.item(item_id), person.id if settled else "")

    def merge(self, actor: str, project_id: str, rule: str, match: Match = "exact") -> MergeCounts:
        """Put into the gold layer what annotators who are finished agree on, by one of `RULES`. For adjudicators.

        Whatever was decided by hand stays, and nothing is put where it overlaps such a decision. What an earlier merge
        put there and this rule doesn't is withdrawn. Settled items stay as they are, and items wait until two people
        are finished (one, where the project needs no more).
        """
        person = self._people.require(actor, Role.ADJUDICATOR)
        project = self._projects.get(project_id)
        check(rule, match)
        outcome: list[Merged] = []

        # Called inside the transaction, so that nobody's label can arrive between reading and merging. It may be called
        # again where the transaction is retried.
        def make() -> list[Label]:
            labelled = self._labelling.labelled(project.id)
            logs: dict[str, list[Label]] = {}
            for label in self._store.annotations.of_project(project.id, Layer.GOLD):
                logs.setdefault(label.item, []).append(label)
            outcome.extend(merged(one, logs.get(one.item.id, []), project, person.id, rule, match) for one in labelled)
            return [row for one in outcome for row in one.rows]

        self._store.annotations.enter_all(project.id, make)
        return MergeCounts(
            items=len(outcome),
            added=sum(one.added for one in outcome),
            kept=sum(one.kept for one in outcome),
            withdrawn=sum(one.withdrawn for one in outcome),
            decided=sum(one.decided for one in outcome),
            waiting=sum(one.waiting for one in outcome),
            settled=sum(one.settled for one in outcome),
        )
