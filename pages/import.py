"""Import: traces and problem sets from files, reviewed before they go in; runs and sets to delete; the snapshot."""

import streamlit as st

from backend.domain import visible
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import barred, require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.parts.imports.housekeeping import kept_runs, kept_sets, snapshot_button
from pages.parts.imports.uploads import (
    corrected,
    corrections,
    import_sources,
    mapping_form,
    place_uploads,
    plan_table,
    preview_tables,
)

require_person()
page_header("Import")
# Uploads fill the disk and paths read files of this machine: without the role there are no fields for either.
if why := barred():
    notice(f"Only admins bring traces in. {why}", "info")
    kept_runs()
    kept_sets()
    snapshot_button()
    st.stop()
st.text(
    "Evaluation dumps, harness output, rollouts, chats, Hugging Face rows, or any JSONL, JSON, CSV and Parquet by "
    "naming its columns. Nothing goes in before you have seen what it would become."
)

left, right = st.columns([2, 1], gap="large", vertical_alignment="bottom")
with left:
    whole_folder = (
        st.segmented_control("Take", ["files", "a folder"], default="files", required=True, key="take") == "a folder"
    )
    uploads = st.file_uploader(
        "Drop them here", accept_multiple_files="directory" if whole_folder else True, key="uploads"
    )
with right:
    local = st.text_input("Or a file or folder of this machine", key="path", placeholder="/path/to/traces",
                          help="Read where it lies, nothing is uploaded.",
                          on_change=lambda: st.session_state.pop("outcomes", None))  # fmt: skip

paths, base = place_uploads(uploads or [], local)
if paths:
    with error_notice(stop=True):
        plan = services().imports.plan(paths, st.session_state.get("mapping"), base)
    for failure in plan.failed:
        notice(str(failure), "error")
    # Columns are asked for one file alone: of several unknown ones each may name them differently.
    if plan.failed and len(paths) == 1 and not plan.sources:
        mapping_form(paths[0])
    if plan.skipped:
        with st.expander(f"{len(plan.skipped)} files left aside"):
            st.text("\n".join(f"{visible(s.file)}: {s.reason}" for s in plan.skipped))
    if plan.sources:
        sources = [corrected(source) for source in plan.sources]
        chosen = plan_table(sources)
        with st.expander("First rows, and corrections", expanded=len(sources) == 1):
            corrections(sources[chosen])
            preview_tables(sources[chosen])
        label = f"Import {len(sources)} sources" if len(sources) > 1 else "Import"
        with st.container(horizontal=True, gap="small"):
            now = st.button(label, type="primary", icon=":material/download_done:")
            # Only a path of this machine: uploads lie in a folder of this session, which is swept.
            later = local and st.button(
                "Import in the background", icon=":material/pending_actions:",
                help="A worker does it, as recognised, without your corrections; this page can be closed meanwhile.",
            )  # fmt: skip
        if later:
            job = services().jobs.submit_import(paths)
            st.switch_page("jobs.py", query_params={"job": job.id})
        if now:
            import_sources(sources, base)
            # Drawn anew, the page lists the runs that came in.
            st.rerun()

outcomes = st.session_state.get("outcomes", [])
for outcome in outcomes:
    tone = {"imported": "done", "failed": "error"}.get(outcome.state, "info")
    notice(outcome.sentence, tone)  # type: ignore[arg-type]
arrived = any(outcome.state == "imported" for outcome in outcomes)
if arrived and st.button("See them in the overview", icon=":material/dashboard:"):
    st.session_state.pop("outcomes")
    st.switch_page("overview.py")

kept_runs()
kept_sets()
snapshot_button()
