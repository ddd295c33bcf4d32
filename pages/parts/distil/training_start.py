"""The Distil page without a training: presets as cards, the form with what differs from the paper, earlier trainings.

Owns how a training is begun from here and how the list of them reads. Names may be hostile: they stand in plain text
and table cells alone.
"""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import streamlit as st

from backend.distill.settings import TrainingSettings
from backend.domain import visible
from backend.report.numbers import Form
from backend.services.training.paper_settings import paper_settings
from backend.services.training.training_presets import TrainingPreset
from backend.services.training.training_specs import TrainingSpec
from backend.services.training.trainings import TrainingInfo
from pages.components.charts.picture_charts import stored_figure
from pages.components.frame.address import start_over
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.components.jobs.job_words import ago, joined
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Cell, Column, Kind, Lines, Link, Row, rows_of
from pages.parts.distil.training_curves import compare_link, compare_pair, held_out
from pages.parts.distil.training_form import form
from pages.parts.distil.training_setup import OWN, draft, presets, take_paper, trouble
from pages.parts.distil.training_words import differences, state_word, summary

STYLE = Path(__file__).with_name("distil_page.css")
_LIST_HEIGHT = 420


def begin(spec: TrainingSpec) -> None:
    """Submits a training and opens it; shows the sentence of a UserError instead."""
    with error_notice():
        with st.spinner("Looking through the problems"):
            job = services().trainings.submit(spec)
        start_over(training=str(job.spec["training"]))


def cards(known: Sequence[TrainingPreset]) -> TrainingSpec | None:
    """Draws the presets, the first as the page's primary action; returns the specification of the one pressed."""
    wanted = None
    with st.container(horizontal=True, gap="small", key="sth-cards"):
        for place, preset in enumerate(known):
            with st.container(key=f"sth-card-{preset.name}"):
                words = f"**{preset.title}**  \n{preset.sentence}"
                kind = "secondary" if place else "primary"
                if st.button(words, key=f"distil-preset-{preset.name}", type=kind, width="stretch",  # type: ignore[arg-type]
                             disabled=barred() is not None, help=barred()):  # fmt: skip
                    wanted = preset.spec
    return wanted


def own(known: Sequence[TrainingPreset]) -> None:
    """Draws the form, what differs from the paper, and the button that starts it."""
    st.session_state.setdefault(OWN, not known)  # without presets the form is all there is to begin with
    opened = st.expander("Set up your own", icon=":material/tune:", key=OWN, on_change="rerun")
    if not opened.open:
        return
    with opened, st.container(horizontal=True, gap="large", key="sth-distil-own"):
        chosen = draft()
        with st.container(key="sth-distil-form"):
            form(chosen, known)
            _start(chosen.spec, bool(known))
        with st.container(key="sth-distil-paper"):
            paper_table(chosen.spec.settings, "distil-differences")
            st.button("Take the paper’s settings", on_click=take_paper, type="tertiary", icon=":material/article:")


def _start(spec: TrainingSpec, quiet: bool) -> None:
    wrong = barred() or trouble(spec)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sth-distil-start"):
        pressed = st.button(
            "Start the training", icon=":material/play_arrow:", type="secondary" if quiet else "primary",
            disabled=bool(wrong), key="distil-start",
        )  # fmt: skip
        if wrong:
            notice(wrong, "error", key="trouble")
        else:
            st.text(f"{spec.settings.steps:,} steps of {spec.settings.rollouts:,} responses", width="content")
    if pressed:
        begin(spec)


def paper_table(settings: TrainingSettings, key: str) -> None:
    """Draws a table of every setting that isn't the paper's, with the paper's value beside it."""
    paper, source = paper_settings(settings)
    columns = [Column("name", "Different from the paper", width="46%", of=itemgetter(0)),
               Column("paper", "Paper", of=itemgetter(1)), Column("here", "Here", of=itemgetter(2))]  # fmt: skip
    data_table(
        columns, rows_of(columns, differences(settings, paper), itemgetter(0)), key=key,
        caption="Settings that differ from the paper’s, with both values", height=360,
        empty="Every setting is the paper’s.", note=f"Compared with {source}; model and problems aside.",
    )  # fmt: skip


def earlier() -> None:
    """Draws the list of trainings, the newest first; a row opens its training."""
    infos = services().trainings.all()
    if not infos:
        st.text("No model was taught here yet. Press a card above: its curves and texts appear as it learns.")
        return
    st.header("Trainings", anchor=False)
    columns = [
        Column("training", "Training", width="34%"),
        Column("state", "State"),
        Column("steps", "Steps", Kind.NUMBER, Form.COUNT),
        Column("base", "Base, held out", Kind.NUMBER, Form.PERCENT),
        Column("accuracy", "Last, held out", Kind.BAR, Form.PERCENT, most=1.0, width="17%"),
        Column("n", "n", Kind.NUMBER, Form.COUNT, help="Problems of the last held-out evaluation"),
        Column("links", "", Kind.LINKS),
    ]
    event = data_table(columns, [_row(info) for info in infos], key="trainings", caption="Trainings, the newest first",
                       select=Select.ROW, height=_LIST_HEIGHT)  # fmt: skip
    if event and event.row:
        start_over(training=event.row)


def _row(info: TrainingInfo) -> Row:
    # By the store's version: read again for every training at every rerun, the list would take long.
    rows = _evaluations(services().runs.version(), info.training.id)
    checked, pair = held_out(rows), compare_pair(rows)
    base = checked[0].values.get("accuracy") if checked and checked[0].step == 0 else None
    last = stored_figure(checked[-1].values.get("accuracy") if checked and checked[-1].step else None)
    made = "" if info.training.part == "" else "of an experiment"
    cells: dict[str, Cell] = {
        "training": Lines(
            info.training.name, joined(summary(info), ago(info.training.created), made), f"?training={info.training.id}"
        ),
        "state": Lines(state_word(info), visible(info.reason, 90)),
        "steps": info.step,
        "base": stored_figure(base),
        "accuracy": last,
        "n": last.n,
        "links": [Link("Compare", compare_link(pair[0].run, pair[1].run))] if pair else [],
    }
    return Row(info.training.id, cells)


@st.cache_data(show_spinner=False, max_entries=400)
def _evaluations(version: int, training: str) -> list[Any]:
    return services().trainings.evaluations(training)


def start_page() -> None:
    """Draws everything below the header."""
    known = presets()
    with st.container(key="sth-lead"):
        st.text(
            "A model is taught by itself with the solution in view, and its doubts fade while you watch: the curves of "
            "every step, and the same problem answered before, on the way and now."
        )
    if wanted := cards(known):
        begin(wanted)
    own(known)
    earlier()
