"""Scores of lexicons and detectors on a gold set: precision, recall, F1, and who is ahead.

Owns how marks become comparable with gold.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from backend.annotation import Span
from backend.codec import JsonRecord
from backend.detect.linear_model import Unit
from backend.lexicon.finder import CueFinder, Hit
from backend.measure.bootstrap import Estimate
from backend.measure.finders import Contest, FinderFigures
from backend.measure.gold import Compared, FoundSpan
from backend.measure.spans import Criterion, normalised
from backend.services.detection.gold_texts import GoldPassage, GoldSet

OVERLAP, EXACT, SENTENCE = "overlap", "exact", "sentence"


@dataclass(frozen=True, slots=True)
class FinderScore:
    """A lexicon or detector on a set. `figures` are by criterion, the leading one first; {} where `why` says why not.

    `how` says how a detector was tested ("5 folds by document"). `ahead` is its F1 minus that of the best word list,
    whose name is `of`.
    """

    name: str
    id: str
    title: str
    learned: bool
    figures: Mapping[str, FinderFigures]
    how: str = ""
    why: str = ""
    ahead: Estimate | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class SetScore(JsonRecord):
    """The scores of all lexicons and detectors on one set of `texts` with `cues`."""

    name: str
    texts: int
    sources: int
    cues: int
    sentences: int
    labelled_by: str
    scores: tuple[FinderScore, ...]


def criteria(unit: Unit) -> tuple[str, ...]:
    """The criteria a set is measured by, the leading one first."""
    return (SENTENCE,) if unit is Unit.SENTENCES else (OVERLAP, EXACT)


def found_by(finder: CueFinder, gold: GoldSet) -> list[list[Hit]]:
    """What a finder marks in each piece of a set."""
    return [finder.find(piece.text) for piece in gold.pieces]


def contests(gold: GoldSet, marks: Mapping[str, Sequence[Sequence[Hit]]]) -> dict[str, Contest]:
    """The contest of some finders on a set, by criterion; `marks` are what each finds in each piece."""
    compare = _sentences if gold.unit is Unit.SENTENCES else _spans
    texts = {
        name: [compare(piece, hits) for piece, hits in zip(gold.pieces, listed, strict=True)]
        for name, listed in marks.items()
    }
    # Marks have become whole sentences, so that they are the same or not.
    if gold.unit is Unit.SENTENCES:
        return {SENTENCE: Contest(texts, Criterion.EXACT)}
    return {OVERLAP: Contest(texts, Criterion.OVERLAP), EXACT: Contest(texts, Criterion.EXACT)}


def figures_json(figures: Mapping[str, FinderFigures]) -> dict[str, Any]:
    """Figures by criterion as plain JSON."""
    return {criterion: asdict(one) for criterion, one in figures.items()}


def _spans(piece: GoldPassage, hits: Iterable[Hit]) -> Compared:
    """Marks within the annotated stretch beside its cues, white space and punctuation at their ends left out."""
    # A set: in a list of substrings two forms may mark the very same stretch.
    marks = {Span(start, end, "") for _, start, end in hits if piece.start <= start and end <= piece.end}
    cues = normalised((Span(cue.start, cue.end, "") for cue in piece.cues), piece.text)
    return _compared(piece, normalised(marks, piece.text), cues)


def _sentences(piece: GoldPassage, hits: Iterable[Hit]) -> Compared:
    """The labelled sentences in which a mark begins beside those in which a cue does."""
    # A finder marks words where people labelled whole sentences: overlap would count one long sentence several times.
    marks = _struck(piece, (start for _, start, _ in hits))
    return _compared(piece, marks, _struck(piece, (cue.start for cue in piece.cues)))


def _struck(piece: GoldPassage, places: Iterable[int]) -> list[Span]:
    """The sentences in which any of `places` lies, each once."""
    starts = [start for start, _ in piece.sentences]
    # Backwards, so that of several places in one sentence the first one stays.
    numbers = {bisect_right(starts, place) - 1: place for place in sorted(places, reverse=True)}
    struck = ((piece.sentences[number], place) for number, place in sorted(numbers.items()) if number >= 0)
    return [Span(start, end, "") for (start, end), place in struck if place < end]


def _compared(piece: GoldPassage, marks: Sequence[Span], cues: Sequence[Span]) -> Compared:
    found = tuple(FoundSpan(mark.start, mark.end, "", "") for mark in marks)
    return Compared(found, tuple(cues), piece.source, piece.blind)
