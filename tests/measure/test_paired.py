"""Paired statistics against hand-computed and published values, and the agreement of intervals with decisions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.measure.paired import (
    Flips,
    density_difference,
    flips,
    mcnemar,
    mean_ratio,
    points_per_problem,
    resolution,
)


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


def test_ratio_of_means() -> None:
    estimate = mean_ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert estimate is not None
    assert (estimate.value, estimate.low) == (pytest.approx(2.0), None) and estimate.why
    grown = mean_ratio([2, 5, 6, 9, 11], [1, 2, 3, 4, 5])
    assert grown is not None and grown.low is not None and grown.high is not None
    assert grown.value == pytest.approx(33 / 15) and 2 < grown.low < 2.2 < grown.high < 2.5
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
    assert (estimate.n, estimate.low) == (2, None) and estimate.why
    assert density_difference([1], [0], [1], [10]) is None
    assert density_difference([], [], [], []) is None
    single = density_difference([4], [1000], [1], [1000])
    assert single is not None and (single.value, single.low, single.n) == (3.0, None, 1)
    with pytest.raises(ValueError, match="same length"):
        density_difference([1, 2], [1, 2], [1], [1])


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="same length"):
        mean_ratio([1, 2], [1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        flips([2.0], [1.0])
    assert flips([], []) == Flips(0, 0, 0, 0, 1.0)


def test_points() -> None:
    assert points_per_problem(30) == pytest.approx(3.333, abs=1e-3)
    assert resolution(30) == "30 problems: one flip is 3.3 points"
    assert resolution(1) == "1 problem: one flip is 100.0 points"
    assert resolution(100) == "100 problems: one flip is 1.0 point"
    assert resolution(17_000) == "17,000 problems: one flip is 0.0059 points"
    with pytest.raises(ValueError, match="nothing"):
        points_per_problem(0)
