"""Changing a lexicon: the changes that gold suggests, made into a new version, and the versions there are."""

import streamlit as st

from backend.annotation import Person, Role
from backend.domain import UserError
from pages.components.frame.address import go_to
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, rows_of


def suggestions(person: Person, name: str, project: str | None) -> None:
    """Draws the suggested changes with check boxes, and the button that makes a new version of the checked ones."""
    # Kept over the rerun that shows the new version.
    if news := st.session_state.pop("lexicon-made", None):
        notice(news, "done")
    try:
        found = services().gold.suggestions(name, project)
    except UserError as error:
        st.text(str(error))  # no error: a detector has no list that could change
        return
    if not found:
        st.text("Gold suggests no change: either there is too little of it, or the list holds.")
        return
    columns = [
        Column("what", "Change", width="26%",
               of=lambda one: Lines(one.change.value, f"{one.entry} · {one.group.value}")),
        Column("form", "Form", width="20%", of=lambda one: one.form),
        Column("hits", "Right", of=lambda one: f"{one.right:,} of {one.of:,}"),
        Column("example", "For example", width="38%", of=lambda one: " ".join(one.examples[0]) if one.examples else ""),
    ]  # fmt: skip
    rows = rows_of(columns, found, lambda one: one.key)
    event = data_table(
        columns, rows, key=f"suggested-{name}", caption="Suggested changes", select=Select.MANY,
        checked=st.session_state.get(f"ticked-{name}", ()),
    )  # fmt: skip
    # Events last for one run of the page: the ticks have to be kept.
    if event and event.kind == "check":
        st.session_state[f"ticked-{name}"] = event.checked
    ticked = set(st.session_state.get(f"ticked-{name}", ()))
    chosen = [one for one in found if one.key in ticked]
    own = services().lexicons.own_name(name)
    if not person.id or not person.role.covers(Role.ADJUDICATOR):
        st.text("Making a new version takes a name and the role of an adjudicator.")
    elif st.button(
        f"Make a new version of {own} with {len(chosen):,} changes",
        type="primary",
        disabled=not chosen,
        key="make-version",
    ):
        with error_notice():
            note = "; ".join(f"{one.change.value}: {one.form}" for one in chosen)[:400]
            made = services().lexicons.add_version(person.id, services().gold.apply(name, chosen), note)
            st.session_state["lexicon-made"] = (
                f"{made.name}, version {made.version}, is kept. Runs get its cues once they are matched (page "
                "Lexicons, Versions; or `python -m backend match`)."
            )
            go_to(lexicon=made.name)


def versions(person: Person, name: str, project: str | None) -> None:
    """Draws a lexicon's versions, with the ways to download it as YAML, find its cues in stored runs, and retire it.

    For a detector also the button that orders the items of `project` by its uncertainty.
    """
    lexicon = services().lexicons.get(name)
    # A detector is a trained model: no list could be written down for it.
    if not lexicon.learned:
        st.download_button(
            "YAML", services().lexicons.to_yaml(name), f"{name}.yaml", "text/yaml", icon=":material/download:"
        )
    missing = [run for run, ids in services().lexicons.missing().items() if lexicon.id in ids]
    if missing:
        st.text(f"{len(missing):,} stored runs hold none of its cues yet.")
        if st.button("Find its cues in stored runs", key="match-runs", disabled=not person.role.covers(Role.ADMIN)):
            with error_notice():
                services().detectors.submit_match(person.id)
                notice("It is being done: see Jobs.", "info")
    if lexicon.learned and project:
        _least_certain(person, name, project)
    # Figures of a shipped lexicon are compared across papers and stores, so it never changes.
    own = [one for one in services().lexicons.own() if one.name == name]
    if not own:
        st.text("This one is shipped: its figures never change their meaning. What is made from it gets its own name.")
        return
    columns = [
        Column("version", "Version", Kind.NUMBER, of=lambda one: one.version),
        Column("note", "What changed", width="56%", of=lambda one: Lines(one.note or "–", one.id)),
        Column("made", "Made", of=lambda one: one.created[:16].replace("T", " ")),
        Column("state", "", of=lambda one: "in use" if one.current else "put away" if one.retired else "older"),
    ]
    rows = rows_of(columns, reversed(own), lambda one: str(one.version))
    data_table(columns, rows, key=f"versions-{name}", caption="Versions")
    if person.id and person.role.covers(Role.ADMIN) and st.button("Put it away", type="tertiary", key="retire"):
        with error_notice():
            services().lexicons.retire(person.id, name)
            go_to(lexicon=None)


def _least_certain(person: Person, name: str, project: str) -> None:
    st.text("It can choose what people see next: the items it is least certain of, where a label teaches most.")
    may = bool(person.id) and person.role.covers(Role.ADMIN)
    if st.button("Order the project’s items by its doubt", key="order-queue", disabled=not may):
        with error_notice():
            services().detectors.submit_queue(person.id, project, name)
            notice("It is being done: see Jobs. Items nobody has begun come in the new order.", "info")
