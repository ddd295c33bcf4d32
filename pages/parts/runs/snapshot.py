"""The download of the whole store as one DuckDB file."""

import tempfile
from pathlib import Path

import streamlit as st

from pages.components.frame.session import services


def snapshot_button() -> None:
    """Draws the download."""
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
