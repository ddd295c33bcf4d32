"""Plotly charts of a pair of runs: distributions, words, flips, accuracy and cue groups.

Owns what each chart shows and how A and B, the cue groups and significance look in it. Names and words may be hostile:
they are drawn through `label` alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend.domain import Group, visible
from backend.measure.paired import Flips
from backend.report.colours import LETTERS, LIGHT
from backend.report.model import Record
from backend.report.numbers import Change, Form, Interval, change_text, interval_text, number
from pages.components.charts.bins import bin_edges, histogram
from pages.components.charts.chart_parts import CLEAR, NEUTRAL, Chart, framed, label, whiskers

_ROW_HEIGHT = 26
_MOST_BINS = 24


@dataclass(frozen=True, slots=True)
class WordDifference:
    """One lexicon entry: its group, B minus A per trace (or per 1,000 tokens), and the Holm-adjusted p of that."""

    word: str
    group: Group
    change: Interval
    p_adjusted: float | None


@dataclass(frozen=True, slots=True)
class RunAccuracy:
    """A run's accuracy in [0, 1] with its interval; `side` is "A", "B" or "" for the others."""

    name: str
    accuracy: Interval
    n: int
    side: str = ""


def distributions(pairs: Sequence[tuple[float, float]], *, measure: str, unit: str = "", whole: bool = False) -> Chart:
    """Three histograms: A, B, and B minus A by problem. `pairs` holds (a, b), one a problem, in the measure's unit.

    `whole` says that values are counts, so that no bar is narrower than one. Records: side, from, to, problems.
    """
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    both = bin_edges([*a, *b], most=_MOST_BINS, whole=whole)  # the same bins, or A and B couldn't be compared
    between = bin_edges([y - x for x, y in pairs], most=_MOST_BINS, whole=whole)
    sides = {"A": (a, both), "B": (b, both), "B − A": ([y - x for x, y in pairs], between)}
    titles = [f"{side}, median {_median_text(values)}" for side, (values, _) in sides.items()]
    figure = make_subplots(rows=1, cols=3, subplot_titles=titles, horizontal_spacing=0.045)
    data: list[Record] = []
    for column, (side, (values, edges)) in enumerate(sides.items(), start=1):
        counts = histogram(values, edges)
        first = len(data)
        data += [
            {"side": side, "from": low, "to": high, "problems": count}
            for low, high, count in zip(edges, edges[1:], counts, strict=False)
        ]
        figure.add_trace(_histogram_bars(side, data[first:], first, unit), row=1, col=column)
    figure.update_annotations(font={"size": 13, "color": NEUTRAL})
    figure.update_xaxes(title_text=label(unit or measure), title_standoff=6)
    figure.update_yaxes(rangemode="tozero", nticks=5)
    figure.update_yaxes(title_text="problems", row=1, col=1)
    for column in (2, 3):
        figure.update_yaxes(matches="y", row=1, col=column)  # one scale of problems for all three
    # The difference alone has a zero that matters: left of it B is less than A.
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1}, row=1, col=3)
    medians = ", ".join(titles)
    framed(figure, f"{measure}, by problem", 270).update_layout(bargap=0, margin_t=62)
    return Chart(figure, data, f"{measure} over {len(pairs)} problems. {medians}.")


def word_bars(words: Sequence[WordDifference], *, unit: str, level: float = 0.05, most: int = 30) -> Chart:
    """One diverging bar a word, B minus A with its interval; the `most` largest changes, the largest on top.

    Below `level` the bar is filled and its word carries an asterisk; above, it is hollow and carries none.
    Records: word, group, change, low, high, p_holm, significant.
    """
    known = [w for w in words if w.change.value is not None]
    shown = sorted(known, key=lambda w: abs(w.change.value or 0), reverse=True)[:most]
    data = [_word_record(w, level) for w in shown]
    names = [
        f"{label(w.word, 40)}{' *' if r['significant'] else ''}  <b>{LETTERS[w.group]}</b>"
        for w, r in zip(shown, data, strict=True)
    ]
    figure = go.Figure()
    for group in Group:
        rows = [i for i, w in enumerate(shown) if w.group is group]
        if rows:
            # The legend's entry is a trace of its own, filled whatever the group's first bar is.
            marker = {"symbol": "square", "size": 12, "color": LIGHT.group[group]}
            name = f"<b>{LETTERS[group]}</b> {group.value}"
            swatch = go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=name)
            figure.add_traces([_word_trace(group, rows, shown, data), swatch])
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1})
    # Names as labels of numbered rows: as a category axis Plotly would draw two equal names on one row.
    rows_axis = {"tickmode": "array", "tickvals": list(range(len(shown))), "ticktext": names}
    figure.update_yaxes(**rows_axis, range=[len(shown) - 0.4, -0.6], showgrid=False, zeroline=False)
    figure.update_xaxes(
        title_text=f"{label(unit)}, B minus A<br>filled and * where p < {level:g} after Holm", title_standoff=8
    )
    # Every group is a trace of its own, for its colour; stacked or grouped a word's bar would leave its row.
    figure.update_layout(barmode="overlay", bargap=0.35)
    clear = sum(bool(r["significant"]) for r in data)
    alt = f"Change of each word from A to B, {unit}: {clear} of {len(data)} words differ at p < {level:g} after Holm."
    return Chart(framed(figure, "Words, B minus A", 126 + _ROW_HEIGHT * len(shown), legend=True), data, alt)


def flip_bars(flips: Flips) -> Chart:
    """How many problems changed their verdict from A to B. Records: mode, meaning, problems, share."""
    kinds = [
        ("wrong_right", "✗→✓", "wrong to right", flips.wrong_to_right, LIGHT.right, True),
        ("right_wrong", "✓→✗", "right to wrong", flips.right_to_wrong, LIGHT.wrong, True),
        ("both_right", "✓✓", "both right", flips.both_right, LIGHT.right, False),
        ("both_wrong", "✗✗", "both wrong", flips.both_wrong, LIGHT.wrong, False),
    ]
    total = flips.problems
    data: list[Record] = [
        # Without problems a share is unknown, not 0.
        {"mode": mode, "meaning": meaning, "problems": count, "share": count / total if total else None}
        for mode, _, meaning, count, _, _ in kinds
    ]
    bars = go.Bar(
        orientation="h",
        x=[kind[3] for kind in kinds],
        y=[f"{mark}  {meaning}" for _, mark, meaning, *_ in kinds],
        customdata=list(range(len(kinds))),
        marker={
            "color": [k[4] if k[5] else CLEAR for k in kinds],
            "line": {"color": [k[4] for k in kinds], "width": 1.5},
        },
        text=[f"{kind[3]}" for kind in kinds],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False, rangemode="tozero")
    exact = f", McNemar p {p_text(flips.p)}"
    alt = (
        f"Of {total} problems {flips.wrong_to_right} went from wrong to right "
        f"and {flips.right_to_wrong} from right to wrong{exact}."
    )
    return Chart(framed(figure, f"Flips, A to B{exact}", 150).update_layout(margin_b=8), data, alt)


def accuracy_dots(runs: Sequence[RunAccuracy]) -> Chart:
    """A dot and its interval a run, in the order given. Records: run, side, accuracy, low, high, problems."""
    data: list[Record] = [
        {
            "run": r.name,
            "side": r.side,
            "accuracy": r.accuracy.value,
            "low": r.accuracy.low,
            "high": r.accuracy.high,
            "problems": r.n,
        }
        for r in runs
    ]
    figure = go.Figure()
    # Symbols as well as colours, for who can't tell the colours apart.
    for side, color, symbol in (("A", LIGHT.a, "circle-open"), ("B", LIGHT.b, "circle"), ("", NEUTRAL, "diamond")):
        rows = [i for i, r in enumerate(runs) if r.side == side]
        if rows:
            figure.add_trace(_dots([runs[i] for i in rows], rows, color, symbol))
    names = [f"{label(r.name, 44)}{f'  <b>{r.side}</b>' if r.side in ('A', 'B') else ''}" for r in runs]
    figure.update_yaxes(tickmode="array", tickvals=list(range(len(runs))), ticktext=names)
    figure.update_yaxes(range=[len(runs) - 0.4, -0.6], zeroline=False)
    figure.update_xaxes(tickformat=".0%", title_text="accuracy with its interval", title_standoff=8)
    best = max(runs, key=lambda r: r.accuracy.value or 0, default=None)
    alt = f"Accuracy of {len(runs)} runs." + (
        f" The highest is {visible(best.name, 60)} with {number(best.accuracy.value, Form.PERCENT)}." if best else ""
    )
    return Chart(framed(figure, "Accuracy", 100 + _ROW_HEIGHT * len(runs)), data, alt)


def group_bars(groups: Mapping[Group, tuple[Interval, Interval]], *, unit: str) -> Chart:
    """A and B side by side for each cue group. Records: group, side, value, low, high."""
    data: list[Record] = [
        {"group": group.value, "side": side, "value": pair[at].value, "low": pair[at].low, "high": pair[at].high}
        for at, side in enumerate("AB")
        for group, pair in groups.items()
    ]
    figure = go.Figure()
    for at, (side, color) in enumerate((("A", LIGHT.a), ("B", LIGHT.b))):
        figure.add_trace(_group_trace(side, color, [pair[at] for pair in groups.values()], at * len(groups)))
    names = [f'{g.value}  <span style="color:{LIGHT.group[g]}"><b>{LETTERS[g]}</b></span>' for g in groups]
    figure.update_yaxes(tickmode="array", tickvals=list(range(len(groups))), ticktext=names, showgrid=False)
    figure.update_yaxes(range=[len(groups) - 0.4, -0.6])
    figure.update_xaxes(title_text=label(unit), title_standoff=8, rangemode="tozero")
    figure.update_layout(barmode="group", bargap=0.35, bargroupgap=0.08)
    changes = "; ".join(
        f"{g.value} {number(a.value, Form.DECIMAL)} to {number(b.value, Form.DECIMAL)}" for g, (a, b) in groups.items()
    )
    height = 110 + 36 * len(groups)
    return Chart(
        framed(figure, "Cue groups, A and B", height, legend=True), data, f"{unit} by cue group, A to B: {changes}."
    )


def p_text(p: float) -> str:
    """A p value as papers write it: three places, and no smaller than 0.001."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _median_text(values: Sequence[float]) -> str:
    if not values:
        return "–"
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return number(middle, Form.COUNT if abs(middle) >= 100 else Form.DECIMAL)


def _histogram_bars(side: str, records: Sequence[Record], first: int, unit: str) -> go.Bar:
    lows, highs = [float(r["from"] or 0) for r in records], [float(r["to"] or 0) for r in records]
    # A is outlined and B filled everywhere; of the difference, what B has more than A is filled.
    filled = [side == "B" or (side != "A" and low >= 0) for low in lows]
    line = LIGHT.a if side == "A" else LIGHT.b
    return go.Bar(
        x=[(low + high) / 2 for low, high in zip(lows, highs, strict=True)],
        y=[r["problems"] for r in records],
        width=[0.9 * (high - low) for low, high in zip(lows, highs, strict=True)],
        customdata=list(range(first, first + len(records))),
        marker={
            "color": [line if f else CLEAR for f in filled],
            # An empty bin would leave a dash on the axis.
            "line": {
                "color": [line if side == "A" or f else LIGHT.a for f in filled],
                "width": [1.5 if r["problems"] else 0 for r in records],
            },
        },
        hovertext=[
            f"{lo:,g} to {hi:,g} {label(unit)}: {r['problems']} problems"
            for lo, hi, r in zip(lows, highs, records, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
        name=side,
    )


def _word_record(word: WordDifference, level: float) -> Record:
    significant = word.p_adjusted is not None and word.p_adjusted < level
    change = word.change
    return {
        "word": word.word,
        "group": word.group.value,
        "change": change.value,
        "low": change.low,
        "high": change.high,
        "p_holm": word.p_adjusted,
        "significant": significant,
    }


def _word_trace(group: Group, rows: Sequence[int], words: Sequence[WordDifference], data: Sequence[Record]) -> go.Bar:
    color = LIGHT.group[group]
    chosen = [words[i].change for i in rows]
    texts = []
    for word in (words[i] for i in rows):
        value, ends = change_text(Change(word.change.value or 0, word.change.low, word.change.high), Form.DECIMAL)
        p = "" if word.p_adjusted is None else f", p {escape(p_text(word.p_adjusted))} after Holm"
        texts.append(f"{label(word.word)}: {value} {ends}{p}")
    return go.Bar(
        orientation="h",
        showlegend=False,
        x=[change.value for change in chosen],
        y=list(rows),
        width=0.62,
        customdata=list(rows),
        marker={
            "color": [color if data[i]["significant"] else CLEAR for i in rows],
            "line": {"color": color, "width": 1.5},
        },
        error_x=whiskers(chosen),
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _dots(runs: Sequence[RunAccuracy], rows: Sequence[int], color: str, symbol: str) -> go.Scatter:
    values = [run.accuracy for run in runs]
    texts = [
        f"{label(r.name)}: {number(r.accuracy.value, Form.PERCENT)} "
        f"{interval_text(r.accuracy.low, r.accuracy.high, Form.PERCENT)}, n = {r.n}"
        for r in runs
    ]
    return go.Scatter(
        mode="markers",
        x=[value.value for value in values],
        y=list(rows),
        customdata=list(rows),
        marker={"color": color, "symbol": symbol, "size": 11, "line": {"width": 2, "color": color}},
        error_x=whiskers(values, color),
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )


def _group_trace(side: str, color: str, values: Sequence[Interval], first: int) -> go.Bar:
    return go.Bar(
        name=side,
        orientation="h",
        x=[value.value for value in values],
        y=list(range(len(values))),
        customdata=list(range(first, first + len(values))),
        marker={"color": CLEAR if side == "A" else color, "line": {"color": color, "width": 1.5}},
        error_x=whiskers(values),
        hovertext=[
            f"{side}: {number(v.value, Form.DECIMAL)} {interval_text(v.low, v.high, Form.DECIMAL)}" for v in values
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
