"""One table for every page: real HTML built of text nodes, with typed columns, sorting, selection and keyboard.

Owns the Python side of one Streamlit component, and the check of everything the browser sends back. Text may be
hostile: it reaches the browser as data and becomes text nodes alone; a link may lead to a path of this app only.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import streamlit as st

from pages.components.browser.component import browser_component
from pages.components.table.table_model import Column, Row, column_data, links_of, row_data

_HERE = Path(__file__)
_TABLE = browser_component(
    "table",
    _HERE.with_suffix(".js"),
    styles=[_HERE.with_suffix(".css")],
    html='<div class="box" id="box"></div>\n<div class="foot" id="foot"></div>\n',
)


class Select(StrEnum):
    """What a row can be selected for: a click (or Enter) opens it, or check boxes choose several."""

    ROW = "row"
    MANY = "many"


@dataclass(frozen=True, slots=True)
class TableEvent:
    """What a person did: `kind` is "row", "action", "sort" or "check"; the other fields as far as they apply."""

    kind: str
    row: str | None = None
    action: str | None = None
    column: str | None = None
    descending: bool = False
    checked: tuple[str, ...] = ()


def data_table(
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    key: str,
    caption: str,
    select: Select | None = None,
    sorted_by: tuple[str, bool] | None = None,
    checked: Collection[str] = (),
    height: int | None = None,
    empty: str = "Nothing here yet.",
    note: str = "",
) -> TableEvent | None:
    """Draws the table and returns what the person did since the last run, or None.

    `caption` names the table for screen readers. `sorted_by` is (column, descending) as the rows come: with it a person
    can ask for another order. `height` is the most it may take in pixels before it scrolls under its header. `checked`
    goes with Select.MANY. `empty` stands in place of rows; `note` is a quiet line below.
    """
    # The browser's choice counts on the very run that reports it, before the caller could keep it.
    state = st.session_state.get(key)
    waiting = table_event(state.get("event") if isinstance(state, Mapping) else None, columns, rows)
    if waiting is not None and waiting.kind == "check":
        checked = waiting.checked
    data = {
        "columns": [column_data(column, rows) for column in columns],
        "rows": [row_data(row, columns) for row in rows],
        "caption": caption,
        "select": select,
        "sortedBy": list(sorted_by) if sorted_by else None,
        "checked": [row.id for row in rows if row.id in checked],
        "height": height,
        "empty": empty,
        "note": note,
    }
    result = _TABLE(key=key, data=data, reports=["event"])
    return table_event(result.event, columns, rows)


def table_event(sent: object, columns: Sequence[Column], rows: Sequence[Row]) -> TableEvent | None:
    """What the browser sent, checked against what it was shown; None for nothing and for nonsense."""
    if not isinstance(sent, Mapping):
        return None
    ids = [row.id for row in rows]  # what is sent may not be hashable
    kind, row = sent.get("kind"), sent.get("row")
    if kind == "sort":
        column, descending = sent.get("column"), sent.get("descending") is True
        known = any(c.id == column and c.sortable for c in columns)
        return TableEvent("sort", column=column, descending=descending) if known else None
    if kind == "check" and isinstance(sent.get("checked"), list):
        return TableEvent("check", checked=tuple(item for item in sent["checked"] if item in ids))
    if row not in ids:
        return None
    if kind == "row":
        return TableEvent("row", row=row)
    action = sent.get("action")
    links = (link for r in rows if r.id == row for cell in r.cells.values() for link in links_of(cell))
    known = kind == "action" and action is not None and action in [link.action for link in links]
    return TableEvent("action", row=row, action=action) if known else None
