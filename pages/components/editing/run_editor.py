"""The table in which runs are corrected, before an import or after it: cells in place, many at once, and undo.

Owns the corrections a person has made and not saved yet, kept in the session by the table's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd
import streamlit as st

from backend.domain import Context, RunInfo, UserError, digest, visible
from backend.services.traces.run_fields import FIELDS, Values, values_of

_TICK: Final = "ticked"
_MOST_UNDONE: Final = 50
_WIDTHS: Final = {"model": 190, "dataset": 120, "parent": 150, "series": 150, "step": 70, "context": 150,
                  "template": 110, "note": 200}  # fmt: skip
# Always the same, whether or not a column is empty: the table would be another one, without its place and selection.
_TYPES: Final = {bool: "boolean", int: "Int64", float: "Float64"}


@dataclass(frozen=True, slots=True)
class EditRow:
    """A row: its id, the facts of its run as they are now, cells beside them, and whether it is ticked at first."""

    id: str
    info: RunInfo
    beside: dict[str, Any]
    ticked: bool = False


@dataclass(frozen=True, slots=True)
class BesideColumn:
    """A column that can only be read: `kind` is str, int or float; it stands `before` a field, or after all of them."""

    id: str
    label: str
    kind: type = str
    width: int = 100
    before: str = ""
    help: str = ""


@dataclass(slots=True)
class _Edits:
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    ticks: dict[str, bool] = field(default_factory=dict)
    before: list[dict[str, dict[str, Any]]] = field(default_factory=list)
    # Part of the table's key: another one forgets what was typed into cells, which `values` have instead.
    turn: int = 0

    def change(self, values: dict[str, dict[str, Any]]) -> None:
        if values != self.values:
            self.before = [*self.before, self.values][-_MOST_UNDONE:]
            self.values = values


class RunEditor:
    """The table of one page with what was corrected in it: `values` (row -> checked values) and `problems` (row -> why
    what was entered can't be).
    """

    def __init__(self, name: str, rows: Sequence[EditRow], check: Callable[[EditRow, Values], Values]) -> None:
        """`check` gives those of a row's values that differ from what it has. Raises UserError."""
        self.name, self.rows = name, rows
        self._edits: _Edits = st.session_state.setdefault(f"{name}-edits", _Edits())
        self.values: dict[str, Values] = {}
        self.problems: dict[str, str] = {}
        for row in rows:
            try:
                if found := check(row, self._edits.values.get(row.id, {})):
                    self.values[row.id] = found
            except UserError as error:
                self.problems[row.id] = str(error)

    def is_ticked(self, row: EditRow) -> bool:
        """Whether a row has a tick."""
        return self._edits.ticks.get(row.id, row.ticked)

    @property
    def undoable(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._edits.before)

    def current(self, row: EditRow) -> Values:
        """A row's values as they stand in the table."""
        return {**values_of(row.info), **self._edits.values.get(row.id, {})}

    def tick(self, rows: Sequence[EditRow], ticked: bool) -> None:
        """Set or take away the ticks of some rows."""
        self._edits.ticks.update({row.id: ticked for row in rows})
        self._edits.turn += 1

    def give(self, found: Mapping[str, Values]) -> None:
        """Put values into the table: row -> field -> value."""
        held = self._edits.values
        self._edits.change({**held, **{row: {**held.get(row, {}), **given} for row, given in found.items()}})
        self._edits.turn += 1

    def undo(self) -> None:
        """Take the last edit back."""
        self._edits.values = self._edits.before.pop()
        self._edits.turn += 1

    def forget(self) -> None:
        """Drop every edit that wasn't saved; ticks stay."""
        self._edits.values, self._edits.before = {}, []
        self._edits.turn += 1

    def draw(self, shown: Sequence[EditRow], beside: Sequence[BesideColumn], tick: str = "") -> None:
        """Draws the `shown` rows; `tick` heads the column of ticks, and without it nothing can be edited."""
        frame, config = pd.DataFrame(index=range(len(shown))), dict[str, Any]()

        def add(name: str, kind: type, cells: Sequence[Any], column: Any) -> None:
            texts = [visible(cell, 2_000) if isinstance(cell, str) else cell for cell in cells]
            frame[name], config[name] = pd.Series(texts, dtype=_TYPES.get(kind, "string")), column

        def aside(before: str) -> None:
            for each in (each for each in beside if each.before == before):
                column = _column(each.label, each.kind, each.width, help=each.help or None, disabled=True)
                add(each.id, each.kind, [row.beside.get(each.id) for row in shown], column)

        if tick:
            ticks = list(map(self.is_ticked, shown))
            add(_TICK, bool, ticks, st.column_config.CheckboxColumn(tick, width=76, pinned=True))
        values = [self.current(row) for row in shown]
        for name, field_ in FIELDS.items():
            aside(name)
            column = _column(field_.label, field_.kind, _WIDTHS.get(name, 92))
            add(name, field_.kind, [value[name] for value in values], column)
        aside("")
        ids = [row.id for row in shown]
        key = f"{self.name}-{self._edits.turn}-{digest(*ids, size=6)}"
        # Hidden at first, and a click away in the table's own menu of columns.
        order = [name for name in frame.columns if name not in ("system", "tokenizer")]
        st.data_editor(
            frame, key=key, hide_index=True, placeholder="–", column_config=config, column_order=order,
            disabled=not tick, height=38 + 35 * min(max(len(shown), 1), 14), on_change=_take,
            args=(self._edits, key, ids), alt="Runs to edit",
        )  # fmt: skip


def forget_ticks(name: str) -> None:
    """Tick the rows of a table as they would be at first."""
    edits: _Edits = st.session_state.setdefault(f"{name}-edits", _Edits())
    edits.ticks = {}
    edits.turn += 1


def _column(label: str, kind: type, width: int, **more: Any) -> Any:
    if kind in (int, float):
        # Without bounds: what can't be is refused with a sentence, not by a cell that doesn't take it.
        return st.column_config.NumberColumn(label, width=width, step=1 if kind is int else None, **more)
    if kind is Context:
        return st.column_config.SelectboxColumn(label, width=width, options=[each.value for each in Context], **more)
    return st.column_config.TextColumn(label, width=width, **more)


def _take(edits: _Edits, key: str, ids: Sequence[str]) -> None:
    """Takes over what was typed into the cells of the table."""
    values = dict(edits.values)
    for at, cells in st.session_state[key]["edited_rows"].items():
        row = ids[int(at)]
        for name, value in cells.items():
            if name == _TICK:
                edits.ticks[row] = bool(value)
            else:
                values[row] = {**values.get(row, {}), name: value}
    edits.change(values)
