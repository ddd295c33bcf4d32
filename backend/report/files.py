"""Files of a report: tables as CSV and LaTeX (with booktabs), figures as SVG, zipped or written to a folder.

Owns the files' names and both table formats.
"""

import csv
import io
import math
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from backend.domain import UserError, visible
from backend.files import write_file
from backend.report.html import html
from backend.report.model import Cell, Figure, Record, Report, Table, head, picture_records, table_records
from backend.report.numbers import MINUS
from backend.report.svg import svg

# A spreadsheet runs a field that begins with one of these, unless an apostrophe comes first (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "^": r"\textasciicircum{}",
    "_": r"\_", "~": r"\textasciitilde{}", "%": r"\%", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", MINUS: "$-$", "–": "--", "’": "'", "“": "``", "”": "''", "→": r"$\to$", "·": r"$\cdot$",
}  # fmt: skip


def csv_files(report: Report) -> dict[str, str]:
    """File name -> CSV, one a table and figure, and origin.csv with where all of it comes from."""
    records = {f"{table.id}.csv": table_records(table) for table in report.tables}
    records |= {f"figure-{picture.id}.csv": picture_records(picture) for picture in report.pictures}
    origin = [{"what": name, "said": text} for name, text in report.provenance]
    files = {file_name(name): csv_text(found.rows, found.names) for name, found in records.items()}
    return files | {"origin.csv": csv_text(origin, ("what", "said"))}


def latex_files(report: Report) -> dict[str, str]:
    """File name -> LaTeX, one a table, each with its origin in comments."""
    origin = "".join(f"% {_comment(name)}: {_comment(text)}\n" for name, text in report.provenance)
    return {file_name(f"{table.id}.tex"): origin + latex_table(table) for table in report.tables}


def svg_files(report: Report) -> dict[str, str]:
    """File name -> SVG, one a figure."""
    return {file_name(f"{picture.id}.svg"): svg(picture, alone=True) for picture in report.pictures}


def csv_text(rows: Sequence[Record], names: Sequence[str] = ()) -> str:
    """Rows as CSV (RFC 4180) under a line of names: `names` first, then what else the rows hold, in their order.

    Numbers are unrounded; an unknown one is an empty field.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(dict.fromkeys((*names, *(name for row in rows for name in row)))))
    writer.writeheader()
    writer.writerows({name: _csv_cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def latex_table(table: Table) -> str:
    """A table as LaTeX with booktabs; an interval stands in small type behind its number."""
    heads = " & ".join(escape_latex(head(column, table)) for column in table.columns)
    rows = [" & ".join(_latex_cell(row.cells.get(column.id)) for column in table.columns) for row in table.rows]
    lines = [
        r"\begin{table}",
        # The replacement is for a table without a note.
        rf"\caption{{{escape_latex(table.heading)}. {escape_latex(table.note)}}}".replace(". }", ".}"),
        rf"\label{{tab:{re.sub('[^a-z0-9-]', '-', table.id.lower())}}}",
        rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}",
        r"\toprule",
        rf"{heads} \\",
        r"\midrule",
        *(rf"{row} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape_latex(text: str) -> str:
    """Any text as LaTeX that prints it as it is: specials escaped, controls written out."""
    return "".join(_LATEX.get(c, c) for c in visible(" ".join(text.split()), 2_000))


def zipped(files: Mapping[str, str]) -> bytes:
    """The files as one ZIP; the same files always give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            # A ZipInfo of its own has a fixed date, 1980: with the clock's, the bytes would differ each time.
            archive.writestr(zipfile.ZipInfo(name), text.encode("utf-8"), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def write_files(folder: Path, files: Mapping[str, str]) -> int:
    """Write the files into a folder, made if missing; returns how many. Raises UserError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_file(folder / name, text)
    except OSError as error:
        raise UserError(f"The folder {visible(str(folder))} can't be written: {error.strerror or error}.") from error
    return len(files)


def _csv_cell(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):  # "nan" would make the column one of texts
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _latex_cell(cell: Cell) -> str:
    if not isinstance(cell, Figure):
        return escape_latex(cell or "")
    ends = rf" {{\small {escape_latex(cell.ends)}}}" if cell.ends else ""
    return escape_latex(cell.text) + ends


def _comment(text: str) -> str:
    return visible(" ".join(text.split()), 1_000)  # a line break would end the comment, and TeX would run the rest


def file_name(name: str) -> str:
    """A name of letters, digits, dots and dashes alone, for a file that people download."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)


# Kind -> contents by file name.
FILES: Final[Mapping[str, Callable[[Report], dict[str, str]]]] = {
    "csv": csv_files,
    "latex": latex_files,
    "svg": svg_files,
}


def write_html(report: Report, path: Path) -> int:
    """Write a report as one HTML file; returns its size in bytes. Raises UserError where that fails."""
    text = html(report)
    try:
        write_file(path, text)
    except OSError as error:
        raise UserError(f"The report can't be written to {visible(str(path))}: {error.strerror or error}.") from error
    return len(text.encode())
