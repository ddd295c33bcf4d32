"""A report's figures as Plotly charts: lines over seeds with whiskers, and horizontal bars.

Owns how arms, seeds and the base look in them. Knows nothing of Streamlit, of stores or of what is measured. Names may
be hostile: they are drawn through `label` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go

from backend.domain import visible
from backend.report.model import Bars, Curves, Figure, Line, Picture, Point, ReportForm, Role, picture_records, written
from pages.components.charts.chart_parts import CLEAR, NEUTRAL, Chart, framed, label
from pages.components.palette import LIGHT

_HEIGHT, _ROW = 268, 15
_SEED_OPACITY = 0.34
_MOST_MARKS = 40  # marks of more points would hide their line
# C and D have no place among the colours that follow the theme: tones between theirs that stand out on both.
_COLOURS = {Role.BASE: LIGHT.a, Role.FIRST: LIGHT.b, Role.SECOND: "#1f8f87", Role.THIRD: "#b0722a", Role.OTHER: NEUTRAL}


def chart(picture: Picture) -> Chart:
    """The figure with its data, the same rows as in the report's CSV."""
    return _curves(picture) if isinstance(picture, Curves) else _bars(picture)


# -- lines ------------------------------------------------------------------------------------------


def _curves(curves: Curves) -> Chart:
    traces, data = [], list(picture_records(curves).rows)
    first = 0
    for line in curves.lines:
        drawn, known = _line(curves, line, first), [p for p in line.points if p.figure.value is not None]
        first += len(known)
        seeds = []
        for points in line.seeds:
            own = [p for p in points if p.figure.value is not None]
            seeds.append(_seed(curves, line, own, first))
            first += len(own)
        traces += [*seeds, drawn]  # the mean lies above its seeds
    layout = _layout(curves.title, _HEIGHT)
    layout["xaxis"] |= {"title": _axis_title(curves.x), **_x_axis(curves)}
    layout["yaxis"] |= {"title": _axis_title(curves.y), **_y_axis(curves)}
    if curves.base is not None:
        layout["shapes"], layout["annotations"] = [_level(curves.base)], [_level_name(curves)]
    return Chart(go.Figure({"data": traces, "layout": layout}), data, f"{curves.title}. {_said(curves)}")


def _line(curves: Curves, line: Line, first: int) -> dict[str, Any]:
    points = [point for point in line.points if point.figure.value is not None]
    drawn = _scatter(curves, line, points, first) | {
        "mode": "lines+markers" if len(points) <= _MOST_MARKS else "lines",
        "name": label(line.name, 52),
        "opacity": 0.3 + 0.7 * line.shade,
        "marker": {"color": _COLOURS[line.role], "size": 6.5},
        "hovertext": [_hover(curves, line, point) for point in points],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    if curves.whiskers and any(point.figure.low is not None for point in points):
        drawn["error_y"] = _whiskers([point.figure for point in points], _COLOURS[line.role])
    return drawn


def _seed(curves: Curves, line: Line, points: Sequence[Point], first: int) -> dict[str, Any]:
    thin = {"color": _COLOURS[line.role], "width": 1}
    more = {"mode": "lines", "opacity": _SEED_OPACITY, "line": thin, "showlegend": False, "hoverinfo": "skip"}
    return _scatter(curves, line, points, first) | more | {"name": label(line.name, 52)}


def _scatter(curves: Curves, line: Line, points: Sequence[Point], first: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [point.x for point in points],
        "y": [point.figure.value for point in points],
        "customdata": list(range(first, first + len(points))),
        "legendgroup": label(line.name, 52),
        "cliponaxis": False,
        "line": {"color": _COLOURS[line.role], "width": 2.2, "dash": line.dash},
    }


def _x_axis(curves: Curves) -> dict[str, Any]:
    if curves.ticks:
        places = list(range(len(curves.ticks)))
        return {"tickmode": "array", "tickvals": places, "ticktext": [label(name, 12) for name in curves.ticks],
                "range": [-0.25, max(1, len(places) - 1) + 0.25]}  # fmt: skip
    return {"rangemode": "tozero", "nticks": 6}


def _y_axis(curves: Curves) -> dict[str, Any]:
    if curves.form is ReportForm.PERCENT:
        return {"range": [-0.03, 1.04], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    return {"rangemode": "tozero", "nticks": 5}


def _level(base: float) -> dict[str, Any]:
    line = {"color": LIGHT.a, "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x domain", "yref": "y", "x0": 0, "x1": 1, "y0": base, "y1": base, "line": line}


def _level_name(curves: Curves) -> dict[str, Any]:
    text = f"base {written(curves.base, curves.form)}"
    font = {"size": 11, "color": LIGHT.a}
    place = {"x": 1, "y": curves.base, "xref": "x domain", "yref": "y", "xanchor": "right", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": font, **place}


def _hover(curves: Curves, line: Line, point: Point) -> str:
    place = f"{curves.x} {curves.ticks[round(point.x)]}" if curves.ticks else f"{curves.x} {point.x:,.4g}"
    return f"{label(line.name)}, {label(point.label or place)}: {_figure_text(point.figure)}"


def _said(curves: Curves) -> str:
    """The first and the last value of every line, for who can't see it."""
    parts = []
    for line in curves.lines:
        known = [point for point in line.points if point.figure.value is not None]
        if known:
            parts.append(f"{visible(line.name, 60)}: {known[0].figure.text} to {known[-1].figure.text}")
    return "; ".join(parts) + "."


# -- bars -------------------------------------------------------------------------------------------


def _bars(bars: Bars) -> Chart:
    traces = [_series(bars, at) for at in range(len(bars.series))]
    height = 96 + (_ROW * len(bars.series) + 8) * len(bars.names)
    layout = _layout(bars.title, height)
    layout |= {"barmode": "group", "bargap": 0.3, "bargroupgap": 0.12}
    beside = bars.beside or ("",) * len(bars.names)
    names = [
        f"{label(n, 30)}{f'  <i>{label(b, 12)}</i>' if b else ''}" for n, b in zip(bars.names, beside, strict=True)
    ]
    rows = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names}
    layout["yaxis"] |= {**rows, "range": [len(names) - 0.4, -0.6], "showgrid": False, "zeroline": False}
    layout["xaxis"] |= {"title": _axis_title(bars.x), "zeroline": True, "zerolinecolor": NEUTRAL}
    data = list(picture_records(bars).rows)
    alt = f"{bars.title}, {len(bars.names)} rows: {', '.join(visible(name, 40) for name, _, _ in bars.series)}."
    return Chart(go.Figure({"data": traces, "layout": layout}), data, alt)


def _series(bars: Bars, at: int) -> dict[str, Any]:
    name, role, figures = bars.series[at]
    color, first = _COLOURS[role], at * len(bars.names)
    filled = bars.clear[at] if bars.clear else (role is not Role.BASE,) * len(figures)
    return {
        "type": "bar",
        "orientation": "h",
        "name": label(name, 52),
        "x": [figure.value for figure in figures],
        "y": list(range(len(figures))),
        "customdata": list(range(first, first + len(figures))),
        "marker": {"color": [color if f else CLEAR for f in filled], "line": {"color": color, "width": 1.5}},
        "error_x": _whiskers(figures, LIGHT.ink),
        "hovertext": [
            f"{label(n)}, {label(name)}: {_figure_text(f)}" for n, f in zip(bars.names, figures, strict=True)
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


# -- both -------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _frame(height: int) -> dict[str, Any]:
    """What all charts of a height have in common. Built piece by piece it takes Plotly a while."""
    figure = framed(go.Figure(), "-", height, legend=True)
    figure.update_layout(margin_t=34, title_font_size=13.5, legend_font={"size": 11.5, "color": NEUTRAL})
    found: dict[str, Any] = figure.to_dict()["layout"]
    return {name: part for name, part in found.items() if name != "template"}


def _layout(title: str, height: int) -> dict[str, Any]:
    layout = deepcopy(_frame(height))
    layout["title"]["text"] = label(title, 120)
    return layout


def _axis_title(text: str) -> dict[str, Any]:
    return {"text": label(text), "standoff": 5, "font": {"color": NEUTRAL, "size": 12}}


def _whiskers(figures: Sequence[Figure], color: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [None if f.high is None or f.value is None else f.high - f.value for f in figures],
        "arrayminus": [None if f.low is None or f.value is None else f.value - f.low for f in figures],
        "color": color,
        "thickness": 1,
        "width": 2,
    }


def _figure_text(figure: Figure) -> str:
    n = f", n = {figure.n:,}" if figure.n else ""
    return f"{figure.text} {figure.ends}".strip() + n
