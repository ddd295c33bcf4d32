"""The report's data model: sections of tables and figures, traces with their cues, and where all of it comes from.

Owns the shape that the pages, HTML, CSV, LaTeX and SVG are all made of, so that their numbers agree. Curves over the
steps of a training have the same shape.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain import Cue
from backend.report.numbers import UNKNOWN, Form, Interval, interval_text, number

MOST_MARKS = 40  # marks of more points would hide their line


class SeriesRole(StrEnum):
    """What a line or a bar stands for, and with that its colour: the base, an arm held against it, or neither."""

    BASE = "a"  # the letters are also the names of colours, and of classes in an SVG
    FIRST = "b"
    SECOND = "c"
    THIRD = "d"
    OTHER = "other"
    WRONG = "wrong"


class Marks(StrEnum):
    """Which points of a line are marked."""

    AUTO = "auto"  # all of them, as long as they are few enough to be told apart
    ALL = "all"
    NONE = "none"  # the line alone
    ONLY = "only"  # the marks alone, without a line between them


@dataclass(frozen=True, slots=True)
class Figure(Interval):
    """A number with its 95% interval over `n` problems and the way it is formatted.

    `signed` marks a difference; `unit` is appended to a number whose form has no unit of its own.
    """

    n: int | None = None
    form: Form = Form.DECIMAL
    signed: bool = False
    unit: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number to draw."""
        # A training that diverges has a loss of NaN: that is no place on an axis.
        return self.value is not None and math.isfinite(self.value)

    @property
    def text(self) -> str:
        """The number as people read it."""
        text = number(self.value, self.form, signed=self.signed)
        return f"{text} {self.unit}" if self.unit and text != UNKNOWN else text

    @property
    def ends(self) -> str:
        """The interval without the unit; "" where there is none."""
        return interval_text(self.low, self.high, self.form, signed=self.signed)


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
    """A table; `note` holds what a reader has to know. `paper`: all of it is the paper's."""

    id: str
    title: str
    columns: tuple[ReportColumn, ...]
    rows: tuple[ReportRow, ...]
    note: str = ""
    paper: bool = False

    @property
    def heading(self) -> str:
        """The title, marked where the table is the paper's."""
        return f"{self.title} (paper)" if self.paper else self.title


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a place on the x axis; `label` names what it is of, where that isn't the place."""

    x: float
    figure: Figure
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line: usually a mean over seeds, with each seed's own points in `seeds` where there are several.

    `dash` and `symbol` take Plotly's names; `shade` (0 to 1) grades lines of one role; `band` draws the intervals as an
    area instead of whiskers. SVG marks every point with a dot and draws no bands.
    """

    name: str
    role: SeriesRole
    points: tuple[Point, ...]
    seeds: tuple[tuple[Point, ...], ...] = ()
    dash: str = "solid"
    shade: float = 1.0
    symbol: str = "circle"
    marks: Marks = Marks.AUTO
    band: bool = False

    @property
    def marked(self) -> bool:
        """Whether its points are marked."""
        few = len(known(self.points)) <= MOST_MARKS
        return few if self.marks is Marks.AUTO else self.marks is not Marks.NONE

    @property
    def opacity(self) -> float:
        """How opaque it is drawn: the palest shade is still to be seen."""
        return 0.3 + 0.7 * self.shade


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over steps, lengths or numbers of problems. `base` is the level before training.

    `ticks` names the places 0, 1, 2, ... of an x axis that isn't a number; `last` is where the x axis ends, however far
    the lines have come. `alarms` are places at which something went wrong, with its name; SVG doesn't draw them.
    """

    id: str
    title: str
    x: str
    y: str
    form: Form
    lines: tuple[Line, ...]
    base: float | None = None
    ticks: tuple[str, ...] = ()
    note: str = ""
    whiskers: bool = True
    last: float | None = None
    alarms: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars: a row for each name, in it a bar for each series. `beside` is small text behind a name.

    `clear`, where given, tells by series and row whether a difference is beyond chance; the others are drawn hollow.
    """

    id: str
    title: str
    x: str
    names: tuple[str, ...]
    series: tuple[tuple[str, SeriesRole, tuple[Figure, ...]], ...]
    beside: tuple[str, ...] = ()
    clear: tuple[tuple[bool, ...], ...] = ()
    note: str = ""

    def filled(self, at: int) -> tuple[bool, ...]:
        """Which bars of the series `at` are filled: those beyond chance, or without `clear` all but the base's."""
        _, role, figures = self.series[at]
        return self.clear[at] if self.clear else (role is not SeriesRole.BASE,) * len(figures)


Picture = Curves | Bars


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of a report under one title; `sentence` opens it."""

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
    """A whole report; `provenance` are pairs of a name and a text, `sources` is the table of runs."""

    title: str
    sections: tuple[ReportSection, ...]
    traces: tuple[ShownTrace, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    sources: Table | None = None

    @property
    def tables(self) -> Iterator[Table]:
        """Every table, in order, the table of runs last."""
        yield from (table for section in self.sections for table in section.tables)
        if self.sources:
            yield self.sources

    @property
    def pictures(self) -> Iterator[Picture]:
        """Every figure, in order."""
        yield from (picture for section in self.sections for picture in section.pictures)


Value = str | float | int | bool | None
Record = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Records:
    """What a table or figure holds as rows of plain values, every number unrounded, under the names of its columns."""

    names: tuple[str, ...]
    rows: tuple[Record, ...]


def known(points: Sequence[Point]) -> list[Point]:
    """The points that have a number: only these are drawn, and each has one record."""
    return [point for point in points if point.figure.known]


def table_records(table: Table) -> Records:
    """A table's rows; a figure's interval and n stand in columns beside it."""
    rows, names = [], dict.fromkeys(head(column, table) for column in table.columns)
    for row in table.rows:
        found: dict[str, Value] = {}
        for column in table.columns:
            cell, name = row.cells.get(column.id), head(column, table)
            found |= _figure_record(name, cell) if isinstance(cell, Figure) else {name: cell}
        found |= {"runs": " ".join(row.runs)} if row.runs else {}  # ids hold no spaces
        rows.append(found)
    # A column of texts has no interval: of "low", "high", "n" and "unit" only those stay that some row holds.
    parts = [f"{name} {part}" if part else name for name in names for part in ("", "low", "high", "n", "unit")]
    columns = [part for part in parts if part in names or any(part in row for row in rows)]
    return Records((*columns, *(["runs"] if any(row.runs for row in table.rows) else [])), tuple(rows))


def picture_records(picture: Picture) -> Records:
    """A figure's marks: one record for each point or bar, in the order in which they are drawn."""
    return curve_records(picture) if isinstance(picture, Curves) else bar_records(picture)


def curve_records(curves: Curves) -> Records:
    """The known points by line, a line's mean before its seeds; "line" names the seed where a point is one seed's."""
    rows: list[Record] = []
    for line in curves.lines:
        own = [(line.name, line.points)]
        own += [(f"{line.name}, seed line {at}", points) for at, points in enumerate(line.seeds, 1)]
        for name, points in own:
            rows += [{"line": name, **_point_record(curves, point)} for point in known(points)]
    return Records(("line", curves.x, "value", "low", "high", "n"), tuple(rows))


def bar_records(bars: Bars) -> Records:
    """The bars by series; one without a number has a record as well, so that rows can be compared."""
    rows: list[Record] = []
    for at, (name, _, figures) in enumerate(bars.series):
        for place, (what, figure) in enumerate(zip(bars.names, figures, strict=True)):
            # The picture tells what is beyond chance by hollow and filled bars; the CSV needs a column for it.
            more = {"clear": bars.clear[at][place]} if bars.clear else {}
            rows.append({"name": what, "series": name, **_numbers(figure), **more})
    names = ("name", "series", "value", "low", "high", "n", *(["clear"] if bars.clear else []))
    return Records(names, tuple(rows))


def head(column: ReportColumn, table: Table | None = None) -> str:
    """A column's heading, marked where its values are the paper's and the table isn't marked as a whole."""
    return f"{column.label} (paper)" if column.paper and not (table and table.paper) else column.label


def _numbers(figure: Figure) -> dict[str, Value]:
    return {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n}


def _point_record(curves: Curves, point: Point) -> dict[str, Value]:
    place = curves.ticks[round(point.x)] if curves.ticks else point.x  # a named place, not its number
    return {curves.x: place, **({"of": point.label} if point.label else {}), **_numbers(point.figure)}


def _figure_record(name: str, figure: Figure) -> dict[str, Value]:
    found: dict[str, Value] = {name: figure.value}
    # A column an end that is there: a table without intervals has no empty columns for them.
    if figure.low is not None:
        found |= {f"{name} low": figure.low, f"{name} high": figure.high}
    if figure.n is not None:
        found[f"{name} n"] = figure.n
    return found | ({f"{name} unit": figure.unit} if figure.unit else {})
