"""A table's columns, rows and cells, and the data the browser gets of them.

Owns the kinds of column, what a cell may hold and how it is written: text in one safe line, numbers with their
interval, addresses of this app only.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.domain import visible
from backend.measure.bootstrap import Estimate
from backend.report.glossary import meaning
from backend.report.numbers import Form, Interval, interval_text, number

# One "/" or a "?", then no second slash and no backslash: what a browser resolves within this app.
_IN_APP = re.compile(r"(?:/(?![/\\])|\?)[^\x00-\x20\x7f\\]*")
_TEXT_LIMIT = 2_000


class Kind(StrEnum):
    """What a column's cells are."""

    TEXT = "text"  # str, or Lines for a small grey second line
    NUMBER = "number"  # float, int, or Interval
    BAR = "bar"  # Interval or float, drawn as a bar to the column's `most`
    VERDICT = "verdict"  # True ✓, False ✗, None –
    LINKS = "links"  # Link or a list of Links


@dataclass(frozen=True, slots=True)
class Lines:
    """A text with a small grey line under it, and an in-app address if the text is a link."""

    text: str
    small: str = ""
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link or a button in a cell: `href` leads within this app, `action` comes back as an event; both: a plain
    click is the action, and the address serves a new tab or a copy."""

    label: str
    href: str | None = None
    action: str | None = None


Cell = str | float | int | bool | None | Lines | Interval | Link | Sequence[Link]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `width` is any CSS length, `most` the value of a full bar (None: the largest in the table).

    `of` gives the cell of what a row is made of; see `rows_of`.
    """

    id: str
    label: str
    kind: Kind = Kind.TEXT
    form: Form = Form.DECIMAL
    signed: bool = False
    sortable: bool = True
    width: str | None = None
    help: str = ""
    most: float | None = None
    of: Callable[[Any], Cell] = lambda thing: None


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its id, its cells by column id, and whether it is the one shown elsewhere on the page."""

    id: str
    cells: Mapping[str, Cell]
    current: bool = False


def rows_of(
    columns: Sequence[Column], things: Iterable[Any], identity: Callable[[Any], str], current: str | None = None
) -> list[Row]:
    """A row for each thing, its cells as the columns have them; `current` is the id of the one shown elsewhere."""
    named = [(identity(thing), thing) for thing in things]
    return [Row(name, {column.id: column.of(thing) for column in columns}, name == current) for name, thing in named]


def in_app(href: str) -> str:
    """`href` if it leads within this app, else ValueError: an address is built by us, never taken from data."""
    if not _IN_APP.fullmatch(href):
        raise ValueError(f"A table may link within this app alone, by a path or a query: {visible(href, 80)!r}.")
    return href


def one_line(text: str) -> str:
    """Hostile text for one line: white space folded, control and bidi characters written out."""
    return visible(" ".join(text.split()), _TEXT_LIMIT)


def interval_cell(estimate: Estimate | None, note: str = "") -> Interval | None:
    """A measure's estimate as a cell with a small line under it; None, and so a dash, where there is none."""
    return Interval(estimate.value, estimate.low, estimate.high, note=note, why=estimate.why) if estimate else None


def links_of(cell: Cell) -> list[Link]:
    """The links of a cell of Kind.LINKS."""
    if isinstance(cell, Link):
        return [cell]
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return list(cell)
    return []


def column_data(column: Column, rows: Sequence[Row]) -> dict[str, Any]:
    """A column as the browser gets it."""
    shown: dict[str, Any] = {
        "id": column.id,
        "label": column.label,
        "kind": column.kind,
        "sortable": column.sortable and column.kind is not Kind.LINKS,
        "width": column.width,
        "help": column.help or meaning(column.label),
    }
    if column.kind is Kind.BAR:
        shown["most"] = column.most or max((_top(row.cells.get(column.id)) for row in rows), default=0) or 1
    return shown


def _top(cell: Cell) -> float:
    low, value, high = _numbers(cell)
    return max((abs(x) for x in (low, value, high) if x is not None), default=0)


def _numbers(cell: Cell) -> tuple[float | None, float | None, float | None]:
    """Low, value, high of a number cell; what isn't a finite number is None."""
    ends = (cell.low, cell.value, cell.high) if isinstance(cell, Interval) else (None, cell, None)
    low, value, high = (
        float(x) if isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) else None for x in ends
    )
    return low, value, high


def row_data(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    """A row as the browser gets it: its id, and a cell for each column."""
    cells = [_WRITE[column.kind](row.cells.get(column.id), column) for column in columns]
    return {"id": row.id, "cells": cells, "current": row.current}


def _text_cell(cell: Cell, _column: Column) -> dict[str, Any]:
    lines = cell if isinstance(cell, Lines) else Lines("" if cell is None else str(cell))
    href = in_app(lines.href) if lines.href else None
    return {"text": one_line(lines.text), "small": one_line(lines.small), "href": href}


def _number_cell(cell: Cell, column: Column) -> dict[str, Any]:
    low, value, high = _numbers(cell)
    ends = interval_text(low, high, column.form, signed=column.signed)
    return {
        "value": value,
        "low": low,
        "high": high,
        "text": number(value, column.form, signed=column.signed),
        "ends": ends,
        "small": one_line(cell.note) if isinstance(cell, Interval) else "",
        "why": one_line(cell.why) if isinstance(cell, Interval) else "",
    }


def _verdict_cell(cell: Cell, _column: Column) -> dict[str, Any]:
    return {"value": None if cell is None else bool(cell)}


def _link_cell(cell: Cell, _column: Column) -> dict[str, Any]:
    links = [
        {"label": one_line(link.label), "href": in_app(link.href) if link.href else None, "action": link.action}
        for link in links_of(cell)
    ]
    return {"links": links}


_WRITE: Mapping[Kind, Callable[[Cell, Column], dict[str, Any]]] = {
    Kind.TEXT: _text_cell,
    Kind.NUMBER: _number_cell,
    Kind.BAR: _number_cell,
    Kind.VERDICT: _verdict_cell,
    Kind.LINKS: _link_cell,
}
