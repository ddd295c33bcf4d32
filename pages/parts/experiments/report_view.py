"""Draws a section of a report: its sentence, tables with links to the traces, and figures.

Owns how a report's table becomes one of the page's. Names may be hostile: they stand in plain text and table cells
alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from backend.domain import visible
from backend.report import model as report_model
from backend.report.model import Figure, ReportSection
from pages.components.charts.chart_parts import Chart
from pages.components.charts.chart_view import show
from pages.components.table.table import data_table
from pages.components.table.table_model import Cell, Column, Kind, Lines, Link, Row

STYLE = Path(__file__).with_name("report_page.css")
# Of a table with claims: what stands in small type under another column, instead of in one of its own. Nine columns are
# too many for a page, and the test belongs to its claim.
_SMALL = {"claim": ("section", "test"), "clause": ("test",), "effect": ("seeds",)}
_WIDTHS = {"clause": "34%", "effect": "120px", "verdict": "84px", "arm": "168px", "context": "118px", "word": "92px",
           "run": "190px", "set": "92px", "size": "44px"}  # fmt: skip
_PAPER_WIDTH = "106px"
_VERDICTS = {"reproduced": True, "not reproduced": False}
_FOLDED = {"clauses"}
_MOST_LINKED = 4


def draw(section: ReportSection, charts: Mapping[str, Chart], labels: Mapping[str, str]) -> None:
    """The section; `labels` are the names of the runs that are in the store."""
    with st.container(key="sth-experiment-lead"):
        st.text(visible(section.sentence, 2_000))
    # The first table is the section's answer; figures come before the tables that only back it up.
    first, rest = section.tables[:1], section.tables[1:]
    for table in first:
        draw_table(table, labels)
    pictures(section, charts)
    for table in rest:
        if table.id not in _FOLDED:
            draw_table(table, labels)
            continue
        # The table is sent once it is open: every clause with its test is a long one.
        folded = st.expander(table.title, key=f"experiment-{table.id}", on_change="rerun")
        if folded.open:
            with folded:
                draw_table(table, labels, titled=False)


def pictures(section: ReportSection, charts: Mapping[str, Chart]) -> None:
    """The figures, side by side as far as there is room."""
    if not section.pictures:
        return
    with st.container(horizontal=True, gap="medium", key="sth-experiment-figures"):
        for picture in section.pictures:
            with st.container(key=f"sth-experiment-figure-{picture.id}", gap=None):
                show(charts[picture.id], key=f"experiment-{picture.id}", file_stem=f"experiment-{picture.id}")
                if picture.note:
                    st.caption(picture.note)


def draw_table(table: report_model.Table, labels: Mapping[str, str], *, titled: bool = True) -> None:
    """One table, with a column of links where any row's runs are in the store."""
    if titled:
        st.header(visible(table.heading, 120), anchor=False)
    columns, rows = page_table(table, labels)
    with st.container(key=f"sth-experiment-table-{table.id}"):
        data_table(columns, rows, key=f"experiment-table-{table.id}", caption=table.heading, note=table.note)


def page_table(table: report_model.Table, labels: Mapping[str, str]) -> tuple[list[Column], list[Row]]:
    """A report's table as the page's columns and rows."""
    hidden = {name for column, under in _SMALL.items() if column in _ids(table) for name in under}
    shown = [column for column in table.columns if column.id not in hidden]
    columns = [_column(column, table) for column in shown]
    rows = []
    for at, row in enumerate(table.rows):
        cells: dict[str, Cell] = {column.id: _cell(row, column.id, table) for column in shown}
        if "verdict" in cells:
            cells["mark"] = _VERDICTS.get(str(cells["verdict"]))
        links = row_links(row, labels, few="verdict" in cells)
        rows.append(Row(f"{table.id}-{at}", cells | ({"links": links} if links else {})))
    if "verdict" in _ids(table):
        place = next(at for at, column in enumerate(columns) if column.id == "verdict")
        columns.insert(place, Column("mark", "", Kind.VERDICT))
    if any("links" in row.cells for row in rows):
        columns.append(Column("links", "", Kind.LINKS))
    return columns, rows


def row_links(row: report_model.ReportRow, labels: Mapping[str, str], *, few: bool = False) -> list[Link]:
    """Links to a row's traces, and to Compare with what they are held against; `few`: the last of them alone."""
    # A run that isn't in this store, only shipped as numbers, has no traces to lead to.
    known = [run for run in dict.fromkeys(row.runs) if run in labels]
    against = [run for run in row.against if run in labels]
    links = []
    if known:
        query = [("run", labels[run]) for run in known[:_MOST_LINKED]]
        links.append(Link("Traces", f"/browse?{urlencode(query)}"))
    if known and against:
        links.append(Link("Compare", f"/compare?{urlencode({'runs': f'{against[0]},{known[0]}'})}"))
    return links[-1:] if few else links


def _ids(table: report_model.Table) -> set[str]:
    return {column.id for column in table.columns}


def _numbers(table: report_model.Table, column: str) -> Sequence[Figure]:
    """The figures of a column that holds nothing else and formats all alike; [] for any other."""
    # Only these can be a column of numbers, which has one form; a figure with a unit of its own stays a text.
    cells = [row.cells.get(column) for row in table.rows]
    found = [cell for cell in cells if isinstance(cell, Figure)]
    alike = len({(figure.form, figure.signed) for figure in found}) == 1 and not any(figure.unit for figure in found)
    return found if alike and all(cell is None or isinstance(cell, Figure) for cell in cells) else []


def _column(column: report_model.ReportColumn, table: report_model.Table) -> Column:
    figures = _numbers(table, column.id)
    title = report_model.head(column, table)
    wide = _PAPER_WIDTH if column.paper else _WIDTHS.get(column.id)
    if not figures:
        return Column(column.id, title, width=wide, help=column.help)
    return Column(column.id, title, Kind.NUMBER, figures[0].form, figures[0].signed, help=column.help)


def _cell(row: report_model.ReportRow, column: str, table: report_model.Table) -> Cell:
    cell = row.cells.get(column)
    before = {"section": "Section {}:", "seeds": "seeds {}"}
    texts = [(name, text) for name in _SMALL.get(column, ()) if isinstance(text := row.cells.get(name), str) and text]
    below = [before.get(name, "{}").format(text) for name, text in texts]
    if isinstance(cell, Figure):
        if _numbers(table, column):
            return cell
        return Lines(cell.text, "; ".join(part for part in (cell.ends, *below) if part))
    return Lines(cell or "", " ".join(below)) if below else cell or ""
