"""Projects: the annotation projects with their progress, one in detail, and the form of a new one."""

import streamlit as st

from backend.annotation import Role
from backend.report.numbers import Form
from backend.services.annotation.records import ProjectInfo
from pages.components.frame.address import go_to, start_over
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import require_person
from pages.components.frame.session import services
from pages.components.labelling.project_choice import no_projects
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, Link, rows_of
from pages.parts.projects.project_details import project_details
from pages.parts.projects.project_form import new_project

person = require_person()
header = page_header("Projects")
infos = services().projects.all()
admin = person.role.covers(Role.ADMIN)
with header:
    form_open = bool(st.query_params.get("new"))
    if infos and admin and not form_open and st.button("New project", icon=":material/add:", type="primary"):
        start_over(new="1")

if form_open and admin:
    new_project(person)
    st.stop()
if not infos:
    no_projects(person)
    st.stop()

chosen = st.query_params.get("project", "")


def described(info: ProjectInfo) -> Lines:
    """A project's name, and under it its state, size and age."""
    project = info.project
    return Lines(project.name, f"{project.state} · {info.items:,} items · since {project.created[:10]}")


columns = [
    Column("name", "Project", width="34%", of=described),
    Column("finished", "Finished",
           of=lambda info: Lines(f"{info.finished:,} of {info.items:,}", f"by {info.project.annotators} each")),
    Column("settled", "Adjudicated", of=lambda info: f"{info.settled:,} of {info.items:,}"),
    Column("people", "Annotators", of=lambda info: ", ".join(one.name for one in info.progress) or "nobody yet"),
    Column("labels", "Labels", Kind.NUMBER, Form.COUNT, of=lambda info: sum(one.labels for one in info.progress)),
    Column("go", "", Kind.LINKS,
           of=lambda info: Link("Annotate", f"/annotate?project={info.project.id}", "annotate")),
]  # fmt: skip
rows = rows_of(columns, infos, lambda info: info.project.id, current=chosen)
event = data_table(columns, rows, key="project-list", caption="Projects", select=Select.ROW)
if event and event.kind == "action" and event.row:
    st.switch_page("annotate.py", query_params={"project": event.row})
if event and event.kind == "row" and event.row:
    go_to(project=event.row)
# A project of the address may have been deleted.
shown = next((info for info in infos if info.project.id == chosen), None)
if shown:
    project_details(shown, person)
else:
    st.text("Click a project for its people, guidelines, labels and sample.")
