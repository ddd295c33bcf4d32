"""Evaluation against gold: each lexicon's precision and recall, a run's corrected counts, suggested changes.

Owns which labels count as gold, and how a lexicon's marks are compared with them. The formulas are in measure/gold.py,
the choice of changes in suggestions.py.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.annotation import Item, Label, Labelled, Op, Project, Span
from backend.domain import UserError, visible
from backend.lexicon.entries import Lexicon
from backend.lexicon.finder import CueFinder
from backend.lexicon.judgements import DOUBT, text_key
from backend.measure.bootstrap import Estimate
from backend.measure.gold import Compared, Corrected, FinderEvaluation, FoundSpan, corrected, evaluate
from backend.measure.shares import wilson_interval
from backend.measure.spans import Criterion, normalised
from backend.services.annotation.labelling import LabellingService
from backend.services.annotation.projects import ProjectService
from backend.services.detection.suggestions import GoldText, Suggestion, changed, suggest
from backend.services.lexicons.catalog import LexiconService
from backend.services.lexicons.own_lexicons import text_digest
from backend.store import Store
from backend.store.queries import run_of


@dataclass(frozen=True, slots=True)
class LexiconScore:
    """A lexicon against gold: overlap leads, exact stands beside it. Texts that a detector learned from don't count."""

    name: str
    id: str
    title: str
    learned: bool
    overlap: FinderEvaluation
    exact: FinderEvaluation


@dataclass(frozen=True, slots=True)
class GoldReport:
    """Every lexicon against the gold of some projects: `items` with gold, `blind` of them, `spans` marked in them."""

    items: int
    blind: int
    spans: int
    scores: tuple[LexiconScore, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Piece:
    """An item with gold: its text, and its spans with cue groups for labels."""

    item: Item
    text: str
    spans: tuple[Span, ...]
    blind: bool

    @property
    def unit(self) -> str:
        """What is resampled as a whole: the trace an item was cut from."""
        return self.item.trace or self.item.text_sha256


NO_GOLD = (
    "There is no gold yet: an adjudicator settles items on the page Adjudicate, or merges what annotators agree on. "
    "In a project of one annotator an item, finished items count."
)


class GoldService:
    """Gold of one store's projects, and the figures that follow from it."""

    def __init__(
        self, store: Store, lexicons: LexiconService, projects: ProjectService, labelling: LabellingService
    ) -> None:
        self._store, self._lexicons = store, lexicons
        self._projects, self._labelling = projects, labelling
        self._judged: dict[tuple[str, str], tuple[int, int]] = {}

    def evaluation(self, project_id: str | None = None) -> GoldReport:
        """Precision, recall and F1 of every lexicon against a project's gold, or against that of all projects."""
        pieces = self._pieces(project_id)
        if not pieces:
            return GoldReport(0, 0, 0, (), NO_GOLD)
        scores = tuple(self._score(engine, pieces) for engine in self._lexicons.matchers().values())
        spans = sum(len(piece.spans) for piece in pieces)
        return GoldReport(len(pieces), sum(piece.blind for piece in pieces), spans, scores)

    def precision(self, run_id: str, lexicon: str) -> Estimate | None:
        """The share of a lexicon's marks in one run that are doubts: by people's gold there, and by shipped judgements.

        None where none of its marks was judged. The interval is Wilson's over marks.
        """
        engine = self._lexicons.matchers()[self._lexicons.get(lexicon).id]
        pieces = [piece for piece in self._pieces(None) if piece.item.trace and run_of(piece.item.trace) == run_id]
        by_people = evaluate([_compared(engine, piece) for piece in pieces]).whole
        right, found = self._shipped(run_id, engine)
        right, found = right + by_people.matched, found + by_people.found
        return Estimate(right / found, *wilson_interval(right / found, found), found) if found else None

    def corrected(self, run_id: str, lexicon: str, project_id: str | None = None) -> Corrected | None:
        """Cues a trace of a run, as counted and corrected by gold. None for a run without problems.

        Raises UserError where the run holds no cues of the lexicon.
        """
        found = self._lexicons.get(lexicon)
        # Without this a run that was never matched would seem to be without a doubt.
        if found.id not in self._store.ledger.run_lexicons().get(run_id, set()):
            raise UserError(f"The run holds no cues of {visible(lexicon)} yet: match it first.")
        engine = self._lexicons.matchers()[found.id]
        entries = [entry.name for entry in found.entries]
        texts = [_compared(engine, piece) for piece in self._pieces(project_id)]
        return corrected(self._counts(run_id, found.id, entries), entries, texts)

    def suggestions(self, lexicon: str, project_id: str | None = None) -> list[Suggestion]:
        """Changes to a word list that gold suggests, best supported first. Raises UserError for a detector."""
        found = self._lexicons.word_list(lexicon)
        engine = self._lexicons.matchers()[found.id]
        texts = [
            GoldText(piece.text, piece.item.start, piece.item.end, piece.spans, _found(engine, piece), piece.blind)
            for piece in self._pieces(project_id)
        ]
        return suggest(found, texts)

    def apply(self, lexicon: str, chosen: Sequence[Suggestion]) -> Lexicon:
        """The list with these changes, under the name an own version may have. Raises UserError for an empty list."""
        found = self._lexicons.word_list(lexicon)
        return changed(found, chosen, self._lexicons.own_name(found.name))

    def _shipped(self, run_id: str, engine: CueFinder) -> tuple[int, int]:
        """How many judged hits of a list, drawn at random or all of a run's, are doubts, and of how many."""
        key = (run_id, engine.lexicon.id)
        hits = defaultdict(list)
        for hit in self._lexicons.judgements.hits if key not in self._judged else ():
            # Hits that were chosen by their entry would say how common entries were judged, not what the list marks.
            if hit.sample in (engine.lexicon.name, f"{engine.lexicon.name}: all"):
                hits[hit.text].append(hit)
        # A run never changes, and its texts take long to read.
        if key not in self._judged:
            texts = {text_key(row["text"]): row["text"] for row in self._store.queries.texts(run_id)} if hits else {}
            # By place: a hit may have been drawn at random and be one of a run's.
            judged = {
                (text, hit.start): hit.label == DOUBT
                for text in hits.keys() & texts.keys()
                for marks in [engine.find(texts[text])]
                for hit in hits[text]
                if any(start < hit.end and hit.start < end for _, start, end in marks)
            }
            self._judged[key] = sum(judged.values()), len(judged)
        return self._judged[key]

    # -- pieces and counts --------------------------------------------------------------------------

    def _score(self, engine: CueFinder, pieces: Sequence[_Piece]) -> LexiconScore:
        lexicon = engine.lexicon
        seen = self._lexicons.seen(lexicon.id) if lexicon.learned else frozenset()
        # By the text's digest: the same trace may have come into another project since the detector learned from it.
        texts = [_compared(engine, piece) for piece in pieces if not seen or text_digest(piece.text) not in seen]
        overlap, exact = (evaluate(texts, criterion) for criterion in (Criterion.OVERLAP, Criterion.EXACT))
        return LexiconScore(lexicon.name, lexicon.id, lexicon.title, bool(lexicon.learned), overlap, exact)

    def _pieces(self, project_id: str | None) -> list[_Piece]:
        projects = [self._projects.get(project_id)] if project_id else [info.project for info in self._projects.all()]
        found = []
        for project in projects:
            groups = {kind.key: kind.group.value if kind.group else "" for kind in project.scheme.labels}
            for one in self._labelling.labelled(project.id):
                labels = gold_of(one, project)
                if labels is not None:
                    # Where a project shows no machine cues, all its items are blind.
                    blind = one.item.blind or not project.lexicon
                    spans = normalised([Span(row.start, row.end, groups[row.label]) for row in labels], one.text)
                    found.append(_Piece(one.item, one.text, tuple(spans), blind))
        return found

    def _counts(self, run_id: str, lexicon: str, entries: Sequence[str]) -> np.ndarray:
        """Mean cues a trace, [problems, entries]."""
        traces = {row["problem_id"]: row["n"] for row in self._store.queries.per_problem([run_id], lexicon)}
        # The store counts only entries that occur; a problem without any is a row of zeros.
        places = {name: place for place, name in enumerate(entries)}
        sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(entries)))
        for row in self._store.queries.entry_counts([run_id], lexicon):
            sums[row["problem_id"]][places[row["entry"]]] += row["n"]
        table = [sums[problem] / count for problem, count in traces.items()]
        return np.array(table).reshape(len(table), len(entries))


def gold_of(one: Labelled, project: Project) -> tuple[Label, ...] | None:
    """An item's gold labels, rejections left out; None where it has no gold yet."""
    # Gold are the labels of settled items. Where a project asks for one annotator an item, nobody would ever settle it:
    # what that annotator has finished counts too.
    positive = {kind.key for kind in project.scheme.positive}
    if one.settled:
        labels: Sequence[Label] = one.gold
    elif project.annotators == 1 and len(one.done) == 1:
        labels = one.by_person.get(next(iter(one.done)), ())
    else:
        return None
    return tuple(label for label in labels if label.op is Op.PUT and label.label in positive)


def _found(engine: CueFinder, piece: _Piece) -> tuple[FoundSpan, ...]:
    item = piece.item
    return tuple(
        FoundSpan(start, end, engine.entry_of[form].name, engine.entry_of[form].group.value)
        for form, start, end in engine.find(piece.text)
        if item.start <= start and end <= item.end
    )


def _compared(engine: CueFinder, piece: _Piece) -> Compared:
    # Trimmed on both sides, so that EXACT doesn't depend on a space or a comma.
    marks = [one._replace(start=s.start, end=s.end) for one in _found(engine, piece) for s in _trimmed(one, piece.text)]
    return Compared(tuple(marks), piece.spans, piece.unit, piece.blind)


def _trimmed(one: FoundSpan, text: str) -> list[Span]:
    return normalised([Span(one.start, one.end, "")], text)
