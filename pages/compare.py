"""Compare: two to four runs problem by problem, and the figures of the first two as a pair."""

import streamlit as st

from backend.report.numbers import answer_text
from backend.services.traces.comparison import ProblemFilter
from pages.components.charts.chart_view import forget_picks
from pages.components.charts.pair_section import Picked, all_runs, big_numbers, pair_section
from pages.components.frame.address import absent, asked_for
from pages.components.frame.chrome import empty_page, numbers_strip, page_header
from pages.components.frame.gate import require_person
from pages.components.frame.lexicon_precision import precision_line
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import (
    COUNTED,
    LEFT_OUT,
    choose_grader,
    choose_lexicon,
    choose_loops,
    comparison,
    run_labels,
    runs,
    services,
    statistics,
    summaries,
)
from pages.components.live.token_jobs import regenerate
from pages.components.viewer.panes import TAGS, pane_of
from pages.components.viewer.problem_list import problem_list
from pages.components.viewer.trace_view import Options, read_range, trace_view
from pages.parts.compare.compared_runs import caveats, export_csv, go_to, item_of, mode_chips, run_picker, shown_runs
from pages.parts.compare.pair_page import pair_page_button

require_person()
query = st.query_params
header = page_header("Compare")
if len(runs()) < 2:
    lacking = "Two runs of the same problems are needed: a base model and its trained variant, say."
    empty_page(lacking, "Import traces", "upload_file", "import.py")

chosen = shown_runs()
with header:
    chosen = run_picker(chosen)
    grader, lexicon, loops = choose_grader(), choose_lexicon(), choose_loops()
with error_notice(stop=True):
    compared = comparison(chosen, lexicon, grader, loops)

pair = statistics(chosen[:2], lexicon, grader, loops) if len(chosen) > 1 else None
if pair:
    numbers_strip(big_numbers(pair, compared.unit))
precision_line(chosen, lexicon)
if known := caveats(compared):
    notice(known, "warning", key="caveats")

# A bar that was picked in a chart narrows the list. The charts stand below: what is picked there counts from the next
# run on, so it waits in the session.
picked: Picked | None = st.session_state.get("picked")
mode = ProblemFilter(query["mode"]) if query.get("mode") in set(ProblemFilter) else ProblemFilter.ALL
listed = compared.listed(mode)
if picked and pair:
    inside = picked.problems(pair)
    listed = [problem for problem in listed if problem.id in inside]
absent("problem", asked_for("problem"), [problem.id for problem in compared.problems], "The first one is shown.")
current = compared.problem(query.get("problem", "")) or (listed[0] if listed else compared.problems[0])

body = st.container(horizontal=True, wrap=False, gap="medium", key="sth-body")
list_column, trace_column = body.container(width=236), body.container(width="stretch")
with list_column:
    if picked and st.button(f"✕ {picked.text()}", key="unpick", type="tertiary"):
        st.session_state.picked = None
        forget_picks("spread-length", "spread-density")
        st.rerun()
    problem_list(
        [item_of(problem, mode) for problem in listed], mode_chips(compared), key="problems", selected=current.id,
        mode=mode.value, runs=TAGS[: len(chosen)], empty="No problem of this kind.",
        on_choice=go_to,
    )  # fmt: skip
with trace_column:
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        with st.container(key="sth-question"):
            st.text(f"Problem {current.number}   {current.question}")
            st.text(f"gold {answer_text(current.gold)}" if current.gold is not None else "no gold answer")
        regenerate(current.id, [runs()[run] for run in chosen])
    # "0.2.0" in the address: which sample of the problem each pane shows.
    places = [int(p) if p.isdecimal() else 0 for p in query.get("samples", "").split(".")] + [0] * len(chosen)
    panes, shown = [], []
    for tag, run_id, place in zip(TAGS, chosen, places, strict=False):
        samples = services().comparison.samples(run_id, current.id)
        place = min(place, len(samples) - 1)
        trace = services().traces.open(samples[place].trace, services().lexicons.get(lexicon).id)
        shown.append(trace.id)
        panes.append(pane_of(trace, grader, tag=tag, sample=(place, samples), unit=compared.unit))
    view = trace_view(
        panes, key="compare", active=read_range(query.to_dict(), panes), options=Options(reserve=24, list_keys=True)
    )

if view.step:
    side = [pane.id for pane in panes].index(view.step.pane)
    sample = panes[side].sample
    places[side] = (places[side] + view.step.step) % (sample.of if sample else 1)
    query["samples"] = ".".join(str(place) for place in places[: len(chosen)])
    st.rerun()

if pair:
    # The charts are cached by this: everything that the figures follow from.
    made_from = f"{services().runs.version()} {chosen[:2]} {lexicon} {grader} {loops}"
    sides, counted = [run_labels()[run] for run in chosen[:2]], COUNTED if loops else LEFT_OUT
    found = pair_section(pair, compared.unit, grader, made_from, sides, counted)
    if len(chosen) > 2:
        figures = {summary.run.id: summary for summary in summaries(lexicon)}
        all_runs([figures[run] for run in chosen], [run_labels()[run] for run in chosen], grader)
    with st.container(horizontal=True):
        st.download_button("Export every problem as CSV", export_csv(compared), "comparison.csv", "text/csv",
                           type="tertiary", icon=":material/download:", on_click="ignore")  # fmt: skip
        pair_page_button(chosen, lexicon, grader, loops, shown)
    if found != st.session_state.get("seen"):  # a chart keeps its selection: only a change of it is news
        st.session_state.seen = found
        if isinstance(found, ProblemFilter):
            query["mode"] = found.value
        else:
            st.session_state.picked = found
        st.rerun()
