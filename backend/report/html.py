"""A report as one HTML file that opens anywhere, offline: no script, nothing fetched, figures as SVG inside.

Owns the page's markup and look. Everything a person, a model or a file said is escaped; the page's own policy forbids
whatever it doesn't hold itself. Knows nothing of what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from backend.domain import Cue, visible
from backend.domain import Section as TextSection
from backend.report.model import (
    Cell,
    Figure,
    Picture,
    Report,
    ReportColumn,
    ReportRow,
    ReportSection,
    ShownTrace,
    Table,
    head,
)
from backend.report.svg import style, svg

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CSS = Path(__file__).with_suffix(".css").read_text("utf-8")


def html(report: Report) -> str:
    """The whole file."""
    links = "".join(f'<a href="#{escape(one.id)}">{_said(one.title)}</a>' for one in report.sections)
    body = [f"<h1>{_said(report.title)}</h1><nav>{links}</nav>", *map(_section, report.sections)]
    body += [_traces(report.traces), _provenance(report)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_said(report.title)}</title><style>{style()}{_CSS}</style></head><body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _section(section: ReportSection) -> str:
    parts = [
        f'<section id="{escape(section.id)}"><h2>{_said(section.title)}</h2><p>{_said(section.sentence, 2000)}</p>'
    ]
    parts += map(_table, section.tables)
    parts += [f'<div class="figures">{"".join(map(_picture, section.pictures))}</div>'] if section.pictures else []
    return "\n".join(parts) + "</section>"


def _table(table: Table) -> str:
    title = f"{table.title} (paper)" if table.paper else table.title
    heads = "".join(
        f'<th scope="col"{_of_paper(column, table)}>{_said(head(column, table))}</th>' for column in table.columns
    )
    rows = "\n".join(f"<tr>{_row(row, table)}</tr>" for row in table.rows)
    note = f'<p class="note">{_said(table.note, 2000)}</p>' if table.note else ""
    return (
        f'<h3>{_said(title)}</h3><div class="wide"><table id="{escape(table.id)}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _row(row: ReportRow, table: Table) -> str:
    return "".join(_cell(row.cells.get(column.id), column, table) for column in table.columns)


def _cell(cell: Cell, column: ReportColumn, table: Table) -> str:
    paper = column.paper or table.paper
    if isinstance(cell, Figure):
        css = "num paper" if paper else "num"
        small = f" <small>{escape(cell.ends)}</small>" if cell.ends else ""
        return f'<td class="{css}">{escape(cell.text)}{small}</td>'
    said = "" if cell is None else cell
    marks = {"reproduced": "reproduced", "not reproduced": "not"} if column.id == "verdict" else {}
    css = "paper" if paper else marks.get(said, "")
    return f'<td class="{css}">{_said(said, 2000)}</td>' if css else f"<td>{_said(said, 2000)}</td>"


def _of_paper(column: ReportColumn, table: Table) -> str:
    return ' class="paper"' if column.paper or table.paper else ""


def _picture(picture: Picture) -> str:
    note = f"<figcaption>{_said(picture.note, 1000)}</figcaption>" if picture.note else ""
    return f'<figure id="figure-{escape(picture.id)}"><b>{_said(picture.title)}</b>{svg(picture)}{note}</figure>'


def _traces(traces: Sequence[ShownTrace]) -> str:
    if not traces:
        return ""
    shown = "".join(
        f"<article><h3>{_said(trace.title)}</h3><p><small>{_said(trace.verdict)}</small></p>"
        f"<p>{_said(trace.question, 1000)}</p><pre>{marked(trace.text, trace.cues)}</pre></article>"
        for trace in traces
    )
    return (
        '<section id="traces"><h2>Traces</h2><p>Two responses to the same problem each, cues underlined.</p>'
        f'<div class="traces">{shown}</div></section>'
    )


def _provenance(report: Report) -> str:
    pairs = "".join(f"<dt>{_said(name)}</dt><dd>{_said(said, 1000)}</dd>" for name, said in report.provenance)
    sources = _table(report.sources) if report.sources and report.sources.rows else ""
    return f'<section id="origin"><h2>Where this comes from</h2><dl>{pairs}</dl>{sources}</section>'


def marked(text: str, cues: Sequence[Cue]) -> str:
    """`text` with its cues as <mark>, everything escaped. Overlapping cues are marked together."""
    parts, at = [], 0
    for start, end, title in _merged([cue for cue in cues if cue.section is not TextSection.PROMPT], len(text)):
        parts.append(_plain(text[at:start]))
        parts.append(f'<mark title="{_said(title)}">{_plain(text[start:end])}</mark>')
        at = end
    return "".join(parts) + _plain(text[at:])


def _merged(cues: Sequence[Cue], length: int) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for cue in sorted(cues, key=lambda cue: (cue.start, cue.end)):
        start, end, title = max(0, cue.start), min(length, cue.end), f"{cue.entry}, {cue.group}"
        if found and start < found[-1][1]:
            start, title = found[-1][0], f"{found[-1][2]}; {title}"
            end = max(end, found.pop()[1])
        if start < end:
            found.append((start, end, title))
    return found


def _plain(text: str) -> str:
    """Text with its line breaks; other controls and bidi marks written out."""
    return "\n".join(escape(visible(line, len(line))) for line in text.split("\n"))


def _said(text: str, limit: int = 300) -> str:
    return escape(visible(" ".join(text.split()), limit))
