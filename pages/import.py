"""Import: traces and problem sets from files, reviewed and corrected in one table before they go in."""

from pathlib import Path

import streamlit as st

from pages.components.frame.chrome import page_header
from pages.components.frame.gate import barred, require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.parts.imports.import_outcomes import import_sources, outcome_view
from pages.parts.imports.plan_review import leftover_view, problems_of, question_view, source_view
from pages.parts.imports.reading import mapped
from pages.parts.imports.source_table import counted, source_table
from pages.parts.imports.uploads import forget, place_uploads
from pages.parts.imports.watch_switch import watch_switch

require_person()
header = page_header("Import")
with header:
    if st.button("Runs in the store", type="tertiary", icon=":material/table_rows:"):
        st.switch_page("runs.py")
# Uploads fill the disk and paths read files of this machine: without the role there are no fields for either.
if why := barred():
    notice(f"Only admins bring traces in. {why}", "info")
    st.stop()
st.text(
    "Evaluation dumps, harness output, rollouts, chats, Hugging Face rows, or any JSONL, JSON, CSV and Parquet by "
    "naming its columns, packed as zip, tar, gz or zst as well. Review everything before importing."
)

left, right = st.columns([2, 1], gap="large", vertical_alignment="bottom")
with left:
    whole_folder = (
        st.segmented_control("Source", ["files", "a folder"], default="files", required=True, key="take") == "a folder"
    )
    uploads = st.file_uploader(
        "Drop a folder here" if whole_folder else "Drop files here",
        accept_multiple_files="directory" if whole_folder else True,
        key="uploads",
    )
with right:
    local = st.text_input("Or a path on this machine", key="path", placeholder="/path/to/traces",
                          help="A file or folder, read where it lies, not uploaded.", on_change=forget)  # fmt: skip

watching = st.container()
if not (uploads or local):
    services().imports.warm()
with error_notice(stop=True):
    paths, base = place_uploads(uploads or [], local, whole_folder)
if paths:
    with error_notice(stop=True):
        plan = services().imports.plan_mapped(paths, mapped(), base)
    if local:  # that can be read
        with watching:
            watch_switch(Path(local))
    problems_of(plan)
    if plan.questions:
        st.header("Needs a word from you", anchor=False)
        question_view(plan.questions, base)
    if plan.sources:
        # A folder lists step 10 before step 2.
        sources = sorted(plan.sources, key=lambda source: (source.info.series or "", source.info.step or 0))
        found = counted(sources)
        chosen = source_table(sources, found)
        label = "Import" if len(plan.sources) == 1 else f"Import {len(chosen)} of {len(plan.sources)} sources"
        with st.container(horizontal=True, gap="small"):
            now = st.button(label, type="secondary" if plan.questions else "primary", disabled=not chosen,
                            icon=":material/download_done:")  # fmt: skip
            # Only a path of this machine: uploads lie in a folder of this session, which is swept.
            later = local and st.button(
                "Import in the background", icon=":material/pending_actions:", disabled=not chosen,
                help="A worker imports what is ticked, with your corrections; this page can be closed meanwhile.",
            )  # fmt: skip
        if later:
            given = {each.identity: each.given for each in chosen}
            job = services().jobs.submit_import(paths, mappings=mapped(), chosen=given)
            st.switch_page("jobs.py", query_params={"job": job.id})
        if now:
            import_sources(
                [each.source for each in chosen],
                base,
                everything=not plan.questions and len(chosen) == len(plan.sources),
            )
            # Drawn anew, the page lists the runs that came in.
            st.rerun()
        source_view(sources, found, base)
    leftover_view(plan, base)

outcome_view()
