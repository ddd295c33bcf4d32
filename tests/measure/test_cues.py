"""Counts and densities: who is averaged with whom, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain import Cue, Group, Section
from backend.measure.cues import by_problem, density, fraction, pooled_density, summarise, tally, trace_density

CUES = [
    Cue(0, 4, "wait", Group.HESITATION, Section.THINK),
    Cue(9, 12, "hmm", Group.HESITATION, Section.THINK),
    Cue(20, 24, "wait", Group.HESITATION, Section.ANSWER),
    Cue(30, 35, "maybe", Group.HEDGE, Section.THINK),
]
TRACES = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5000), st.sampled_from("abcd")), min_size=1, max_size=12)


def test_tally_by_entry_group_and_section() -> None:
    assert tally(CUES) == {"wait": 2, "hmm": 1, "maybe": 1}
    assert tally(CUES, "group") == {"hesitation": 3, "hedge": 1}
    assert tally(CUES, "section") == {"think": 3, "answer": 1}
    assert tally([]) == {}


def test_density_of_the_papers_table() -> None:
    assert density(182.5, 13_054) == pytest.approx(13.98, abs=0.005)
    assert density(8.8, 1_873) == pytest.approx(4.70, abs=0.005)
    assert density(3, 0) is None
    with pytest.raises(ValueError, match="negative"):
        density(-1, 5)


def test_samples_are_averaged_within_their_problem_first() -> None:
    assert by_problem([1, 3, 10], ["x", "x", "y"]).tolist() == [2, 10]
    assert by_problem([[1, 0], [3, 2], [10, 4]], ["x", "x", "y"]).tolist() == [[2, 1], [10, 4]]
    assert by_problem([], []).tolist() == []
    with pytest.raises(ValueError, match="its problem"):
        by_problem([1, 2], ["x"])


def test_per_trace_and_pooled_density_differ() -> None:
    counts, units, problems = [10, 10], [100, 10_000], ["x", "y"]
    each, pooled = trace_density(counts, units, problems), pooled_density(counts, units, problems)
    assert each is not None and pooled is not None
    assert each.value == pytest.approx((100 + 1) / 2)
    assert pooled.value == pytest.approx(1000 * 20 / 10_100)
    assert (each.n, pooled.n) == (2, 2)


def test_traces_without_length_are_left_out_of_densities() -> None:
    each = trace_density([5, 0], [1000, 0], ["x", "y"])
    assert each is not None and (each.value, each.n) == (5.0, 1)
    assert trace_density([0], [0], ["x"]) is None
    assert pooled_density([0], [0], ["x"]) is None
    assert pooled_density([], [], []) is None


def test_fraction_ignores_the_unknown() -> None:
    estimate = fraction([True, False, None, True], ["x", "x", "y", "z"])
    assert estimate is not None and (estimate.value, estimate.n) == (0.75, 2)
    assert fraction([None], ["x"]) is None
    assert fraction([], []) is None


def test_summary_by_name() -> None:
    tallies = [{"wait": 4, "hmm": 1}, {"wait": 2}, {}]
    figures = summarise(tallies, [1000, 1000, 2000], ["x", "x", "y"], ["wait", "hmm", "maybe"])
    assert list(figures) == ["wait", "hmm", "maybe"]
    wait = figures["wait"]
    assert wait.count.value == pytest.approx((3 + 0) / 2)
    assert wait.density is not None and wait.density.value == pytest.approx((3 + 0) / 2)
    assert wait.pooled is not None and wait.pooled.value == pytest.approx(1000 * 3 / 3000)
    assert wait.share.value == pytest.approx(0.5)
    assert figures["hmm"].share.value == pytest.approx(0.25)
    assert figures["maybe"].count.value == 0
    assert summarise([], [], [], ["wait"]) == {}
    with pytest.raises(ValueError, match="same length"):
        summarise(tallies, [1], ["x"], ["wait"])


def test_summary_of_traces_without_length() -> None:
    figures = summarise([{"wait": 1}], [0], ["x"], ["wait"])
    assert figures["wait"].density is None
    assert figures["wait"].pooled is None
    assert figures["wait"].count.value == 1


@settings(deadline=None, max_examples=50)
@given(TRACES, st.randoms())
def test_order_of_traces_does_not_matter(traces: list[tuple[int, int, str]], random: object) -> None:
    shuffled = list(traces)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for measure in (trace_density, pooled_density):
        one, other = measure(*zip(*traces, strict=True)), measure(*zip(*shuffled, strict=True))
        assert one is not None and other is not None
        assert one.value == pytest.approx(other.value)
        assert one.low == pytest.approx(other.low)


@settings(deadline=None, max_examples=50)
@given(TRACES)
def test_a_summary_agrees_with_the_single_measures(traces: list[tuple[int, int, str]]) -> None:
    counts, units, problems = (list(column) for column in zip(*traces, strict=True))
    figures = summarise([{"wait": count} for count in counts], units, problems, ["wait"])["wait"]
    assert figures.density == trace_density(counts, units, problems)
    assert figures.pooled is not None
    pooled = pooled_density(counts, units, problems)
    assert pooled is not None and figures.pooled.value == pytest.approx(pooled.value)


def test_pooled_density_of_equally_sampled_problems_is_the_plain_quotient() -> None:
    generator = np.random.default_rng(0)
    counts, units = generator.integers(0, 40, 32), generator.integers(100, 9000, 32)
    pooled = pooled_density(counts, units, [place // 4 for place in range(32)])
    assert pooled is not None
    assert pooled.value == pytest.approx(1000 * counts.sum() / units.sum())
