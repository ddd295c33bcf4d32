"""Deletion of runs and problem sets, each with a question that says what goes with them and what stays."""

import streamlit as st

from backend.domain import GENERATED, LIVE, TRAINING, Run, visible
from backend.report.numbers import Form
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice
from pages.components.frame.session import run_labels, services
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Kind, Lines, Link, Row

_NAMED = 8


@st.dialog("Delete these runs?")
def confirm_runs(runs: list[Run]) -> None:
    """Asks whether the runs are to be deleted, and deletes them at a yes."""
    names = [run_labels().get(run.id, run.label) for run in runs]
    more = f"\nand {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    st.text("\n".join(visible(name, 120) for name in names[:_NAMED]) + more)
    made = sum(run.info.format in (LIVE, GENERATED, TRAINING) for run in runs)
    traces = sum(run.traces for run in runs)
    told = [
        f"This permanently deletes {traces:,} traces with their cues, verdicts and token scores, and the "
        "problems that nothing else holds. Labels on them stay, with the text they quote."
    ]
    if made < len(runs):
        told.append("Import a source again, and its run is back under its id: links to it work again.")
    if made:
        told.append(f"{made:,} {'was' if made == 1 else 'were'} made here and can't be brought back.")
    if any(run.info.format == TRAINING for run in runs):
        told.append("Curves of trainings keep their figures; the traces behind these points are gone.")
    st.text(" ".join(told))
    if st.button("Delete", type="primary", icon=":material/delete:"):
        with error_notice():
            for run in runs:
                services().runs.delete(run.id)
            st.rerun()


@st.dialog("Delete this problem set?")
def _confirm_set(identity: str, name: str) -> None:
    st.text(f"{visible(name)}\nRuns over these problems stay.")
    if st.button("Delete", type="primary", icon=":material/delete:"):
        with error_notice():
            services().runs.delete_problem_set(identity)
            st.rerun()


def kept_sets() -> None:
    """Draws the problem sets of the store, each with a link that asks before it deletes the set."""
    sets = services().runs.problem_sets()
    if not sets:
        return
    st.header("Problem sets", anchor=False)
    columns = [Column("name", "Set"), Column("problems", "Problems", Kind.NUMBER, Form.COUNT),
               Column("rows", "Rows", Kind.NUMBER, Form.COUNT), Column("delete", "", Kind.LINKS)]  # fmt: skip
    rows = [
        Row(
            s.id,
            {
                "name": Lines(s.name, s.file),
                "problems": s.problems,
                "rows": s.rows,
                "delete": () if barred() else Link("Delete", action="delete"),
            },
        )
        for s in sets
    ]
    event = data_table(columns, rows, key="kept-sets", caption="Problem sets in the store", height=300)
    # For a viewer the link isn't drawn; whoever sends its event all the same is refused by the service.
    if event and event.action == "delete" and event.row:
        _confirm_set(event.row, next(s.name for s in sets if s.id == event.row))
