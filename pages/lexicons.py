"""Lexicons: what counts as doubt, how far each list can be trusted, and making a better one."""

import streamlit as st

from backend.domain import UserError
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import require_person
from pages.components.frame.notice import notice
from pages.components.frame.session import services
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Row
from pages.parts.lexicons.lexicon_changes import suggestions, versions
from pages.parts.lexicons.lexicon_figures import corrected_counts, entries_table, groups_table, scores_table
from pages.parts.lexicons.lexicon_training import training_popover

person = require_person()
header = page_header("Lexicons")
projects = {info.project.id: info.project.name for info in services().projects.all()}
asked = st.query_params.get("project", "")
with header:
    if projects:
        places = ["", *projects]
        chosen = st.selectbox(
            "Gold of", places, index=places.index(asked) if asked in projects else 0, key="gold-project", width=280,
            format_func=lambda key: projects.get(key, "Gold of all projects"), label_visibility="collapsed",
        )  # fmt: skip
        if chosen != (asked if asked in projects else ""):
            st.query_params["project"] = chosen
            st.rerun()
    training_popover(person, asked if asked in projects else None)
project = asked if asked in projects else None

try:
    report = services().gold.evaluation(project)
except UserError as error:
    notice(str(error), "error")
    st.stop()
if report.why:
    st.text(
        "Four lists are shipped: the paper’s ten words by its own rule and as whole words, the companion paper’s, and "
        "ours. How far they can be trusted is measured against what people marked."
    )
    notice(report.why, "info")
else:
    st.text(
        f"Against {report.spans:,} expressions that people marked in {report.items:,} items, {report.blind:,} of them "
        "blind: recall rests on those, for who sees the machine’s marks finds less of what it missed."
    )
row = scores_table(report)
if row:
    st.query_params["lexicon"] = row
    st.rerun()

names = services().lexicons.by_name
name = st.query_params.get("lexicon", "")
if name not in names:
    st.text("Click a lexicon for its groups and entries, what its counts really are, and what should change.")
    st.stop()
lexicon = names[name]
score = next((one for one in report.scores if one.name == name), None)
with st.container(key="lexicon-title"):
    st.text(f"{name} · {lexicon.title} · version {lexicon.version} · {lexicon.id}")
    if lexicon.description:
        st.text(lexicon.description)
by_group, by_entry, counts, better, kept = st.tabs(
    ["Groups", "Entries", "Corrected counts", "Suggested changes", "Versions"]
)
with by_group:
    if score:
        groups_table(score)
    else:
        st.text("Without gold there is nothing to measure yet.")
with by_entry:
    if score:
        entries_table(score)
    else:
        rows = [Row(e.name, {"e": e.name, "g": e.group.value, "f": ", ".join(e.forms)}) for e in lexicon.entries]
        columns = [Column("e", "Entry"), Column("g", "Group"), Column("f", "Forms", width="60%")]
        data_table(columns, rows, key=f"plain-{name}", caption="Entries")
with counts:
    corrected_counts(name, project)
with better:
    suggestions(person, name, project)
with kept:
    versions(person, name, project)
