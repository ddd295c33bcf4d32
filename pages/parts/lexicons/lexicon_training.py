"""The form that trains a detector from a project's gold."""

import streamlit as st

from backend.annotation import Person, Role
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services


def training_popover(person: Person, project: str | None) -> None:
    """Draws the button that opens the form; disabled while no `project` is chosen."""
    # Gold of several projects may follow several guidelines: a detector learns from that of one.
    with st.popover("Train a detector", icon=":material/model_training:", disabled=project is None):
        st.text(
            "Learns from a project’s gold which words mean doubt where they stand. It takes about a minute, is "
            "measured on traces it didn’t see, and can then be chosen wherever a lexicon can."
        )
        name = st.text_input("Name", "learned", key="detector-name", max_chars=48)
        if st.button("Train", type="primary", key="train", disabled=not (person.id and person.role.covers(Role.ADMIN))):
            with error_notice():
                services().detectors.train(person.id, project or "", name)
                notice("It is learning: see Jobs. It appears in this list when it is done.", "info")
