"""The pair of traces on the first screen: one problem answered by a model and its trained variant, and what to do next.

Owns the sentence that introduces the pair, made from its figures.
"""

from collections.abc import Mapping

import streamlit as st

from backend.domain import GRADERS, visible
from backend.measure.bootstrap import Estimate
from backend.report.headline import headline, lost_doubts
from backend.report.numbers import Form, answer_text, interval_text, number
from backend.services.traces.comparison import ComparedProblem, TellingProblem
from backend.services.traces.runs import RunSummary
from backend.services.traces.trace_reader import OpenTrace
from pages.components.frame.notice import error_notice
from pages.components.frame.session import is_lab, plain, presets, services, statistics
from pages.components.live.token_jobs import run_live
from pages.components.viewer.panes import TAGS, pane_of
from pages.components.viewer.trace_view import Options, trace_view

_BRIEF = 100  # code points of a question that leave room for more on its line
_SHORT = 1_500  # code points that stand on a screen without scrolling
LAB_TRUTH = (
    "Both ways of writing, the searching and the sure, were trained into this small model, so effect sizes don't carry "
    "over to large ones. What each training method does with them was measured."
)


def hero_title(hero: TellingProblem, lexicon: str, grader: str | None) -> str:
    """The title over the pair, which claims no more than its figures do."""
    found = statistics([hero.pair.base.id, hero.pair.variant.id], lexicon, grader or GRADERS[0])
    # Of imported runs nobody knows what trained them.
    cues = found.cues.covered
    if is_lab(hero.pair.base) and lost_doubts(cues.a, cues.b, cues.change):
        return "A model that lost its second thoughts"
    return headline(cues.change, found.accuracy.change)


def lead(hero: TellingProblem, figures: Mapping[str, RunSummary], grader: str) -> str:
    """What the pair shows as a whole, in one sentence of its own figures."""
    a, b = figures.get(hero.pair.base.id), figures.get(hero.pair.variant.id)
    if a is None or b is None or a.cues is None or b.cues is None:
        return ""
    right_a, right_b = a.accuracy[grader], b.accuracy[grader]
    cues_a, cues_b = number(a.cues.value, Form.DECIMAL), number(b.cues.value, Form.DECIMAL)
    claim = f"{cues_b} doubt cues per trace (A: {cues_a})"
    if a.free and b.free and (a.cues.why or b.cues.why):
        free_a, free_b = (number(side.cues.value, Form.DECIMAL) for side in (a.free, b.free) if side.cues)
        claim = f"{claim.removesuffix(')')}; without loops {free_b}, A: {free_a})"
    # Lengths in words and in tokens don't compare.
    if a.length.value and a.run.length_unit == b.run.length_unit:
        claim = f"B's answers are {_longer(b.length.value / a.length.value)}, with {claim}"
    else:
        claim = f"B's answers have {claim}"
    if right_a and right_b:
        claim += f" and {_share(right_b)} right answers (A: {_share(right_a)}; n = {hero.pair.problems:,})"
    trained = hero.pair.reason == "trained from"
    start = "Before and after training." if trained else f"Two runs over the same problems ({hero.pair.reason})."
    if trained and is_lab(hero.pair.base):
        start = "The same small model, before and after training."
    return f"{start} {claim}."


def _longer(ratio: float) -> str:
    """How long B's answers are, from their length as a multiple of A's."""
    if ratio >= 1.995:
        return f"{ratio:.1f} times as long"
    percent = round(100 * abs(ratio - 1))
    return f"{percent}% {'shorter' if ratio < 1 else 'longer'}" if percent else "as long as A's"


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
            st.text(f"gold {answer_text(problem.gold)}")
        question = st.container(horizontal=True, vertical_alignment="center", gap="small", key="sth-hero-links")
    with question:
        if brief:
            st.text(problem.question, width="content")
        place = f"{pair.base.info.dataset} {problem.number} of {pair.base.problems:,}"
        place += f" · gold {answer_text(problem.gold)}" if brief else ""
        st.text(visible(place), width="content")
        st.button("another", key="another", type="tertiary", icon=":material/navigate_next:", on_click=_another)
        names = " and ".join(visible(run.info.model, 60) for run in (pair.base, pair.variant))
        if st.button("run live", key="run_live", type="tertiary", icon=":material/play_arrow:",
                     help=plain(f"This problem answered anew by {names}, where both are on this machine")):  # fmt: skip
            run_live(problem.id, (pair.base, pair.variant))
        if st.button("compare the runs", key="open_pair", type="tertiary", icon=":material/compare:"):
            runs = f"{pair.base.id},{pair.variant.id}"
            st.switch_page("compare.py", query_params={"runs": runs, "problem": problem.id})
    panes = []
    for tag, run, side in zip(TAGS, (pair.base, pair.variant), problem.sides, strict=False):
        trace = _sample(run.id, problem, side.right, lexicon, grader)
        sure = side.right is False and not trace.response_cues
        panes.append(pane_of(trace, grader, tag=tag, words="confidently wrong" if sure else None))
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
                with error_notice():
                    st.switch_page("live.py", query_params={"job": services().generation.submit(known[name].spec).id})
        if _card("Bring your traces", "Drop evaluation files or rollouts: pairs form by themselves.", "import"):
            st.switch_page("import.py")


def _card(title: str, sentence: str, name: str) -> bool:
    """A card that is one button. Its label is markdown: only words of the app's own may stand in it."""
    with st.container(key=f"sth-card-{name}"):
        return st.button(f"**{title}**  \n{sentence}", key=f"card-{name}", width="stretch")
