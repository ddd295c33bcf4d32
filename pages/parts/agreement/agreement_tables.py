"""A project's agreement as big numbers, tables and a CSV file.

Owns how figures of agreement are shown and what each is called. Names of people and labels may be hostile: they stand
in table cells, plain text and the file alone.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from backend.annotation import Person, Role
from backend.domain import visible
from backend.measure.agreement import AgreementFigure
from backend.report.files import csv_text
from backend.report.model import Record
from backend.report.numbers import Form, Interval, interval_text
from backend.services.annotation.project_agreement import BLIND, EVERYBODY, AgreementReport, AgreementRow, QueueRow
from backend.services.annotation.records import ProjectInfo
from pages.components.frame.chrome import BigNumber, numbers_strip
from pages.components.frame.session import services
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Kind, Lines, Link, Row, rows_of

# Field of a row -> its name in tables, its name in the strip, what it is.
MEASURES = {
    "overlap": ("Overlap", "Spans, overlapping",
                "F1 of spans that share a character and carry the same label"),
    "exact": ("Exact", "Spans, exact", "F1 of spans of the same characters and the same label"),
    "position": ("Place only", "Spans, place only", "F1 of spans that share a character, whatever their labels"),
    "alpha": ("Alpha", "Alpha", "Krippendorff's alpha over characters: agreement beyond chance"),
    "kappa": ("Kappa", "Kappa", "Cohen's kappa on the machine's cues: is it one, or not?"),
}  # fmt: skip
_MOST_PLACES, _MOST_ITEMS = 8, 10


@st.cache_data(show_spinner="Comparing what people marked", max_entries=8)
def _report(version: str, project: str) -> AgreementReport:
    return services().agreement.report(project)


def agreement_report(project: str) -> AgreementReport:
    """Every figure of a project."""
    # The version is the cache's key: comparing every pair of people takes a while, and most reruns change nothing.
    return _report(services().projects.version(project), project)


def nobody_yet(info: ProjectInfo, report: AgreementReport) -> None:
    """What agreement needs, where there is none yet, and a link to the page where it comes from."""
    done = sum(one.done for one in info.progress)
    if info.project.annotators < 2:
        st.text("This project asks for one annotator an item, so that nobody's labels can be set against another's.")
    else:
        st.text(
            "Agreement is told from items that two people have finished, each without the other. "
            f"None of the {report.of:,} items of this project is so far; "
            + (f"{done:,} have one who has finished." if done else "nobody has finished any.")
        )
    if st.button("Annotate", type="primary", icon=":material/ink_highlighter:"):
        st.switch_page("annotate.py", query_params={"project": info.project.id})


def agreement_numbers(report: AgreementReport) -> None:
    """Draws the figures over everything as big numbers."""
    whole = report.rows[0]
    strip = []
    for field, (_, label, _) in MEASURES.items():
        figure: AgreementFigure | None = getattr(whole, field)
        if figure is not None:
            note = f"{interval_text(figure.low, figure.high, Form.SCORE)} · n = {figure.n:,} items".removeprefix(" · ")
            strip.append(BigNumber(label, figure.value, form=Form.SCORE, pair=False, note=note))
    numbers_strip(strip)


def by_scope(report: AgreementReport) -> None:
    """Draws a table of all items, the blind and the assisted ones; nothing where the project shows no machine cues."""
    if not report.project.lexicon:
        return
    rows = [row for row in report.rows if row.who == EVERYBODY and not row.label]
    st.header("Blind and assisted", anchor=False)
    _table(rows, lambda row: row.scope, "Items", "agreement-scope")
    if any(row.scope == BLIND for row in rows):
        st.caption(
            "On assisted items people saw the machine's cues, and partly agree with the machine. Kappa is about these "
            "cues, so that blind items have none."
        )
    else:
        st.caption("No blind item counts yet: everybody saw the machine's cues, and partly agrees with the machine.")


def by_label(report: AgreementReport) -> None:
    """Draws a table with a row a label that somebody used, and names those that nobody did."""
    rows = [row for row in report.rows if row.label]
    used = [row for row in rows if row.spans]
    unused = [row.label for row in rows if not row.spans]
    st.header("By label", anchor=False)
    _table(used, lambda row: row.label, "Label", "agreement-label", empty="Nobody marked anything in these items.")
    if used and unused:
        st.text(visible(f"Nobody used {', '.join(unused)}.", 2_000))


def by_pair(report: AgreementReport) -> None:
    """Draws a table with a row a pair of people; nothing where there is one pair only: it would repeat the whole."""
    rows = [row for row in report.rows if row.who != EVERYBODY]
    if rows:
        st.header("By pair", anchor=False)
        _table(rows, lambda row: row.who, "Who", "agreement-pair")


def _table(
    rows: Sequence[AgreementRow], name: Callable[[AgreementRow], str], head: str, key: str, empty: str = ""
) -> None:
    # A measure that no row has, as kappa without machine cues, gets no column; one that is undefined gets its dash.
    shown = [field for field in MEASURES if any(getattr(row, field) is not None for row in rows)]
    columns = [Column("name", head)]
    columns += [Column(field, MEASURES[field][0], Kind.NUMBER, Form.SCORE, help=MEASURES[field][2]) for field in shown]
    cells = [
        Row(
            str(place),
            {
                "name": Lines(name(row), f"{row.items:,} items, {row.spans:,} labels"),
                **{field: _interval(getattr(row, field)) for field in shown},
            },
        )
        for place, row in enumerate(rows)
    ]
    data_table(columns, cells, key=key, caption=f"Agreement, {head.lower()}", empty=empty)


def _interval(figure: AgreementFigure | None) -> Interval | None:
    return Interval(figure.value, figure.low, figure.high) if figure else None


def undefined(report: AgreementReport) -> None:
    """Draws a sentence for each reason why figures are missing, with what it is about."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for row in report.rows:
        if row.label and not row.spans:  # labels nobody used stand under the table of labels
            continue
        for field, (name, _, _) in MEASURES.items():
            figure: AgreementFigure | None = getattr(row, field)
            if figure is not None and figure.value is None:
                subject = row.label or (row.who if row.who != EVERYBODY else row.scope)
                reasons.setdefault(figure.why, {}).setdefault(subject, []).append(name.lower())
    if reasons:
        st.header("Where a figure is missing", anchor=False)
    for why, rows in reasons.items():
        places = [f"{name} ({', '.join(measures)})" for name, measures in rows.items()]
        more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
        st.text(visible(f"{', '.join(places[:_MOST_PLACES])}{more}: {why}", 2_000))


def worst_items(info: ProjectInfo, queue: Sequence[QueueRow], person: Person) -> None:
    """Draws the items with the least agreement, each with a link to where it is adjudicated."""
    compared = [row for row in queue if row.f1 is not None]  # None: fewer than two people have finished it
    worst = sorted(compared, key=lambda row: (row.f1, row.ordinal))[:_MOST_ITEMS]  # ties in the project's own order
    if not worst:
        return
    st.header("Where they differ most", anchor=False)
    may_adjudicate = person.role.covers(Role.ADJUDICATOR)
    address = f"/adjudicate?project={info.project.id}&item="
    columns = [
        Column("item", "Item", width="30%", of=lambda row: Lines(f"Item {row.ordinal + 1}", _state(row))),
        Column("f1", "Overlap", Kind.NUMBER, Form.SCORE, of=lambda row: row.f1,
               help="Mean F1 of overlapping spans between those who finished it"),
        Column("people", "Finished by", Kind.NUMBER, Form.COUNT, of=lambda row: row.people),
        Column("labels", "Labels", Kind.NUMBER, Form.COUNT, of=lambda row: row.labels),
        Column("gold", "Decided", Kind.NUMBER, Form.COUNT, of=lambda row: row.gold),
        Column("go", "", Kind.LINKS,
               of=lambda row: Link("Adjudicate", f"{address}{row.item}", "adjudicate") if may_adjudicate else ()),
    ]  # fmt: skip
    rows = rows_of(columns, worst, lambda row: row.item)
    event = data_table(columns, rows, key="agreement-worst", caption="The least agreement")
    if event and event.kind == "action" and event.row:
        st.switch_page("adjudicate.py", query_params={"project": info.project.id, "item": event.row})


def _state(row: QueueRow) -> str:
    return ", ".join(word for word, holds in (("blind", row.blind), ("settled", row.settled)) if holds)


def download(report: AgreementReport) -> None:
    """Draws the button that downloads every figure as CSV."""
    st.download_button(
        "CSV", csv_text(records(report)), f"agreement-{report.project.id}.csv", "text/csv", on_click="ignore",
        icon=":material/download:", key="agreement-csv", help="Every figure with its interval, one a line",
    )  # fmt: skip


def records(report: AgreementReport) -> list[Record]:
    """The figures as records: of which items, people and label, the value with its interval, or why there is none."""
    found: list[Record] = []
    for row in report.rows:
        for field in MEASURES:
            figure: AgreementFigure | None = getattr(row, field)
            if figure is None:
                continue
            found.append(
                {
                    "items": row.scope, "annotators": row.who, "label": row.label or ALL_LABELS, "measure": field,
                    "value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n,
                    "labels": row.spans, "why": figure.why,
                }
            )  # fmt: skip
    return found


ALL_LABELS = "all labels"
