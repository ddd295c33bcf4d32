"""Annotate: one item at a time, its text to be labelled."""

import streamlit as st

from backend.annotation import Role
from backend.domain import UserError
from pages.components.frame.address import go_to
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import needs_name, require_person
from pages.components.frame.notice import notice
from pages.components.frame.session import services
from pages.components.labelling.project_choice import choose_project
from pages.parts.annotate.annotate_view import annotate_view
from pages.parts.annotate.item_order import item_address

person = require_person()
header = page_header("Annotate")
info = choose_project(person, header)
needs_name(person)

labelling, project = services().labelling, info.project
mine = labelling.mine(person.id, project.id)
asked = st.query_params.get("item", "")
try:
    if not asked and not person.role.covers(Role.ANNOTATOR):
        notice("You may read here, not label: ask an admin for the role of an annotator.", "info")
        st.stop()
    item = asked or getattr(labelling.next_item(person.id, project.id), "id", "")
    sheet = labelling.open(person.id, item) if item else None
except UserError as error:
    notice(str(error), "error")
    if asked and st.button("To my next item", type="primary"):
        go_to(item=None)
    st.stop()

# An old link may name an item of another project than the one that is chosen.
if sheet is None or sheet.project.id != project.id:
    done = sum(state.state == "done" for state in mine)
    st.header("Nothing left for you here", anchor=False)
    st.text(
        f"You finished {done:,} of the {info.items:,} items of this project; "
        "the others have all the annotators they need, or wait for somebody else."
    )
    with st.container(horizontal=True, gap="small"):
        if mine and st.button("Look at my items again", icon=":material/undo:"):
            go_to(item=mine[-1].item.id)
        if st.button("Projects", icon=":material/folder_open:"):
            st.switch_page("projects.py", query_params={"project": project.id})
    st.stop()

# Labels don't come through here: the component sends each one to a route of its own, without a rerun of this page.
st.query_params["item"] = sheet.item.id
history = labelling.history(sheet.item.id, person.id)
result = annotate_view(sheet, history, person.id, key="annotate")
if result.finished or result.move:
    # Without an item in the address the next run takes the next one that is open.
    go_to(item=item_address(labelling.mine(person.id, project.id), sheet.item.id, result.move))
