"""Find and replace over chosen columns of a table of runs, with a preview, and the list of what an edit changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.domain import UserError, visible
from backend.report.numbers import Form
from backend.services.traces.run_fields import FIELDS, NAMES, TEXTS, Replacement
from pages.components.editing.run_editor import EditRow, RunEditor
from pages.components.frame.notice import notice
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Kind, Row

_SHOWN = 40  # kinds of change that are listed; the rest is counted


def edit_tools(editor: RunEditor, shown: list[EditRow], line: DeltaGenerator | None = None) -> None:
    """Draws the tools above a table, in its `line`: find and replace in what is ticked, else all shown, ticks, undo."""
    name, every = editor.name, all(map(editor.is_ticked, shown))
    with line or st.container(horizontal=True, vertical_alignment="center", gap="small"):
        finding = st.toggle("Find and replace", key=f"{name}-finding")
        st.button("Untick all" if every else "Tick all", key=f"{name}-all", type="tertiary", disabled=not shown,
                  on_click=partial(editor.tick, shown, not every))  # fmt: skip
        st.button("Undo", key=f"{name}-undo", type="tertiary", icon=":material/undo:", on_click=editor.undo,
                  disabled=not editor.undoable, help="Takes the last edit in the table back.")  # fmt: skip
    if finding:
        with st.container(border=True, key=f"{name}-replacing"):
            _find_and_replace(editor, list(filter(editor.is_ticked, shown)) or shown)


def _find_and_replace(editor: RunEditor, rows: list[EditRow]) -> None:
    name = editor.name
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        old = st.text_input("Find", key=f"{name}-old", width=220)
        new = st.text_input("Replace with", key=f"{name}-new", width=220, placeholder="nothing")
        fields = st.multiselect("In", TEXTS, NAMES, key=f"{name}-fields", width=380,
                                format_func=lambda field: FIELDS[field].label)  # fmt: skip
        regex = st.toggle("Regular expression", key=f"{name}-regex", help=r"Groups are \1, \2 in what replaces them.")
    found: dict[str, dict[str, str]] = {}
    if old:
        current = {row.id: editor.current(row) for row in rows}
        try:
            found = Replacement(old, new, tuple(fields), regex).over(current)
        except UserError as error:
            notice(str(error), "error")
        else:
            changes = [(key, current[row][key], text) for row, cells in found.items() for key, text in cells.items()]
            changes_table(changes, f"{name}-preview", f"Nothing of this stands in {len(rows):,} rows.")
    cells = sum(map(len, found.values()))
    st.button(f"Replace in {cells:,} cell{'' if cells == 1 else 's'}" if cells else "Replace", disabled=not cells,
              key=f"{name}-replace", icon=":material/find_replace:", on_click=editor.give, args=(found,))  # fmt: skip


def changes_table(changes: Iterable[tuple[str, Any, Any]], key: str, empty: str) -> None:
    """Draws changes, (field, before, after) each, alike ones in one line with their number."""
    counted = Counter((field, _words(before), _words(after)) for field, before, after in changes)
    columns = [Column("field", "Field"), Column("before", "Was"), Column("after", "Becomes"),
               Column("runs", "Rows", Kind.NUMBER, Form.COUNT)]  # fmt: skip
    rows = [Row(str(at), {"field": FIELDS[field].label, "before": before, "after": after, "runs": count})
            for at, ((field, before, after), count) in enumerate(counted.most_common(_SHOWN))]  # fmt: skip
    more = f"and {len(counted) - _SHOWN:,} more" if len(counted) > _SHOWN else ""
    data_table(columns, rows, key=key, caption="What changes", height=280, empty=empty, note=more)


def _words(value: Any) -> str:
    return "–" if value is None or value == "" else visible(str(value), 300)
