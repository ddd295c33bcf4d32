"""Overview: a pair of traces that shows the point, what to do next, comparable pairs of runs, and all runs."""

import streamlit as st

from pages.components.frame.chrome import page_header
from pages.components.frame.gate import barred, require_person
from pages.components.frame.lexicon_precision import precision_line
from pages.components.frame.notice import notice
from pages.components.frame.session import (
    choose_grader,
    choose_lexicon,
    choose_loops,
    chosen_lexicon,
    is_lab,
    missing_cues,
    run_labels,
    runs,
    services,
    summaries,
    telling,
)
from pages.components.viewer.pair_hero import LAB_TRUTH, hero_title, lead, next_steps, show_pair
from pages.parts.overview.overview_tables import pair_table, run_table

require_person()
damaged = services().runs.damaged()
if not runs() and not damaged:
    page_header("Second Thoughts")
    st.text(
        "See what training does to a reasoning model's doubts: every wait, hmm and maybe marked, the base model "
        "and its trained variant side by side, problem by problem."
    )
    st.text("The store is empty. Bring reasoning traces, and pairs form by themselves.")
    with st.container(horizontal=True):
        if st.button("Import traces", type="primary", icon=":material/upload_file:"):
            st.switch_page("import.py")
        bringable = services().demo.available() and not barred()
        if bringable and st.button("Bring the demo runs", icon=":material/science:"):
            services().demo.restore()
            st.rerun()
    next_steps()
    st.text("Or on the command line:")
    st.code("python -m backend import PATH...", language=None)
    st.stop()

# The choice of the lexicon is drawn below the title, and the title depends on the pair: the session knows it already.
hero = telling(chosen_lexicon(), st.session_state.get("grader") or None, st.session_state.get("turn", 0))
header = page_header(hero_title(hero, chosen_lexicon(), st.session_state.get("grader")) if hero else "Overview")
with header:
    demo = services().demo
    if demo.present() and not barred() and st.button("Remove demo data", key="no_demo", type="tertiary"):
        demo.remove()
        st.rerun()
    missing = demo.available() and not demo.present() and not barred()
    if missing and st.button("Bring the demo runs", key="bring_demo", type="tertiary", icon=":material/science:"):
        demo.restore()
        st.rerun()
    grader, lexicon, loops = choose_grader(), choose_lexicon(), choose_loops()
if lacking := missing_cues(lexicon):
    with st.container(horizontal=True):
        notice(f"{len(lacking)} of the runs were not searched with this lexicon yet: cues unknown.", "warning")
        if not barred() and st.button("Find them now"):
            with st.spinner("Finding cues"):
                list(services().lexicons.match_missing())
            st.rerun()

for strange in services().languages.warnings(list(runs()), [services().lexicons.get(lexicon)]):
    notice(f"For some of the runs: {strange}", "warning")

# Runs made live or in a training are many: they stay out of the tables until they are asked for.
everything = summaries(lexicon)
by_id = {summary.run.id: summary for summary in everything}
if hero:
    with st.container(key="sth-lead"):
        st.text(lead(hero, by_id, grader))
    show_pair(hero, lexicon, grader)
    precision_line([hero.pair.base.id, hero.pair.variant.id], lexicon)
next_steps()

made_live = sum(summary.run.live for summary in everything)
in_training = sum(summary.run.aside for summary in everything) - made_live
figures = [s for s in everything if not s.run.aside or st.session_state.get("with_aside")]
pairs = [pair for pair in services().runs.pairs() if pair.base.id in by_id and pair.variant.id in by_id]
pairs = [pair for pair in pairs if not (pair.base.aside or pair.variant.aside)]
if pairs:
    st.header("Side by side", anchor=False)
    if chosen := pair_table(pairs, by_id, grader, loops):
        st.switch_page("compare.py", query_params={"runs": chosen})
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.header("In the store", anchor=False)
    if made_live or in_training:
        counted = {"made live": made_live, "made in training": in_training}
        st.toggle("with " + " and ".join(f"{n} {how}" for how, n in counted.items() if n), key="with_aside")
if opened := run_table(
    figures, grader, loops, [(each.run, f"{each.what}. {each.remedy}") for each in damaged.values()]
):
    st.switch_page("browse.py", query_params={"run": run_labels().get(opened, opened)})
if any(is_lab(summary.run) for summary in everything):
    with st.container(key="sth-truth"):
        st.text(LAB_TRUTH)
