"""Runs: all stored runs in one table, corrected in place or by find and replace, opened, compared and deleted."""

import streamlit as st

from backend.services.traces.run_edits import FIXED, edit_of
from pages.components.editing.find_replace import edit_tools
from pages.components.editing.run_editor import RunEditor
from pages.components.frame.chrome import empty_page, page_header
from pages.components.frame.gate import barred, require_person
from pages.components.frame.notice import notice
from pages.components.frame.session import left_out, runs
from pages.parts.runs.deletion import kept_sets
from pages.parts.runs.run_rows import COLUMNS, run_rows, wanted
from pages.parts.runs.saving import saving
from pages.parts.runs.snapshot import snapshot_button
from pages.parts.runs.ticked_runs import ticked_runs

require_person()
header = page_header("Runs")
left_out()
if not runs():
    kept_sets()
    empty_page("There are no runs yet.", "Import traces", "upload_file", "import.py")

known = runs()
rows = run_rows()
editor = RunEditor(
    "runs", rows, lambda row, given: {name: new for name, _, new in edit_of(known[row.id], given).changes}
)
line = st.container(horizontal=True, vertical_alignment="center", gap="small")
with line:
    search = st.text_input("Filter", key="q", bind="query-params", type="search", label_visibility="collapsed",
                           placeholder="Filter by any word", width=260)  # fmt: skip
shown = [row for row in rows if wanted(row, search)]
traces = sum(known[row.id].traces for row in shown)
header.text(
    f"{len(shown):,} of {len(rows):,} runs · {traces:,} traces" if search else f"{len(rows):,} runs · {traces:,} traces"
)
if why := barred():
    notice(f"Only admins edit and delete runs. {why}", "info")
else:
    edit_tools(editor, shown, line)
    for row in [row for row in rows if row.id in editor.problems][:5]:
        notice(f"{known[row.id].label}: {editor.problems[row.id]}", "error", key=f"wrong-{row.id}")
editor.draw(shown, COLUMNS, "" if why else "Tick")
if not shown:
    st.text("No run holds these words.")
if not why:
    ticked_runs([known[row.id] for row in rows if editor.is_ticked(row)])
    saving(editor)
    st.caption(f"Identities, links and labels stay whatever a run is called. {FIXED}")
kept_sets()
snapshot_button()
