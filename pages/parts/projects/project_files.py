"""A project's labels as files to download, and files of labels as a new project."""

import streamlit as st

from backend.annotation import Person, Role
from backend.services.annotation.label_files import Upload
from backend.services.annotation.records import ProjectInfo
from pages.components.frame.address import start_over
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.components.frame.upload_spool import PlacedFolder, place

_LARGEST = 200  # MB, as the server takes them


def project_files(info: ProjectInfo, person: Person) -> None:
    """Draws the export of this project beside the import of another one."""
    left, right = st.columns(2, gap="large")
    with left:
        _export(info, person)
    with right:
        import_project(person)


def _export(info: ProjectInfo, person: Person) -> None:
    st.caption(
        "Everybody’s labels, the gold ones, who finished what. Nothing in them tells the model, unless asked for."
    )
    if not (person.id and person.role.covers(Role.ADJUDICATOR)):
        st.text("Exports show everybody’s labels: they take the role of an adjudicator.")
        return
    admin = person.role.covers(Role.ADMIN)
    # Annotators label blind to the model; an export that names runs is for who may see everything.
    traces = st.toggle("Say which trace and run a text is from", key="export-traces", disabled=not admin)
    history = st.toggle("With the history of every label (JSON Lines and Parquet)", key="export-history")
    for form in services().label_files.formats():
        if form.writes:
            with st.container(key=f"project-export-{form.name}", horizontal=True, vertical_alignment="center"):
                _button(info, person, form.name, form.title, traces and admin, history)
                st.caption(form.holds)


def _button(info: ProjectInfo, person: Person, form: str, title: str, traces: bool, history: bool) -> None:
    """Draws the button that makes the file of a format; once made, its download and what the format couldn't hold."""
    # One file is kept, for one state of the project: any change makes the key another, and the file is made anew.
    made = st.session_state.get("exported")
    key = (info.project.id, form, traces, history, services().projects.version(info.project.id))
    if made and made[0] == key:
        file = made[1]
        st.download_button(f"Save {title}", file.data, file.name, icon=":material/download:", key=f"save-{form}")
        for note in file.notes[:5]:
            notice(note, "info")
        return
    if st.button(title, key=f"export-{form}", icon=":material/description:"):
        with error_notice():
            made = services().label_files.export(person.id, info.project.id, form, traces=traces, history=history)
            st.session_state["exported"] = (key, made)
            st.rerun()


def import_project(person: Person) -> None:
    """Draws the form that makes a project of files of labels."""
    st.caption("Labels made elsewhere, or a project exported here, become a project of their own.")
    if not (person.id and person.role.covers(Role.ADMIN)):
        st.text("Importing takes a name and the role of an admin.")
        return
    with st.container(key="project-import"):
        files = st.file_uploader(
            "Files",
            accept_multiple_files=True,
            max_upload_size=_LARGEST,
            key="label-files",
            label_visibility="collapsed",
        )  # fmt: skip
    gold = st.toggle("They are gold: adjudicated already", key="import-gold")
    st.caption("Read: " + ", ".join(form.title for form in services().label_files.formats() if form.reads) + ".")
    if st.button("Import as a project", type="primary", disabled=not files, key="import-labels"):
        with error_notice():
            with st.spinner("Importing"):
                placed = PlacedFolder()
                for number, file in enumerate(files):
                    place(file, placed.path / str(number))
                uploads = [Upload(file.name, placed.path / str(number)) for number, file in enumerate(files)]
                made = services().label_files.import_uploads(person.id, uploads, gold=gold)
            start_over(project=made.id)
