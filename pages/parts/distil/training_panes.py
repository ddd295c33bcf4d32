"""The watched problems of a training: answers before training, at the slider's step and now; and a step's rollouts.

Owns the slider, the choice of the problem and the panes. Texts are hostile: they reach the browser through the trace
view alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from backend.domain import Cue, Section, visible
from backend.services.training.trainings import TrainingInfo
from pages.components.frame.session import services
from pages.components.viewer.trace_view import Fact, Options, Pane, PaneVerdict, trace_view
from pages.parts.distil.training_curves import SEEN

_HEIGHT = 420
_SHORT = 600  # tokens; responses up to so many are shown whole, longer ones scroll
_MOST_SHOWN = 4
Reply = Mapping[str, Any]


def watched(info: TrainingInfo, lexicon: str) -> int:
    """Draws the slider, the problem and up to three panes; returns the slider's step."""
    training, steps = info.training.id, services().trainings.rollout_steps(info.training.id)
    if not steps:
        st.text(
            "The first texts appear once the base has answered."
            if info.state in ("queued", "running")
            else "No problem was watched in this training."
        )
        return 0
    first = services().trainings.rollouts(training, steps[0])
    problems = [int(reply["problem"]) for reply in first.watched] if first else []
    # The watched problems are the first of the first held-out set; without such a set their texts aren't known.
    held_out = next((one for one in info.spec.evaluations if one.name != SEEN), None)
    questions = _of_set(held_out.problem_set, len(problems)) if held_out else []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="sth-distil-choose"):
        chosen = problems[0] if problems else 0
        if len(problems) > 1:
            chosen = st.segmented_control(
                "The same problem, step by step", problems, default=problems[0], required=True, key="distil-problem",
                format_func=lambda at: f"Problem {at + 1}",
            ) or 0  # fmt: skip
        if 0 <= chosen < len(questions):
            question, gold = questions[chosen]
            with st.container(key="sth-question"):
                st.text(question)
                st.text(f"gold {gold}" if gold is not None else "no gold answer")
        step, most = 0, info.steps
        if most:
            # At a quarter of the way: at either end it would show what stands beside it.
            step = int(st.slider("Step", 0, most, max(1, most // 4), key=f"distil-step-{training}"))
    _panes(info, steps, step, chosen, lexicon)
    return step


def _panes(info: TrainingInfo, steps: Sequence[int], step: int, problem: int, lexicon: str) -> None:
    """Draws step 0, the slider's and the last; a step that is two of them is drawn once."""
    # Watched problems are answered every few steps: the slider shows the last of them before it.
    reached = max((one for one in steps if one <= step), default=steps[0])
    last = steps[-1]
    shown: dict[int, tuple[Literal["A", "B", "C"], str]] = {steps[0]: ("A", "before")}
    shown[reached] = shown.get(reached, ("C", "on the way"))
    shown[last] = shown.get(last, ("B", "now"))
    panes = []
    for at in sorted(shown):
        row = services().trainings.rollouts(info.training.id, at)
        reply = next((r for r in row.watched if r["problem"] == problem), None) if row else None
        if reply:
            tag, words = shown[at]
            panes.append(_pane(reply, f"step-{at}", f"Step {at}", words, lexicon, tag))
    if panes:
        # Short answers are shown whole; long ones scroll.
        short = info.spec.settings.max_tokens <= _SHORT
        window = Options(minimum=_HEIGHT, reserve=20, keys=False)
        trace_view(panes, key="distil-panes", options=Options(fit="content", keys=False) if short else window)


def sampled(training: str, step: int, lexicon: str) -> None:
    """Draws a few of the rollouts that the step learned from."""
    row = services().trainings.rollouts(training, step)
    if row is None or not row.sampled:
        st.text("This step kept no rollouts.")
        return
    panes = [
        _pane(reply, f"rollout-{at}", f"Rollout {at + 1}", visible(str(reply.get("question", "")), 160), lexicon)
        for at, reply in enumerate(row.sampled[:_MOST_SHOWN])
    ]
    st.text(f"Step {row.step}: {len(panes)} of its rollouts.")
    trace_view(panes, key="distil-sampled", options=Options(fit="content", keys=False))


def _pane(
    reply: Reply, name: str, title: str, subtitle: str, lexicon: str, tag: Literal["A", "B", "C"] | None = None
) -> Pane:
    text, tokens = str(reply["text"]), int(reply.get("tokens") or 0)
    cues = cues_of(text, lexicon)
    facts = [
        Fact(f"{len(cues):,}", "cue" if len(cues) == 1 else "cues"),
        Fact(f"{1000 * len(cues) / tokens:.1f}" if tokens else "–", "per 1,000 tokens"),
        Fact(f"{tokens:,}", "tokens"),
    ]
    return Pane(
        id=name,
        tag=tag,
        title=title,
        subtitle=subtitle,
        text=text,
        sections=services().trainings.sections(text),
        verdict=PaneVerdict(reply.get("correct")),
        facts=facts,
        units=tokens,
        cues=cues,
        download=f"{name}.txt",
        ending="Cut off at the token limit" if reply.get("finish") == "length" else "",
    )


def cues_of(text: str, lexicon: str) -> list[Cue]:
    """The cues of a text that is in no run yet."""
    return _cues(text, services().lexicons.get(lexicon).id)


@st.cache_data(show_spinner=False, max_entries=256)
def _cues(text: str, identity: str) -> list[Cue]:
    matcher = services().lexicons.matchers()[identity]
    found = []
    for form, start, end in matcher.find(text):
        entry = matcher.entry_of[form]
        found.append(Cue(start, end, entry.name, entry.group, Section.THINK))
    return found


@st.cache_data(show_spinner=False, max_entries=32)
def _of_set(name: str, count: int) -> list[tuple[str, str | None]]:
    return [(problem.question, problem.gold) for problem in services().problems.load(name, count)]
