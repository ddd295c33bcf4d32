"""The queue of items to adjudicate, measured once for every state of a project."""

import streamlit as st

from backend.services.annotation.project_agreement import QueueRow
from pages.components.frame.session import services


def adjudication_queue(project: str) -> list[QueueRow]:
    """The items of a project, the least agreement first."""
    return _queue(services().projects.version(project), project)


# Agreement over a project's items takes longer than a rerun may; any label written gives another version.
@st.cache_data(show_spinner=False, max_entries=8)
def _queue(version: str, project: str) -> list[QueueRow]:
    return services().agreement.worst_first(project)
