"""The entries of a list as a table to read and search, and how its hits were judged."""

import streamlit as st

from backend.report.numbers import Form
from backend.services.detection.gold_report import LexiconScore
from pages.components.frame.session import services
from pages.components.table.table import data_table
from pages.components.table.table_model import Cell, Column, Kind, Lines, Row, interval_cell


def entries_table(name: str, score: LexiconScore | None) -> None:
    """Draws every entry with its forms, group, language, an example and its count; gold adds the precision of each."""
    asked = st.text_input("Search the entries", key=f"search-{name}", placeholder="A word, group or language")
    columns = [
        Column("entry", "Entry", width="18%"),
        Column("forms", "Forms", width="34%"),
        Column("language", "Language"),
        Column("example", "Example in the store", width="26%"),
        Column("cues", "Cues", Kind.NUMBER, Form.COUNT, help="Found in the responses of all runs"),
        Column("judged", "Judged", help="Hits read in context that are doubts, of those that were read"),
    ]
    if score:
        columns.append(Column("precision", "Precision", Kind.NUMBER, Form.SCORE, help="Against what people marked"))
    rows = []
    for entry in services().details.entries(name):
        cells: dict[str, Cell] = {
            "entry": Lines(entry.name, entry.group),
            "forms": Lines(", ".join(entry.forms), entry.note),
            "language": ", ".join(entry.languages) or "–",
            "example": entry.example or "–",
            "cues": entry.cues,
            "judged": f"{entry.right} of {entry.judged}" if entry.judged else "–",
        }
        if score and (found := score.overlap.entries.get(entry.name)):
            cells["precision"] = interval_cell(found.precision)
        if entry.holds(asked):
            rows.append(Row(entry.name, cells))
    data_table(columns, rows, key=f"entries-{name}", caption="Entries", height=560, empty="No entry holds that.")


def judgement(name: str) -> None:
    """Draws how a list's hits were judged: precision by arm, and the rule; nothing where none were."""
    if not (found := services().details.precision(name)):
        return
    with st.expander("How it was judged"):
        columns = [
            Column("arm", "Traces of"),
            Column("precision", "Precision", Kind.NUMBER, Form.PERCENT, help="The share of its hits that are doubts"),
            Column("n", "Hits read", Kind.NUMBER, Form.COUNT),
        ]
        rows = [Row(arm, {"arm": arm, "precision": interval_cell(one), "n": one.n}) for arm, one in found.items()]
        data_table(columns, rows, key=f"judged-{name}", caption="Hits read in context")
        st.text(services().details.rule)
