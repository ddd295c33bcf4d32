"""The details of a project: its people, guidelines, labels, sample and files, and the changes an admin may make."""

from collections.abc import Callable

import streamlit as st

from backend.annotation import Person, ProjectState, Role
from backend.report.numbers import Form
from backend.services.annotation.records import ProjectInfo, Stratum
from pages.components.frame.address import start_over
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Kind, rows_of
from pages.parts.projects.project_files import project_files
from pages.parts.projects.project_form import scheme_editor, strata_table

# A heading is read as Markdown: what has a meaning there is taken out of a project's name.
_MARKUP_TO_SPACE = str.maketrans(dict.fromkeys("*_`[]()<>$:#~!|", " "))


def project_details(info: ProjectInfo, person: Person) -> None:
    """Draws everything about one project; an admin with a name may change it."""
    project = info.project
    admin = person.role.covers(Role.ADMIN) and bool(person.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(project.name.replace("\\", "").translate(_MARKUP_TO_SPACE), anchor=False)
        if st.button("Annotate", icon=":material/ink_highlighter:", type="primary", key="open-annotate"):
            st.switch_page("annotate.py", query_params={"project": project.id})
        if admin:
            _state_buttons(info, person)
    lexicon = services().lexicons.name_of(project.lexicon) or "none"
    st.text(
        f"{info.items:,} items, {info.finished:,} with all {project.annotators} annotators, {info.settled:,} "
        f"adjudicated. Machine cues by {lexicon}; {project.blind_share:.0%} of the items are blind."
    )
    people, guide, scheme, sample, files = st.tabs(["People", "Guidelines", "Labels", "Sample", "Files"])
    with people:
        _people(info)
    with guide:
        _guidelines(info, person, admin)
    with scheme:
        _scheme(info, person, admin)
    with sample:
        _sample(info)
    with files:
        project_files(info, person)


def _state_buttons(info: ProjectInfo, person: Person) -> None:
    project, service = info.project, services().projects
    closed = project.state is ProjectState.CLOSED
    if st.button("Reopen" if closed else "Close", key="project-state", type="tertiary"):
        _do(lambda: (service.reopen if closed else service.close)(person.id, project.id))
    with st.popover("Delete", type="tertiary", key="project-delete"):
        labels = sum(one.labels for one in info.progress)
        st.text(f"Its {info.items:,} items and {labels:,} labels go with it, for good. Export them first.")
        if st.button("Delete the project", type="primary", key="project-delete-yes"):
            _do(lambda: service.delete(person.id, project.id), leave=True)


def _do(action: Callable[[], object], *, leave: bool = False) -> None:
    with error_notice():
        action()
        # The deleted project must not stay in the address: the page would look for it.
        if leave:
            start_over()
        st.rerun()


def _people(info: ProjectInfo) -> None:
    columns = [
        Column("name", "Who", width="30%", of=lambda one: one.name),
        Column("done", "Finished", Kind.NUMBER, Form.COUNT, of=lambda one: one.done),
        Column("open", "Open", Kind.NUMBER, Form.COUNT, of=lambda one: one.open),
        Column("flagged", "Flagged", Kind.NUMBER, Form.COUNT, of=lambda one: one.flagged),
        Column("labels", "Labels", Kind.NUMBER, Form.COUNT, of=lambda one: one.labels),
        Column("time", "Time at work", of=lambda one: f"{one.seconds / 60:.0f} min"),
    ]
    rows = rows_of(columns, info.progress, lambda one: one.person)
    data_table(columns, rows, key="project-people", caption="People", empty="Nobody has taken an item yet.")


def _guidelines(info: ProjectInfo, person: Person, admin: bool) -> None:
    project = info.project
    st.caption(f"Version {project.guidelines_version}. Every label keeps the version it was made under.")
    if admin:
        text = st.text_area(
            "Guidelines", project.guidelines, key=f"guide-{project.id}", height=220, label_visibility="collapsed"
        )
        if st.button("Save as a new version", key="guide-save", disabled=text == project.guidelines):
            _do(lambda: services().projects.change(person.id, project.id, guidelines=text))
    else:
        st.text(project.guidelines or "No guidelines yet.")
    older = services().projects.guidelines(project.id)
    if len(older) > 1:
        with st.expander(f"{len(older)} versions"):
            for version in older:
                st.caption(f"Version {version.version}, {version.created[:16].replace('T', ' ')}")
                st.text(version.text or "(empty)")


def _scheme(info: ProjectInfo, person: Person, admin: bool) -> None:
    project = info.project
    # The version is in the key: after a save the editor starts from the saved labels, not from its kept edits.
    changed = scheme_editor(project.scheme, key=f"scheme-{project.id}-{project.scheme_version}", disabled=not admin)
    if admin and st.button("Save the labels", key="scheme-save", disabled=changed in (None, project.scheme)):
        _do(lambda: services().projects.change(person.id, project.id, scheme=changed))


def _sample(info: ProjectInfo) -> None:
    sampling = info.project.sampling
    # An imported project's texts weren't sampled here: it keeps the files' names, and what couldn't be taken.
    if sampling.get("source") != "traces":
        files = ", ".join(sampling.get("files", ()))
        st.text(f"These texts were imported with their annotations{f': {files}' if files else ''}.")
        for note in sampling.get("notes", ()):
            notice(note, "info")
        return
    st.text(
        f"{sampling['size']:,} traces asked for, seed {info.project.seed}, "
        + ("stratified by run and verdict" if sampling["stratify"] else "drawn from all alike")
        + (f", in pieces of at most {sampling['window']:,} characters." if sampling["window"] else ", whole.")
    )
    strata_table([Stratum(**stratum) for stratum in sampling["strata"]], key="project-strata")
