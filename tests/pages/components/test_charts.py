"""Charts as pure functions: what is drawn is what the CSV says, and hostile text stays text."""

from __future__ import annotations

import csv
import io
import itertools
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain import Group, visible
from backend.measure.paired import Flips
from backend.report.colours import LIGHT
from backend.report.files import csv_text
from backend.report.numbers import Interval
from pages.components.charts import pair_charts
from pages.components.charts.bins import bin_edges, histogram
from pages.components.charts.chart_parts import Chart, label
from pages.components.charts.chart_view import in_theme, picked_range, picked_records
from pages.components.palette import series

PAIRS = [(1.0, 4.0), (2.5, 2.5), (8.0, 1.0), (0.0, 30.0)]
WORDS = [
    pair_charts.WordDifference("wait", Group.HESITATION, Interval(-3.0, -4.0, -2.0), 0.001),
    pair_charts.WordDifference("maybe", Group.HEDGE, Interval(0.5, -0.5, 1.5), 0.6),
    pair_charts.WordDifference("<b>check</b>", Group.VERIFICATION, Interval(5.0, 4.0, 6.0), 0.01),
    pair_charts.WordDifference("unknown", Group.HEDGE, Interval(None), None),
]
GROUPS = {group: (Interval(at, at - 0.5, at + 0.5), Interval(2.0 * at)) for at, group in enumerate(Group, start=1)}
RUNS = [
    pair_charts.RunAccuracy("base", Interval(0.2, 0.1, 0.3), 30, "A"),
    pair_charts.RunAccuracy("<i>tuned</i>", Interval(0.6, 0.5, 0.7), 30, "B"),
    pair_charts.RunAccuracy("other", Interval(0.4), 30),
]
CHARTS = {
    "distributions": (pair_charts.distributions(PAIRS, measure="Doubts"), "problems"),
    "words": (pair_charts.word_bars(WORDS, unit="uses a trace"), "change"),
    "flips": (pair_charts.flip_bars(Flips(4, 12, 0, 14, 0.0001)), "problems"),
    "accuracy": (pair_charts.accuracy_dots(RUNS), "accuracy"),
    "groups": (pair_charts.group_bars(GROUPS, unit="per 1,000 words"), "value"),
}


def marks(chart: Chart) -> list[tuple[int, float | None, float | None, float | None]]:
    """(record, value, low, high) of every mark that is drawn."""
    found = []
    for trace in chart.figure.data:
        if trace.customdata is None:
            continue
        values = trace.y if trace.type == "bar" and trace.orientation != "h" else trace.x
        up, down = trace.error_x.array, trace.error_x.arrayminus
        for at, record in enumerate(trace.customdata):
            value = values[at]
            low = None if down is None or down[at] is None else value - down[at]
            high = None if up is None or up[at] is None else value + up[at]
            found.append((int(record), value, low, high))
    return found


@pytest.mark.parametrize("name", CHARTS)
def test_every_record_is_drawn_once_with_its_own_numbers(name: str) -> None:
    chart, field = CHARTS[name]
    drawn = marks(chart)
    assert sorted(mark[0] for mark in drawn) == list(range(len(chart.data)))
    for at, value, low, high in drawn:
        record = chart.data[at]
        assert value == record[field]
        for end, said in (("low", low), ("high", high)):
            assert said == (pytest.approx(record[end]) if record.get(end) is not None else None)


@pytest.mark.parametrize("name", CHARTS)
def test_the_csv_holds_the_data_of_the_figure(name: str) -> None:
    chart, _ = CHARTS[name]
    rows = list(csv.DictReader(io.StringIO(csv_text(chart.data))))
    assert len(rows) == len(chart.data)
    for row, record in zip(rows, chart.data, strict=True):
        assert row == {key: "" if value is None else str(value) for key, value in record.items()}


@pytest.mark.parametrize("name", CHARTS)
def test_every_palette_colour_follows_the_theme(name: str) -> None:
    chart, _ = CHARTS[name]
    drawn = in_theme(chart.figure).to_json(validate=False)
    assert not [color for color in (*series(LIGHT), LIGHT.ink) if color in drawn]
    assert re.search("#0000(0[1-9]|10)", drawn)


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_says_what_it_shows(name: str) -> None:
    chart, _ = CHARTS[name]
    assert chart.figure.layout.title.text
    assert re.search(r"\d", chart.alt)
    assert chart.alt.endswith(".")


def test_charts_of_nothing_are_empty_and_not_an_error() -> None:
    empty = [
        pair_charts.distributions([], measure="Doubts"),
        pair_charts.word_bars([], unit="uses"),
        pair_charts.flip_bars(Flips(0, 0, 0, 0, 1.0)),
        pair_charts.accuracy_dots([]),
        pair_charts.group_bars({}, unit="uses"),
    ]
    assert sum(float(r.get("problems") or 0) for chart in empty for r in chart.data) == 0


def test_significance_is_in_fill_and_in_an_asterisk() -> None:
    chart, _ = CHARTS["words"]
    ticks = chart.figure.layout.yaxis.ticktext
    assert [" *" in tick for tick in ticks] == [record["significant"] for record in chart.data] == [True, True, False]
    fills = {
        int(i): c
        for t in chart.figure.data
        if t.type == "bar"
        for i, c in zip(t.customdata, t.marker.color, strict=True)
    }
    assert [fills[i] != "rgba(0,0,0,0)" for i in range(3)] == [True, True, False]


def test_words_are_the_largest_changes_first() -> None:
    words = [pair_charts.WordDifference(f"w{i}", Group.HEDGE, Interval(float(i - 20)), 1.0) for i in range(40)]
    shown = pair_charts.word_bars(words, unit="uses", most=5).data
    assert [record["change"] for record in shown] == [-20.0, -19.0, 19.0, -18.0, 18.0]


def test_a_picked_bar_gives_its_side_and_range() -> None:
    chart, _ = CHARTS["distributions"]
    of_b = [i for i, record in enumerate(chart.data) if record["side"] == "B"]
    assert picked_range(picked_records(chart, of_b[:1])) == (
        "B",
        chart.data[of_b[0]]["from"],
        chart.data[of_b[0]]["to"],
    )
    whole = picked_range(picked_records(chart, of_b))
    assert whole == ("B", 0.0, chart.data[of_b[-1]]["to"])
    assert picked_range([]) is None


@pytest.mark.parametrize("sent", [None, "0", -1, 10**9, True, 1.0, [0], {"a": 1}])
def test_a_pick_that_is_no_record_is_nothing(sent: object) -> None:
    chart, _ = CHARTS["flips"]
    assert picked_records(chart, [sent]) == []


@given(st.text())
def test_a_label_is_the_text_without_markup(text: str) -> None:
    shown = label(text, 500)
    assert "<" not in shown and ">" not in shown
    assert unescape(shown) == visible(" ".join(text.split()), 500) or "&" in text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_formula_in_a_name_reaches_the_csv_as_text(text: str) -> None:
    cell = next(csv.DictReader(io.StringIO(csv_text([{"name": text, "value": -1.5}]), newline="")))
    assert cell == {"name": f"'{text}", "value": "-1.5"}


FINITE = st.floats(-1e9, 1e9).map(lambda x: round(x, 3))


@given(st.lists(FINITE, max_size=60), st.integers(2, 40), st.booleans())
def test_bins_are_even_hold_every_value_and_break_at_zero(values: list[float], most: int, whole: bool) -> None:
    edges = bin_edges(values, most=most, whole=whole)
    assert sum(histogram(values, edges)) == len(values)
    assert len(edges) <= most + 3
    steps = [high - low for low, high in itertools.pairwise(edges)]
    assert all(step == pytest.approx(steps[0]) for step in steps)
    assert not whole or steps[0] == int(steps[0]) >= 1
    if values and min(values) < 0 < max(values):
        assert 0.0 in edges
