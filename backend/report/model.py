"""A report as values: sections of tables and figures, traces with their cues, and where all of it comes from.

Owns the shape that the page, HTML, CSV, LaTeX and SVG are made of, so that their numbers agree, and how a number is
written. Knows nothing of stores, of what is measured or of any of those formats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from backend.domain import Cue

MINUS = "\N{MINUS SIGN}"
UNKNOWN = "–"


class ReportForm(StrEnum):
    """How a number is written."""

    PERCENT = "percent"  # 0.133 is 13.3%, a difference of it is in points
    COUNT = "count"  # 2,402
    DECIMAL = "decimal"  # 13.5; two places below one


class Role(StrEnum):
    """What a line or a bar stands for: the base, or one of the arms held against it."""

    BASE = "a"
    FIRST = "b"
    SECOND = "c"
    THIRD = "d"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 95 % interval over `n` problems; an end is None where it has none.

    `signed` says that it is a difference; `unit` stands behind a number that its form gives none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    form: ReportForm = ReportForm.DECIMAL
    signed: bool = False
    unit: str = ""

    @property
    def text(self) -> str:
        """The number as people read it."""
        said = written(self.value, self.form, signed=self.signed)
        return f"{said} {self.unit}" if self.unit and said != UNKNOWN else said

    @property
    def ends(self) -> str:
        """Its interval without the unit; "" where it has none."""
        if self.low is None or self.high is None:
            return ""
        ends = (
            written(end, self.form, signed=self.signed).removesuffix("%").removesuffix(" pt")
            for end in (self.low, self.high)
        )
        return f"[{', '.join(ends)}]"


Cell = Figure | str | None


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """A column of a table; `paper`: its values are the paper's, not ours."""

    id: str
    label: str
    paper: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row: its cells by column, the runs its figures are of, and those they are held against."""

    cells: Mapping[str, Cell]
    runs: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `note` says what has to be known to read it. `paper`: all of it is the paper's."""

    id: str
    title: str
    columns: tuple[ReportColumn, ...]
    rows: tuple[ReportRow, ...]
    note: str = ""
    paper: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a place on the x axis; `label` says what it is of, where that isn't the place."""

    x: float
    figure: Figure
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The mean over seeds, and each seed's own where there are several. `shade` (0 to 1) grades lines of one role."""

    name: str
    role: Role
    points: tuple[Point, ...]
    seeds: tuple[tuple[Point, ...], ...] = ()
    dash: str = "solid"
    shade: float = 1.0


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over steps, lengths or numbers of problems. `base` is the level before training.

    `ticks` names the places 0, 1, 2, ... of an x axis that isn't a number.
    """

    id: str
    title: str
    x: str
    y: str
    form: ReportForm
    lines: tuple[Line, ...]
    base: float | None = None
    ticks: tuple[str, ...] = ()
    note: str = ""
    whiskers: bool = True


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars: a row each name, in it a bar each series. `beside` says more behind a name.

    `clear`, where given, says by series and row whether a difference is beyond chance; the others are drawn hollow.
    """

    id: str
    title: str
    x: str
    names: tuple[str, ...]
    series: tuple[tuple[str, Role, tuple[Figure, ...]], ...]
    beside: tuple[str, ...] = ()
    clear: tuple[tuple[bool, ...], ...] = ()
    note: str = ""


Picture = Curves | Bars


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of a report under one title, its sentence first."""

    id: str
    title: str
    sentence: str
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownTrace:
    """A response with its cues, `[start, end)` in code points of `text`."""

    title: str
    question: str
    verdict: str
    text: str
    cues: tuple[Cue, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything: `provenance` are pairs (what, said)."""

    title: str
    sections: tuple[ReportSection, ...]
    traces: tuple[ShownTrace, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    sources: Table | None = None

    @property
    def tables(self) -> Iterator[Table]:
        """Every table, in order, that of the runs last."""
        yield from (table for section in self.sections for table in section.tables)
        if self.sources:
            yield self.sources

    @property
    def pictures(self) -> Iterator[Picture]:
        """Every figure, in order."""
        yield from (picture for section in self.sections for picture in section.pictures)


Record = Mapping[str, str | float | int | bool | None]


@dataclass(frozen=True, slots=True)
class Records:
    """What a table or figure holds as rows of plain values, every number unrounded, under the names of its columns."""

    names: tuple[str, ...]
    rows: tuple[Record, ...]


def table_records(table: Table) -> Records:
    """A table's rows; a figure's interval and n stand in columns beside it."""
    rows, names = [], dict.fromkeys(head(column, table) for column in table.columns)
    for row in table.rows:
        found: dict[str, str | float | int | bool | None] = {}
        for column in table.columns:
            cell, name = row.cells.get(column.id), head(column, table)
            found |= _figure_record(name, cell) if isinstance(cell, Figure) else {name: cell}
        found |= {"runs": " ".join(row.runs)} if row.runs else {}
        rows.append(found)
    widest = [name for head_name in names for name in _beside(head_name, rows)]
    return Records((*widest, *(["runs"] if any(row.runs for row in table.rows) else [])), tuple(rows))


def picture_records(picture: Picture) -> Records:
    """A figure's marks: one record a point or a bar."""
    return curve_records(picture) if isinstance(picture, Curves) else bar_records(picture)


def curve_records(curves: Curves) -> Records:
    """Points by line; `line` says of which seed they are, where they aren't the mean."""
    rows: list[Record] = []
    for line in curves.lines:
        own = [(line.name, line.points)]
        own += [(f"{line.name}, seed line {at}", points) for at, points in enumerate(line.seeds, 1)]
        for name, points in own:
            rows += [{"line": name, **_point_record(curves, point)} for point in points if _known(point.figure)]
    return Records(("line", curves.x, "value", "low", "high", "n"), tuple(rows))


def bar_records(bars: Bars) -> Records:
    """Bars by series."""
    rows: list[Record] = []
    for at, (name, _, figures) in enumerate(bars.series):
        for place, (what, figure) in enumerate(zip(bars.names, figures, strict=True)):
            more = {"clear": bars.clear[at][place]} if bars.clear else {}
            rows.append({"name": what, "series": name, **_numbers(figure), **more})
    names = ("name", "series", "value", "low", "high", "n", *(["clear"] if bars.clear else []))
    return Records(names, tuple(rows))


def head(column: ReportColumn, table: Table | None = None) -> str:
    """A column's heading, which says where values are the paper's."""
    return f"{column.label} (paper)" if column.paper and not (table and table.paper) else column.label


def written(value: float | None, form: ReportForm, *, signed: bool = False) -> str:
    """`value` as people read it, "–" where unknown. A signed percentage is a difference in points.

    The same rule as the pages' own (backend/report/numbers.py); a test holds the two together.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    scaled = value * 100 if form is ReportForm.PERCENT else value
    places = 0 if form is ReportForm.COUNT else 2 if form is ReportForm.DECIMAL and 0 < abs(scaled) < 0.95 else 1
    shown = round(scaled, places)
    text = f"{shown:{'+' if signed and shown else ''},.{places}f}" if shown else f"{0:.{places}f}"
    unit = "" if form is not ReportForm.PERCENT else " pt" if signed else "%"
    return text.replace("-", MINUS) + unit


def _known(figure: Figure) -> bool:
    return figure.value is not None and math.isfinite(figure.value)


def _numbers(figure: Figure) -> dict[str, float | int | None]:
    return {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n}


def _point_record(curves: Curves, point: Point) -> dict[str, str | float | int | bool | None]:
    place = curves.ticks[round(point.x)] if curves.ticks else point.x
    return {curves.x: place, **({"of": point.label} if point.label else {}), **_numbers(point.figure)}


def _figure_record(name: str, figure: Figure) -> dict[str, str | float | int | bool | None]:
    found: dict[str, str | float | int | bool | None] = {name: figure.value}
    if figure.low is not None:
        found |= {f"{name} low": figure.low, f"{name} high": figure.high}
    if figure.n is not None:
        found[f"{name} n"] = figure.n
    return found | ({f"{name} unit": figure.unit} if figure.unit else {})


def _beside(name: str, rows: list[dict[str, str | float | int | bool | None]]) -> list[str]:
    """The columns that stand for one: itself, and of its interval those that any row has."""
    wanted = [name, *(f"{name} {part}" for part in ("low", "high", "n", "unit"))]
    return [one for one in wanted if one == name or any(one in row for row in rows)]
