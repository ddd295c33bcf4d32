"""The paper's nine claims, the test of each, and their verdicts on the evidence of runs.

Owns the tests, which were fixed before the runs they judge; the rules and the pooling over seeds are those of
`measure.claim_tests`.

Outcomes are those of single problems: accuracy (share of right final answers, in points), length of a response and
cues a response (kim2026's ten words by the paper's counting; both as a change in percent of what they are compared
with). Runs are compared on the problems they share. "Base" is the model before the first step, "held-out" the one set
that HELD_OUT names for the scale; everything is measured at the last step unless it says otherwise.

The first clause of a claim is its primary outcome; `claims` has them all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from backend.codec import JsonRecord
from backend.domain import Context
from backend.measure.claim_tests import (
    ClaimVerdict,
    Effect,
    Keeps,
    Paired,
    PooledEffect,
    Rule,
    difference_between,
    pooled_change,
    pooled_difference,
    together,
    verdict,
)
from backend.services.reproduction.recipes.catalogue import COVERAGE, FIXED_TEACHER, HELD_OUT
from backend.services.reproduction.recipes.recipe import (
    CONTEXTS,
    GRPO,
    SD_FULL,
    SD_NO_THINK,
    SFT_GUIDED,
    SFT_UNGUIDED,
    SLOW_EMA,
    ReproductionScale,
)
from backend.services.training.training_specs import SEEN

LEXICON: Final = "kim2026"

# The smallest effects that matter: 5 points of accuracy where training is compared with doing nothing, 3 points where
# two ways of training are compared or a small rise is claimed, 10 % of length and of cues.
_FALL, _SMALL_FALL, _RISE, _SMALL_RISE = Effect(-1, 5), Effect(-1, 3), Effect(1, 5), Effect(1, 3)
_SHRINK = Effect(-1, 10)
_KEEPS, _KEEPS_LENGTH, _NO_RISE = Keeps(1, 5), Keeps(1, 10), Keeps(-1, 5)


class OutcomeMeasure(StrEnum):
    """What is measured on every problem."""

    ACCURACY = "accuracy"
    LENGTH = "length"
    CUES = "cues"

    @property
    def unit(self) -> str:
        """The unit of an effect on it."""
        return "points" if self is OutcomeMeasure.ACCURACY else "%"


class StepChoice(StrEnum):
    """At which step: before any update, at the last one, or averaged over all evaluated ones after the first update."""

    BASE = "base"
    LAST = "last"
    WAY = "way"


@dataclass(frozen=True, slots=True)
class Cell:
    """The answers that a value is measured on: a part's, to a set, at a step, under a context."""

    part: str
    set: str
    when: StepChoice = StepChoice.LAST
    context: Context = Context.NONE


@dataclass(frozen=True, slots=True)
class Clause:
    """One tested sentence: `value` against `baseline`; with `less`, minus the same difference between those two."""

    text: str
    outcome: OutcomeMeasure
    value: Cell
    baseline: Cell
    rule: Rule
    less: tuple[Cell, Cell] | None = None

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells it needs."""
        return (self.value, self.baseline, *(self.less or ()))


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper. `trained` is False where no training is involved, so that no seed can change it."""

    number: int
    text: str
    section: str
    clauses: tuple[Clause, ...]
    trained: bool = True
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """The result of a clause's test; `effect` and its interval are None without values, `n` counts problems."""

    clause: str
    effect: float | None
    low: float | None
    high: float | None
    unit: str
    n: int
    seeds: tuple[float, ...]
    verdict: ClaimVerdict
    test: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimResult(JsonRecord):
    """The result of a claim's tests. The figures are those of its primary clause, the verdict that of all.

    `built_in`: at this scale the claim holds by construction, and says nothing of other models.
    """

    number: int
    claim: str
    section: str
    effect: float | None
    low: float | None
    high: float | None
    unit: str
    n: int
    seeds: tuple[float, ...]
    verdict: ClaimVerdict
    test: str
    runs: tuple[str, ...]
    built_in: bool
    clauses: tuple[ClauseResult, ...]


class Evidence(Protocol):
    """The source of the values that claims are tested on."""

    seeds: Sequence[int]

    def values(self, cell: Cell, seed: int) -> Mapping[str, Mapping[OutcomeMeasure, float]] | None:
        """Problem -> outcomes; None where the seed lacks the cell."""

    def runs(self, cell: Cell, seed: int) -> tuple[str, ...]:
        """The runs that those values are of."""


def claims(scale: ReproductionScale) -> list[Claim]:
    """The nine claims, with the parts that decide them at a scale."""
    held = HELD_OUT[scale]

    def last(part: str, where: str = held) -> Cell:
        return Cell(part, where)

    def base(part: str, where: str = held) -> Cell:
        return Cell(part, where, StepChoice.BASE)

    def against_base(
        text: str, part: str, rule: Rule, outcome: OutcomeMeasure = OutcomeMeasure.ACCURACY, where: str = held
    ) -> Clause:
        return Clause(text, outcome, last(part, where), base(part, where), rule)

    # The mean over the way, the area under the curve: at the last step both teachers have taken accuracy to the floor.
    moving, fixed = (Cell(part, held, StepChoice.WAY) for part in (SLOW_EMA, FIXED_TEACHER[scale]))
    few, everything = COVERAGE[scale]["8"], COVERAGE[scale]["all"]
    lost = Clause(
        "and against the base loses more on held-out problems than on those of training",
        *(OutcomeMeasure.ACCURACY, last(SFT_GUIDED), base(SFT_GUIDED), _SMALL_FALL),
        less=(last(SFT_GUIDED, SEEN), base(SFT_GUIDED, SEEN)),
    )
    return [
        # In the lab the base's training corpus puts this in: a hint in the prompt goes with few doubts.
        Claim(1, "A richer context means fewer doubts and shorter traces", "3", _contexts(scale), False,
              built_in=scale is ReproductionScale.LAB),
        Claim(2, "Fine-tuning on unguided responses keeps accuracy", "4", (
            against_base("held-out accuracy stays", SFT_UNGUIDED, _KEEPS),)),
        Claim(3, "Fine-tuning on guided responses, as correct, destroys it, held-out more than seen", "4", (
            Clause("held-out accuracy is lower than after unguided ones", OutcomeMeasure.ACCURACY, last(SFT_GUIDED),
                   last(SFT_UNGUIDED), _FALL), lost)),
        Claim(4, "On-policy self-distillation shortens, removes doubts and loses held-out accuracy", "5", (
            against_base("held-out accuracy falls", SD_FULL, _FALL),
            against_base("responses get shorter", SD_FULL, _SHRINK, OutcomeMeasure.LENGTH),
            against_base("cues a response fall", SD_FULL, _SHRINK, OutcomeMeasure.CUES))),
        Claim(5, "A weaker context, without thinking, hurts less", "5", (
            Clause("held-out accuracy is higher than with the full solution", OutcomeMeasure.ACCURACY,
                   last(SD_NO_THINK), last(SD_FULL), _SMALL_RISE),)),
        Claim(6, "GRPO keeps or raises accuracy and length", "5", (
            against_base("held-out accuracy stays", GRPO, _KEEPS),
            against_base("length stays", GRPO, _KEEPS_LENGTH, OutcomeMeasure.LENGTH),
            against_base("held-out accuracy rises", GRPO, _SMALL_RISE))),
        Claim(7, "A moving teacher amplifies the loss", "5", (
            Clause("held-out accuracy on the way is lower than with a fixed teacher", OutcomeMeasure.ACCURACY, moving,
                   fixed, _SMALL_FALL),)),
        Claim(8, "Narrow coverage raises accuracy on training problems while shortening; broad coverage doesn't", "6", (
            against_base("on 8 problems, accuracy on them rises", few, _RISE, where=SEEN),
            against_base("responses to them get shorter", few, _SHRINK, OutcomeMeasure.LENGTH, SEEN),
            against_base("on all, accuracy on training problems doesn't rise", everything, _NO_RISE, where=SEEN))),
        Claim(9, "Held-out accuracy falls at every coverage", "6", tuple(
            against_base(f"with {size} problem{'' if size == '1' else 's'}", part, _FALL)
            for size, part in reversed(list(COVERAGE[scale].items())))),
    ]  # fmt: skip


def _contexts(scale: ReproductionScale) -> tuple[Clause, ...]:
    where = "DAPO-Math-17k" if scale is ReproductionScale.PAPER else HELD_OUT[scale]
    # The base answers and nothing is trained: the evidence is the same for all seeds.
    shown = (Context.NONE, Context.SOLUTION_NO_THINK, Context.SOLUTION)
    none, no_think, full = (Cell(CONTEXTS, where, StepChoice.BASE, context) for context in shown)
    return (
        Clause(
            "cues fall from no context to the solution without thinking", OutcomeMeasure.CUES, no_think, none, _SHRINK
        ),
        Clause("they fall again to the full solution", OutcomeMeasure.CUES, full, no_think, _SHRINK),
        Clause("length falls from no context to the full solution", OutcomeMeasure.LENGTH, full, none, _SHRINK),
    )


def judge(scale: ReproductionScale, evidence: Evidence) -> list[ClaimResult]:
    """The verdicts on all nine claims, from the evidence there is."""
    return [_judged(claim, evidence) for claim in claims(scale)]


def _judged(claim: Claim, evidence: Evidence) -> ClaimResult:
    clauses = tuple(_tested(clause, claim.trained, evidence) for clause in claim.clauses)
    first = clauses[0]
    return ClaimResult(
        claim.number, claim.text, claim.section, first.effect, first.low, first.high, first.unit, first.n, first.seeds,
        verdict=together(clause.verdict for clause in clauses),
        test="; ".join(f"{clause.clause}: {clause.test}" for clause in clauses),
        runs=_once(run for clause in clauses for run in clause.runs),
        built_in=claim.built_in,
        clauses=clauses,
    )  # fmt: skip


def _tested(clause: Clause, trained: bool, evidence: Evidence) -> ClauseResult:
    seeds = _seeds(clause, evidence)
    found = _pooled(clause, clause.value, clause.baseline, seeds, evidence)
    if clause.less:
        found = difference_between(found, _pooled(clause, *clause.less, seeds, evidence))
    estimate = found.estimate if found else None
    return ClauseResult(
        clause.text,
        estimate.value if estimate else None,
        estimate.low if estimate else None,
        estimate.high if estimate else None,
        clause.outcome.unit,
        estimate.n if estimate else 0,
        found.seeds if found else (),
        verdict(clause.rule, found, trained),
        clause.rule.clause(clause.outcome.unit),
        _once(run for seed in seeds for cell in clause.cells for run in evidence.runs(cell, seed)),
    )


def _seeds(clause: Clause, evidence: Evidence) -> list[int]:
    # Where nothing was trained, seeds share their runs: counting those thrice would narrow the interval for nothing.
    found: dict[tuple[tuple[str, ...], ...], int] = {}
    for seed in evidence.seeds:
        if all(evidence.values(cell, seed) for cell in clause.cells):
            found.setdefault(tuple(evidence.runs(cell, seed) for cell in clause.cells), seed)
    return list(found.values())


def _pooled(
    clause: Clause, value: Cell, baseline: Cell, seeds: Sequence[int], evidence: Evidence
) -> PooledEffect | None:
    pairs = [_pairs(clause.outcome, value, baseline, seed, evidence) for seed in seeds]
    return pooled_difference(pairs) if clause.outcome is OutcomeMeasure.ACCURACY else pooled_change(pairs)


def _pairs(outcome: OutcomeMeasure, value: Cell, baseline: Cell, seed: int, evidence: Evidence) -> Paired:
    """Problem -> (value, baseline), accuracy in points, of the problems both have."""
    times = 100 if outcome is OutcomeMeasure.ACCURACY else 1
    one, other = evidence.values(value, seed) or {}, evidence.values(baseline, seed) or {}
    shared = [problem for problem in one if outcome in one[problem] and outcome in other.get(problem, {})]
    return {problem: (times * one[problem][outcome], times * other[problem][outcome]) for problem in shared}


def _once(runs: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(runs))
