"""The adjudicators' queue as a table: which items there are, the worst agreement first, and how far each is."""

from collections.abc import Sequence

import streamlit as st

from backend.report.numbers import Form
from backend.services.annotation.project_agreement import QueueRow
from backend.services.annotation.records import ProjectInfo
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, rows_of


def walking_order(queue: Sequence[QueueRow]) -> list[QueueRow]:
    """The order of the keys j and k: the least agreement first, settled items in their places."""
    return sorted(queue, key=lambda row: (row.f1 is None, row.f1 or 0.0, row.ordinal))


def agreement_words(row: QueueRow) -> str:
    """A sentence on how far people agree on an item, or on why that can't be said."""
    if row.f1 is None:
        return "one person at most has finished it" if row.people < 2 else "nobody marked anything"
    return f"agreement {row.f1:.2f} (F1, overlap) of {row.people} people"


def queue_table(info: ProjectInfo, queue: Sequence[QueueRow]) -> str | None:
    """Show the queue; returns the item a person chose, None on a run without a choice."""
    # The queue is sorted worst first, so that the first open item is the one that needs somebody most.
    open_items = [row for row in queue if not row.settled]
    st.text(
        f"{len(queue) - len(open_items):,} of {len(queue):,} items are settled. The least agreement stands first; "
        "items that fewer than two people have finished come later."
    )
    if open_items and st.button("Begin", type="primary", icon=":material/gavel:"):
        return open_items[0].item
    columns = [
        Column("item", "Item", width="16%",
               of=lambda row: Lines(f"Item {row.ordinal + 1}", "blind" if row.blind else "")),
        Column("f1", "Agreement", Kind.NUMBER, Form.SCORE, of=lambda row: row.f1,
               help="Mean F1 of overlapping spans between those who finished it"),
        Column("people", "Finished by", Kind.NUMBER, Form.COUNT, of=lambda row: row.people),
        Column("labels", "Labels", Kind.NUMBER, Form.COUNT, of=lambda row: row.labels),
        Column("gold", "Decided", Kind.NUMBER, Form.COUNT, of=lambda row: row.gold),
        Column("state", "", width="30%",
               of=lambda row: "settled" if row.settled else "" if row.f1 is not None else agreement_words(row)),
    ]  # fmt: skip
    rows = rows_of(columns, queue, lambda row: row.item)
    event = data_table(columns, rows, key=f"queue-{info.project.id}", caption="Items to adjudicate", select=Select.ROW)
    return event.row if event and event.kind == "row" else None
