"""Runs and problem sets of the store with the way to delete them, and the whole store as one file."""

import tempfile
from pathlib import Path

import streamlit as st

from backend.report.numbers import Form
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice
from pages.components.frame.session import run_labels, runs, services
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Kind, Lines, Link, Row


@st.dialog("Delete this run?")
def _confirm_run(run: str) -> None:
    st.text(
        f"{run_labels()[run]}\nThis permanently deletes {runs()[run].traces:,} traces. "
        "Import the source again, and links to them work again."
    )
    if st.button("Delete", type="primary", icon=":material/delete:"):
        with error_notice():
            services().runs.delete(run)
            st.rerun()


@st.dialog("Delete this problem set?")
def _confirm_set(identity: str, name: str) -> None:
    st.text(f"{name}\nRuns over these problems stay.")
    if st.button("Delete", type="primary", icon=":material/delete:"):
        with error_notice():
            services().runs.delete_problem_set(identity)
            st.rerun()


def kept_runs() -> None:
    """Draws the runs of the store, each with a link that asks before it deletes the run."""
    if not runs():
        return
    st.header("Runs in the store", anchor=False)
    columns = [Column("run", "Run"), Column("format", "Format"), Column("traces", "Traces", Kind.NUMBER, Form.COUNT),
               Column("created", "Imported"), Column("delete", "", Kind.LINKS)]  # fmt: skip
    rows = [
        Row(
            run.id,
            {
                "run": Lines(run_labels()[run.id], run.info.source),
                "format": run.info.format,
                "traces": run.traces,
                "created": run.created[:16].replace("T", " "),
                "delete": () if barred() else Link("Delete", action="delete"),
            },
        )
        for run in runs().values()
    ]
    event = data_table(columns, rows, key="kept-runs", caption="Runs in the store", height=360)
    # For a viewer the link isn't drawn; whoever sends its event all the same is refused by the service.
    if event and event.action == "delete" and event.row:
        _confirm_run(event.row)


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
    if event and event.action == "delete" and event.row:
        _confirm_set(event.row, next(s.name for s in sets if s.id == event.row))


def snapshot_button() -> None:
    """Draws the download of the whole store as one DuckDB file."""
    if not runs():
        return
    st.header("For SQL and notebooks", anchor=False)
    st.text("The whole store as one DuckDB file: tables runs, problems, traces, cues and measures.")
    # The function and not its result: the file is made at the press, not at every run of the page.
    st.download_button(
        "Download a snapshot", _snapshot, "second-thoughts.duckdb", on_click="ignore", icon=":material/database:"
    )


def _snapshot() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "second-thoughts.duckdb"
        services().runs.snapshot(target)
        return target.read_bytes()
