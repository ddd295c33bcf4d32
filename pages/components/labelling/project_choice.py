"""The project that a page about annotating shows: the choice between several, and what stands there without one."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.annotation import Person, ProjectState, Role
from backend.services.annotation.records import ProjectInfo
from pages.components.frame.address import absent, asked_for
from pages.components.frame.session import services


def choose_project(person: Person, header: DeltaGenerator) -> ProjectInfo:
    """Draws the select box of projects in the page's header; returns the project of the address or the newest open one.

    Without any project the page stops with the empty state.
    """
    projects = services().projects.all()
    if not projects:
        no_projects(person)
        st.stop()
    known = {info.project.id: info for info in projects}
    default = next((p.project.id for p in projects if p.project.state is ProjectState.OPEN), projects[0].project.id)
    asked = st.query_params.get("project", "")
    absent("project", asked_for("project"), known, f"{known[default].project.name} is shown.")
    chosen = asked if asked in known else default
    st.query_params["project"] = chosen
    places = list(known)
    # The key changes with the project: under one key the widget's old state would overrule the address of a link.
    header.selectbox(
        "Project", places, index=places.index(chosen), format_func=lambda key: known[key].project.name,
        key=f"project-{chosen}", label_visibility="collapsed", width=280, on_change=_other_project, args=(chosen,),
    )  # fmt: skip
    return known[chosen]


def _other_project(was: str) -> None:
    st.query_params["project"] = st.session_state[f"project-{was}"]
    # The item belongs to the project that was left.
    st.query_params.pop("item", None)


def no_projects(person: Person) -> None:
    """The empty state: what annotating is, and the button that makes a project for who may."""
    st.text(
        "People label the expressions of doubt in a sample of traces here, several of them the same ones; then the app "
        "says how far they agree, and how far the word lists can be trusted."
    )
    if person.role.covers(Role.ADMIN):
        if st.button("Make a project", type="primary", icon=":material/add:"):
            st.switch_page("projects.py", query_params={"new": "1"})
    else:
        st.text("There is no project yet. An admin makes one.")
