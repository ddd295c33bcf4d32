"""The page of one training: numbers, curves, watched problems, evaluations, settings, prompts and checkpoints.

Owns how often all this is looked up and which parts are drawn.
"""

import difflib
from collections.abc import Sequence
from typing import Any

import streamlit as st

from backend.domain import GRADERS, UserError, visible
from backend.services.training.trainings import TrainingInfo
from pages.components.charts.chart_view import show
from pages.components.charts.pair_section import big_numbers
from pages.components.frame.chrome import numbers_strip
from pages.components.frame.session import run_labels, runs, services, statistics
from pages.components.live.live_setup import CONTEXTS
from pages.components.table.table import data_table
from pages.components.table.table_model import Column, Lines, Row
from pages.parts.distil.training_curves import (
    COLUMNS,
    TrainedStep,
    compare_pair,
    evaluation_rows,
    main_charts,
    more_charts,
    numbers,
    sure_and_wrong,
)
from pages.parts.distil.training_head import LOOK_SECONDS, is_open
from pages.parts.distil.training_panes import sampled, watched
from pages.parts.distil.training_start import paper_table
from pages.parts.distil.training_words import LABELS, counts, pace, value_text

_SLOWEST = 10.0


def look_every(info: TrainingInfo, steps: Sequence[TrainedStep]) -> float | None:
    """Seconds between two looks: half a step, between 1.5 and 10; None where nothing will change."""
    if not is_open(info):
        return None
    each = pace([row.values["seconds"] for row in steps if row.values.get("seconds")]) or 0.0
    return min(_SLOWEST, max(LOOK_SECONDS, each / 2))


def offered(info: TrainingInfo, rows: Sequence[Any]) -> tuple[int, bool]:
    """What the parts outside the fragment depend on: the number of checkpoints, and whether there is a pair."""
    return len(info.models), compare_pair(rows) is not None


def look(training: str, lexicon: str, every: float | None, drawn: tuple[int, bool]) -> None:
    """Draws everything that changes from step to step; run as a fragment every `every` seconds.

    `drawn` is what `offered` returned when the page was drawn.
    """
    try:
        info = services().trainings.get(training)
    except UserError:  # removed meanwhile: the fragment of the head runs the page again, which says so
        return
    steps, rows = services().trainings.steps(training), services().trainings.evaluations(training)
    wanted = look_every(info, steps)
    # A fragment can't change its own rate nor what stands around it: that takes a rerun of the page.
    if every and wanted and (offered(info, rows) != drawn or not 0.5 <= wanted / every <= 2):
        st.rerun()
    _numbers(rows, lexicon)
    if not steps:
        st.text("The base answers first; curves begin with it." if is_open(info) else "No step was told.")
        return
    _curves(info, steps, rows, lexicon)
    step = watched(info, lexicon)
    _evaluations(rows, lexicon)
    _folded(info, steps, step, lexicon)


def _numbers(rows: Sequence[Any], lexicon: str) -> None:
    """Draws the base against the last evaluation of the same problems; before there is one, the base alone."""
    pair = compare_pair(rows)
    # A run may have been deleted: its figures are still known, but nothing can be paired by problem.
    if pair is None or not all(row.run in runs() for row in pair):
        numbers_strip(numbers(rows, lexicon))
        return
    found = statistics([row.run for row in pair], lexicon, GRADERS[0])
    unit = runs()[pair[0].run].length_unit
    # False confidence instead of the last, what was cut off: losing one's doubts matters where one is wrong.
    numbers_strip([*big_numbers(found, unit)[:4], sure_and_wrong(*pair)])


@st.cache_resource(show_spinner=False, max_entries=16)
def _charts(key: object, _info: TrainingInfo, _steps: Sequence[TrainedStep], _rows: Sequence[Any], lexicon: str) -> Any:
    """The charts, built once for a `key`, so that a look without news costs nothing."""
    # Arguments with an underscore aren't hashed: `key` stands for them.
    last, clustered = max(_info.steps, _steps[-1].step), _info.spec.settings.samples > 1
    return main_charts(_steps, _rows, lexicon, last, clustered=clustered)


def _curves(info: TrainingInfo, steps: Sequence[TrainedStep], rows: Sequence[Any], lexicon: str) -> None:
    last = steps[-1]
    key = (info.training.id, last.step, last.values.get("seconds"), tuple((row.step, row.run) for row in rows))
    charts = _charts(key, info, steps, rows, lexicon)
    with st.container(horizontal=True, gap="small", key="sth-distil-curves"):
        for name, chart in charts.items():
            with st.container(key=f"sth-distil-curve-{name}"):
                show(chart, key=f"distil-{name}", file_stem=f"training-{name}")


def _evaluations(rows: Sequence[Any], lexicon: str) -> None:
    if not rows:
        return
    with st.container(key="sth-distil-evaluations"):
        data_table(
            COLUMNS, evaluation_rows(rows, lexicon, run_labels()), key="distil-evaluations", height=300,
            caption="Evaluations, the latest first", note="Intervals at 95% are over problems.",
        )  # fmt: skip


def _folded(info: TrainingInfo, steps: Sequence[TrainedStep], step: int, lexicon: str) -> None:
    """Draws the folded parts, each once it is open: closed they would be sent at every step."""
    more = st.expander("Loss, entropy, and where the divergence falls", key="distil-more-curves", on_change="rerun")
    if more.open:
        with more, st.container(horizontal=True, gap="small", key="sth-distil-curves-more"):
            for name, chart in more_charts(steps, max(info.steps, steps[-1].step)).items():
                with st.container(key=f"sth-distil-curve-{name}"):
                    show(chart, key=f"distil-{name}", file_stem=f"training-{name}")
    texts = st.expander(f"Rollouts of step {step}", key="distil-rollouts", on_change="rerun")
    if texts.open:
        with texts:
            sampled(info.training.id, step, lexicon)


def asked_for(info: TrainingInfo) -> None:
    """Draws what stays as it is: settings, prompts, checkpoints."""
    left = st.expander("Settings, and what differs from the paper", key="distil-settings", on_change="rerun")
    if left.open:
        with left, st.container(horizontal=True, gap="large", key="sth-distil-own"):
            with st.container(key="sth-distil-form"):
                _settings(info)
            with st.container(key="sth-distil-paper"):
                paper_table(info.spec.settings, "distil-differences")
    _prompts(info)
    points = st.expander(f"Checkpoints ({len(info.models)})", key="distil-checkpoints", on_change="rerun")
    if points.open:
        with points:
            _checkpoints(info)


def _settings(info: TrainingInfo) -> None:
    spec, settings = info.spec, info.spec.settings
    size = "all" if spec.size is None else f"{spec.size:,}, chosen with seed {spec.pick_seed}"
    rows = [("Base model", info.base.name if info.base else "gone"), ("Method", settings.method.value)]
    rows += [("It sees", CONTEXTS[settings.context])] if settings.method != "GRPO" else []
    rows += [("Problems", f"{spec.problem_set}, {size}")]
    rows += [
        (label, value_text(name, getattr(settings, name))) for name, label in LABELS.items() if counts(name, settings)
    ]
    data_table(
        [Column("name", "Setting"), Column("value", "Here")],
        [Row(name, {"name": name, "value": value}) for name, value in rows],
        key="distil-all-settings", caption="Every setting of this training", height=360,
    )  # fmt: skip


def _checkpoints(info: TrainingInfo) -> None:
    rows = []
    for model in info.models:
        step = model.location.rpartition("-")[2]
        href = f"/models?model={model.id}"
        rows.append(Row(model.id, {"step": step, "model": Lines(model.name, model.note, href)}))
    data_table(
        [Column("step", "Step", width="80px"), Column("model", "Model")], rows,
        key="distil-models", caption="Checkpoints, each a model", empty="No checkpoint yet.",
    )  # fmt: skip


@st.cache_data(show_spinner=False, max_entries=32)
def _shown_prompts(job: str, training: str) -> dict[str, str]:
    """The exact prompts of the first problem, as the training process sent them; empty where they aren't kept."""
    for item in services().jobs.stream(job):
        event = item.payload
        if event.get("k") == "begin" and event.get("training") == training and event.get("prompts"):
            return {name: str(text) for name, text in event["prompts"].items()}
    return {}


def _prompts(info: TrainingInfo) -> None:
    """Draws the student's prompt, or the difference between it and the teacher's."""
    if info.job is None or info.state == "queued":
        return
    opened = st.expander("What student and teacher are shown", key="distil-prompts", on_change="rerun")
    if not opened.open:
        return
    with opened:
        prompts = _shown_prompts(info.job.id, info.training.id)
        if "student" not in prompts:
            _shown_prompts.clear()  # they may still come: nothing found must not be kept
            st.text("The training process hasn't said its prompts, or they are kept no more.")
        elif "teacher" not in prompts:
            st.text("The first problem, as the model is shown it:")
            st.code(visible_lines(prompts["student"]), language=None, wrap_lines=True)
        else:
            st.text("The first problem. Lines with a plus are what the teacher is shown beyond the student:")
            lines = difflib.ndiff(prompts["student"].splitlines(), prompts["teacher"].splitlines())
            # ndiff's lines with "?" point at characters within a line; as a diff they would be noise.
            shown = "\n".join(visible_lines(line) for line in lines if not line.startswith("?"))
            st.code(shown, language="diff", wrap_lines=True)


def visible_lines(text: str) -> str:
    """`text` with its line breaks and every other control written out."""
    return "\n".join(visible(line, 20_000) for line in text.split("\n"))
