"""The head of a training's page: name, state, and the buttons for what can be done with it now.

Owns these buttons, and that the page runs again when the state changes. Names and reasons may be hostile: they are
plain text.
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from backend.domain import UserError, visible
from backend.report.files import csv_text
from backend.services.training.trainings import TrainingInfo
from pages.components.frame.address import start_over
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import runs, services
from pages.components.jobs.worker_state import worker_state
from pages.parts.distil.training_curves import TrainedStep, compare_pair
from pages.parts.distil.training_setup import take
from pages.parts.distil.training_words import state_line, summary

LOOK_SECONDS = 1.5


def is_open(info: TrainingInfo) -> bool:
    """Whether something will still happen by itself."""
    return info.state in ("queued", "running")


def head(info: TrainingInfo, rows: Sequence[Any]) -> None:
    """Name, state and buttons."""
    with st.container(horizontal=True, vertical_alignment="top", gap="medium", key="sth-distil-head"):
        with st.container(key="sth-distil-title", gap=None):
            with st.container(key="sth-distil-name"):
                st.text(visible(info.training.name, 120))
            with st.container(key="sth-distil-quiet"):
                st.text(summary(info))
            st.fragment(_state, run_every=LOOK_SECONDS if is_open(info) else None)(info.training.id, info.state)
        with st.container(horizontal=True, horizontal_alignment="right", gap="small", key="sth-distil-actions"):
            _actions(info, rows)
    if info.reason:
        tone: Any = {"failed": "error", "done": "warning"}.get(info.state, "info")
        notice(visible(info.reason, 600), tone, key="reason")


def _state(training: str, shown: str) -> None:
    """Draws the state line; the whole page runs again when the state has changed, and its buttons with it."""
    try:
        info = services().trainings.get(training)
    except UserError:
        st.rerun()  # removed meanwhile: the page says so
    if info.state != shown:
        st.rerun()
    seconds = [row.values["seconds"] for row in services().trainings.steps(training, info.step - 8) if row.step > 0
               and row.values.get("seconds")]  # fmt: skip
    working = services().jobs.worker().alive
    ahead = services().jobs.position(info.job) if info.job and info.state == "queued" else 0
    with st.container(key="sth-distil-state"):
        st.text(state_line(info, ahead, working, seconds))
    if is_open(info):
        st.progress(min(1.0, info.step / info.steps) if info.steps else 0.0)
        worker_state(needed=True, quiet=True)


def _actions(info: TrainingInfo, rows: Sequence[Any]) -> None:
    """Draws the buttons, one of them primary: Compare when it is done, Resume when it stopped early."""
    training, pair = info.training.id, compare_pair(rows)
    known = runs()
    if pair and all(row.run in known for row in pair):  # one of the runs may have been deleted
        kind: Any = "primary" if info.state == "done" else "secondary"
        if st.button("Compare with its base", type=kind, icon=":material/compare:", key="distil-compare",
                     help="The last held-out evaluation beside the base’s of the same problems"):  # fmt: skip
            st.switch_page("compare.py", query_params={"runs": f"{pair[0].run},{pair[1].run}"})
    changeable = not barred()
    if changeable and is_open(info):
        # A wish: the training process looks for it after each step.
        pausing = info.training.wish == "pause"
        if st.button("Pausing" if pausing else "Pause", icon=":material/pause:", disabled=pausing, key="distil-pause",
                     help="It saves after the step under way and can go on from there"):  # fmt: skip
            _done(lambda: services().trainings.pause(training))
        stopping = info.job is not None and info.job.state == "cancelling"
        if st.button("Stopping" if stopping else "Cancel", icon=":material/stop_circle:", disabled=stopping,
                     key="distil-cancel", help="Checkpoints stay"):  # fmt: skip
            _done(lambda: services().jobs.cancel(info.job.id) if info.job else None)
    elif changeable and info.state != "done":
        kind = "secondary" if pair else "primary"
        if st.button("Resume", type=kind, icon=":material/resume:", key="distil-resume",
                     help="It goes on from its last checkpoint"):  # fmt: skip
            _done(lambda: services().trainings.resume(training))
    hint = "Base and last checkpoint, side by side"
    if (
        info.models
        and info.base
        and st.button("Watch live", icon=":material/play_circle:", key="distil-live", help=hint)
    ):
        st.switch_page("live.py", query_params={"models": f"{info.training.model},{info.models[-1].id}"})
    _more(info)


def _more(info: TrainingInfo) -> None:
    with st.popover("More", icon=":material/more_horiz:", type="tertiary", key="distil-more"):
        st.download_button(
            "Every step as CSV", lambda: steps_csv(services().trainings.steps(info.training.id)), "training-steps.csv",
            "text/csv", type="tertiary", icon=":material/download:", on_click="ignore", key="distil-csv",
        )  # fmt: skip
        if st.button("Set up another like it", type="tertiary", icon=":material/tune:", key="distil-again"):
            take(info.spec)
            start_over()
        if info.job and st.button(
            "Its job and log", type="tertiary", icon=":material/pending_actions:", key="distil-job"
        ):
            st.switch_page("jobs.py", query_params={"job": info.job.id})
        if (
            not is_open(info)
            and not barred()
            and st.button("Remove", type="tertiary", icon=":material/delete:", key="distil-remove")
        ):
            remove_dialog(info)


@st.dialog("Remove this training?")
def remove_dialog(info: TrainingInfo) -> None:
    """Asks before checkpoints are deleted."""
    count = len(info.models)
    st.text(
        f"{visible(info.training.name)}\nIts curves and {count} checkpoint{'' if count == 1 else 's'} are deleted. The "
        "traces of its evaluations stay."
    )
    if st.button("Remove", type="primary", icon=":material/delete:", key="distil-really-remove"):
        with error_notice():
            services().trainings.remove(info.training.id)
            start_over()


def _done(act: Callable[[], object]) -> None:
    """Runs `act` and the page again; shows the sentence of a UserError instead."""
    with error_notice():
        act()
        st.rerun()


def steps_csv(rows: Sequence[TrainedStep]) -> str:
    """Every figure of every step, a column each; those by lexicon are named like `density.doubts`."""
    return csv_text([{"step": row.step} | _flat(row.values) for row in rows])


def _flat(values: Any, before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return found
