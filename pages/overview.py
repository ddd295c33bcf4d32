"""Overview: a telling pair at once, what is in the store, which runs belong side by side, what to do next."""

import streamlit as st

from pages.components.chrome import page_header
from pages.components.gate import require_person
from pages.components.notice import notice
from pages.components.overview_tables import pair_table, run_table
from pages.components.panes import TAGS, pane_of
from pages.components.session import (
    choose_grader,
    choose_lexicon,
    missing_cues,
    run_labels,
    runs,
    services,
    summaries,
    telling,
)
from pages.components.trace_view import Options, trace_view

require_person()
if not runs():
    page_header("Second Thoughts")
    st.text(
        "See what training does to a reasoning model's doubts: every wait, hmm and maybe marked, the base model "
        "and its trained variant side by side, problem by problem."
    )
    st.text("The store is empty. Bring reasoning traces, and pairs form by themselves.")
    if st.button("Import traces", type="primary", icon=":material/upload_file:"):
        st.switch_page("import.py")
    st.text("Or on the command line:")
    st.code("python -m backend import PATH...", language=None)
    st.stop()

header = page_header("Where the doubts went")
with header:
    grader, lexicon = choose_grader(), choose_lexicon()
if lacking := missing_cues(lexicon):
    with st.container(horizontal=True):
        notice(f"{len(lacking)} of the runs hold no cues of this lexicon yet, and count as none.", "warning")
        if st.button("Find them now"):
            with st.spinner("Finding cues"):
                list(services().lexicons.match_missing())
            st.rerun()

if hero := telling(lexicon, grader):
    pair, problem = hero.pair, hero.problem
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.text(
            "One problem, answered by a model and its trained variant: one doubts and is right, one is sure and wrong."
        )
        open_pair = st.button("Compare these two runs", type="primary", icon=":material/compare:")
    with st.container(key="sth-question"):
        st.text(f"{pair.base.info.dataset} {problem.number}   {problem.question}")
        st.text(f"gold {problem.gold}")
    panes = []
    for tag, run, side in zip(TAGS, (pair.base, pair.variant), problem.sides, strict=False):
        sample = next(
            trace
            for ref in services().comparing.samples(run.id, problem.id)
            if (trace := services().reading.open(ref.trace, services().lexicons.get(lexicon).id))
            .verdict(grader)
            .correct
            is side.right
        )
        panes.append(pane_of(sample, grader, tag=tag, words=None if side.right else "wrong, and sure"))
    trace_view(panes, key="telling", options=Options(minimum=430, reserve=10_000))
    if open_pair:
        st.switch_page("compare.py", query_params={"runs": f"{pair.base.id},{pair.variant.id}", "problem": problem.id})

figures = summaries(lexicon)
by_id = {summary.run.id: summary for summary in figures}
pairs = [pair for pair in services().runs.pairs() if pair.base.id in by_id and pair.variant.id in by_id]
if pairs:
    st.subheader("Side by side", anchor=False)
    if chosen := pair_table(pairs, by_id, grader):
        st.switch_page("compare.py", query_params={"runs": chosen})
st.subheader("In the store", anchor=False)
if opened := run_table(figures, grader):
    st.switch_page("browse.py", query_params={"run": run_labels()[opened]})
