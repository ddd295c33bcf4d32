"""What the pages of annotating share: which project, which item comes next, and what stands where there is none.

Owns these choices and words. Knows nothing of labels, and nothing of how a project is made.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from backend.annotation import Person, ProjectState, Role
from backend.services.annotation.records import ItemState, ProjectInfo


def choose_project(projects: Sequence[ProjectInfo]) -> ProjectInfo:
    """The project that is meant, by its id in the address; the newest open one unless a person chooses.

    Another project begins at its own next item.
    """
    known = {info.project.id: info for info in projects}
    usual = next((p.project.id for p in projects if p.project.state is ProjectState.OPEN), projects[0].project.id)
    asked = st.query_params.get("project", "")
    meant = asked if asked in known else usual
    st.query_params["project"] = meant
    places = list(known)
    st.selectbox(
        "Project", places, index=places.index(meant), format_func=lambda key: known[key].project.name,
        key=f"project-{meant}", label_visibility="collapsed", width=280, on_change=_other_project, args=(meant,),
    )  # fmt: skip
    return known[meant]


def _other_project(was: str) -> None:
    st.query_params["project"] = st.session_state[f"project-{was}"]
    st.query_params.pop("item", None)


def item_address(mine: Sequence[ItemState], item: str, move: int | None) -> str | None:
    """The item `move` places from `item` among those somebody took; None for a new one, past the last."""
    places = [state.item.id for state in mine]
    if move is None or item not in places:
        return None
    to = places.index(item) + move
    if to < 0:
        return places[0]
    return places[to] if to < len(places) else None


def no_projects(person: Person) -> None:
    """What annotating is, where no project exists yet, and the way to one."""
    st.text(
        "People label the expressions of doubt in a sample of traces here, several of them the same ones; then the app "
        "says how far they agree, and how far the word lists can be trusted."
    )
    if person.role.covers(Role.ADMIN):
        if st.button("Make a project", type="primary", icon=":material/add:"):
            st.switch_page("projects.py", query_params={"new": "1"})
    else:
        st.text("There is no project yet. An admin makes one.")
