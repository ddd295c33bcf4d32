"""A project's labels as files.

Owns the choice of a format and the download. Knows nothing of what formats hold.
"""

from __future__ import annotations

import streamlit as st

from backend.annotation import Person
from backend.services import ProjectInfo


def project_files(info: ProjectInfo, person: Person) -> None:
    """Export."""
    st.text("Nothing to export yet.")
