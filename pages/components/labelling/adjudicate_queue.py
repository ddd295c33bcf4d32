"""The adjudicators' queue: which items there are, the worst agreement first, and merging by rule.

Owns how the queue is shown. Knows nothing of how agreement is measured or labels are merged.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from backend.annotation import Person, Project
from backend.domain import UserError
from backend.report.numbers import Form
from backend.services.annotation.label_merge import RULES, Match
from backend.services.annotation.project_agreement import QueueRow
from backend.services.annotation.records import ProjectInfo
from pages.components.frame.notice import notice
from pages.components.frame.session import services
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, Row


@st.cache_data(show_spinner=False, max_entries=8)
def _queue(version: str, project: str) -> list[QueueRow]:
    return services().agreement.worst_first(project)


def in_queue(project: str) -> list[QueueRow]:
    """The items of a project in the order in which they need somebody."""
    return _queue(services().projects.version(project), project)


def walking_order(queue: Sequence[QueueRow]) -> list[QueueRow]:
    """The order in which one goes from item to item: settled ones keep their places, so that one gets back to them."""
    return sorted(queue, key=lambda row: (row.f1 is None, row.f1 or 0.0, row.ordinal))


def agreement_words(row: QueueRow) -> str:
    """How far the people agree on an item."""
    if row.f1 is None:
        return "one person at most has finished it" if row.people < 2 else "nobody marked anything"
    return f"agreement {row.f1:.2f} (F1, overlap) of {row.people} people"


def queue_table(info: ProjectInfo, queue: Sequence[QueueRow]) -> str | None:
    """The queue as a table; returns the item that was chosen."""
    open_items = [row for row in queue if not row.settled]
    st.text(
        f"{len(queue) - len(open_items):,} of {len(queue):,} items are settled. The least agreement stands first; "
        "items that fewer than two people have finished come later."
    )
    if open_items and st.button("Begin", type="primary", icon=":material/gavel:"):
        return open_items[0].item
    columns = [
        Column("item", "Item", width="16%"),
        Column(
            "f1",
            "Agreement",
            Kind.NUMBER,
            Form.SCORE,
            help="Mean F1 of overlapping spans between those who finished it",
        ),
        Column("people", "Finished by", Kind.NUMBER, Form.COUNT),
        Column("labels", "Labels", Kind.NUMBER, Form.COUNT),
        Column("gold", "Decided", Kind.NUMBER, Form.COUNT),
        Column("state", "", width="30%", sortable=False),
    ]
    rows = [
        Row(
            row.item,
            {
                "item": Lines(f"Item {row.ordinal + 1}", "blind" if row.blind else ""),
                "f1": row.f1,
                "people": row.people,
                "labels": row.labels,
                "gold": row.gold,
                "state": "settled" if row.settled else "" if row.f1 is not None else agreement_words(row),
            },
        )
        for row in queue
    ]
    event = data_table(columns, rows, key=f"queue-{info.project.id}", caption="Items to adjudicate", select=Select.ROW)
    return event.row if event and event.kind == "row" else None


def merge_popover(person: Person, project: Project) -> None:
    """Merging by rule, for all items at once."""
    with st.popover("Merge by rule", icon=":material/merge:"):
        st.text(
            "Takes what annotators agree on as gold, in every item that enough people finished. What was decided by"
        )
        st.text("hand stays, and merging again by another rule undoes what this one did.")
        rule = st.selectbox("What counts", RULES, key="merge-rule")
        match: Match = st.segmented_control(
            "Spans match when", ["exact", "overlap"], default="exact", required=True, key="merge-match"
        )
        if st.button("Merge", type="primary", key="merge"):
            try:
                done = services().adjudication.merge(person.id, project.id, rule, match)
            except UserError as error:
                notice(str(error), "error")
                return
            st.session_state["merged"] = (
                f"{done.added:,} gold labels added, {done.kept:,} kept, {done.withdrawn:,} withdrawn; {done.decided:,} "
                f"left to decisions by hand; {done.waiting:,} items wait for people, {done.settled:,} are settled."
            )
            st.rerun()
        if said := st.session_state.pop("merged", None):
            notice(said, "done")
