"""The pair as a whole: distributions, words, groups and flips, each with its interval, n and a way to the traces.

Owns the wording and order of this section of Compare. Knows nothing of how the figures are made.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from backend.domain import Group
from backend.services import Contrast, Estimate, PairStatistics, Spread

from pages.components.chart_view import picked_range, show
from pages.components.charts import Flips, WordChange, distributions, flip_bars, group_bars, word_bars
from pages.components.chrome import BigNumber
from pages.components.quantity import Change, Form, Interval


MOST_WORDS = 18


@dataclass(frozen=True, slots=True)
class Picked:
    """A range picked in a chart: problems whose value on `side` lies in [low, high]."""

    measure: str
    side: str
    low: float
    high: float

    def problems(self, pair: PairStatistics) -> set[str]:
        """The problems in the range."""
        spread = pair.lengths if self.measure == "length" else pair.densities
        side = self.side if self.side in ("A", "B") else "change"
        return spread.within(side, self.low, self.high)

    def text(self) -> str:
        """The range in words."""
        return f"{self.measure} of {self.side} from {self.low:g} to {self.high:g}"


def big_numbers(pair: PairStatistics, unit: str) -> list[BigNumber]:
    """The strip above the traces: five figures of A and B with the change between them."""
    return [
        _big("Accuracy", pair.accuracy, Form.PERCENT, n=pair.judged),
        _big("Cues a trace", pair.cues, Form.DECIMAL),
        _big(f"per 1,000 {unit}", pair.per_1k, Form.DECIMAL),
        _big(f"Length, {unit}", pair.length, Form.COUNT),
        _big("Cut off", pair.cut, Form.PERCENT),
    ]


def _big(label: str, figures: Contrast, form: Form, n: int | None = None) -> BigNumber:
    a, b, change = figures.a, figures.b, figures.change
    return BigNumber(
        label,
        a.value if a else None,
        b.value if b else None,
        Change(change.value, change.low, change.high, figures.ratio) if change else None,
        form,
        n=n,
        note="" if a or b else "not known",
    )


def pair_section(pair: PairStatistics, unit: str, grader: str) -> Picked | None:
    """Draw the section; returns the range a person picked in it, if any."""
    picked = None
    st.subheader("The pair as a whole", anchor="whole")
    st.text(f"B minus A over {pair.n:,} shared problems; intervals at 95% resample problems.")
    left, right = st.columns(2, gap="large")
    with left:
        picked = _distribution("length", pair.lengths, unit) or picked
    with right:
        picked = _distribution("density", pair.densities, f"per 1,000 {unit}") or picked
    left, right = st.columns(2, gap="large")
    with left:
        _words(pair)
    with right:
        _groups(pair, unit)
        _flips(pair, grader)
    return picked


def _distribution(measure: str, spread: Spread, unit: str) -> Picked | None:
    pairs = list(zip(spread.a, spread.b, strict=True))
    records = show(
        distributions(pairs, measure=measure.capitalize(), unit=unit), key=f"spread-{measure}", file_stem=f"{measure}-a-b", on_select=True
    )
    found = picked_range(records)
    return Picked(measure, *found) if found else None


def _words(pair: PairStatistics) -> None:
    if not pair.words:
        st.text("Neither run holds a cue of this lexicon.")
        return
    words = [
        WordChange(w.entry, Group(w.group), Interval(w.change.value, w.change.low, w.change.high), w.change.p_holm)
        for w in pair.words
    ]
    show(word_bars(words, unit="cues a trace", most=MOST_WORDS), key="words", file_stem="words-b-minus-a")
    more = f"the {MOST_WORDS} largest changes of {len(words)} entries" if len(words) > MOST_WORDS else f"{len(words)} entries"
    st.caption(f"{more.capitalize()}; intervals and significance adjusted for all of them (Holm).")


def _groups(pair: PairStatistics, unit: str) -> None:
    figures = {group: (_interval(density.a), _interval(density.b)) for group, (_, density) in pair.groups.items()}
    show(group_bars(figures, unit=f"cues per 1,000 {unit}"), key="groups", file_stem="groups-a-b")


def _flips(pair: PairStatistics, grader: str) -> None:
    if not pair.judged:
        st.text("This grader knows no verdict for these runs.")
        return
    flips = pair.flips
    found = Flips(flips.wrong_to_right, flips.right_to_wrong, flips.both_right, flips.both_wrong, flips.p)
    show(flip_bars(found), key="flips", file_stem="flips")
    st.caption(f"{pair.resolution}. McNemar's exact test on the flips, two-sided.")


def _interval(estimate: Estimate | None) -> Interval:
    return Interval(estimate.value, estimate.low, estimate.high) if estimate else Interval(None)
