"""The comparison of up to four runs, problem by problem.

Owns how runs are aligned, what a flip is, which problems a filter passes, and the warnings where runs were not made
alike. The statistics of a pair are in pair_statistics.py.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.domain import Run, UserError, visible
from backend.measure.cues import density
from backend.services.lexicons.catalog import LexiconService
from backend.services.lexicons.run_languages import RunLanguages
from backend.services.traces.pair_statistics import PairStatistics, pair_statistics
from backend.services.traces.problem_rows import outside_loops_alone
from backend.services.traces.run_pairs import Pair
from backend.store import Store
from backend.store.trace_filters import verdict_column

Row = dict[str, Any]
MOST_RUNS = 4
_GLANCE = 130  # words of both responses together that are read without scrolling
_LOOKED_AT = 6  # pairs that are aligned in search of a telling problem: each takes a query


class ProblemFilter(StrEnum):
    """Which problems of a comparison are listed, judged by the first two runs."""

    ALL = "all"
    RIGHT_TO_WRONG = "right to wrong"
    WRONG_TO_RIGHT = "wrong to right"
    BOTH_WRONG = "both wrong"
    CUE_DROP = "largest cue drop"
    CUT_OFF = "cut off"


@dataclass(frozen=True, slots=True)
class Side:
    """One run's responses to one problem: means over samples, None where unknown. `right` is the majority's verdict."""

    samples: int
    known: int
    correct: int
    length: float | None
    words: float
    cues: float
    per_1k: float | None
    cut: int | None

    @property
    def right(self) -> bool | None:
        """Whether more than half of the judged samples are right; None where none could be judged."""
        return None if not self.known else self.correct * 2 > self.known


@dataclass(frozen=True, slots=True)
class ComparedProblem:
    """A problem with one side a run, in the order of the runs."""

    id: str
    number: int
    question: str
    gold: str | None
    sides: tuple[Side, ...]

    @property
    def cue_drop(self) -> float:
        """Cues a trace lost from the first run to the second."""
        return self.sides[0].cues - self.sides[1].cues if len(self.sides) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Aligned runs. `unit` is what lengths and densities are counted in; `unpaired` counts problems by run.

    Without `loops` lengths and cues are of what lies outside loops.
    """

    runs: tuple[Run, ...]
    lexicon: str
    grader: str
    unit: str
    problems: list[ComparedProblem]
    unpaired: tuple[int, ...]
    warnings: list[str]
    loops: bool = True

    def listed(self, mode: ProblemFilter) -> list[ComparedProblem]:
        """The problems a filter passes, in its order."""
        if mode is ProblemFilter.CUE_DROP:
            dropped = [p for p in self.problems if p.cue_drop > 0]
            return sorted(dropped, key=lambda p: -p.cue_drop)
        return [problem for problem in self.problems if _passes(problem, mode)]

    def problem(self, problem_id: str) -> ComparedProblem | None:
        """The problem of that id, or None."""
        return next((problem for problem in self.problems if problem.id == problem_id), None)


@dataclass(frozen=True, slots=True)
class SampleRef:
    """One distinct response to a problem; `copies` counts the samples with exactly this text."""

    trace: str
    sample: int
    copies: int


@dataclass(frozen=True, slots=True)
class TellingProblem:
    """A problem of a pair on which one run doubts and is right, and the other is sure and wrong."""

    pair: Pair
    problem: ComparedProblem


class ComparisonService:
    """Aligns runs of one store."""

    def __init__(self, store: Store, lexicons: LexiconService, languages: RunLanguages) -> None:
        """`lexicons` resolves the lexicon cues are counted by, `languages` says whether it speaks the runs'."""
        self._store, self._lexicons, self._languages = store, lexicons, languages

    def compare(self, run_ids: Sequence[str], lexicon: str, grader: str, loops: bool = True) -> Comparison:
        """Align one to four runs on the problems all of them hold, with or without loops.

        Raises UserError where they share no problem, and where loops are to be left out and aren't known.
        """
        runs = self._runs(run_ids)
        held = self._store.ledger.run_lexicons()
        if lacking := [run for run in runs if self._lexicons.get(lexicon).id not in held.get(run.id, ())]:
            # Counted all the same, it would stand there as free of doubts.
            raise UserError(
                f"{visible(lacking[0].label)} was not searched with the lexicon {visible(lexicon)} yet: "
                f"Overview's “Find them now” does it, or the command `match`."
            )
        by_run: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in self._rows(run_ids, lexicon, loops):
            by_run[row["run_id"]][row["problem_id"]] = row
        shared = set.intersection(*(set(by_run[run.id]) for run in runs))
        # Only problems that all runs answered: a figure over different problems would compare problems, not models.
        if not shared:
            raise UserError("These runs share no problem, so there is nothing to compare.")
        # Tokens of different tokenizers are different units; words are coarse, but the same in all runs.
        unit, warnings = common_unit(runs)
        warnings += differences(runs) + self._prompt_warnings(runs, shared)
        warnings += self._languages.warnings(run_ids, [self._lexicons.get(lexicon)])
        known = self._store.ledger.problems(runs[0].id)
        problems = [
            ComparedProblem(
                p.id, place + 1, p.question, p.gold, tuple(_side(by_run[r.id][p.id], grader, unit) for r in runs)
            )
            for place, p in enumerate(known)
            if p.id in shared
        ]
        unpaired = tuple(len(by_run[run.id]) - len(shared) for run in runs)
        return Comparison(tuple(runs), lexicon, grader, unit, problems, unpaired, warnings, loops)

    def _rows(self, run_ids: Sequence[str], lexicon: str, loops: bool) -> list[Row]:
        rows = self._store.queries.per_problem(list(run_ids), self._lexicons.get(lexicon).id)
        return rows if loops else [outside_loops_alone(row) for row in rows]

    def statistics(self, comparison: Comparison) -> PairStatistics:
        """The first two runs of a comparison as wholes."""
        a, b = comparison.runs[:2]
        lexicon = self._lexicons.get(comparison.lexicon)
        shared = [problem.id for problem in comparison.problems]
        # Over the problems of the whole comparison: with a third run open, figures and list are of the same problems.
        rows = self._rows([a.id, b.id], comparison.lexicon, comparison.loops)
        entries = self._store.queries.entry_counts([a.id, b.id], lexicon.id, comparison.loops)
        return pair_statistics(a.id, b.id, shared, rows, entries, comparison.unit, comparison.grader)

    def telling(self, pairs: Sequence[Pair], lexicon: str, grader: str, turn: int = 0) -> TellingProblem | None:
        """The pair and problem that show the point best: one side doubts and is right, the other is sure and wrong.

        The surest pairs come first. Of their problems, those whose texts are read at a glance are ranked by how many
        more cues one side has, longer ones by their length. `turn` asks for the next best, round and round. None where
        no pair has such a problem.
        """
        for pair in pairs[:_LOOKED_AT]:
            try:
                compared = self.compare([pair.base.id, pair.variant.id], lexicon, grader)
            except UserError:
                continue
            found = [p for p in compared.problems if _tells(p)]
            if found:
                ranked = sorted(found, key=_pull)
                return TellingProblem(pair, ranked[turn % len(ranked)])
        return None

    def samples(self, run_id: str, problem_id: str) -> list[SampleRef]:
        """A run's distinct responses to a problem, in order of sample; equal texts are listed once."""
        rows = self._store.queries.samples(run_id, problem_id)
        # At temperature 0 all samples of a problem are one text: a person reads it once.
        first: dict[str, Row] = {}
        copies: dict[str, int] = defaultdict(int)
        for row in rows:
            first.setdefault(row["text_sha256"], row)
            copies[row["text_sha256"]] += 1
        return [SampleRef(row["trace_id"], row["sample"], copies[sha]) for sha, row in first.items()]

    def _runs(self, run_ids: Sequence[str]) -> list[Run]:
        if not 1 <= len(run_ids) <= MOST_RUNS or len(set(run_ids)) != len(run_ids):
            raise UserError(f"Compare takes two to {MOST_RUNS} different runs.")
        return self._store.chosen(run_ids)

    def _prompt_warnings(self, runs: Sequence[Run], shared: set[str]) -> list[str]:
        shown: dict[str, set[str]] = defaultdict(set)
        for row in self._store.queries.prompts([run.id for run in runs]):
            if row["problem_id"] in shared and row["prompt"]:
                shown[row["problem_id"]].add(row["prompt"])
        differing = sum(len(prompts) > 1 for prompts in shown.values())
        if not differing:
            return []
        return [f"The runs were shown different prompts on {differing} of {len(shared)} problems."]


def _side(row: Row, grader: str, unit: str) -> Side:
    column, n = verdict_column(grader), row["n"]
    length = row[unit]  # None where no trace of the run has a token count
    return Side(
        samples=n,
        known=row[f"{column}_known"],
        correct=row[f"{column}_right"],
        length=None if length is None else length / n,
        words=row["words"] / n,
        cues=row["cues"] / n,
        per_1k=density(row["cues"], length or 0),
        # Where nobody says how responses ended, nothing was seen to be cut off, and nothing to be whole.
        cut=row["cut"] if row["finish_known"] else None,
    )


def _passes(problem: ComparedProblem, mode: ProblemFilter) -> bool:
    first, second = (problem.sides * 2)[:2]  # one run alone is held against itself
    # `is True` and `is False`: an unknown verdict is no flip, and both models may be right about it.
    if mode is ProblemFilter.RIGHT_TO_WRONG:
        return first.right is True and second.right is False
    if mode is ProblemFilter.WRONG_TO_RIGHT:
        return first.right is False and second.right is True
    if mode is ProblemFilter.BOTH_WRONG:
        return first.right is False and second.right is False
    if mode is ProblemFilter.CUT_OFF:
        return any(side.cut for side in problem.sides)
    return True


def _pull(problem: ComparedProblem) -> tuple[bool, float, float, str]:
    """The sort key of telling problems: the best one to show comes first."""
    words = sum(side.words for side in problem.sides)
    glance = words <= _GLANCE
    return not glance, -abs(problem.cue_drop) if glance else 0.0, words, problem.id


def _tells(problem: ComparedProblem) -> bool:
    """Whether one side is right and doubts, by density, more than twice as much as the wrong one."""
    first, second = problem.sides[:2]
    if first.right is None or second.right is None or first.right == second.right:
        return False
    # By density, not by count: of two texts the longer one holds more of everything.
    right, wrong = (first, second) if first.right else (second, first)
    return (right.per_1k or 0.0) > 2 * (wrong.per_1k or 0.0) and right.words > 0 and wrong.words > 0


def common_unit(runs: Sequence[Run]) -> tuple[str, list[str]]:
    """The unit every run can be counted in, and a sentence where that is not each run's own."""
    tokenizers = {run.info.tokenizer for run in runs}
    if all(run.length_unit == "tokens" for run in runs):
        if len(tokenizers) == 1:
            return "tokens", []
        return "words", ["The runs' tokens were counted by different tokenizers, so lengths are in words here."]
    if any(run.length_unit == "tokens" for run in runs):
        return "words", ["Only some of the runs have token counts, so lengths are in words here."]
    return "words", []


_NAMES = {"top_p": "top-p", "top_k": "top-k", "max_tokens": "token limit", "template": "prompt template"}
_NAMES |= {"system": "system prompt", "temperature": "temperature", "seed": "seed"}


def differences(runs: Sequence[Run]) -> list[str]:
    """Sentences saying how the runs were made differently: context and every known sampling setting but the seed."""
    found = []
    contexts = list(dict.fromkeys(run.info.context.value for run in runs))
    if len(contexts) > 1:
        found.append(f"The models were shown different contexts ({' | '.join(contexts)}).")
    # A forced opening is shown by its end, which is what forks and probes differ in.
    for name, words in (("prefix", "The responses were begun for the models"), ("hush", "Words were forbidden")):
        values = [getattr(run.info.sampling, name) for run in runs]
        if len(set(values)) > 1:
            found.append(f"{words} ({' | '.join('no' if v is None else visible(v[-60:]) for v in values)}).")
    settings = [dataclasses.asdict(run.info.sampling) for run in runs]
    for name, shown in _NAMES.items():
        values = [setting[name] for setting in settings]
        # Seeds differ between any two runs. A setting that a file doesn't give may be the same.
        if name != "seed" and None not in values and len(set(values)) > 1:
            found.append(f"The runs differ in {shown} ({' | '.join(visible(str(v), 60) for v in values)}).")
    return found
