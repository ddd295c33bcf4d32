"""The bootstrap-t against a second implementation of it, its form, and where it says that there is no interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backend.measure.bootstrap import TOO_ALIKE, Estimate, column_estimates, mean_estimate, ratio_estimates, student
from backend.measure.paired import density_difference

COUNTS = np.random.default_rng(4).lognormal(1, 1, 40)
LENGTHS = COUNTS * np.random.default_rng(5).lognormal(4, 0.5, 40)


def by_hand(values: np.ndarray, log: bool) -> tuple[float, float]:
    """The interval of a mean as the book has it, one resample after another."""
    generator, n = np.random.default_rng(99), len(values)
    mean, error = values.mean(), values.std() / np.sqrt(n)
    t = []
    for _ in range(4000):
        drawn = values[generator.integers(0, n, n)]
        own = drawn.std() / np.sqrt(n)
        t.append(np.log(drawn.mean() / mean) / (own / drawn.mean()) if log else (drawn.mean() - mean) / own)
    wide = np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975)
    low, high = np.quantile(t, [0.975, 0.025]) * wide * (error / mean if log else error)
    return (mean * np.exp(-low), mean * np.exp(-high)) if log else (mean - low, mean - high)


def ends(estimate: Estimate | None) -> tuple[float, float]:
    assert estimate is not None and estimate.low is not None and estimate.high is not None
    return estimate.low, estimate.high


def test_a_mean_of_what_is_positive_is_studentised_on_the_log() -> None:
    assert ends(mean_estimate(COUNTS)) == pytest.approx(by_hand(COUNTS, log=True), rel=0.05)


def test_a_mean_of_differences_is_studentised_as_it_is() -> None:
    values = COUNTS - 3
    assert ends(mean_estimate(values)) == pytest.approx(by_hand(values, log=False), rel=0.05, abs=0.05)


def test_a_ratio_is_a_mean_on_the_log_where_the_baseline_is_the_same_everywhere() -> None:
    """Dividing by a constant changes the unit and nothing else; dividing by itself leaves no spread."""
    halves, itself = ratio_estimates(np.stack([COUNTS, np.full(40, 2.0)], axis=1), np.full(40, 2.0))
    assert ends(halves) == pytest.approx([end / 2 for end in ends(mean_estimate(COUNTS))], rel=1e-9)
    assert itself == Estimate(1.0, None, None, 40, TOO_ALIKE)


def test_a_difference_of_densities_agrees_with_a_plain_bootstrap_of_many_problems() -> None:
    generator = np.random.default_rng(8)
    found, other = generator.poisson(9, (2, 600))
    length, shorter = generator.normal(1000, 100, (2, 600))
    drawn = generator.integers(0, 600, (4000, 600))
    sums = [column[drawn].sum(axis=1) for column in (found, length, other, shorter)]
    plain = np.quantile(1000 * (sums[0] / sums[1] - sums[2] / sums[3]), [0.025, 0.975])
    assert ends(density_difference(found, length, other, shorter)) == pytest.approx(plain, abs=0.03)


def test_students_quantile() -> None:
    assert [student(f) for f in (3, 9, 29, 399)] == pytest.approx(stats.t.ppf(0.975, [3, 9, 29, 399]), rel=0.01)


@pytest.mark.parametrize(
    "values", [[0.0] * 7, [0.1] * 7, [1, 2], [1, 2, 3], [0] * 27 + [5, 1, 2], [-1.0] * 30, [3.0] * 29 + [4.0]]
)
def test_too_few_different_values_have_no_interval_and_a_reason(values: list[float]) -> None:
    """Three problems that differ are missing from one resample in twenty: no end can be put to that."""
    assert mean_estimate(values) == Estimate(pytest.approx(np.mean(values)), None, None, len(values), TOO_ALIKE)


def test_sparse_counts_have_a_wide_interval() -> None:
    """Four events over 30 problems: Poisson's exact interval is [0.27, 2.56] times the mean."""
    low, high = ends(mean_estimate([0] * 26 + [1] * 4))
    assert 0.2 < low / (4 / 30) < 0.45 and 1.8 < high / (4 / 30) < 3


@settings(deadline=None)
@given(st.lists(st.integers(-50, 90), min_size=2, max_size=25), st.randoms())
def test_the_interval_holds_the_value_and_ignores_order(values: list[int], random: object) -> None:
    estimate = mean_estimate(values)
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = mean_estimate(shuffled)
    assert estimate is not None and estimate == again
    assert estimate.low is None or estimate.high is None or estimate.low < estimate.value < estimate.high
    assert (estimate.low is None) == bool(estimate.why)


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


def test_a_figure_is_the_same_whatever_is_asked_for_with_it() -> None:
    table = np.random.default_rng(3).random((12, 3))
    assert column_estimates(table) == [mean_estimate(column) for column in table.T]


def test_many_problems_stay_within_memory() -> None:
    estimate = mean_estimate(np.random.default_rng(2).random(17_000))
    assert estimate is not None and estimate.low is not None and estimate.high is not None
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * np.sqrt(1 / 12 / 17_000), rel=0.05)
