"""The pair as a whole: distributions, words, groups and flips, each with its interval, n and a way to the traces.

Owns the wording and order of this section of Compare, and the strip of a pair's big numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import streamlit as st

from backend.domain import Group, visible
from backend.measure.bootstrap import Estimate
from backend.measure.run_figures import LOOPED
from backend.report.numbers import UNKNOWN, Change, Form, Interval, change_text, number
from backend.services.traces.comparison import ProblemFilter
from backend.services.traces.pair_statistics import Contrast, PairStatistics, Spread
from backend.services.traces.runs import RunSummary
from pages.components.charts.chart_parts import Chart
from pages.components.charts.chart_view import picked_range, show
from pages.components.charts.pair_charts import (
    RunAccuracy,
    WordDifference,
    accuracy_dots,
    distributions,
    flip_bars,
    group_bars,
    word_bars,
)
from pages.components.frame.chrome import BigNumber

MOST_WORDS = 18
_MODES = {
    "wrong_right": ProblemFilter.WRONG_TO_RIGHT,
    "right_wrong": ProblemFilter.RIGHT_TO_WRONG,
    "both_wrong": ProblemFilter.BOTH_WRONG,
}


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
        side = self.side if self.side in ("A", "B") else "change"  # the third histogram is called "B − A"
        return spread.within(side, self.low, self.high)

    def text(self) -> str:
        """The range in words."""
        return f"{self.measure} of {self.side} from {self.low:g} to {self.high:g}"


def big_numbers(pair: PairStatistics, unit: str) -> list[BigNumber]:
    """The strip above the traces: five figures of A and B with the change between them."""
    return [
        _big("Accuracy", pair.accuracy, Form.PERCENT, n=pair.judged),
        _big("Cues per trace", pair.cues, Form.DECIMAL, notes=_medians(pair.counts, Form.DECIMAL)),
        _big(f"per 1,000 {unit}", pair.per_1k, Form.DECIMAL),
        _big(f"Length, {unit}", pair.length, Form.COUNT, notes=_medians(pair.lengths, Form.COUNT)),
        _big("Cut off", pair.cut, Form.PERCENT),
    ]


def _medians(spread: Spread, form: Form) -> str:
    return f"median {number(median(spread.a), form)} → {number(median(spread.b), form)}"


def _big(label: str, figures: Contrast, form: Form, n: int | None = None, notes: str = "") -> BigNumber:
    a, b, change = figures.a, figures.b, figures.change
    # The change with loops has no interval there (measure/run_figures.py): the one without them says what is certain.
    if figures.loops and max(figures.loops) > LOOPED and figures.free:
        shares = " → ".join(number(share, Form.PERCENT) for share in figures.loops)
        free = figures.free
        sides = " → ".join(number(side.value if side else None, form) for side in (free.a, free.b))
        moved = free.change and " ".join(change_text(_change(free.change, free.ratio), form))
        notes = f"{notes} · in loops {shares} · without loops {sides} · {moved or UNKNOWN}"
    return BigNumber(
        label,
        a.value if a else None,
        b.value if b else None,
        _change(change, figures.ratio) if change else None,
        form,
        n=n,
        note=notes if a or b else "not known",
    )


def _change(change: Estimate, ratio: bool) -> Change:
    return Change(change.value, change.low, change.high, ratio)


def all_runs(summaries: Sequence[RunSummary], labels: Sequence[str], grader: str) -> None:
    """The accuracy of three or four compared runs side by side, each over its own problems."""
    dots = [
        RunAccuracy(label, _interval(judged), judged.n, "AB"[place] if place < 2 else "")
        for place, (summary, label) in enumerate(zip(summaries, labels, strict=True))
        if (judged := summary.accuracy[grader])
    ]
    show(accuracy_dots(dots), key="accuracy", file_stem="accuracy")
    st.caption(f"Verdicts by {grader}, each run over its own problems.")


@st.cache_resource(show_spinner=False, max_entries=16)
def _charts(key: str, _pair: PairStatistics, unit: str) -> dict[str, Chart]:
    """Every chart of the section, built once for a pair; `key` names what the figures were made from."""
    # Streamlit doesn't hash an argument with an underscore: `key` stands for its arrays. All sessions share the charts,
    # which `in_theme` copies before it colours them.
    pair = _pair
    words = [
        WordDifference(w.entry, Group(w.group), Interval(w.change.value, w.change.low, w.change.high), w.change.p_holm)
        for w in pair.words
    ]
    groups = {group: (_interval(density.a), _interval(density.b)) for group, (_, density) in pair.groups.items()}
    return {
        "length": _distribution("length", pair.lengths, unit),
        "density": _distribution("density", pair.densities, f"per 1,000 {unit}"),
        "groups": group_bars(groups, unit=f"cues per 1,000 {unit}"),
        "flips": flip_bars(pair.flips),
        "words": word_bars(words, unit="cues per trace", most=MOST_WORDS),
    }


def pair_section(
    pair: PairStatistics, unit: str, grader: str, key: str, sides: Sequence[str], counted: str
) -> Picked | ProblemFilter | None:
    """Draws the section; returns what a person picked in it: a range of values, a kind of flip, or nothing.

    `key` names what `pair` was made from: store version, runs, lexicon, grader, loops; `sides` are the labels of A and
    B, `counted` says whether loops are.
    """
    charts = _charts(key, pair, unit)
    picked: Picked | ProblemFilter | None = None
    st.header("The pair as a whole", anchor="whole")
    st.text(f"B minus A over {pair.n:,} shared problems, loops {counted}; intervals at 95% are over problems.")
    for measure, column in zip(("length", "density"), st.columns(2, gap="large"), strict=True):
        with column:
            records = show(charts[measure], key=f"spread-{measure}", file_stem=f"{measure}-a-b", on_select=True)
            found = picked_range(records)
            picked = Picked(measure, *found) if found else picked  # of several picks the last drawn counts
    left, right = st.columns(2, gap="large")
    with left:
        _words(charts["words"], len(pair.words), sides)
    with right:
        show(charts["groups"], key="groups", file_stem="groups-a-b")
        picked = _flips(charts["flips"], pair, grader) or picked
    return picked


def _distribution(measure: str, spread: Spread, unit: str) -> Chart:
    return distributions(list(zip(spread.a, spread.b, strict=True)), measure=measure.capitalize(), unit=unit)


def _words(chart: Chart, entries: int, sides: Sequence[str]) -> None:
    if not entries:
        st.text("Neither run holds a cue of this lexicon.")
        return
    if picked := show(chart, key="words", file_stem="words-b-minus-a", on_select=True):
        st.session_state.word = str(picked[0]["word"])
    word = str(st.session_state.get("word", ""))
    if any(record["word"] == word for record in chart.data):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.text(f"Traces with “{visible(word)}”:", width="content")
            for tag, run in zip("AB", sides, strict=True):
                if st.button(tag, key=f"hits-{tag}", help=f"Every trace of {tag} that holds this entry"):
                    st.switch_page("browse.py", query_params={"run": run, "entry": word})
    more = f"The {MOST_WORDS} largest changes of {entries} entries" if entries > MOST_WORDS else f"{entries} entries"
    st.caption(f"{more}; intervals and significance adjusted for all of them (Holm).")


def _flips(chart: Chart, pair: PairStatistics, grader: str) -> ProblemFilter | None:
    if not pair.judged:
        st.text("This grader knows no verdict for these runs.")
        return None
    records = show(chart, key="flips", file_stem="flips", on_select=True)
    st.caption(f"Verdicts by {grader}. {pair.resolution}. McNemar's exact test on the flips, two-sided.")
    return _MODES.get(str(records[0]["mode"])) if records else None


def _interval(estimate: Estimate | None) -> Interval:
    return Interval(estimate.value, estimate.low, estimate.high) if estimate else Interval(None)
