"""Lexicons: the lists of doubt cues, their precision and recall against gold, and better versions of them."""

import streamlit as st

from pages.components.frame.address import absent, asked_for, go_to
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import left_out, services
from pages.parts.lexicons.lexicon_changes import suggestions, versions
from pages.parts.lexicons.lexicon_entries import entries_table, judgement
from pages.parts.lexicons.lexicon_figures import corrected_counts, groups_table, scores_table
from pages.parts.lexicons.lexicon_training import training_popover

person = require_person()
header = page_header("Lexicons")
projects = {info.project.id: info.project.name for info in services().projects.all()}
asked = st.query_params.get("project", "")
absent("project", asked_for("project"), projects, "The gold of all projects counts.")
project = asked if asked in projects else None
with header:
    if projects:
        places = ["", *projects]
        chosen = st.selectbox(
            "Gold of", places, index=places.index(project or ""), key="gold-project", width=280,
            format_func=lambda key: projects.get(key, "Gold of all projects"), label_visibility="collapsed",
        )  # fmt: skip
        # The address keeps the choice, so that a link to this page shows the same figures.
        if chosen != (project or ""):
            go_to(project=chosen)
    training_popover(person, project)

left_out()
with error_notice(stop=True):
    report = services().gold.evaluation(project)
if report.why:
    st.text(
        "Six lists are shipped: the paper’s ten words by its own rule and as whole words, the companion paper’s, ours "
        "in two versions, and the steps of checking that only look like doubts. What people mark measures them."
    )
    notice(report.why, "info")
else:
    st.text(
        f"Against {report.spans:,} expressions that people marked in {report.items:,} items, {report.blind:,} of them "
        "blind: recall rests on those, for who sees the machine’s marks finds less of what it missed."
    )
if row := scores_table(report):
    go_to(lexicon=row)

lexicons = services().lexicons.by_name
name = st.query_params.get("lexicon", "")
if name not in lexicons:
    st.text("Click a lexicon for its groups and entries, what its counts really are, and what should change.")
    st.stop()
lexicon = lexicons[name]
score = next((score for score in report.scores if score.name == name), None)
with st.container(key="lexicon-title"):
    st.text(f"{name} · {lexicon.title} · version {lexicon.version} · {lexicon.id}")
    if lexicon.description:
        st.text(lexicon.description)
    judgement(name)
by_entry, by_group, counts, better, kept = st.tabs(
    ["Entries", "Groups", "Corrected counts", "Suggested changes", "Versions"]
)
with by_group:
    if score:
        groups_table(score)
    else:
        st.text("Without gold there is nothing to measure yet.")
with by_entry:
    entries_table(name, score)
with counts:
    corrected_counts(name, project)
with better:
    suggestions(person, name, project)
with kept:
    versions(person, name, project)
