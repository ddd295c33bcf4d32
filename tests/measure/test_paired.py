"""Paired statistics against hand-computed and published values, and the agreement of intervals with decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backend.measure.paired import (
    Flips,
    density_difference,
    flips,
    holm,
    holm_intervals,
    mcnemar,
    mean_difference,
    mean_ratio,
    points_per_problem,
    resolution,
)

TABLES = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 12)), elements=st.integers(-5, 6).map(float))


@pytest.mark.parametrize(
    ("one_way", "other_way", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 2 / 32),
        (8, 1, 20 / 512),
        (3, 3, 1.0),
        (2, 10, 2 * (1 + 12 + 66) / 4096),
        (0, 10, 2 / 1024),
    ],
)
def test_mcnemar_by_hand(one_way: int, other_way: int, p: float) -> None:
    assert mcnemar(one_way, other_way) == pytest.approx(p)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_symmetric_and_a_probability(one_way: int, other_way: int) -> None:
    assert mcnemar(one_way, other_way) == mcnemar(other_way, one_way)
    assert 0 < mcnemar(one_way, other_way) <= 1


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 3)


def test_flips_count_majorities() -> None:
    first = [1, 1, 0, 0, 0.75, 0.5]
    second = [1, 0, 1, 0, 0.25, 0.75]
    outcome = flips(first, second)
    assert outcome == Flips(both_right=1, both_wrong=1, right_to_wrong=2, wrong_to_right=2, p=1.0)
    assert outcome.problems == 6


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_flips_swap_with_the_runs(pairs: list[tuple[bool, bool]]) -> None:
    first, second = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    there, back = flips(first, second), flips(second, first)
    assert (there.right_to_wrong, there.wrong_to_right) == (back.wrong_to_right, back.right_to_wrong)
    assert there.p == back.p
    assert there.problems == len(pairs)


def test_difference_is_values_minus_baseline() -> None:
    estimate = mean_difference([3, 5, 7], [1, 1, 1])
    assert estimate is not None and estimate.low is not None and estimate.high is not None
    assert (estimate.value, estimate.n) == (4.0, 3)
    assert estimate.low <= 4 <= estimate.high


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=2, max_size=20))
def test_difference_changes_sign_with_the_runs(pairs: list[tuple[int, int]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    there, back = mean_difference(second, first), mean_difference(first, second)
    assert there is not None and back is not None
    assert there.value == -back.value


def test_pairing_removes_what_problems_share() -> None:
    """Problems differ widely, the runs differ by one everywhere: the paired interval has no width."""
    baseline = np.arange(50) * 100.0
    estimate = mean_difference(baseline + 1, baseline)
    assert estimate is not None
    assert (estimate.low, estimate.high) == pytest.approx((1.0, 1.0))


def test_ratio_of_means() -> None:
    estimate = mean_ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((2.0, 2.0, 2.0))
    assert mean_ratio([1, 2], [0, 0]) is None
    assert mean_ratio([], []) is None
    some_zero = mean_ratio([1, 2], [0, 2])
    assert some_zero is not None and some_zero.value == 1.5 and some_zero.low is None
    single = mean_ratio([3], [2])
    assert single is not None and (single.value, single.low, single.n) == (1.5, None, 1)


def test_difference_of_pooled_densities() -> None:
    estimate = density_difference([6, 6], [1000, 2000], [1, 3], [1000, 1000])
    assert estimate is not None
    assert estimate.value == pytest.approx(4.0 - 2.0)
    assert (estimate.n, estimate.low is None) == (2, False)
    assert density_difference([1], [0], [1], [10]) is None
    assert density_difference([], [], [], []) is None
    single = density_difference([4], [1000], [1], [1000])
    assert single is not None and (single.value, single.low, single.n) == (3.0, None, 1)
    with pytest.raises(ValueError, match="same length"):
        density_difference([1, 2], [1, 2], [1], [1])


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="same length"):
        mean_difference([1, 2], [1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        flips([2.0], [1.0])
    assert mean_difference([], []) is None
    assert flips([], []) == Flips(0, 0, 0, 0, 1.0)


def test_holm_on_the_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_raw_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for raw, value in zip(p_values, adjusted, strict=True):
        assert raw <= value <= min(1.0, raw * len(p_values)) + 1e-12 or value == max(adjusted)
    order = np.argsort(p_values, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)


@settings(deadline=None, max_examples=60)
@given(TABLES)
def test_intervals_exclude_zero_exactly_when_holm_rejects(table: np.ndarray) -> None:
    results = holm_intervals(table)
    assert [result.value for result in results] == pytest.approx(table.mean(axis=1).tolist())
    for result in results:
        assert result.low is not None and result.high is not None and result.p_holm is not None
        assert (result.low > 0 or result.high < 0) == (result.p_holm <= 1 - 0.95 + 1e-12)
        assert result.low - 1e-9 <= result.value <= result.high + 1e-9


def test_words_with_an_effect_are_told_from_words_without() -> None:
    generator = np.random.default_rng(11)
    table = generator.normal(0, 1, (10, 60))
    table[0] += 2
    table[1] -= 2
    rejected = [result.p_holm is not None and result.p_holm <= 0.05 for result in holm_intervals(table)]
    assert rejected[:2] == [True, True]
    assert sum(rejected[2:]) <= 1


def test_holm_keeps_the_family_wise_error() -> None:
    """100 families of eight words without any effect, 60 problems each: about 5 % may show one."""
    generator = np.random.default_rng(5)
    false_alarms = [
        any(
            result.p_holm is not None and result.p_holm <= 0.05
            for result in holm_intervals(generator.normal(0, 1, (8, 60)))
        )
        for _ in range(100)
    ]
    assert np.mean(false_alarms) <= 0.13


def test_words_that_never_occur_are_no_difference() -> None:
    (result,) = holm_intervals(np.zeros((1, 9)))
    assert (result.value, result.low, result.high, result.p, result.p_holm) == (0, 0, 0, 1, 1)


def test_one_problem_has_no_interval_and_none_nothing() -> None:
    (result,) = holm_intervals([[3.0]])
    assert (result.value, result.low, result.p, result.p_holm, result.n) == (3.0, None, None, None, 1)
    assert holm_intervals(np.empty((0, 5))) == []
    assert holm_intervals(np.empty((5, 0))) == []
    with pytest.raises(ValueError, match="finite"):
        holm_intervals([[float("nan"), 1.0]])


def test_more_words_than_resamples_resolve() -> None:
    results = holm_intervals(np.ones((300, 4)))
    assert all(result.low == -np.inf and result.p_holm is not None and result.p_holm > 0.05 for result in results)


def test_points() -> None:
    assert points_per_problem(30) == pytest.approx(3.333, abs=1e-3)
    assert resolution(30) == "30 problems: one flip is 3.3 points"
    assert resolution(1) == "1 problem: one flip is 100.0 points"
    assert resolution(100) == "100 problems: one flip is 1.0 point"
    assert resolution(17_000) == "17,000 problems: one flip is 0.0059 points"
    with pytest.raises(ValueError, match="nothing"):
        points_per_problem(0)
