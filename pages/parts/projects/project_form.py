"""The form of a new annotation project: its sample with a preview, its annotators, its labels and guidelines.

Owns the editor of a labelling scheme and the table of a sample, which the details of a project show too.
"""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from backend.annotation import DEFAULT_SCHEME, Flag, LabelKind, Person, Scheme
from backend.domain import GRADERS, Group, TraceFilter, UserError
from backend.report.numbers import Form
from backend.services.annotation.records import Drawn, ProjectSpec, Stratum
from pages.components.frame.address import start_over
from pages.components.frame.gate import needs_name
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import cached_by_version, run_labels, runs, services
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Kind, Row

_WINDOWS = {"4,000 characters": 4_000, "8,000 characters": 8_000, "2,000 characters": 2_000, "the whole trace": 0}
_NO_GROUP = "none"  # a select box takes no None as an option


def new_project(person: Person) -> None:
    """Draws the form, and shows the new project once it is made."""
    # No st.form: the preview follows every change.
    needs_name(person)
    st.header("New project", anchor=False)
    if not runs():
        st.text("A project samples traces, and there are none yet: import some first, or import annotations below.")
    left, right = st.columns([3, 2], gap="large")
    with left:
        spec = _fields()
    with right, st.container(key="project-preview"):
        _preview(spec)
    scheme = scheme_editor(DEFAULT_SCHEME, key="new-scheme")
    guidelines = st.text_area(
        "Guidelines", key="new-guidelines", height=160,
        placeholder="What counts as doubt, what doesn’t, what to do where it isn’t clear. Shown beside the text.",
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        if st.button("Make the project", type="primary", disabled=not runs()) and scheme:
            with error_notice():
                asked = ProjectSpec(**spec, scheme=scheme, guidelines=guidelines or "")
                start_over(project=services().projects.create(person.id, asked).id)
        if st.button("Back", type="tertiary"):
            start_over()


def _fields() -> dict[str, Any]:
    """Draws the fields of a sample and its annotators; returns them as fields of ProjectSpec."""
    name = st.text_input("Name", key="new-name", max_chars=120, placeholder="Doubts of R1 on AIME24")
    labels = {label: key for key, label in run_labels().items() if not runs()[key].live}
    chosen = st.multiselect("Runs", sorted(labels), key="new-runs", placeholder="all runs")
    with st.container(horizontal=True, gap="small"):
        verdict = st.selectbox("Verdict", ["any", "right", "wrong"], key="new-verdict", width=130)
        size = st.number_input("Traces", 1, 5_000, 40, key="new-size", width=130)
        window = st.selectbox("Cut into pieces of", list(_WINDOWS), key="new-window", width=200,
                              help="Long traces are cut at ends of lines; the text around stays in view.")  # fmt: skip
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="new-seed", width=110)
    stratify = st.toggle("As many traces of every run, right and wrong, as can be", True, key="new-stratify")
    loops = st.checkbox("Include loops", key="new-loops",
                        help="A loop is a stretch that repeats itself. Loops are left out, their first round too, so "
                        "that nobody labels the same words again and again.")  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        people = st.number_input("Annotators an item", 1, 20, 2, key="new-people", width=160)
        blind = st.slider("Share of blind items, %", 0, 100, 20, 5, key="new-blind", width=240,
                          help="Blind items show no machine cues. What people find there says how much the word list "
                          "misses, so some are needed to measure recall.")  # fmt: skip
        names = ["none", *services().lexicons.by_name]
        lexicon = st.selectbox("Machine cues by", names, index=1, key="new-lexicon", width=190)
    wanted = TraceFilter(
        runs=tuple(labels[label] for label in chosen), correct={"right": True, "wrong": False}.get(verdict),
        grader=GRADERS[0],
    )  # fmt: skip
    return {
        "name": name or "Untitled", "annotators": int(people), "blind_share": blind / 100, "seed": int(seed),
        "size": int(size), "window": _WINDOWS[window], "wanted": wanted, "stratify": stratify, "loops": loops,
        "lexicon": "" if lexicon == _NO_GROUP else lexicon,
    }  # fmt: skip


def _preview(spec: dict[str, Any]) -> None:
    if not runs():
        return
    try:
        sample = _sample(ProjectSpec(**spec))
    except UserError as error:
        notice(str(error), "warning")  # the form isn't sent yet: no error so far
        return
    st.text(f"{sample.traces:,} traces make {sample.items:,} items, {sample.blind:,} of them blind.")
    strata_table(sample.strata, key="preview-strata", height=380)


def strata_table(strata: Sequence[Stratum], *, key: str, height: int | None = None) -> None:
    """Draws the strata of a sample: how many traces there are, how many are taken, and the items they make."""
    numbers = (("taken", "traces"), ("available", "of"), ("items", "items"), ("blind", "blind"))
    columns = [
        Column("name", "From", width="56%"),
        *(Column(name, label, Kind.NUMBER, Form.COUNT) for name, label in numbers),
    ]
    rows = [Row(str(place), stratum._asdict()) for place, stratum in enumerate(strata)]
    data_table(columns, rows, key=key, caption="Sample", height=height)


# The seed is in the specification: the same sample is drawn when the project is made.
@cached_by_version(16)
def _sample(spec: ProjectSpec) -> Drawn:
    return services().projects.preview(spec)


def scheme_editor(scheme: Scheme, *, key: str, disabled: bool = False) -> Scheme | None:
    """Draws the labels as a table to edit; returns the edited scheme, or None, and a notice, where it has no label."""
    st.caption("Labels, in the order of the keys 1 to 9. “Not a cue” labels say that nothing is meant here.")
    frame = pd.DataFrame(
        [
            (one.name, one.group.value if one.group else _NO_GROUP, one.negative, one.description)
            for one in scheme.labels
        ],
        columns=["name", "group", "not a cue", "description"],
    )
    edited = st.data_editor(
        frame, key=key, num_rows="dynamic", hide_index=True, disabled=disabled,
        column_config={
            "name": st.column_config.TextColumn("Label", required=True, max_chars=60),
            "group": st.column_config.SelectboxColumn(
                "Cue group", options=[*(g.value for g in Group), _NO_GROUP], required=True, default=_NO_GROUP
            ),
            "not a cue": st.column_config.CheckboxColumn("Not a cue", default=False),
            "description": st.column_config.TextColumn("What it means", max_chars=300, width="large", default=""),
        },
    )  # fmt: skip
    keys = {one.name: one.key for one in scheme.labels}
    labels = []
    for row in edited.to_dict("records"):
        name = str(row["name"] or "").strip()
        # A row that was just added is empty.
        if not name:
            continue
        group = None if row["group"] in (None, _NO_GROUP) else Group(row["group"])
        # Labels that were set refer to the key: a label keeps it while its name stays, a new one gets one of its name.
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "label"
        labels.append(LabelKind(keys.get(name, slug), name, group, bool(row["not a cue"]), row["description"] or ""))
    if not labels:
        notice("A scheme needs at least one label.", "warning")
        return None
    return Scheme(tuple(labels), scheme.flags or tuple(Flag))
