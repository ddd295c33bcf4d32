"""Curves over the steps of a training: panels of lines and dots in, a Plotly figure with its data and alt text out.

Owns how rollouts, evaluations and the base look in a curve. Knows nothing of Streamlit, of the store or of where the
values come from. Names of problem sets may be hostile: they are drawn through `label` alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend.domain import visible
from backend.report.numbers import Form, Interval, interval_text, number
from pages.components.charts.chart_parts import NEUTRAL, Chart, Record, framed, label, whiskers
from pages.components.palette import LIGHT

HEIGHT = 216
_BAND = "rgba(116, 108, 236, 0.17)"  # B, faint enough for both themes
_Z = 1.959964


class CurveRole(Enum):
    """What a line stands for, as (colour, dash, symbol, mode)."""

    ROLLOUTS = (LIGHT.b, "solid", "circle", "lines")
    HELD_OUT = (LIGHT.b, "solid", "circle", "lines+markers")
    HELD_OUT_DOTS = (LIGHT.b, "solid", "circle", "markers")
    SECOND = (LIGHT.b, "dash", "square-open", "lines+markers")
    THIRD = (LIGHT.b, "dot", "diamond-open", "lines+markers")
    SEEN = (NEUTRAL, "dash", "triangle-up-open", "lines+markers")
    SURE = (LIGHT.wrong, "dot", "x", "lines+markers")
    TEACHER = (NEUTRAL, "dash", "circle", "lines")


class PanelPoint(NamedTuple):
    """A value at a step, of `n` responses or problems."""

    step: int
    value: Interval
    n: int | None = None


@dataclass(frozen=True, slots=True)
class PanelLine:
    """One line of a panel; `band` draws its intervals as a band instead of whiskers."""

    name: str
    role: CurveRole
    points: Sequence[PanelPoint]
    band: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over one axis. `base` is the value before anything was taught, drawn as A's level."""

    unit: str
    lines: Sequence[PanelLine]
    form: Form = Form.DECIMAL
    base: float | None = None


def wilson(share: float, n: int) -> Interval:
    """A share of `n` independent responses with its 95% interval (Wilson 1927, score interval)."""
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def step_chart(title: str, panels: Sequence[Panel], steps: int, *, height: int = HEIGHT) -> Chart:
    """Curves over steps 0 to `steps`, panels above each other over one axis.

    Records: panel, line, step, value, low, high, n; one a point that is known.
    """
    data: list[Record] = []
    traces: list[dict[str, Any]] = []
    named: set[str] = set()
    layout = deepcopy(_frame(len(panels), height))
    layout["title"]["text"] = label(title, 120)
    for row, panel in enumerate(panels, start=1):
        axes = {"xaxis": f"x{row}", "yaxis": f"y{row}"} if row > 1 else {"xaxis": "x", "yaxis": "y"}
        for line in panel.lines:
            first, points = len(data), [p for p in line.points if p.value.value is not None]
            data += [_record(panel, line, point) for point in points]
            traces += [trace | axes for trace in _traces(panel, line, points, first, line.name not in named)]
            named.add(line.name)
        number_of = str(row) if row > 1 else ""
        layout[f"xaxis{number_of}"]["range"] = [-0.02 * max(1, steps), max(1, steps) * 1.03]
        layout[f"yaxis{number_of}"] |= _axis(panel)
        if panel.base is not None:
            shape, said = _level(panel, axes["xaxis"], axes["yaxis"])
            layout["shapes"], layout["annotations"] = [*layout["shapes"], shape], [*layout["annotations"], said]
    # Built at once from plain values: piece by piece Plotly takes many times as long, at every step of a training.
    return Chart(go.Figure({"data": traces, "layout": layout}), data, f"{title}. {_said(panels)}")


@lru_cache(maxsize=8)
def _frame(rows: int, height: int) -> dict[str, Any]:
    """What all charts of so many panels have in common."""
    figure = make_subplots(rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.12)
    figure.update_xaxes(title_text="step", title_standoff=4, row=rows, col=1)
    figure.update_xaxes(nticks=6)
    figure.update_yaxes(title_standoff=4)
    framed(figure, "-", height, legend=True)
    figure.update_layout(margin_t=34, title_font_size=13.5, legend_font={"size": 11.5, "color": NEUTRAL})
    layout: dict[str, Any] = figure.to_dict()["layout"]
    return {name: part for name, part in layout.items() if name != "template"} | {"shapes": [], "annotations": []}


def _axis(panel: Panel) -> dict[str, Any]:
    title = {"text": label(panel.unit), "standoff": 4, "font": {"color": NEUTRAL, "size": 12}}
    if panel.form is Form.PERCENT:
        return {"title": title, "range": [-0.03, 1.04], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    return {"title": title, "rangemode": "tozero", "nticks": 5}


def _level(panel: Panel, x: str, y: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A's level: a line over the whole width, and its value at the right end."""
    place = {"xref": f"{x} domain", "yref": y}
    line = {"color": LIGHT.a, "width": 1, "dash": "dot"}
    shape = {"type": "line", "x0": 0, "x1": 1, "y0": panel.base, "y1": panel.base, "line": line} | place
    text = f"base {number(panel.base, panel.form)}"
    font = {"size": 11, "color": LIGHT.a}
    said = {"x": 1, "y": panel.base, "text": text, "showarrow": False, "font": font}
    return shape, said | place | {"xanchor": "right", "yanchor": "bottom"}


def _record(panel: Panel, line: PanelLine, point: PanelPoint) -> Record:
    ends: Mapping[str, float | None] = {"value": point.value.value, "low": point.value.low, "high": point.value.high}
    return {"panel": panel.unit, "line": line.name, "step": point.step, **ends, "n": point.n}


def _traces(
    panel: Panel, line: PanelLine, points: Sequence[PanelPoint], first: int, listed: bool
) -> list[dict[str, Any]]:
    color, dash, symbol, mode = line.role.value
    values = [point.value for point in points]
    if len(points) == 1 and mode == "lines":
        mode = "markers"  # a line of one point can't be seen
    drawn: dict[str, Any] = {
        "type": "scatter",
        "x": [point.step for point in points],
        "y": [value.value for value in values],
        "mode": mode,
        "name": label(line.name, 34),
        "showlegend": listed,
        "legendgroup": label(line.name, 34),
        "customdata": list(range(first, first + len(points))),
        "line": {"color": color, "width": 1.8, "dash": dash},
        "marker": {"color": color, "symbol": symbol, "size": 7, "line": {"width": 1.5, "color": color}},
        "cliponaxis": False,
        "hovertext": [_hover(panel, line, point) for point in points],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    ends = [value for value in values if value.low is not None and value.high is not None]
    if line.band and len(ends) == len(values) > 1:
        return [*_band(points), drawn]
    if not line.band and ends:
        drawn["error_y"] = whiskers(values) | {"color": color}
    return [drawn]


def _band(points: Sequence[PanelPoint]) -> list[dict[str, Any]]:
    """The area between the ends of the intervals."""
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    edge["x"] = [point.step for point in points]
    low = edge | {"y": [point.value.low for point in points]}
    return [low, edge | {"y": [point.value.high for point in points], "fill": "tonexty", "fillcolor": _BAND}]


def _hover(panel: Panel, line: PanelLine, point: PanelPoint) -> str:
    value = point.value
    text = f"step {point.step}, {label(line.name)}: {number(value.value, panel.form)}"
    ends = interval_text(value.low, value.high, panel.form)
    return " ".join(part for part in (text, ends, f"n = {point.n:,}" if point.n else "") if part)


def _said(panels: Sequence[Panel]) -> str:
    """The first and the last value of every line, for who can't see it."""
    parts = []
    for panel in panels:
        for line in panel.lines:
            known = [point for point in line.points if point.value.value is not None]
            if known:
                first, last = (number(point.value.value, panel.form) for point in (known[0], known[-1]))
                name = f"{visible(line.name, 60)}, {visible(panel.unit, 60)}"
                parts.append(f"{name}: {first} at step {known[0].step}, {last} at step {known[-1].step}")
    return "; ".join(parts) + "."
