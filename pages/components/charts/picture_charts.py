"""Plotly charts of the report model's figures: lines with their seeds, whiskers or bands, and horizontal bars.

Owns how roles, seeds and the base look, and the two sizes: a report's figure, and the smaller one of a training under
way. Names may be hostile: they are drawn through `label` alone.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend.domain import visible
from backend.measure.bootstrap import Estimate
from backend.report.colours import LIGHT
from backend.report.model import (
    MOST_MARKS,
    Bars,
    Curves,
    Figure,
    Line,
    Marks,
    Picture,
    Point,
    Record,
    SeriesRole,
    known,
    picture_records,
)
from backend.report.numbers import Form, number
from pages.components.charts.chart_parts import CLEAR, NEUTRAL, Chart, framed, label, whiskers

# C and D have no place among the colours that follow the theme: tones between theirs that stand out on both.
_COLOURS = {
    SeriesRole.BASE: LIGHT.a,
    SeriesRole.FIRST: LIGHT.b,
    SeriesRole.SECOND: "#1f8f87",
    SeriesRole.THIRD: "#b0722a",
    SeriesRole.OTHER: NEUTRAL,
    SeriesRole.WRONG: LIGHT.wrong,
}
_BANDS = {  # faint enough for both themes
    SeriesRole.FIRST: "rgba(116, 108, 236, 0.17)",
    SeriesRole.SECOND: "rgba(31, 143, 135, 0.17)",
    SeriesRole.THIRD: "rgba(176, 114, 42, 0.17)",
}
_OTHER_BAND = "rgba(128, 128, 128, 0.17)"
_MOST_POINTS = 300
_MOST_AXIS = 3  # times the largest figure: how far an axis goes for intervals
_SEED_OPACITY = 0.34
_ROW = 15


class _Numbered(Protocol):
    """Something with the number of a step."""

    @property
    def step(self) -> int: ...


_Step = TypeVar("_Step", bound=_Numbered)


@dataclass(frozen=True, slots=True)
class ChartStyle:
    """Sizes of curves in pixels, and the order of words about a point.

    `edge` is the outline of a mark (0: none), `cap` the end of a whisker, `standoff` the gap before an axis title,
    `named` the most characters of a name in the legend. `place_first` puts a point's place before its line's name.
    """

    height: int
    stroke: float
    mark: float
    edge: float
    cap: int
    standoff: int
    named: int
    place_first: bool


_REPORT = ChartStyle(268, stroke=2.2, mark=6.5, edge=0, cap=2, standoff=5, named=52, place_first=False)
_TRAINING = ChartStyle(216, stroke=1.8, mark=7, edge=1.5, cap=3, standoff=4, named=34, place_first=True)


def picture_chart(picture: Picture) -> Chart:
    """A report's figure as a chart; its data are the rows of the report's CSV."""
    rows = list(picture_records(picture).rows)
    if isinstance(picture, Bars):
        return _bars(picture, rows)
    parts = [f"{name}: {first.figure.text} to {last.figure.text}" for name, first, last in _ends(picture)]
    return Chart(_figure(picture.title, [picture], _REPORT), rows, f"{picture.title}. {'; '.join(parts)}.")


def training_chart(title: str, panels: Sequence[Curves]) -> Chart:
    """Curves of a training as panels above each other over one axis of steps.

    Records: panel, line, step, value, low, high, n; one a point that is known.
    """
    rows = [{"panel": panel.y, **row} for panel in panels for row in picture_records(panel).rows]
    parts = [
        f"{name}, {visible(panel.y, 60)}: {first.figure.text} at step {first.x}, {last.figure.text} at step {last.x}"
        for panel in panels
        for name, first, last in _ends(panel)
    ]
    return Chart(_figure(title, panels, _TRAINING), rows, f"{title}. {'; '.join(parts)}.")


def thinned(steps: Sequence[_Step], most: int = _MOST_POINTS, kept: Sequence[float] = ()) -> list[_Step]:
    """At most about `most` of a training's steps, evenly, with the first, the last, and those numbered in `kept`."""
    # A chart is some 300 pixels wide; thousands of points would only take long to send, at every step.
    every, last = max(1, -(-len(steps) // most)), len(steps) - 1
    return [step for at, step in enumerate(steps) if at % every == 0 or at == last or step.step in kept]


def stored_figure(stored: Any, form: Form = Form.DECIMAL) -> Figure:
    """An estimate as a figure, or one as the store keeps it, [value, low, high, n]; without a value for None."""
    if isinstance(stored, Estimate):
        return Figure(stored.value, stored.low, stored.high, stored.n or None, form)
    if not isinstance(stored, Sequence) or len(stored) < 3:
        return Figure(None, form=form)
    value, low, high = (None if part is None else float(part) for part in stored[:3])
    # Figures of trainings made before problems were counted have three parts.
    n = int(stored[3]) if len(stored) > 3 and stored[3] is not None else None
    return Figure(value, low, high, n, form)


def _ends(curves: Curves) -> list[tuple[str, Point, Point]]:
    """Every line's name with its first and last point: what the alt text tells of it."""
    lines = [(line.name, known(line.points)) for line in curves.lines]
    return [(visible(name, 60), points[0], points[-1]) for name, points in lines if points]


# -- lines ------------------------------------------------------------------------------------------


def _figure(title: str, panels: Sequence[Curves], style: ChartStyle) -> go.Figure:
    traces: list[dict[str, Any]] = []
    named = any(line.name for panel in panels for line in panel.lines)
    layout = _layout(title, style.height, len(panels), legend=named)
    first, listed = 0, set[str]()
    for row, panel in enumerate(panels, start=1):
        at = str(row) if row > 1 else ""
        axes = {"xaxis": f"x{at}", "yaxis": f"y{at}"}
        for line in panel.lines:
            drawn = _line_traces(panel, line, first, style)
            traces += [trace | axes | ({"showlegend": False} if line.name in listed else {}) for trace in drawn]
            first += len(known(line.points)) + sum(len(known(points)) for points in line.seeds)
        # One entry in the legend is enough for a name that stands in several panels.
        listed |= {line.name for line in panel.lines}
        layout[f"xaxis{at}"] |= _x_axis(panel) | (_axis_title(panel.x, style) if row == len(panels) else {})
        layout[f"yaxis{at}"] |= _y_axis(panel) | _axis_title(panel.y, style)
        if panel.base is not None:
            shape, text = _level(panel.base, panel.form, at)
            layout.setdefault("shapes", []).append(shape)
            layout.setdefault("annotations", []).append(text)
        for place, name in panel.alarms:
            shape, text = _alarm(place, name, at)
            layout.setdefault("shapes", []).append(shape)
            layout.setdefault("annotations", []).append(text)
    # Built at once from plain values: piece by piece Plotly takes many times as long, at every step of a training.
    return go.Figure({"data": traces, "layout": layout})


def _line_traces(curves: Curves, line: Line, first: int, style: ChartStyle) -> list[dict[str, Any]]:
    """A line with its seeds or its band; the first of its records is `first`."""
    points, color = known(line.points), _COLOURS[line.role]
    # A line of one point can't be seen: it is marked whatever the line asks for.
    alone = line.marks is Marks.ONLY or (line.marks is Marks.NONE and len(points) == 1)
    mark: dict[str, Any] = {
        "color": color,
        "symbol": line.symbol,
        "size": style.mark * (1 if len(points) <= MOST_MARKS else 0.6),
    }
    drawn = _scatter(line, points, first, style) | {
        "mode": "markers" if alone else "lines+markers" if line.marked else "lines",
        "opacity": line.opacity,
        "line": {"color": color, "width": style.stroke, "dash": line.dash},
        "marker": mark | ({"line": {"width": style.edge, "color": color}} if style.edge else {}),
        "hovertext": [_hover(curves, line, point, style) for point in points],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    ends = [point for point in points if point.figure.low is not None and point.figure.high is not None]
    if line.band:
        return [*_band(ends, _BANDS.get(line.role, _OTHER_BAND)), drawn] if len(ends) > 1 else [drawn]
    if curves.whiskers and ends:
        drawn["error_y"] = whiskers([point.figure for point in points], color, style.cap)
    return [*_seed_traces(line, first + len(points), style), drawn]  # the mean lies above its seeds


def _scatter(line: Line, points: Sequence[Point], first: int, style: ChartStyle) -> dict[str, Any]:
    name = label(line.name, style.named)
    return {
        "type": "scatter",
        "x": [point.x for point in points],
        "y": [point.figure.value for point in points],
        "customdata": list(range(first, first + len(points))),
        "name": name,
        "showlegend": bool(name),
        "legendgroup": name,
        "cliponaxis": False,
    }


def _seed_traces(line: Line, first: int, style: ChartStyle) -> list[dict[str, Any]]:
    thin = {"color": _COLOURS[line.role], "width": 1}
    look = {"mode": "lines", "opacity": _SEED_OPACITY, "line": thin, "showlegend": False, "hoverinfo": "skip"}
    traces = []
    for points in map(known, line.seeds):
        traces.append(_scatter(line, points, first, style) | look)
        first += len(points)
    return traces


def _band(points: Sequence[Point], color: str) -> list[dict[str, Any]]:
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    edge["x"] = [point.x for point in points]
    low = edge | {"y": [point.figure.low for point in points]}
    return [low, edge | {"y": [point.figure.high for point in points], "fill": "tonexty", "fillcolor": color}]


def _x_axis(curves: Curves) -> dict[str, Any]:
    if curves.ticks:
        places = list(range(len(curves.ticks)))
        return {"tickmode": "array", "tickvals": places, "ticktext": [label(name, 12) for name in curves.ticks],
                "range": [-0.25, max(1, len(places) - 1) + 0.25]}  # fmt: skip
    if curves.last is None:
        return {"rangemode": "tozero", "nticks": 6}
    last = max(1, curves.last)
    return {"range": [-0.02 * last, last * 1.03], "nticks": 6}


def _y_axis(curves: Curves) -> dict[str, Any]:
    if curves.form is Form.PERCENT:
        # Always the whole scale: a loss of two points must not look like a fall to nothing. The room beyond it holds
        # marks at 0 and 1 whole.
        return {"range": [-0.03, 1.04], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    figures = [point.figure for line in curves.lines for point in known(line.points)]
    values = [figure.value for figure in figures if figure.value is not None]
    most = _MOST_AXIS * max(values, default=0.0)
    # Of a few problems an interval may reach a hundred times as far as its figure: it leaves the picture, or nothing
    # else could be seen in it. What is pointed at says how far.
    if most and min(values) >= 0 and any(figure.high is not None and figure.high > most for figure in figures):
        return {"range": [0, most], "nticks": 5}
    return {"rangemode": "tozero", "nticks": 5}


def _level(base: float, form: Form, at: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The base's level as a line over the whole width, and its value at the right end of it."""
    place = {"xref": f"x{at} domain", "yref": f"y{at}"}
    line = {"color": LIGHT.a, "width": 1, "dash": "dot"}
    shape = {"type": "line", "x0": 0, "x1": 1, "y0": base, "y1": base, "line": line} | place
    font = {"size": 11, "color": LIGHT.a}
    text = {"x": 1, "y": base, "text": f"base {number(base, form)}", "showarrow": False, "font": font}
    return shape, text | place | {"xanchor": "right", "yanchor": "bottom"}


def _alarm(place: float, name: str, at: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An alarm as a line over the whole height, and its sign at the top, whose name is read by hovering."""
    where = {"xref": f"x{at}", "yref": f"y{at} domain"}
    line = {"color": LIGHT.wrong, "width": 1, "dash": "dash"}
    sign = {"x": place, "y": 1, "text": "▲", "showarrow": False, "hovertext": label(name, 120), "yanchor": "bottom"}
    shape = {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": line} | where
    return shape, sign | where | {"font": {"size": 11, "color": LIGHT.wrong}, "captureevents": True}


def _hover(curves: Curves, line: Line, point: Point, style: ChartStyle) -> str:
    name = label(line.name)
    if style.place_first:
        n = f"n = {point.figure.n:,}" if point.figure.n else ""
        place = ", ".join(filter(None, (f"{curves.x} {point.x}", name)))
        parts = (f"{place}: {point.figure.text}", point.figure.ends, n)
        return " ".join(part for part in parts if part)
    place = f"{curves.x} {curves.ticks[round(point.x)]}" if curves.ticks else f"{curves.x} {point.x:,.4g}"
    return f"{name}, {label(point.label or place)}: {_figure_text(point.figure)}"


# -- bars -------------------------------------------------------------------------------------------


def _bars(bars: Bars, data: list[Record]) -> Chart:
    traces = [_series(bars, at) for at in range(len(bars.series))]
    layout = _layout(bars.title, 96 + (_ROW * len(bars.series) + 8) * len(bars.names))
    layout |= {"barmode": "group", "bargap": 0.3, "bargroupgap": 0.12}
    beside = bars.beside or ("",) * len(bars.names)
    names = [
        f"{label(n, 30)}{f'  <i>{label(b, 12)}</i>' if b else ''}" for n, b in zip(bars.names, beside, strict=True)
    ]
    rows = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names}
    # The range runs downwards: the first name is at the top, as in the table.
    layout["yaxis"] |= {**rows, "range": [len(names) - 0.4, -0.6], "showgrid": False, "zeroline": False}
    layout["xaxis"] |= _axis_title(bars.x, _REPORT) | {"zeroline": True, "zerolinecolor": NEUTRAL}
    alt = f"{bars.title}, {len(bars.names)} rows: {', '.join(visible(name, 40) for name, _, _ in bars.series)}."
    return Chart(go.Figure({"data": traces, "layout": layout}), data, alt)


def _series(bars: Bars, at: int) -> dict[str, Any]:
    name, role, figures = bars.series[at]
    color, first = _COLOURS[role], at * len(bars.names)
    return {
        "type": "bar",
        "orientation": "h",
        "name": label(name, _REPORT.named),
        "x": [figure.value for figure in figures],
        "y": list(range(len(figures))),
        "customdata": list(range(first, first + len(figures))),
        "marker": {"color": [color if f else CLEAR for f in bars.filled(at)], "line": {"color": color, "width": 1.5}},
        "error_x": whiskers(figures, cap=_REPORT.cap),
        "hovertext": [
            f"{label(n)}, {label(name)}: {_figure_text(f)}" for n, f in zip(bars.names, figures, strict=True)
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


# -- both -------------------------------------------------------------------------------------------


def _layout(title: str, height: int, rows: int = 1, *, legend: bool = True) -> dict[str, Any]:
    layout = deepcopy(_frame(height, rows, legend))
    layout["title"]["text"] = label(title, 120)
    return layout


@lru_cache(maxsize=32)
def _frame(height: int, rows: int, legend: bool) -> dict[str, Any]:
    """What all charts of a height and number of panels, with a legend or none, have in common.

    Built piece by piece it takes Plotly a while.
    """
    figure = make_subplots(rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.12)
    framed(figure, "-", height, legend=legend)
    figure.update_layout(margin_t=34, title_font_size=13.5, legend_font={"size": 11.5, "color": NEUTRAL})
    layout: dict[str, Any] = figure.to_dict()["layout"]
    # Streamlit puts its own theme in the template's place; Plotly's default would be kilobytes sent for nothing.
    return {name: part for name, part in layout.items() if name != "template"}


def _axis_title(text: str, style: ChartStyle) -> dict[str, Any]:
    font = {"color": NEUTRAL, "size": 12}
    return {"title": {"text": label(text), "standoff": style.standoff, "font": font}}


def _figure_text(figure: Figure) -> str:
    n = f", n = {figure.n:,}" if figure.n else ""
    return f"{figure.text} {figure.ends}".strip() + n
