"""Training a detector from gold, from the page Lexicons.

Owns the form and what is said of it. Knows nothing of how a detector learns.
"""

from __future__ import annotations

import streamlit as st

from backend.annotation import Person, Role
from backend.domain import UserError
from pages.components.frame.notice import notice
from pages.components.frame.session import services


def training_popover(person: Person, project: str | None) -> None:
    """A button that opens the form."""
    with st.popover("Train a detector", icon=":material/model_training:", disabled=project is None):
        st.text(
            "Learns from a project’s gold which words mean doubt where they stand. It takes about a minute, is "
            "measured on traces it didn’t see, and can then be chosen wherever a lexicon can."
        )
        name = st.text_input("Name", "learned", key="detector-name", max_chars=48)
        if st.button("Train", type="primary", key="train", disabled=not (person.id and person.role.covers(Role.ADMIN))):
            try:
                services().detectors.train(person.id, project or "", name)
            except UserError as error:
                notice(str(error), "error")
            else:
                notice("It is learning: see Jobs. It appears in this list when it is done.", "info")
