"""Merging by rule: what annotators agree on becomes gold in all items at once."""

import streamlit as st

from backend.annotation import Person, Project
from backend.services.annotation.label_merge import RULES, Match
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services


def merge_popover(person: Person, project: Project) -> None:
    """A popover that merges the labels of all items by a rule, and the counts of the last merge under it."""
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
            with error_notice():
                counts = services().adjudication.merge(person.id, project.id, rule, match)
                # Shown by the next run: the queue above has to be measured anew first.
                st.session_state["merged"] = (
                    f"{counts.added:,} gold labels added, {counts.kept:,} kept, {counts.withdrawn:,} withdrawn; "
                    f"{counts.decided:,} left to decisions by hand; {counts.waiting:,} items wait for people, "
                    f"{counts.settled:,} are settled."
                )
                st.rerun()
        if summary := st.session_state.pop("merged", None):
            notice(summary, "done")
