"""Evaluating and training detectors: out of fold, on other sets, beside the lexicons.

Owns the order of work: folds first, then a detector learned from everything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from backend.detect.cross_validation import folds, out_of_fold, trial
from backend.detect.training import DetectorTrainer
from backend.domain import UserError
from backend.lexicon.entries import Lexicon
from backend.lexicon.finder import CueFinder, Hit
from backend.services.detection.gold_texts import PEOPLE, GoldSet
from backend.services.detection.lexicon_scores import FinderScore, SetScore, contests, criteria, figures_json, found_by
from backend.services.lexicons.own_lexicons import LearnedDetector, text_digest

FRESH: Final = "learned"  # the name of a detector that is trained for a measurement
Log = Callable[[str], None]


def evaluated(
    sets: Sequence[GoldSet],
    engines: Sequence[CueFinder],
    words: Lexicon,
    seen: Callable[[str], frozenset[str]],
    log: Log,
) -> list[SetScore]:
    """Every engine on every set, and a detector that learned from the first: there by folds, on the others as a whole.

    `words` is the word list that the detector looks at, `seen` gives the digests of the texts that a stored detector
    learned from, `log` gets a line for each step.
    """
    first = sets[0]
    trainer = _trainer(first, words)
    marks: dict[int, tuple[list[list[Hit]], str]] = {0: _by_folds(trainer, log)} if _sources(first) > 1 else {}
    # The other sets are new to it as a whole: that says how far it carries over to another kind of text.
    if len(sets) > 1:
        log(f"learning from {first.name}")
        detector = trial(trainer.fit())
        marks |= {i: (found_by(detector, one), f"trained on {first.name}") for i, one in enumerate(sets) if i}
    found = []
    for place, one in enumerate(sets):
        log(f"measuring on {one.name}")
        found.append(_measured(one, engines, marks.get(place), seen))
    return found


def trained(gold: GoldSet, words: Lexicon, log: Log) -> LearnedDetector:
    """A detector learned from a whole set, with its figures out of fold. Raises UserError where the set has no cue."""
    trainer = _trainer(gold, words)
    figures: dict[str, Any] = {}
    # The figures are those of the folds' detectors; the one that is kept saw everything, and is if anything better.
    if _sources(gold) > 1:
        marks, how = _by_folds(trainer, log)
        contest = contests(gold, {FRESH: marks})
        figures = figures_json({criterion: one.figures[FRESH] for criterion, one in contest.items()})
        figures |= {"how": how, "criterion": criteria(gold.unit)[0]}
    log("learning from all of it")
    model = trainer.fit()
    about = {"data": gold.name, "pieces": len(gold.pieces), "sources": _sources(gold), "cues": gold.cues}
    about |= {"labelled_by": gold.labelled_by, "unit": gold.unit.value, "features": model.features}
    return LearnedDetector(model, _title(gold, figures), figures | about, tuple(sorted(digests(gold))))


def digests(gold: GoldSet) -> set[str]:
    """Digests of the texts of a set."""
    return {text_digest(piece.text) for piece in gold.pieces}


def _trainer(gold: GoldSet, words: Lexicon) -> DetectorTrainer:
    if not gold.cues:
        raise UserError(f"There is nothing to learn from in {gold.name}: it holds no cue.")
    return DetectorTrainer(gold.examples(), gold.labels, gold.unit, words)


def _sources(gold: GoldSet) -> int:
    return len({piece.source for piece in gold.pieces})


def _by_folds(trainer: DetectorTrainer, log: Log) -> tuple[list[list[Hit]], str]:
    parts = folds(trainer.examples)
    marks = out_of_fold(trainer, parts, lambda done: log(f"fold {done + 1} of {len(parts)}"))
    return marks, f"{len(parts)} folds by document"


def _measured(
    gold: GoldSet,
    engines: Sequence[CueFinder],
    fresh: tuple[list[list[Hit]], str] | None,
    seen: Callable[[str], frozenset[str]],
) -> SetScore:
    """The scores of all engines on one set."""
    # An engine that learned from even one of these texts isn't scored here: it would be tested on what it has seen.
    texts = digests(gold)
    known = {e.lexicon.id: len(seen(e.lexicon.id) & texts) if e.lexicon.learned else 0 for e in engines}
    marks = {e.lexicon.id: found_by(e, gold) for e in engines if not known[e.lexicon.id]}
    if fresh:
        marks[FRESH] = fresh[0]
    contest = contests(gold, marks)
    # One that learned from them stays in the table, with the reason instead of figures.
    scores = [_score(engine, contest, known[engine.lexicon.id]) for engine in engines]
    if fresh:
        scores.append(_fresh(contest, fresh[1], scores, gold))
    judged = sum(len(piece.sentences) for piece in gold.pieces)
    return SetScore(gold.name, len(gold.pieces), _sources(gold), gold.cues, judged, gold.labelled_by, tuple(scores))


def _score(engine: CueFinder, contest: Mapping[str, Any], known: int) -> FinderScore:
    lexicon = engine.lexicon
    figures = {} if known else {criterion: one.figures[lexicon.id] for criterion, one in contest.items()}
    why = f"it learned from {known:,} of these texts" if known else ""
    return FinderScore(lexicon.name, lexicon.id, lexicon.title, bool(lexicon.learned), figures, why=why)


def _fresh(contest: Mapping[str, Any], how: str, others: Sequence[FinderScore], gold: GoldSet) -> FinderScore:
    """The detector made for this measurement, against the best list of words by the leading criterion."""
    leading = criteria(gold.unit)[0]
    figures = {criterion: one.figures[FRESH] for criterion, one in contest.items()}
    score = FinderScore(FRESH, "", "a detector trained for this measurement", True, figures, how)
    # Against word lists alone: a stored detector may have learned from texts like these.
    lists = [o for o in others if not o.learned and o.figures and o.figures[leading].f1]
    if not lists:
        return score
    best = max(lists, key=lambda one: one.figures[leading].f1.value)  # type: ignore[union-attr]
    return replace(score, ahead=contest[leading].lead(FRESH, best.id), of=best.name)


def _title(gold: GoldSet, figures: Mapping[str, Any]) -> str:
    """A detector's title: what it learned from, and its F1 on texts it had not seen."""
    by = "" if gold.labelled_by == PEOPLE else f", labelled by {gold.labelled_by}"
    from_ = f"Learned from {gold.name}{by}"
    f1 = figures[figures["criterion"]]["f1"] if figures else None
    if f1 is None:
        return f"{from_}; not measured"
    low, high = f1["low"], f1["high"]
    between = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
    return f"{from_}: F1 {f1['value']:.2f}{between}, n {f1['n']:,}"
