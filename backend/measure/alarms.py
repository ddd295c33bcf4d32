"""Alarms over a training's steps: stated rules that say when doubts, lengths, endings or answers have gone wrong.

Every rule compares the latest steps with the beginning of the same series, in two ways: the change has to reach the
rule's own limit, and to lie outside the noise of both (`SURE`). Of series of 100 steps that don't change, with 64
responses to 8 problems a step, 0.8% set one off, all by accuracy; tests/measure/test_alarms.py simulates it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from backend.domain import UserError, visible
from backend.measure.bootstrap import Estimate
from backend.measure.series import StepFigures

# The beginning, and what is compared with it, are as many steps as hold so many problems between them, but not more
# than so many steps: a step of 8 problems is mostly noise, an evaluation of 200 is not.
PROBLEMS: Final = 100
STEPS: Final = 3
# Standard errors. Every step is looked at by every rule: with the usual two, 30% of series without a change ring.
SURE: Final = 3.5
_TO_THE_END: Final = 1.96  # standard errors from a value to either end of its interval


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: the figure `key` has changed by `limit` since the beginning.

    A limit below zero is of a figure that falls. With `times` it is a factor (0.5: to half, 2: to twice), else a
    difference of shares (-0.2: by 20 points).
    """

    name: str
    key: str
    limit: float
    times: bool
    title: str
    figure: str
    why: str

    @property
    def falls(self) -> bool:
        """Whether it is a fall that sets it off."""
        return self.limit < (1 if self.times else 0)

    @property
    def stated(self) -> str:
        """The limit in words: "falls to 0.5 times the beginning"."""
        far = f"to {self.limit:.2g} times the beginning" if self.times else f"by {abs(100 * self.limit):.3g} points"
        return f"{'falls' if self.falls else 'rises'} {far}"

    def crossed(self, value: float, baseline: float) -> bool:
        """Whether a figure has changed as far as the limit says."""
        goal = self.limit * baseline if self.times else baseline + self.limit
        # Of nothing there is no multiple.
        return (value <= goal if self.falls else value >= goal) and (baseline > 0 or not self.times)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule that was set off at `step`: by the latest steps, whose runs hold the traces, against the beginning."""

    rule: str  # its name
    step: int
    key: str
    value: float
    baseline: float
    sentence: str
    runs: tuple[str, ...]


RULES: Final = (
    Rule(
        *("cues-collapse", "cues", 0.5, True, "Doubts collapse", "cues a trace"),
        "What self-distillation does before accuracy falls: half of the doubts are gone.",
    ),
    Rule(
        *("length-collapse", "length", 0.5, True, "Length collapses", "units of length a trace"),
        "Answers at half the length have given up searching or checking.",
    ),
    Rule(
        *("length-inflation", "length", 2.0, True, "Length inflates", "units of length a trace"),
        "Twice the length is rambling, loops, or a reward that pays for words; in some trainings it is wanted.",
    ),
    Rule(
        *("endings", "ended", -0.2, False, "Answers stop ending", "of traces end by themselves"),
        "A response that runs into the limit of tokens gives no answer.",
    ),
    Rule(
        *("loops", "loops", 0.1, False, "Traces loop", "of traces have a loop"),
        "A model that repeats itself has left what it was trained on.",
    ),
    Rule(
        *("distinct-n", "distinct_n", 0.75, True, "Wording narrows", "of word sequences are distinct"),
        "The same phrases over and over, before they become loops.",
    ),
    Rule(
        *("entropy-collapse", "entropy", 1 / 3, True, "Entropy collapses", "nats a token"),
        "A policy that is sure of every token explores nothing; a slower fall is part of every training.",
    ),
    Rule(
        *(
            "confident-wrong",
            "confident_wrong",
            0.2,
            False,
            "Confident and wrong",
            "of traces are wrong without a doubt",
        ),
        "Wrong answers that carry no warning are worse than wrong ones that do.",
    ),
    Rule(
        *("accuracy-fall", "accuracy", -0.2, False, "Accuracy falls", "of answers are right"),
        "Whatever else stays as it was.",
    ),
)


def chosen(changes: Mapping[str, float | None]) -> tuple[Rule, ...]:
    """The rules with other limits for some, by name; None switches one off. Raises UserError for an unknown name."""
    names = [rule.name for rule in RULES]
    if unknown := sorted(set(changes) - set(names)):
        raise UserError(f"There is no alarm {visible(unknown[0], 40)!r}; there are {', '.join(names)}.")
    limits = {rule: changes.get(rule.name, rule.limit) for rule in RULES}
    return tuple(_limited(rule, limit) for rule, limit in limits.items() if limit is not None)


def _limited(rule: Rule, limit: float) -> Rule:
    most = rule.times and not rule.falls
    if not (limit > 1 if most else 0 < abs(limit) < 1):
        raise UserError(f"The limit of {rule.name} has to be {'above 1' if most else 'between 0 and 1'}.")
    return replace(rule, limit=limit if rule.times else math.copysign(limit, rule.limit))


def alarms(steps: Sequence[StepFigures], rules: Sequence[Rule] = RULES) -> list[Alarm]:
    """The rules that were set off, each at the first step that did, in the order of the steps."""
    return sorted((alarm for rule in rules if (alarm := _first(rule, steps))), key=lambda alarm: alarm.step)


def _first(rule: Rule, steps: Sequence[StepFigures]) -> Alarm | None:
    known = [(step, estimate) for step in steps if (estimate := step.figures.get(rule.key)) is not None]
    start = _taken([estimate for _, estimate in known])
    beginning = [estimate for _, estimate in known[:start]]
    for end in range(start + 1, len(known) + 1) if start else ():
        # Steps of the beginning say nothing against it.
        latest = known[max(start, end - STEPS) : end]
        latest = latest[len(latest) - _taken([estimate for _, estimate in reversed(latest)]) :]
        if latest and _is_set_off(rule, beginning, [estimate for _, estimate in latest]):
            return _alarm(rule, _mean(beginning), [step for step, _ in latest], _mean([e for _, e in latest]))
    return None


def _taken(estimates: Sequence[Estimate]) -> int:
    """How many of the steps, from the first on, are enough to compare; 0 where all of them are too few."""
    problems = 0
    for count, estimate in enumerate(estimates[:STEPS], 1):
        problems += estimate.n
        if problems >= PROBLEMS or count == STEPS:
            return count
    return 0


def _is_set_off(rule: Rule, beginning: Sequence[Estimate], latest: Sequence[Estimate]) -> bool:
    before, now = _mean(beginning), _mean(latest)
    if not rule.crossed(now, before):
        return False
    # Of a mean the lower side alone: the upper one of a skewed figure can be hundreds of times as long where few
    # problems differ. Of shares, which Wilson's intervals keep within 0 and 1, the sides that face each other.
    error = math.hypot(
        _error(beginning, above=not rule.times and not rule.falls), _error(latest, above=not rule.times and rule.falls)
    )
    return abs(now - before) > SURE * error


def _mean(estimates: Sequence[Estimate]) -> float:
    return sum(estimate.value for estimate in estimates) / len(estimates)


def _error(estimates: Sequence[Estimate], *, above: bool) -> float:
    """The standard error of the mean over some steps, on one side of it."""
    sides = [estimate.high if above else estimate.low for estimate in estimates]
    sizes = [(side - e.value) / _TO_THE_END for side, e in zip(sides, estimates, strict=True) if side is not None]
    if len(sizes) == len(estimates):
        return math.hypot(*sizes) / len(estimates)
    # A training's own metrics have no interval: how much they change from step to step stands for it.
    mean, count = _mean(estimates), len(estimates)
    return math.sqrt(sum((e.value - mean) ** 2 for e in estimates) / max(1, count - 1) / count)


def _alarm(rule: Rule, before: float, steps: Sequence[StepFigures], now: float) -> Alarm:
    first, last = steps[0].step, steps[-1].step
    where = f"at step {last}" if first == last else f"over steps {first} to {last}"
    told = (f"{value:.3g}" if rule.times else f"{value:.0%}" for value in (now, before))
    sentence = "{} {where}: {} {what}, at the beginning {}.".format(rule.title, *told, where=where, what=rule.figure)
    runs = tuple(run for step in steps for run in step.runs)
    return Alarm(rule.name, last, rule.key, now, before, sentence, runs)
