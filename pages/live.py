"""Live: one to four models or conditions answer the same problems side by side while you watch."""

import streamlit as st

from backend.domain import UserError
from pages.components.frame.address import absent, asked_for, start_over
from pages.components.frame.chrome import empty_page, page_header
from pages.components.frame.gate import barred, require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import choose_lexicon, models, presets, services
from pages.components.live.live_setup import known_problem, setup, specification, take_query
from pages.components.viewer.pair_hero import LAB_TRUTH
from pages.parts.live.live_controls import (
    STYLE,
    add_arm,
    arm_controls,
    experiments,
    problem_controls,
    prompt_views,
    sampling_controls,
)
from pages.parts.live.live_watch import actions, begin, recent, show, worker_notice

require_person()
st.html(STYLE)
header = page_header("Live")
query = st.query_params

if asked := query.get("job", ""):
    try:
        job = services().jobs.get(asked)
        if "arms" not in job.spec:
            raise UserError("This job makes no traces, so there is nothing to watch; Jobs shows how it stands.")
    except UserError as error:
        notice(str(error), "error")
        if st.button("Set up a job", type="primary", icon=":material/play_circle:"):
            start_over()
        st.stop()
    with header:
        actions(job)
        lexicon = choose_lexicon()
    show(job, lexicon)
    st.stop()

# A link from another page fills the setup once; from then on a person changes it, and a rerun must not undo that.
given = {name: query[name] for name in ("preset", "problem", "models") if name in query}
if given and st.session_state.get("live-given") != given:
    take_query(given)
st.session_state["live-given"] = given

absent("model", asked_for("models"), [info.model.id for info in models()], "Choose others below.")
problem = given.get("problem", "")
absent("problem", asked_for("problem"), [problem] if known_problem(problem) else [], "Choose one below.")
absent("ready experiment", asked_for("preset"), [preset.name for preset in presets()])
chosen = setup()
if not chosen.arms:
    lacking = "No model here can answer yet. Bring one: a checkpoint, an adapter, a hub name or an endpoint."
    empty_page(lacking, "Models", "account_tree", "models.py")

if experiment := experiments(given.get("preset")):
    begin(experiment)
problem_controls(chosen)
arm_controls(chosen)
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    wanted = st.button("Generate", type="primary", icon=":material/play_arrow:",
                       disabled=barred() is not None, help=barred())  # fmt: skip
    add_arm(chosen)
    sampling_controls(chosen)
    prompt_views(chosen)
if wanted:
    with error_notice():
        begin(specification(chosen))
worker_notice()
# What the shipped models show holds for them alone: said wherever one of them is chosen.
lab = {info.model.id for info in models() if info.lab}
if any(arm.model in lab for arm in chosen.arms):
    with st.container(key="sth-live-truth"):
        st.text(LAB_TRUTH)
if any(job.spec.get("live") for job in services().jobs.all()):
    st.header("Recent", anchor=False)
    recent()
