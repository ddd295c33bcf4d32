"""acc@k and pass@k against hand-computed values, enumeration, and properties of the interval."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.measure.accuracy import accuracy, pass_at_k, wilson_interval
from backend.measure.bootstrap import Estimate, column_estimates, mean_estimate

COUNTS = st.lists(
    st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=15
)


def columns(counts: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [c for c, _ in counts], [n for _, n in counts]


def test_every_problem_weighs_the_same() -> None:
    estimate = accuracy([1, 0, 16], [2, 4, 16])
    assert estimate is not None
    assert estimate.value == pytest.approx((0.5 + 0 + 1) / 3)
    assert estimate.n == 3


@pytest.mark.parametrize(
    ("correct", "samples", "k", "value"),
    [
        ([1], [2], 1, 0.5),
        ([1], [2], 2, 1.0),
        ([3], [10], 5, 1 - 21 / 252),
        ([0, 4], [4, 4], 3, 0.5),
        ([1], [16], 8, 0.5),
    ],
)
def test_pass_at_k_by_hand(correct: list[int], samples: list[int], k: int, value: float) -> None:
    estimate = pass_at_k(correct, samples, k)
    assert estimate is not None
    assert estimate.value == pytest.approx(value)


@settings(deadline=None)
@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_draws_with_a_right_sample(case: tuple[int, int, int]) -> None:
    correct, samples, k = case
    draws = list(combinations([True] * correct + [False] * (samples - correct), k))
    estimate = pass_at_k([correct], [samples], k)
    assert estimate is not None
    assert estimate.value == pytest.approx(sum(any(draw) for draw in draws) / len(draws))


@settings(deadline=None)
@given(COUNTS)
def test_pass_at_1_is_accuracy(counts: list[tuple[int, int]]) -> None:
    one, all_samples = pass_at_k(*columns(counts), 1), accuracy(*columns(counts))
    assert one is not None and all_samples is not None
    assert one.value == pytest.approx(all_samples.value)


@settings(deadline=None)
@given(COUNTS)
def test_pass_at_k_grows_with_k(counts: list[tuple[int, int]]) -> None:
    least = min(n for _, n in counts)
    values = [pass_at_k(*columns(counts), k) for k in range(1, least + 1)]
    shares = [estimate.value for estimate in values if estimate is not None]
    assert all(earlier <= later + 1e-12 for earlier, later in pairwise(shares))


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=25), st.randoms())
def test_the_interval_holds_the_value_and_ignores_order(values: list[float], random: object) -> None:
    estimate = mean_estimate(values)
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = mean_estimate(shuffled)
    assert estimate is not None and again is not None and estimate.low is not None and estimate.high is not None
    slack = 1e-9 * max(1.0, *(abs(value) for value in values))
    assert estimate.low - slack <= estimate.value <= estimate.high + slack
    assert (again.low, again.high) == pytest.approx((estimate.low, estimate.high), abs=slack)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_equal_values_have_an_interval_without_width(value: float) -> None:
    estimate = mean_estimate([value] * 7)
    assert estimate is not None
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((value, value, value), rel=1e-15)


def test_degenerate_inputs() -> None:
    assert accuracy([], []) is None
    assert accuracy([0, 0], [0, 0]) is None
    assert accuracy([1, 0], [2, 0]) == Estimate(0.5, None, None, 1)
    assert pass_at_k([1, 1], [1, 2], 3) is None
    fewer = pass_at_k([1, 1], [1, 2], 2)
    assert fewer is not None and fewer.n == 1
    assert accuracy([5, 5], [5, 5]) == Estimate(1.0, 1.0, 1.0, 2)
    assert accuracy([0, 0], [5, 5]) == Estimate(0.0, 0.0, 0.0, 2)


@pytest.mark.parametrize(
    ("correct", "samples", "k"), [([2], [1], 1), ([-1], [1], 1), ([1, 1], [1], 1), ([1], [1], 0), ([[1]], [[1]], 1)]
)
def test_counts_that_do_not_fit_are_refused(correct: list[int], samples: list[int], k: int) -> None:
    with pytest.raises(ValueError, match=r"\."):
        pass_at_k(correct, samples, k)


@pytest.mark.parametrize("values", [[1.0, float("nan")], [float("inf")], [[1.0], [2.0]]])
def test_values_that_are_no_numbers_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        mean_estimate(values)


def test_the_interval_has_the_width_of_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    estimate = mean_estimate(values)
    assert estimate is not None and estimate.low is not None and estimate.high is not None
    error = 1.96 * values.std() / 20
    assert estimate.low == pytest.approx(values.mean() - error, abs=0.02)
    assert estimate.high == pytest.approx(values.mean() + error, abs=0.02)


def test_coverage_is_near_the_nominal_level() -> None:
    """100 problems with 4 samples each, true accuracy 0.4: the interval covers it about 95 times in 100."""
    generator = np.random.default_rng(7)
    shares = generator.binomial(4, generator.beta(2, 3, (100, 300))) / 4  # 300 runs as columns
    estimates = column_estimates(shares)
    covered = [e is not None and e.low is not None and e.high is not None and e.low <= 0.4 <= e.high for e in estimates]
    assert 0.90 <= np.mean(covered) <= 0.985


def test_columns_agree_with_single_columns() -> None:
    table = np.random.default_rng(3).random((12, 3))
    for estimate, column in zip(column_estimates(table), table.T, strict=True):
        alone = mean_estimate(column)
        assert estimate is not None and alone is not None
        assert estimate.value == pytest.approx(alone.value)
        assert estimate.low == pytest.approx(alone.low, abs=0.03)


def test_many_problems_stay_within_memory() -> None:
    estimate = mean_estimate(np.random.default_rng(2).random(17_000))
    assert estimate is not None and estimate.low is not None and estimate.high is not None
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * np.sqrt(1 / 12 / 17_000), rel=0.05)


def test_the_interval_of_a_share_is_wilsons() -> None:
    assert wilson_interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson_interval(0.9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
