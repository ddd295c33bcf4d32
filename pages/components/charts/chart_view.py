"""Draws a chart in the page's theme, with its alt text, its downloads and its data as a table.

Owns the way from a Chart to the browser and back: the colours that follow light and dark, PNG and SVG made in the
browser without a network, CSV, and which records a person picked.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import plotly.graph_objects as go
import streamlit as st
from streamlit.typing import PlotlyState

from backend.report.colours import LIGHT
from backend.report.files import csv_text
from backend.report.model import Record
from pages.components.browser.component import browser_component
from pages.components.charts.chart_parts import Chart
from pages.components.palette import series
from pages.components.table.table_model import one_line

_HERE = Path(__file__)
_FILES = browser_component(
    "chart_files",
    _HERE.with_suffix(".js"),
    styles=[_HERE.with_suffix(".css")],
    html='<div id="files"></div>\n<div id="data"></div>\n',
)
# Streamlit's browser side swaps these for the theme's colours: chartCategoricalColors in order, and an ink.
_SLOTS = {color: f"#{slot:06d}" for slot, color in reversed(list(enumerate(series(LIGHT), start=1)))}
_SLOTS |= {LIGHT.ink: "#000037"}
_SPAN_COLOR = re.compile(r'(?<=style="color:)#[0-9a-f]{6}(?=")')
_SHOWN_ROWS = 200


def show(chart: Chart, *, key: str, file_stem: str, on_select: bool = False) -> list[Record]:
    """Draws `chart` and returns the records a person picked: by a click, or in its table of data.

    `file_stem` names the downloads. With `on_select` a pick reruns the page; a second click takes it back.
    """
    if not chart.data:
        st.text(f"{chart.figure.layout.title.text}: nothing to draw.")
        return []
    with st.container(key=f"sth-chart-{key}", gap="xsmall"):
        event = st.plotly_chart(
            in_theme(chart.figure, _scheme(key)),
            key=key,
            alt=chart.alt,
            on_select="rerun" if on_select else "ignore",
            selection_mode="points",
            config={"displayModeBar": False, "scrollZoom": False},
        )
        data = _file_data(chart, key, file_stem, on_select)
        files = _FILES(key=f"{key}-files", data=data, reports=["picked", "scheme"])
    points = cast(PlotlyState, event).selection.points if on_select else []
    return picked_records(chart, _chosen(key, files.picked, [_record_index(chart.figure, point) for point in points]))


def forget_picks(*keys: str) -> None:
    """Forget what was picked in these charts' tables; what is picked in the drawing stays as it is drawn."""
    for key in keys:
        st.session_state.pop(f"{key}-kept", None)


def picked_records(chart: Chart, indices: Sequence[object]) -> list[Record]:
    """The records at `indices` as the browser sent them, once each; what is no index of a record is left out."""
    known = {i for i in indices if isinstance(i, int) and not isinstance(i, bool) and 0 <= i < len(chart.data)}
    return [chart.data[i] for i in sorted(known)]


def picked_range(records: Sequence[Record]) -> tuple[str, float, float] | None:
    """Side, from and to of the histogram bars picked; the first bar's side where several were; None without any."""
    bars = [record for record in records if "from" in record and "to" in record]
    if not bars:
        return None
    side = str(bars[0]["side"])
    of_side = [(float(bar["from"] or 0), float(bar["to"] or 0)) for bar in bars if bar["side"] == side]
    return side, min(low for low, _ in of_side), max(high for _, high in of_side)


def in_theme(figure: go.Figure, scheme: str = "") -> go.Figure:
    """A copy of `figure` whose palette colours are the reader's theme's."""
    # Streamlit fills theme colours in when it first sees a figure and never again: another `scheme` makes a new one.
    return _coloured(figure.to_json(validate=False), scheme)


@lru_cache(maxsize=64)
def _coloured(source: str, scheme: str) -> go.Figure:
    # Building a figure from JSON takes far longer than drawing it, and most reruns draw the same ones again.
    return go.Figure(_swap(json.loads(source))).update_layout(meta=scheme)


def _chosen(key: str, pressed: object, points: list[object]) -> list[object]:
    """What is chosen in the chart, or in its table: a choice there is kept, like one here, until the other is used."""
    kept = st.session_state.setdefault(f"{key}-kept", {"row": None, "points": points})
    if pressed is not None:
        kept["row"] = pressed
    elif points != kept["points"]:
        kept["row"] = None
    kept["points"] = points
    return points if kept["row"] is None else [kept["row"]]


def _scheme(key: str) -> str:
    """What the browser last changed to, "light" or "dark"; "" as long as it hasn't."""
    state = st.session_state.get(f"{key}-files")
    scheme = state.get("scheme") if isinstance(state, Mapping) else None
    return scheme if scheme in ("light", "dark") else ""


def _swap(part: Any) -> Any:
    if isinstance(part, dict):
        # Streamlit puts its own theme in the template's place; Plotly's default would be kilobytes sent for nothing.
        return {name: _swap(value) for name, value in part.items() if name != "template"}
    if isinstance(part, list):
        return [_swap(value) for value in part]
    if isinstance(part, str):
        return _SLOTS.get(part) or _SPAN_COLOR.sub(lambda m: _SLOTS.get(m[0], m[0]), part)
    return part


def _record_index(figure: go.Figure, point: Mapping[str, Any]) -> object:
    """The `customdata` of a picked point, read from our own figure rather than from what the browser says it is."""
    try:
        return int(figure.data[point["curve_number"]].customdata[point["point_index"]])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _file_data(chart: Chart, key: str, file_stem: str, on_select: bool) -> dict[str, Any]:
    names = list(dict.fromkeys(name for record in chart.data for name in record))
    return {
        "scope": f"st-key-sth-chart-{key}",
        "stem": re.sub(r"[^A-Za-z0-9._-]+", "-", file_stem).strip("-.")[:80] or "chart",
        "alt": chart.alt,
        "csv": csv_text(chart.data),
        "names": names,
        "rows": [[_shown(record.get(name)) for name in names] for record in chart.data[:_SHOWN_ROWS]],
        "more": max(0, len(chart.data) - _SHOWN_ROWS),
        "pick": on_select,
    }


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.6g}" if isinstance(value, float) else one_line(str(value))
