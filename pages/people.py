"""People: everybody known here with the role they have, and the form with which an admin gives roles."""

import streamlit as st

from backend.annotation import Role
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.components.frame.sign_in import signs_in
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Lines, rows_of

person = require_person()
header = page_header("People")
everybody = services().people.all()
header.text(f"{len(everybody):,} known here")
st.text(
    "People sign in here; a new one may read until an admin gives them a role."
    if signs_in()
    else "Nobody signs in here: names are taken on trust, so that roles keep order, not strangers out."
)
if not everybody:
    st.text("Nobody has said a name yet. Yours goes at the foot of the sidebar, or on the page Annotate.")
    st.stop()

sources = {"local": "a name, on trust", "imported": "came with imported labels"}
columns = [
    Column("name", "Name", width="34%", of=lambda one: Lines(one.name, one.email)),
    Column("source", "Known as", width="30%", of=lambda one: sources.get(one.source, one.source)),
    Column("role", "Role", of=lambda one: one.role.value),
    Column("since", "Since", of=lambda one: one.created[:10]),
]
data_table(columns, rows_of(columns, everybody, lambda one: one.id), key="people", caption="People")

st.header("Roles", anchor=False)
st.text(
    "A viewer reads. An annotator also labels, an adjudicator also decides which labels count, and an admin also "
    "imports, deletes, starts jobs, makes projects and gives roles."
)
if not person.role.covers(Role.ADMIN) or not person.id:
    st.text("An admin with a name gives roles." if person.role.covers(Role.ADMIN) else "An admin gives roles.")
    st.stop()
with st.form("role", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
    # People that came with imported labels never work here: a role would mean nothing.
    changeable = [one for one in everybody if one.source != "imported"]
    names = {one.id: one.name for one in changeable}
    whom = st.selectbox("Who", list(names), format_func=lambda key: names[key], width=260)
    role = st.selectbox("becomes", [role.value for role in Role], index=1, width=160)
    asked = st.form_submit_button("Give the role", type="primary")
if asked and whom:
    with error_notice():
        changed = services().people.set_role(person.id, whom, Role(role))
        # Kept over the rerun that shows the role in the table above.
        st.session_state["role-given"] = f"{changed.name} is {changed.role} now."
        st.rerun()
if news := st.session_state.pop("role-given", None):
    notice(news, "done")
