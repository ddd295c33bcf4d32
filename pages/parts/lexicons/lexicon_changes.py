"""Making a list better: the changes that gold suggests, and the versions there are.

Owns choosing changes and keeping them as a new version. Knows nothing of how they are found.
"""

from __future__ import annotations

import streamlit as st

from backend.annotation import Person, Role
from backend.domain import UserError
from pages.components.frame.notice import notice
from pages.components.frame.session import services
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, Row


def suggestions(person: Person, name: str, project: str | None) -> None:
    """The suggested changes with check boxes, and one click into a new version."""
    if said := st.session_state.pop("lexicon-made", None):
        notice(said, "done")
    try:
        found = services().gold.suggestions(name, project)
    except UserError as error:
        st.text(str(error))
        return
    if not found:
        st.text("Gold suggests no change: either there is too little of it, or the list holds.")
        return
    columns = [
        Column("what", "Change", width="26%"),
        Column("form", "Form", width="20%"),
        Column("hits", "Right"),
        Column("example", "For example", width="38%", sortable=False),
    ]
    rows = [
        Row(
            one.key,
            {
                "what": Lines(one.change.value, f"{one.entry} · {one.group.value}"),
                "form": one.form,
                "hits": f"{one.right:,} of {one.of:,}",
                "example": Lines(" ".join(one.examples[0])) if one.examples else "",
            },
        )
        for one in found
    ]
    event = data_table(
        columns, rows, key=f"suggested-{name}", caption="Suggested changes", select=Select.MANY,
        checked=st.session_state.get(f"ticked-{name}", ()),
    )  # fmt: skip
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
        try:
            note = "; ".join(f"{one.change.value}: {one.form}" for one in chosen)[:400]
            made = services().lexicons.add_version(person.id, services().gold.apply(name, chosen), note)
        except UserError as error:
            notice(str(error), "error")
            return
        st.session_state["lexicon-made"] = (
            f"{made.name}, version {made.version}, is kept. Runs get its cues once they are matched (page Lexicons, "
            "Versions; or `python -m backend match`)."
        )
        st.query_params["lexicon"] = made.name
        st.rerun()


def versions(person: Person, name: str, project: str | None) -> None:
    """The versions of an own list, its YAML, matching stored runs, and putting it away.

    Of a detector also: what annotators of `project` see first.
    """
    lexicon = services().lexicons.get(name)
    if not lexicon.learned:
        st.download_button(
            "YAML", services().lexicons.to_yaml(name), f"{name}.yaml", "text/yaml", icon=":material/download:"
        )
    missing = [run for run, ids in services().lexicons.missing().items() if lexicon.id in ids]
    if missing:
        st.text(f"{len(missing):,} stored runs hold none of its cues yet.")
        if st.button("Find its cues in stored runs", key="match-runs", disabled=not person.role.covers(Role.ADMIN)):
            try:
                services().detectors.submit_match(person.id)
            except UserError as error:
                notice(str(error), "error")
            else:
                notice("It is being done: see Jobs.", "info")
    if lexicon.learned and project:
        _least_certain(person, name, project)
    own = [one for one in services().lexicons.own() if one.name == name]
    if not own:
        st.text("This one is shipped: its figures never change their meaning. What is made from it gets its own name.")
        return
    rows = [
        Row(
            str(one.version),
            {
                "version": one.version,
                "note": Lines(one.note or "–", one.id),
                "made": one.created[:16].replace("T", " "),
                "state": "in use" if one.current else "put away" if one.retired else "older",
            },
        )
        for one in reversed(own)
    ]
    columns = [
        Column("version", "Version", Kind.NUMBER), Column("note", "What changed", width="56%"), Column("made", "Made"),
        Column("state", ""),
    ]  # fmt: skip
    data_table(columns, rows, key=f"versions-{name}", caption="Versions")
    if person.id and person.role.covers(Role.ADMIN) and st.button("Put it away", type="tertiary", key="retire"):
        try:
            services().lexicons.retire(person.id, name)
        except UserError as error:
            notice(str(error), "error")
            return
        st.query_params.pop("lexicon", None)
        st.rerun()


def _least_certain(person: Person, name: str, project: str) -> None:
    """The project's open items in the order of what the detector is least sure of."""
    st.text("It can choose what people see next: the items it is least certain of, where a label teaches most.")
    may = bool(person.id) and person.role.covers(Role.ADMIN)
    if st.button("Order the project’s items by its doubt", key="order-queue", disabled=not may):
        try:
            services().detectors.submit_queue(person.id, project, name)
        except UserError as error:
            notice(str(error), "error")
        else:
            notice("It is being done: see Jobs. Items nobody has begun come in the new order.", "info")
