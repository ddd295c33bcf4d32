"""Alarms: on recorded trainings of the lab, on noise, and rule by rule on figures made up.

lab_trainings.json holds step figures of trainings of the page's presets (`rewards`: GRPO; `lose`: SDFT) with the preset's
learning rate (x1) and ten times it (x10): every rollout of a step, recorded, imported, and counted by SeriesService.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain import UserError
from backend.measure.alarms import RULES, alarms, chosen
from backend.measure.bootstrap import Estimate
from backend.measure.series import StepFigures

LAB: dict[str, list[StepFigures]] = {
    name: [
        StepFigures(step, (f"run {step}",), traces, problems, {key: Estimate(*each) for key, each in figures.items()})
        for step, problems, traces, figures in steps
    ]
    for name, steps in json.loads(Path(__file__).with_name("lab_trainings.json").read_text()).items()
}
HEALTHY = [name for name in LAB if name.startswith("rewards-x1-")]


@pytest.mark.parametrize("name", [name for name in LAB if "-x10-" in name])
def test_ten_times_the_learning_rate_sets_one_off_within_ten_steps(name: str) -> None:
    found = alarms(LAB[name])
    assert found and found[0].step <= 10
    assert (
        found[0].runs[-1] == f"run {found[0].step}" and found[0].step >= 6 and str(found[0].step) in found[0].sentence
    )


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_training_sets_none_off(name: str) -> None:
    assert alarms(LAB[name]) == []


def test_losing_the_doubts_is_what_alarms_are_for() -> None:
    """The preset's very effect: sure and wrong first, then doubts and length go, then the right answers."""
    found = {alarm.rule: alarm.step for alarm in alarms(LAB["lose-x1-s0"])}
    assert list(found) == ["confident-wrong", "cues-collapse", "length-collapse", "accuracy-fall"]
    assert all(15 <= step <= 24 for step in found.values())


def test_noise_sets_off_hardly_any() -> None:
    """Series without a change: steps drawn from healthy trainings at random, 8 problems each."""
    steps = [step for name in HEALTHY for step in LAB[name] if 0 < step.step <= 20]
    chance = random.Random(1)
    made = [[replace(s, step=n) for n, s in enumerate(chance.choices(steps, k=100))] for _ in range(200)]
    assert sum(bool(alarms(series)) for series in made) <= 6


def series(key: str, values: Sequence[float | None], width: float | None = 0.02, n: int = 100) -> list[StepFigures]:
    def estimate(value: float | None) -> Estimate | None:
        if value is None or width is None:
            return value if value is None else Estimate(value, None, None, n)
        return Estimate(value, value - width * max(1, value), value + width * max(1, value), n)

    return [StepFigures(step, (f"r{step}",), n, n, {key: estimate(value)}) for step, value in enumerate(values)]


@pytest.mark.parametrize(
    ("rule", "start", "quiet", "loud"),
    [
        ("cues-collapse", 9.0, 5.0, 4.0),
        ("length-collapse", 900.0, 500.0, 400.0),
        ("length-inflation", 900.0, 1500.0, 2000.0),
        ("endings", 0.95, 0.80, 0.70),
        ("loops", 0.02, 0.10, 0.20),
        ("distinct-n", 0.9, 0.8, 0.6),
        ("entropy-collapse", 0.6, 0.3, 0.15),
        ("confident-wrong", 0.1, 0.25, 0.4),
        ("accuracy-fall", 0.6, 0.5, 0.3),
    ],
)
def test_every_rule_has_its_limit(rule: str, start: float, quiet: float, loud: float) -> None:
    key = next(each.key for each in RULES if each.name == rule)
    found = alarms(series(key, [start, quiet, start, loud, start]))
    assert [(alarm.rule, alarm.step, alarm.key, alarm.runs) for alarm in found] == [(rule, 3, key, ("r3",))]
    assert alarms(series(key, [start, quiet, start])) == []


def test_what_is_within_the_noise_sets_none_off() -> None:
    assert alarms(series("accuracy", [0.6, 0.3], width=0.2)) == []
    assert alarms(series("accuracy", [0.6, 0.3], width=0.05))


def test_small_steps_have_to_agree() -> None:
    """Eight problems a step: three steps are the beginning, and three later ones are compared with it."""
    one = series("length", [900, 900, 900, 100, 900, 900, 900], n=8)
    assert alarms(one) == []
    assert [alarm.step for alarm in alarms(series("length", [900, 900, 900, 100, 100, 100], n=8))] == [5]
    # Metrics of the training itself have neither interval nor number of problems.
    reported = series("entropy", [0.6, 0.62, 0.58, 0.1, 0.12, 0.1, 0.1], width=None, n=0)
    assert [alarm.step for alarm in alarms(reported)] == [5]


def test_what_is_unknown_sets_none_off() -> None:
    assert alarms([]) == alarms(series("cues", [None] * 9)) == alarms(series("cues", [9.0])) == []
    assert [alarm.step for alarm in alarms(series("cues", [None, 9.0, None, 1.0]))] == [3]
    assert alarms(series("cues", [0.0, 0.0, 0.0, 0.0])) == alarms(series("length", [0.0, 900.0, 0.0])) == []


def test_limits_can_be_changed_and_rules_switched_off() -> None:
    falling = series("accuracy", [0.6, 0.5])
    assert [alarm.rule for alarm in alarms(falling, chosen({"accuracy-fall": -0.1}))] == ["accuracy-fall"]
    assert len(chosen({"loops": None})) == len(RULES) - 1
    assert chosen({}) == RULES
    assert chosen({"endings": 0.3}) == chosen({"endings": -0.3})  # a fall stays one
    with pytest.raises(UserError, match="no alarm 'nonsense'; there are cues-collapse"):
        chosen({"nonsense": 1.0})
    for name, limit in (("cues-collapse", 1.5), ("length-inflation", 0.5), ("loops", float("nan"))):
        with pytest.raises(UserError, match=f"The limit of {name} has to be"):
            chosen({name: limit})


def test_the_reference_has_every_rule_with_its_limit() -> None:
    reference = (Path(__file__).parents[2] / "backend" / "README.md").read_text()
    for rule in RULES:
        assert f"| `{rule.name}` | {rule.figure} | {rule.stated} | {rule.why} |" in reference
