"""Curves over the steps of a training: panels of lines and dots in, a Plotly figure with its data and alt text out.

Owns how rollouts, evaluations and the base look in a curve. Knows nothing of Streamlit, of the store or of where the
values come from. Names of problem sets may be hostile: they are drawn through `label` alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend.domain import visible
from pages.components.chart_parts import NEUTRAL, Chart, Record, framed, label, whiskers
from pages.components.palette import LIGHT
from pages.components.quantity import Form, Interval, interval_text, number

HEIGHT = 216
_BAND = "rgba(116, 108, 236, 0.17)"  # B, faint enough for both themes
_Z = 1.959964


class Role(Enum):
    """What a line stands for, as (colour, dash, symbol, mode)."""

    ROLLOUTS = (LIGHT.b, "solid", "circle", "lines")
    HELD_OUT = (LIGHT.b, "solid", "circle", "lines+markers")
    HELD_OUT_DOTS = (LIGHT.b, "solid", "circle", "markers")
    SECOND = (LIGHT.b, "dash", "square-open", "lines+markers")
    THIRD = (LIGHT.b, "dot", "diamond-open", "lines+markers")
    SEEN = (NEUTRAL, "dash", "triangle-up-open", "lines+markers")
    SURE = (LIGHT.wrong, "dot", "x", "lines+markers")
    TEACHER = (NEUTRAL, "dash", "circle", "lines")


class Point(NamedTuple):
    """A value at a step, of `n` responses or problems."""

    step: int
    value: Interval
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel; `band` draws its intervals as a band instead of whiskers."""

    name: str
    role: Role
    points: Sequence[Point]
    band: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over one axis. `base` is the value before anything was taught, drawn as A's level."""

    unit: str
    lines: Sequence[Line]
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
    figure = make_subplots(rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=0.12)
    data: list[Record] = []
    named: set[str] = set()
    for row, panel in enumerate(panels, start=1):
        for line in panel.lines:
            first, points = len(data), [p for p in line.points if p.value.value is not None]
            data += [_record(panel, line, point) for point in points]
            figure.add_traces(_traces(panel, line, points, first, line.name not in named), rows=row, cols=1)
            named.add(line.name)
        _axis(figure, panel, row)
    figure.update_xaxes(range=[-0.02 * max(1, steps), max(1, steps) * 1.03], nticks=6)
    figure.update_xaxes(title_text="step", title_standoff=4, row=len(panels), col=1)
    framed(figure, title, height, legend=True)
    figure.update_layout(margin_t=34, title_font_size=13.5, legend_font={"size": 11.5, "color": NEUTRAL})
    return Chart(figure, data, f"{title}. {_said(panels)}")


def _axis(figure: go.Figure, panel: Panel, row: int) -> None:
    """A panel's own axis, and A's level in it."""
    bounds: dict[str, Any] = {"rangemode": "tozero", "nticks": 5}
    if panel.form is Form.PERCENT:
        bounds = {"range": [-0.03, 1.04], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    figure.update_yaxes(**bounds, title_text=label(panel.unit), title_standoff=4, row=row, col=1)
    if panel.base is not None:
        said = {"text": f"base {number(panel.base, panel.form)}", "font": {"size": 11, "color": LIGHT.a}}
        place = {"annotation": said, "annotation_position": "top right", "row": row, "col": 1}
        figure.add_hline(y=panel.base, line={"color": LIGHT.a, "width": 1, "dash": "dot"}, **place)


def _record(panel: Panel, line: Line, point: Point) -> Record:
    ends: Mapping[str, float | None] = {"value": point.value.value, "low": point.value.low, "high": point.value.high}
    return {"panel": panel.unit, "line": line.name, "step": point.step, **ends, "n": point.n}


def _traces(panel: Panel, line: Line, points: Sequence[Point], first: int, listed: bool) -> list[go.Scatter]:
    color, dash, symbol, mode = line.role.value
    values = [point.value for point in points]
    if len(points) == 1 and mode == "lines":
        mode = "markers"  # a line of one point can't be seen
    drawn = go.Scatter(
        x=[point.step for point in points],
        y=[value.value for value in values],
        mode=mode,
        name=label(line.name, 34),
        showlegend=listed,
        legendgroup=label(line.name, 34),
        customdata=list(range(first, first + len(points))),
        line={"color": color, "width": 1.8, "dash": dash},
        marker={"color": color, "symbol": symbol, "size": 7, "line": {"width": 1.5, "color": color}},
        cliponaxis=False,
        hovertext=[_hover(panel, line, point) for point in points],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    ends = [value for value in values if value.low is not None and value.high is not None]
    if line.band and len(ends) == len(values) > 1:
        return [*_band(points), drawn]
    if not line.band and ends:
        drawn.update(error_y=whiskers(values) | {"color": color})
    return [drawn]


def _band(points: Sequence[Point]) -> list[go.Scatter]:
    """The area between the ends of the intervals."""
    steps = [point.step for point in points]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    low = go.Scatter(x=steps, y=[point.value.low for point in points], **edge)
    return [low, go.Scatter(x=steps, y=[point.value.high for point in points], fill="tonexty", fillcolor=_BAND, **edge)]


def _hover(panel: Panel, line: Line, point: Point) -> str:
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
