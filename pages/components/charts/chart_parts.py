"""What all Plotly charts share: a figure with its data and alt text, safe labels, whiskers and the frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from backend.domain import Group, visible
from backend.report.colours import LIGHT
from backend.report.model import Record
from backend.report.numbers import Interval

CLEAR = "rgba(0,0,0,0)"
NEUTRAL = LIGHT.group[Group.IGNORANCE]  # the one grey that has a counterpart in both themes
_MARGIN = {"l": 8, "r": 8, "t": 44, "b": 40}
_LEGEND_HEIGHT = 26


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure in the light palette, the data it draws (one record a mark, the rows of the CSV), and its alt text.

    Each mark's `customdata` is the index of its record in `data`: by it a click leads to the record.
    """

    figure: go.Figure
    data: Sequence[Record]
    alt: str


def label(text: str, limit: int = 60) -> str:
    """Any text as a Plotly label that shows it as it is: controls written out, tags and entities without meaning."""
    # Plotly draws a subset of HTML in every text, links among it.
    return escape(visible(" ".join(text.split()), limit), quote=False)


def whiskers(values: Sequence[Interval], color: str = LIGHT.ink, cap: int = 3) -> dict[str, Any]:
    """Plotly's error bars from low to high, with ends `cap` pixels wide; none where a value has no interval."""
    return {
        "type": "data",
        "symmetric": False,
        # Plotly wants distances from the value, not places on the axis.
        "array": [None if v.high is None or v.value is None else v.high - v.value for v in values],
        "arrayminus": [None if v.low is None or v.value is None else v.value - v.low for v in values],
        "color": color,
        "thickness": 1,
        "width": cap,
    }


def framed(figure: go.Figure, title: str, height: int, *, legend: bool = False) -> go.Figure:
    """`figure` with its title, height in pixels, margins and quiet axes; changed in place and returned."""
    figure.update_layout(
        title={
            "text": label(title, 120),
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "yref": "container",
            "pad": {"t": 4},
        },
        height=height + (_LEGEND_HEIGHT if legend else 0),
        margin=_MARGIN | ({"b": _MARGIN["b"] + _LEGEND_HEIGHT} if legend else {}),
        showlegend=legend,
        dragmode=False,  # axes are fixed: a drag has nothing to zoom, and on a touch screen it scrolls the page
        hovermode="closest",
    )
    if legend:
        figure.update_layout(
            legend={
                "orientation": "h",
                "yref": "container",
                "y": 0,
                "yanchor": "bottom",
                "x": 0,
                "itemclick": False,
                "itemdoubleclick": False,
            }
        )
    small = {"color": NEUTRAL, "size": 12}
    figure.update_yaxes(automargin=True, fixedrange=True, tickfont=small, title_font=small)
    return figure.update_xaxes(fixedrange=True, tickfont=small, title_font=small)
