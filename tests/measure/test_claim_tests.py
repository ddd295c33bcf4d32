"""Verdicts: each outcome by hand, seeds that disagree or are too few, and what must hold whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.measure.bootstrap import Estimate
from backend.measure.claim_tests import (
    ClaimVerdict,
    Effect,
    Keeps,
    PooledEffect,
    difference_between,
    pooled_change,
    pooled_difference,
    together,
    verdict,
)
from backend.measure.paired import mean_ratio
from backend.measure.shares import share_difference

FALL = Effect(-1, 5)
YES, NO, OPEN = ClaimVerdict.REPRODUCED, ClaimVerdict.NOT_REPRODUCED, ClaimVerdict.UNDECIDED


def found(value: float, low: float | None, high: float | None, *seeds: float) -> PooledEffect:
    return PooledEffect(Estimate(value, low, high, 200), seeds or (value, value, value))


@pytest.mark.parametrize(
    ("pooled", "expected"),
    [
        (found(-30, -35, -25), YES),
        (found(-6, -9, -1), YES),
        (found(-4, -7, -1), OPEN),  # beyond zero, but smaller than what matters, and that isn't excluded
        (found(-3, -4.9, -1), NO),  # surely not as large as what matters, whatever its sign
        (found(-6, -12, 0.5), OPEN),
        (found(1, -4, 6), NO),
        (found(8, 3, 12), NO),
        (found(-30, -35, -25, -40, -51, 1), OPEN),  # one seed says the opposite
        (found(-30, -35, -25, -40, -50, 0), OPEN),
        (found(-30, None, None), OPEN),
        (found(-30, -35, -25, -30, -30), OPEN),  # two seeds
        (found(8, 3, 12, 8), OPEN),
        (None, OPEN),
    ],
)
def test_an_effect_by_hand(pooled: PooledEffect | None, expected: ClaimVerdict) -> None:
    assert verdict(FALL, pooled) is expected


@pytest.mark.parametrize(
    ("rule", "pooled", "expected"),
    [
        (Keeps(1, 5), found(-1, -4.9, 3), YES),
        (Keeps(1, 5), found(9, 6, 12), YES),
        (Keeps(1, 5), found(-4, -7, -1), OPEN),
        (Keeps(1, 5), found(-9, -12, -5.1), NO),
        (Keeps(1, 5), found(-1, -4, 3, -1, -1), OPEN),
        (Keeps(-1, 5), found(-30, -35, -25), YES),
        (Keeps(-1, 5), found(3, 1, 4.9), YES),
        (Keeps(-1, 5), found(9, 5.1, 12), NO),
        (Effect(1, 3), found(4, 1, 7), YES),
        (Effect(1, 3), found(4, -1, 7), OPEN),
        (Effect(1, 3), found(-4, -7, 2.9), NO),
    ],
)
def test_keeping_and_rising_by_hand(rule: Effect | Keeps, pooled: PooledEffect, expected: ClaimVerdict) -> None:
    assert verdict(rule, pooled) is expected


def test_what_no_training_made_needs_no_seeds() -> None:
    assert verdict(FALL, found(-30, -35, -25, -30), trained=False) is YES


@given(st.lists(st.sampled_from(ClaimVerdict), min_size=1, max_size=5))
def test_a_claim_is_as_good_as_its_worst_clause(clauses: list[ClaimVerdict]) -> None:
    assert together(clauses) is (NO if NO in clauses else OPEN if OPEN in clauses else YES)


numbers = st.floats(-100, 100, allow_nan=False)
pooled_values = st.tuples(
    st.lists(numbers, min_size=3, max_size=3).map(sorted), st.lists(numbers, min_size=3, max_size=5)
).map(lambda drawn: PooledEffect(Estimate(drawn[0][1], drawn[0][0], drawn[0][2], 100), tuple(drawn[1])))
rules = st.builds(Effect, st.sampled_from((-1, 1)), st.floats(0.1, 50)) | st.builds(
    Keeps, st.sampled_from((-1, 1)), st.floats(0.1, 50)
)


@given(rules, pooled_values)
def test_verdicts_hold_together(rule: Effect | Keeps, pooled: PooledEffect) -> None:
    """Turned round, the same verdict; shifted in the claimed direction, no worse; a wider interval decides no more."""
    said = verdict(rule, pooled)
    flip = type(rule)(-rule.direction, rule.smallest if isinstance(rule, Effect) else rule.margin)
    e = pooled.estimate
    assert (
        verdict(flip, PooledEffect(Estimate(-e.value, -e.high, -e.low, e.n), tuple(-s for s in pooled.seeds))) is said
    )
    order = [NO, OPEN, YES]
    moved = [x + 7 * rule.direction for x in (e.value, e.low, e.high)]
    better = PooledEffect(Estimate(*moved, e.n), tuple(s + 7 * rule.direction for s in pooled.seeds))
    assert order.index(verdict(rule, better)) >= order.index(said)
    wider = PooledEffect(Estimate(e.value, e.low - 200, e.high + 200, e.n), pooled.seeds)
    assert verdict(rule, wider) is OPEN
    if said is YES and isinstance(rule, Effect):
        assert all(s * rule.direction > 0 for s in pooled.seeds) and e.value * rule.direction >= rule.smallest


values = st.floats(0, 100, allow_nan=False)


@settings(max_examples=20)
@given(st.lists(st.lists(st.tuples(values, values), min_size=2, max_size=2), min_size=2, max_size=12))
def test_pooling_is_the_paired_difference_of_means_over_seeds(table: list[list[tuple[float, float]]]) -> None:
    """Against numpy's means and the measures' own intervals, on two seeds of the same problems, in percent."""
    seeds = [{f"p{i}": row[seed] for i, row in enumerate(table)} for seed in (0, 1)]
    means = np.array(table).mean(axis=1)
    pooled = pooled_difference(seeds)
    assert pooled is not None
    expected = share_difference(means[:, 0] / 100, means[:, 1] / 100, 2 * len(table))
    assert expected is not None and expected.low is not None and expected.high is not None
    assert pooled.estimate.n == len(table) and pooled.estimate.value == pytest.approx(100 * expected.value)
    assert (pooled.estimate.low, pooled.estimate.high) == pytest.approx((100 * expected.low, 100 * expected.high))
    own = np.array(table)[:, :, 0].mean(axis=0) - np.array(table)[:, :, 1].mean(axis=0)
    assert pooled.seeds == pytest.approx(tuple(own))


def test_pooling_over_seeds_with_problems_of_their_own() -> None:
    """A problem that one seed alone holds counts as a problem: three problems, two seeds."""
    pooled = pooled_difference([{"a": (10, 0), "b": (20, 0)}, {"b": (40, 0), "c": (60, 0)}])
    assert pooled is not None
    assert pooled.estimate.n == 3 and pooled.estimate.value == pytest.approx((10 + 30 + 60) / 3)
    assert pooled.seeds == (15, 50)
    assert pooled_difference([]) is None and pooled_difference([{"a": (1, 0)}, {}]) is None


def test_a_relative_change_is_in_percent_of_the_baseline() -> None:
    first = {"a": (40, 100), "b": (60, 140), "c": (20, 90), "d": (70, 130), "e": (90, 140)}
    second = {"a": (44, 100), "b": (56, 140), "c": (30, 90), "d": (50, 130), "e": (90, 140)}
    pooled = pooled_change([first, second])
    expected = mean_ratio([42, 58, 25, 60, 90], [100, 140, 90, 130, 140])
    assert pooled is not None and expected is not None
    assert expected.low is not None and expected.high is not None
    assert pooled.estimate.value == pytest.approx(100 * (275 / 600 - 1))
    assert pooled.estimate.low == pytest.approx(100 * (expected.low - 1))
    assert pooled.seeds == pytest.approx((100 * (280 / 600 - 1), 100 * (270 / 600 - 1)))
    assert pooled_change([{"a": (1, 0)}]) is None


def test_what_is_gone_everywhere_is_surely_less() -> None:
    """None of 100 problems holds a cue any more: Wilson's upper end of 0 of 100 is 3.7 %, with as many as before."""
    pooled = pooled_change([{f"p{i}": (0.0, 5.0 + i % 4) for i in range(100)}])
    assert pooled is not None
    assert (pooled.estimate.value, pooled.estimate.low) == (-100, -100)
    assert pooled.estimate.high == pytest.approx(-100 + 3.699, abs=1e-3)


def test_differences_on_different_problems_join_their_intervals() -> None:
    """Zou and Donner's limits by hand: 3-4-5 triangles on either side."""
    joined = difference_between(found(-30, -33, -26, -29, -31, -30), found(-10, -13, -6, -8, -10, -12))
    assert joined is not None
    assert joined.estimate == Estimate(-20, -20 - 5, -20 + 5, 200)
    assert joined.seeds == (-21, -21, -18)
    assert difference_between(found(-30, None, None), found(-10, -12, -8)).estimate.low is None  # type: ignore[union-attr]
    assert difference_between(None, found(0, 0, 0)) is None
    assert difference_between(found(0, 0, 0, 1), found(0, 0, 0)) is None
