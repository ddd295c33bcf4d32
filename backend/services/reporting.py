"""Reports as pages and the command line need them: their parts, and every form they leave the app in.

Owns nothing but the names; shapes and formats are exchange's. Knows nothing of what is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from backend.domain import UserError, visible
from backend.exchange.report import (
    Bars,
    Cell,
    Column,
    Curves,
    Figure,
    Form,
    Line,
    Picture,
    Point,
    Records,
    Report,
    Role,
    Row,
    Section,
    Table,
    head,
    picture_records,
    written,
)
from backend.exchange.report_files import csv_files, latex_files, svg_files, write_files, zipped
from backend.exchange.report_html import html

__all__ = [
    "FILES",
    "Bars",
    "Cell",
    "Column",
    "Curves",
    "Figure",
    "Form",
    "Line",
    "Picture",
    "Point",
    "Records",
    "Report",
    "Role",
    "Row",
    "Section",
    "Table",
    "head",
    "html",
    "picture_records",
    "write_files",
    "write_html",
    "written",
    "zipped",
]

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
        half = path.with_name(f".{path.name}.half")
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    except OSError as error:
        raise UserError(f"The report can't be written to {visible(str(path))}: {error.strerror or error}.") from error
    return len(text.encode())
