"""The details of one model: where it lies, its parent, which engines can serve it and why not, and the runs it made.

Names, notes and paths may be hostile: they stand in plain text, code and table cells alone.
"""

from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import streamlit as st

from backend.domain import ModelKind, Run, UserError, visible
from backend.report.numbers import Form
from backend.services.generation.models import ModelInfo
from pages.components.frame.gate import barred
from pages.components.frame.notice import notice
from pages.components.frame.session import run_labels, runs, services
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Kind, Lines, Row
from pages.parts.models.model_forms import change_dialog, evaluate_dialog, remove_dialog
from pages.parts.models.model_words import facts_line, kind_line

_STYLE = Path(__file__).with_name("model_style.css")
_RUNS_HEIGHT = 300


def runs_of(model_id: str) -> list[Run]:
    """The runs made here with a model."""
    return [run for run in runs().values() if run.info.model_id == model_id]


def model_details(info: ModelInfo) -> None:
    """Draws everything about one model, with the buttons for what can be done with it."""
    st.html(_STYLE)
    model = info.model
    what = facts_line(model.kind, info.facts) if info.facts else kind_line(info)
    with st.container(key="sth-model-name"):
        st.text(visible(model.name))
    with st.container(key="sth-model-quiet"):
        st.text("\n".join((f"{what[0].upper()}{what[1:]}.", *_origins(info))))
    _actions(info)
    if not info.ready:
        notice(info.why, "warning", key="why")
    if model.note:
        st.text(visible(model.note, 2000))
    st.code(visible(model.location, 400), language=None, wrap_lines=True)
    _engines(info)
    _runs(runs_of(model.id))


def _origins(info: ModelInfo) -> list[str]:
    model, lines = info.model, []
    lines.append(f"Trained from {visible(info.parent_name)}." if info.parent_name else "No parent is known.")
    if model.kind is ModelKind.ADAPTER and info.base_name:
        lines.append(f"Sits on {visible(info.base_name)}.")
    # The variable's name and never the key: the ledger holds no secrets.
    if key := model.settings.get("key"):
        lines.append(f"Its key is read from the environment variable {visible(str(key), 80)}.")
    if job := made_by(info):
        lines.append(f"Made by the job {job}.")
    return lines


def made_by(info: ModelInfo) -> str:
    """The title of the job that made a model; "" where none did or it was removed from the history."""
    # A model outlives its job, whose row a person may remove from the history.
    try:
        return visible(services().jobs.get(info.model.job).title, 120) if info.model.job else ""
    except UserError:
        return ""


def training_of(info: ModelInfo) -> str:
    """The id of the training a model is a checkpoint of; "" where it is none, or the training was removed."""
    # A checkpoint lies in its training's folder, which is called by the training's id. The whole path is compared,
    # because a person's own folder may be called like an id.
    identity = Path(info.model.location).parent.name
    try:
        folder = services().trainings.folder(services().trainings.get(identity).training.id)
    except UserError:
        return ""
    return identity if Path(info.model.location).parent == folder else ""


def _actions(info: ModelInfo) -> None:
    with st.container(horizontal=True, gap="small", key="sth-model-actions"):
        kind: Literal["primary", "secondary"] = "primary" if info.ready else "secondary"
        if st.button("Answer live", type=kind, icon=":material/play_circle:", disabled=not info.ready):
            st.switch_page("live.py", query_params={"models": info.model.id})
        if st.button("Evaluate", icon=":material/checklist:", disabled=not info.ready or barred() is not None,
                     help=barred(), key="open-evaluate"):  # fmt: skip
            evaluate_dialog(info)
        if not barred() and st.button("Change", type="tertiary", key="open-change"):
            change_dialog(info.model)
        if not barred() and st.button("Remove", type="tertiary", key="open-remove"):
            remove_dialog(info.model)
        if (training := training_of(info)) and st.button("Its training", type="tertiary", key="open-training"):
            st.switch_page("distil.py", query_params={"training": training})
        if made_by(info) and st.button("Its job", type="tertiary", key="open-job"):
            st.switch_page("jobs.py", query_params={"job": info.model.job or ""})


def _engines(info: ModelInfo) -> None:
    rows = [Row(e.engine, {"engine": Lines(f"{'✓' if e.ok else '✗'} {e.engine}", e.reason)}) for e in info.engines]
    data_table(
        [Column("engine", "Served by")], rows, key="model-engines", caption="Which engines can serve it, and why"
    )


def _runs(made: list[Run]) -> None:
    labels = run_labels()
    columns = [Column("run", "Runs made with it"), Column("traces", "Traces", Kind.NUMBER, Form.COUNT)]
    rows = []
    for run in made:
        label, size = labels.get(run.id, run.label), run.traces
        href = f"/browse?{urlencode({'run': label})}"
        small = f"{run.created[:16].replace('T', ' ')}{' · live' if run.live else ''}"
        rows.append(Row(run.id, {"run": Lines(label, small, None if run.live else href), "traces": size}))
    data_table(columns, rows, key="model-runs", caption="Runs made with this model", height=_RUNS_HEIGHT,
               empty="No run was made with it yet.")  # fmt: skip
