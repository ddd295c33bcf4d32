"""Jobs from a shown trace: to go on from a place in it, to answer its problem anew, to score its run.

Owns the dialogs and the specifications they make.
"""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from backend.domain import ModelKind, Run, visible
from backend.services.generation.models import ModelInfo
from backend.services.generation.specs import GenerationSpec, Question, RunArm, ScoreSpec
from backend.services.traces.trace_reader import OpenTrace
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import models, services
from pages.components.live.live_setup import CONTEXTS, gone_on
from pages.components.live.live_view import SUGGESTIONS

_BEFORE, _AFTER = 160, 60  # code points shown around the place to go on from
_ALTERNATIVES = 5
_MOST_SAMPLES = 64


def own_model(run: Run) -> ModelInfo | None:
    """The model a run was made with, if it is known here: by its id, or for runs from elsewhere by its name."""
    known = models()
    by_id = next((info for info in known if run.info.model_id == info.model.id), None)
    return by_id or next((info for info in known if run.info.model == info.model.name), None)


def _pick(infos: Sequence[ModelInfo], key: str) -> str | None:
    names = {info.model.id: info.model.name for info in infos}
    return st.selectbox("Model", list(names), format_func=names.__getitem__, key=key)


# -- going on from a place --------------------------------------------------------------------------


def left_at(text: str, at: int, word: str) -> tuple[int, str]:
    """Where a text is cut to go on from code point `at` with `word`, and the exact text inserted there.

    The word takes the blank that stands at the place, or gets one where it would run into the word before.
    """
    if not word.strip():
        # Models begin a word with its blank: one left before the cut would make them begin another kind of token.
        return len(text[:at].rstrip(" ")), ""
    blank = text[at:][: len(text[at:]) - len(text[at:].lstrip())]
    if not blank and at and not text[at - 1].isspace():
        blank = " "
    return at, blank + word.strip()


@st.dialog("Go on from here", width="medium")
def go_on_dialog(trace: OpenTrace, at: int) -> None:
    """The trace up to code point `at`, a word, and the rest written anew by a job on the Live page."""
    before, after = trace.text[max(0, at - _BEFORE) : at], trace.text[at : at + _AFTER]
    st.text(visible(f"{before} ▮ {after}".replace("\n", "⏎")))
    own = own_model(trace.run)
    if own and own.ready:
        model: str | None = own.model.id
        st.text(f"{visible(own.model.name, 80)} goes on, as in its run shown {CONTEXTS[trace.run.info.context]}.")
    else:
        st.text(own.why if own else f"{visible(trace.run.info.model, 80)} is not among the models here.")
        model = _pick([info for info in models() if info.ready], "go-on-model")
    suggested = st.pills("It says first", SUGGESTIONS, key=f"go-on-pill-{at}")
    typed = st.text_input(
        "or", key=f"go-on-word-{at}", placeholder="any words; nothing: it goes on by itself", max_chars=80
    )
    samples = int(st.number_input("Samples", 1, _MOST_SAMPLES, 1, key="go-on-samples"))
    if st.button("Go on", type="primary", icon=":material/call_split:", key="go-on",
                 disabled=model is None or barred() is not None, help=barred()) and model:  # fmt: skip
        _go_on(trace, model, *left_at(trace.text, at, typed or suggested or ""), samples)


def _go_on(trace: OpenTrace, model: str, at: int, insert: str, samples: int) -> None:
    asked = Question(trace.question, trace.gold, trace.run.info.dataset)
    spec = GenerationSpec((RunArm(model, trace.run.info.context),), questions=(asked,), live=True, logprobs=True)
    spec = replace(gone_on(_drawn_alike(spec, trace), 0, trace, at, insert), samples=samples)
    with error_notice():
        st.switch_page("live.py", query_params={"job": services().generation.submit(spec).id})


def _drawn_alike(spec: GenerationSpec, trace: OpenTrace) -> GenerationSpec:
    """Decoding as in the trace's run, as far as that is known; where its limit isn't, twice the trace's length."""
    known, usual = trace.run.info.sampling, spec.decoding
    decoding = replace(
        usual,
        temperature=usual.temperature if known.temperature is None else known.temperature,
        top_p=known.top_p or usual.top_p,
        top_k=known.top_k or usual.top_k,
        max_tokens=known.max_tokens or max(usual.max_tokens, 2 * trace.length),
        seed=known.seed or usual.seed,
        top=_ALTERNATIVES,
    )
    return replace(spec, decoding=decoding)


# -- answering anew ---------------------------------------------------------------------------------


def regenerate(problem: str, runs: Sequence[Run]) -> None:
    """A button that answers a problem (its id) anew, on the Live page, with the models of these runs."""
    if st.button("Regenerate this", icon=":material/refresh:", help="The same problem, live, with the same models"):
        run_live(problem, runs)


def run_live(problem: str, runs: Sequence[Run]) -> None:
    """Opens a problem on the Live page with the models of these runs; where one isn't here, says so and asks first."""
    found = {run.info.model: own_model(run) for run in runs}
    ready = list(dict.fromkeys(info.model.id for info in found.values() if info and info.ready))
    lacking = [
        info.why if info else f"{visible(name, 80)} is not among the models here: add it on the page Models."
        for name, info in found.items()
        if info is None or not info.ready
    ]
    if lacking:
        _lacking_dialog(problem, ready, lacking)
    else:
        _go_live(problem, ready)


@st.dialog("Regenerate this")
def _lacking_dialog(problem: str, ready: list[str], lacking: list[str]) -> None:
    """Which models are missing, the way to add them, and the way on without them."""
    for sentence in lacking:
        notice(sentence, "warning")
    with st.container(horizontal=True):
        if st.button("Models", icon=":material/account_tree:", key="regenerate-models"):
            st.switch_page("models.py")
        # Without any of them the Live page has others: to be chosen there, and never in their place unsaid.
        words = "Go on without" if ready else "Choose other models"
        if st.button(words, key="regenerate-rest"):
            _go_live(problem, ready)


def _go_live(problem: str, models: Sequence[str]) -> None:
    chosen = {"models": ",".join(models)} if models else {}
    st.switch_page("live.py", query_params={"problem": problem, **chosen})


# -- reading a run ----------------------------------------------------------------------------------


def score_with(run: Run) -> None:
    """A popover that has a model read every trace of a run, so that its tokens can be coloured."""
    with st.popover("Score with", icon=":material/troubleshoot:"):
        readers = [info for info in models() if info.ready and info.model.kind is not ModelKind.ENDPOINT]
        st.text(f"A model reads this run's traces ({run.traces:,}) and says how likely it finds each token.")
        if not readers:
            st.text("No model here can read them: add one on the page Models.")
            return
        model = _pick(readers, "score-model")
        context = st.selectbox("It sees", list(CONTEXTS), format_func=CONTEXTS.__getitem__, key="score-context")
        pressed = st.button(
            "Score", icon=":material/play_arrow:", key="score", disabled=barred() is not None, help=barred()
        )
        if not pressed or model is None or context is None:
            return
        with error_notice():
            job = services().scores.submit(ScoreSpec(run.id, model, context, _ALTERNATIVES))
            notice(f"Queued: {job.title}. Once it is done, the colours are here.", "done")
            st.page_link("jobs.py", label="Follow it on the page Jobs", icon=":material/pending_actions:",
                         query_params={"job": job.id})  # fmt: skip
