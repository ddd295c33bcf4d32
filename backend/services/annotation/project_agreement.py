"""Inter-annotator agreement of a project: by pair, by label, blind and assisted apart; and the adjudicators' queue.

Owns which items count (those that two people are finished with), what an answer to a machine cue is, and the order of
the queue. The formulas are in measure/agreement.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.annotation import Labelled, Project, Span
from backend.measure.agreement import AgreementFigure, Judged, alpha, kappa, pairs_of, span_f1
from backend.measure.spans import Criterion, normalised
from backend.services.access.people import PeopleService
from backend.services.annotation.labelling import LabellingService
from backend.services.annotation.machine_cues import LexiconCueFinder
from backend.services.annotation.projects import ProjectService

EVERYBODY: Final = "all pairs"
ALL, BLIND, ASSISTED = "all items", "blind", "assisted"


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """Agreement on some items: `scope` says on which, `who` of whom, `label` on which label ("" for all).

    `spans` counts the labels behind it. Kappa is there where machine cues were shown.
    """

    scope: str
    who: str
    label: str
    items: int
    spans: int
    exact: AgreementFigure
    overlap: AgreementFigure
    position: AgreementFigure
    alpha: AgreementFigure
    kappa: AgreementFigure | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """An item in the adjudicators' queue: `f1` by overlap between its finished people, None where undefined."""

    item: str
    ordinal: int
    f1: float | None
    people: int
    labels: int
    gold: int
    settled: bool
    blind: bool


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """A project's agreement: `items` that two people finished, `of` all of them, and the rows."""

    project: Project
    items: int
    of: int
    rows: tuple[AgreementRow, ...]


class AgreementService:
    """Agreement in the projects of one store."""

    def __init__(
        self, people: PeopleService, projects: ProjectService, labelling: LabellingService, cues: LexiconCueFinder
    ) -> None:
        self._people, self._projects, self._labelling, self._cues = people, projects, labelling, cues

    def report(self, project_id: str) -> AgreementReport:
        """Every figure of a project."""
        project = self._projects.get(project_id)
        labelled = self._labelling.labelled(project.id)
        found = [(one.item.blind, self._judged(one, project)) for one in labelled]
        shared = [(blind, judged) for blind, judged in found if len(judged.spans) >= 2]
        everything = [judged for _, judged in shared]
        rows = [self._row(ALL, EVERYBODY, "", everything)]
        # Highlights make people agree with the machine, and so with each other: the two must not be pooled unseen.
        for scope, wanted in ((BLIND, True), (ASSISTED, False)):
            if chosen := [judged for blind, judged in shared if blind is wanted]:
                rows.append(self._row(scope, EVERYBODY, "", chosen))
        names = {person.id: person.name for person in self._people.all()}
        pairs = pairs_of(everything)
        # Of two annotators their pair is "all pairs" over again.
        if len(pairs) > 1:
            for pair in pairs:
                who = ", ".join(names.get(person, person) for person in pair)
                rows.append(self._row(ALL, who, "", [j for j in everything if set(pair) <= set(j.spans)], pair))
        for kind in project.scheme.positive:
            own = [_with_label(judged, kind.key) for judged in everything]
            rows.append(self._row(ALL, EVERYBODY, kind.name, own))
        return AgreementReport(project, len(shared), len(labelled), tuple(rows))

    def worst_first(self, project_id: str) -> list[QueueRow]:
        """The items of a project for adjudicators: those with labels and least agreement first, settled ones last."""
        project = self._projects.get(project_id)
        rows = [self._queue_row(one, project) for one in self._labelling.labelled(project.id)]
        # Before the settled ones comes what nobody could compare yet.
        return sorted(
            rows,
            key=lambda row: (
                row.settled,
                row.f1 is None and not (row.people >= 2 and row.labels),
                row.f1 or 0.0,
                row.ordinal,
            ),
        )

    def _queue_row(self, one: Labelled, project: Project) -> QueueRow:
        judged = self._judged(one, project)
        agreement = span_f1([judged], Criterion.OVERLAP).value if len(judged.spans) >= 2 else None
        return QueueRow(
            item=one.item.id,
            ordinal=one.item.ordinal,
            f1=agreement,
            people=len(one.done),
            labels=sum(len(labels) for labels in one.by_person.values()),
            gold=len(one.gold),
            settled=one.settled,
            blind=one.item.blind,
        )

    def _row(
        self, scope: str, who: str, label: str, items: Sequence[Judged], pair: tuple[str, str] | None = None
    ) -> AgreementRow:
        people = [(item, pair or tuple(item.spans)) for item in items]
        return AgreementRow(
            scope=scope,
            who=who,
            label=label,
            items=len(items),
            spans=sum(len(item.spans[person]) for item, chosen in people for person in chosen),
            exact=span_f1(items, Criterion.EXACT, pair),
            overlap=span_f1(items, Criterion.OVERLAP, pair),
            position=span_f1(items, Criterion.POSITION, pair),
            alpha=alpha(items, pair),
            kappa=None if label or not any(item.cues for item in items) else kappa(items, pair),
        )

    def _judged(self, one: Labelled, project: Project) -> Judged:
        """An item as those who are finished left it.

        Labels that say "not a cue" mark no span; they answer the machine's cues.
        """
        item = one.item
        positive = {kind.key for kind in project.scheme.positive}
        spans, answers = {}, {}
        # Cues of blind items were not shown, so that nobody answered them.
        cues = () if item.blind else self._cues.find(project.lexicon, one.text, item)
        places = [(cue.start, cue.end) for cue in cues]
        for person in sorted(one.done):
            labels = [label for label in one.by_person.get(person, ()) if label.label in positive]
            whole = normalised([label.span for label in labels], one.text)
            spans[person] = [Span(s.start - item.start, s.end - item.start, s.label) for s in whole]
            # It is one if a positive label touches it; a refusal, or silence, says that it is none.
            answers[person] = [any(row.start < end and start < row.end for row in labels) for start, end in places]
        # An item somebody is finished with says something wherever they put no label: there is nothing there.
        return Judged(item.end - item.start, spans, places, answers, item.trace or item.text_sha256)


def _with_label(judged: Judged, key: str) -> Judged:
    """The item with its spans of one label alone."""
    spans = {person: [span for span in own if span.label == key] for person, own in judged.spans.items()}
    return Judged(judged.size, spans, unit=judged.unit)
