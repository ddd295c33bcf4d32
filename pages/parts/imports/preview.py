"""First rows on the Import page: as they stand in a file, and the drafts they would become."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from backend.import_plan import Draft
from backend.services.traces.import_survey import shown_fields

_CELL = 400  # characters: a preview of five traces of 100 kB would be half a megabyte a run
_ROWS = 5
_LONG = ("Question", "Thinking", "Response")


def draft_table(drafts: Sequence[Draft]) -> None:
    """Draws drafts as they would be stored, thinking and response apart; fields that none of them has are left out."""
    rows = [{name: _short(value) for name, value in shown_fields(draft)} for draft in drafts[:_ROWS]]
    known = {name for row in rows for name, value in row.items() if value is not None}
    st.dataframe(
        [{name: value for name, value in row.items() if name in known} for row in rows],
        alt="The first rows as they would be stored", placeholder="–",
        column_config={name: st.column_config.TextColumn(width="medium") for name in _LONG},
    )  # fmt: skip


def row_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws the first rows as they stand in the file."""
    st.dataframe([{k: _short(v) for k, v in row.items()} for row in rows[:_ROWS]], alt="The first rows of the file")


def _short(value: Any) -> Any:
    # As text, because a column of lists, objects and strings is none that Arrow could take.
    return value if isinstance(value, int | float | None) else str(value)[:_CELL]
