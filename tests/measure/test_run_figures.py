"""A run's figures counted by hand: three problems, two samples each."""

from __future__ import annotations

import numpy as np
import pytest

from backend.measure.bootstrap import Estimate
from backend.measure.run_figures import (
    density_estimate,
    known_share,
    length_and_cues,
    outside_loops,
    pass_sizes,
    passes,
    problem_means,
)

MEANS = problem_means(
    samples=[2, 2, 2],
    length=[200, 100, 0],
    cues={"all": [4, 1, 0], "hedge": [2, 0, 0]},
    right=[2, 1, 0],
    judged=[2, 2, 0],
    cut=[0, 1, 0],
    ended=[2, 2, 0],
)


def test_each_problem_weighs_the_same_and_the_unknown_stays_unknown() -> None:
    assert MEANS.length.tolist() == [100, 50, 0] and MEANS.cues["hedge"].tolist() == [1, 0, 0]
    assert MEANS.accuracy[:2].tolist() == [1, 0.5] and np.isnan(MEANS.accuracy[2])
    accuracy, cut, finished = (
        known_share(values, MEANS.samples) for values in (MEANS.accuracy, MEANS.cut, MEANS.finished)
    )
    assert accuracy and cut and finished
    assert (accuracy.value, accuracy.n, cut.value, finished.value) == (0.75, 2, 0.25, 0.75)
    assert known_share(np.array([np.nan]), np.array([1.0])) is None


def test_length_and_cues_are_a_response_and_density_is_pooled() -> None:
    length, cues = MEANS.length_and_cues()
    assert length and length.value == 50 and length.n == 3
    assert {name: found and found.value for name, found in cues.items()} == {
        "all": pytest.approx(2.5 / 3),
        "hedge": pytest.approx(1 / 3),
    }
    pooled = density_estimate(MEANS.cues["all"], MEANS.length)
    assert pooled and pooled.value == MEANS.density("all") == pytest.approx(1000 * 2.5 / 150)
    silent = problem_means([1], [0], {"all": [0]}, [0], [1], [0], [0])
    assert silent.density("all") is None and density_estimate(silent.cues["all"], silent.length) is None


def test_passes_are_of_powers_of_two_and_of_all_samples() -> None:
    assert [pass_sizes(n) for n in (0, 1, 2, 6, 8)] == [[], [], [2], [2, 4, 6], [2, 4, 8]]
    found = passes([1, 0], [4, 4])
    assert {k: estimate and estimate.value for k, estimate in found.items()} == {2: 0.25, 4: 0.5}
    assert passes([1, 0], [4, 1]) == {} == passes([], [])


def test_what_lies_in_loops_is_told_apart() -> None:
    """Five problems of ten cues each, 400 more in the loop of one: the count without them is 10, not 90."""
    cues, length = [10, 12, 8, 11, 409], [100, 100, 110, 90, 2100]
    known = ([1] * 5, length, {"all": cues}, [0] * 5, [0] * 5, [0] * 5, [0] * 5)
    means = problem_means(*known, free=([100, 100, 110, 90, 100], {"all": [10, 12, 8, 11, 9]}))
    assert means.free is not None and means.loop_share("all") == pytest.approx(400 / 450)
    assert means.loop_share("") == pytest.approx(2000 / 2500) and means.loop_share("all", "") == pytest.approx(
        400 / 450
    )
    whole, free = length_and_cues(means, "all"), length_and_cues(means.free, "all")
    assert whole and free and whole.cues.value == 90 and free.cues.value == 10 and free.length.value == 100
    assert free.per_1k and free.per_1k.value == pytest.approx(100)
    told = outside_loops(whole.cues, means.loop_share("all"))
    assert told and (told.value, told.low, told.high) == (90, None, None) and told.why.startswith("89% of it")
    assert outside_loops(whole.cues, 0.1) == whole.cues == outside_loops(whole.cues, None)
    assert problem_means(*known).free is None and problem_means(*known).loop_share("all") is None
    assert outside_loops(None, 0.5) is None and isinstance(told, Estimate)
