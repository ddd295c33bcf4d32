"""The form that runs experiments: what is still to be trained, what it takes, the job, and the command line for it."""

import streamlit as st

from backend.domain import visible
from backend.job import JobKind
from backend.report.numbers import Form
from backend.services.reproduction.cost import total
from backend.services.reproduction.recipes.catalogue import recipes
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.reproduction.reproducer import MOST_LAB_PROCESSES, PlannedPart, ReproductionSpec
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice
from pages.components.frame.session import services
from pages.components.jobs.job_words import amount, joined, left
from pages.components.jobs.worker_state import worker_state
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Kind, Lines, rows_of

_MOST_SEEDS = 10


def run_form(scale: ReproductionScale, nothing_yet: bool) -> None:
    """Draws the folded form; open from the start where there is nothing to look at."""
    st.session_state.setdefault("experiments-run", nothing_yet)
    folded = st.expander("Run the experiments", icon=":material/play_arrow:", key="experiments-run", on_change="rerun")
    if not folded.open:
        return
    with folded:
        spec = _asked(scale)
        with error_notice():
            planned = services().reproduction.plan(spec)  # looks at the store alone, and trains nothing
            missing = [one for one in planned if one.state != "done"]
            _summary(planned, missing)
            _start(spec, bool(missing))
            st.text("Or on the command line; with --dry-run it says what it would do:")
            st.code(command(spec), language=None)
            if missing:
                _plan(missing)


def _asked(scale: ReproductionScale) -> ReproductionSpec:
    titles = {recipe.key: f"{recipe.section} {recipe.title}" for recipe in recipes(scale)}
    with st.container(horizontal=True, gap="small"):
        only = st.multiselect("Experiments", list(titles), format_func=titles.__getitem__, placeholder="all",
                              key="experiments-only", width=420)  # fmt: skip
        seeds = int(st.number_input("Seeds", 1, _MOST_SEEDS, 3, key="experiments-seeds", width=120,
                                    help="A verdict needs three"))  # fmt: skip
        processes = 1
        if scale is ReproductionScale.LAB:
            processes = int(st.number_input("At once", 1, MOST_LAB_PROCESSES, 1, key="experiments-processes", width=120,
                                            help="Parts trained at the same time, one core each"))  # fmt: skip
    return ReproductionSpec(scale, tuple(range(seeds)), tuple(only), processes)


def _summary(planned: list[PlannedPart], missing: list[PlannedPart]) -> None:
    if not missing:
        st.text(f"All {len(planned)} parts are finished.")
        return
    # The machine is said because the paper's parts are counted in hours of a GPU, the lab's in minutes of a core.
    whole = total([one.cost for one in missing])
    machine = "of one core" if whole.cpu_minutes is not None else "of one GPU of the H100’s class"
    tokens = whole.rollout_tokens + whole.evaluation_tokens
    st.text(
        f"{len(missing)} of {len(planned)} parts are still to be trained: about {whole.duration} {machine}, {tokens:,} "
        "tokens written. A part that is finished isn’t trained again."
    )


def _start(spec: ReproductionSpec, missing: bool) -> None:
    under_way = any(job.kind is JobKind.REPRODUCE for job in services().jobs.open())
    pressed = st.button("Run it", type="primary", icon=":material/play_arrow:", key="experiments-go",
                        disabled=under_way or not missing or barred() is not None, help=barred())  # fmt: skip
    if under_way:
        st.text("Experiments are under way; more can be asked for when they are done.")
    if pressed:
        with error_notice():
            with st.spinner("Looking through the problems"):
                services().reproduction.submit(spec)
            st.rerun()


def command(spec: ReproductionSpec) -> str:
    """The command line that does what the button does."""
    only = f" --only {' '.join(spec.only)}" if spec.only else ""
    return (
        f"python -m backend reproduce --scale {spec.scale}{only} --seeds {len(spec.seeds)} --processes {spec.processes}"
    )


def _plan(missing: list[PlannedPart]) -> None:
    columns = [
        Column("part", "Part", width="34%", of=lambda one: Lines(one.part.title, one.part.note or one.part.key)),
        Column("seed", "Seed", Kind.NUMBER, Form.COUNT, of=lambda one: one.part.spec.settings.seed),
        Column("model", "Model", of=lambda one: one.model),
        Column("method", "Method", of=lambda one: one.part.spec.what),
        Column("steps", "Steps", Kind.NUMBER, Form.COUNT, of=lambda one: one.part.spec.settings.steps),
        Column("takes", "Takes", of=lambda one: one.cost.duration),
    ]
    rows = rows_of(columns, missing, lambda one: f"{one.part.key}-{one.part.spec.settings.seed}")
    data_table(columns, rows, key="experiments-plan", caption="Parts still to be trained", height=320)


def under_way() -> None:
    """A line on the experiments that are being trained now, and a link to their job."""
    job = next((job for job in services().jobs.open() if job.kind is JobKind.REPRODUCE), None)
    if job is None:
        return
    # The job's message holds names of models: plain text.
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sth-experiment-state"):
        st.text(joined("Under way", amount(job), left(job), visible(job.message, 120)), width="content")
        st.page_link("jobs.py", label="Its job", icon=":material/pending_actions:", query_params={"job": job.id})
    worker_state(needed=True, quiet=True)
