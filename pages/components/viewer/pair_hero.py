"""The pair of traces on the first screen: one problem answered by a model and its trained variant, and what to do next.

Owns the sentence that introduces the pair, made from its figures.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from backend.domain import UserError, visible
from backend.measure.bootstrap import Estimate
from backend.report.numbers import Form, interval_text, number
from backend.services.generation.presets import Preset
from backend.services.traces.comparison import ComparedProblem, TellingProblem
from backend.services.traces.runs import RunSummary
from backend.services.traces.trace_reader import OpenTrace
from pages.components.frame.notice import notice
from pages.components.frame.session import is_lab, presets, services
from pages.components.viewer.panes import TAGS, pane_of
from pages.components.viewer.trace_view import Options, trace_view

_BRIEF = 100  # code points of a question that leave room for more on its line
_SHORT = 1_500  # code points that stand on a screen without scrolling
LAB_TRUTH = (
    "Both ways of writing, the searching and the sure, were trained into this small model, so effect sizes don't carry "
    "over to large ones. What each training method does with them was measured."
)


def lead(hero: TellingProblem, figures: Mapping[str, RunSummary], grader: str) -> str:
    """What the pair shows as a whole, in one sentence of its own figures."""
    a, b = figures.get(hero.pair.base.id), figures.get(hero.pair.variant.id)
    if a is None or b is None:
        return ""
    right_a, right_b = a.accuracy[grader], b.accuracy[grader]
    hardly = "hardly " if b.cues.value < 0.1 < a.cues.value else ""
    cues_a, cues_b = number(a.cues.value, Form.DECIMAL), number(b.cues.value, Form.DECIMAL)
    claim = f"{hardly}doubts ({cues_b} cues a trace, not {cues_a})"
    # Lengths in words and in tokens don't compare.
    # Lengths in words and in tokens don't compare.
    if a.length.value and a.run.length_unit == b.run.length_unit:
        claim = f"It answers {_times(b.length.value / a.length.value)}, " + claim
    else:
        claim = "It " + claim
    if right_a and right_b:
        claim += f", and is right on {_share(right_b)} of the problems instead of {_share(right_a)}"
        claim += f" (n = {hero.pair.problems:,})"
    start = (
        "The same small model, before and after training." if is_lab(hero.pair.base) else "Before and after training."
    )
    return f"{start} {claim}."


def _times(ratio: float) -> str:
    return f"in {ratio:.0%} of the length" if ratio < 1.5 else f"at {ratio:.1f} times the length"


def _share(right: Estimate) -> str:
    return f"{number(right.value, Form.PERCENT)} {interval_text(right.low, right.high, Form.PERCENT)}"


def show_pair(hero: TellingProblem, lexicon: str, grader: str) -> None:
    """The problem, and both answers to it."""
    pair, problem = hero.pair, hero.problem
    if brief := len(problem.question) <= _BRIEF:
        question = st.container(horizontal=True, vertical_alignment="center", gap="small", key="sth-hero")
    else:
        with st.container(key="sth-question"):
            st.text(problem.question)
            st.text(f"gold {problem.gold}")
        question = st.container(horizontal=True, vertical_alignment="center", gap="small", key="sth-hero-links")
    with question:
        if brief:
            st.text(problem.question, width="content")
        place = f"{pair.base.info.dataset} {problem.number} of {pair.base.problems:,}"
        place += f" · gold {problem.gold}" if brief else ""
        st.text(visible(place), width="content")
        st.button("another", key="another", type="tertiary", icon=":material/navigate_next:", on_click=_another)
        if st.button("run it live", key="run_live", type="tertiary", icon=":material/play_arrow:"):
            models = ",".join(filter(None, (pair.base.info.model_id, pair.variant.info.model_id)))
            st.switch_page("live.py", query_params={"problem": problem.id, "models": models})
        if st.button("compare the runs", key="open_pair", type="tertiary", icon=":material/compare:"):
            runs = f"{pair.base.id},{pair.variant.id}"
            st.switch_page("compare.py", query_params={"runs": runs, "problem": problem.id})
    panes = []
    for tag, run, side in zip(TAGS, (pair.base, pair.variant), problem.sides, strict=False):
        trace = _sample(run.id, problem, side.right, lexicon, grader)
        panes.append(pane_of(trace, grader, tag=tag, words=None if side.right else "wrong, and sure"))
    short = all(len(pane.text) < _SHORT for pane in panes)
    trace_view(panes, key="telling", options=Options(fit="content") if short else Options(minimum=380, reserve=170))


def _another() -> None:
    st.session_state.turn = st.session_state.get("turn", 0) + 1


def _sample(run: str, problem: ComparedProblem, right: bool | None, lexicon: str, grader: str) -> OpenTrace:
    """The first of a run's responses whose verdict is the side's."""
    identity = services().lexicons.get(lexicon).id
    return next(
        trace
        for ref in services().comparison.samples(run, problem.id)
        if (trace := services().traces.open(ref.trace, identity)).verdict(grader).correct is right
    )


def next_steps() -> None:
    """What a newcomer can do from here, a card each."""
    known = {preset.name: preset for preset in presets()}
    chosen = [(known[name].title, known[name].sentence, name) for name in ("watch", "voice", "hush") if name in known]
    with st.container(horizontal=True, gap="small", key="sth-cards"):
        for title, sentence, name in chosen:
            if _card(title, sentence, name):
                _begin(known[name])
        if _card("Bring your traces", "Drop evaluation files or rollouts: pairs form by themselves.", "import"):
            st.switch_page("import.py")


def _begin(preset: Preset) -> None:
    """Submit a preset's job and open it on the Live page, or show why it can't be submitted."""
    try:
        job = services().generation.submit(preset.spec)
    except UserError as error:
        notice(str(error), "error")
        return
    st.switch_page("live.py", query_params={"job": job.id})


def _card(title: str, sentence: str, name: str) -> bool:
    """A card that is one button. Its label is markdown: only words of the app's own may stand in it."""
    with st.container(key=f"sth-card-{name}"):
        return st.button(f"**{title}**  \n{sentence}", key=f"card-{name}", width="stretch")
