"""The controls of the page Live: experiments to try, the problem, the arms with their models, sampling and prompts.

Names of models and words of problems may be hostile: they stand in plain text, code blocks and widgets' options alone.
"""

import difflib
import random
from dataclasses import replace
from pathlib import Path
from typing import Literal

import streamlit as st

from backend.domain import visible
from backend.services.generation.models import ModelInfo
from backend.services.generation.specs import GenerationSpec, RunArm
from pages.components.frame.notice import error_notice
from pages.components.frame.session import models, presets, services
from pages.components.live.live_setup import CONTEXTS, MOST_ARMS, Setup, problem_sets, specification, take
from pages.components.viewer.panes import TAGS

# Every widget's key carries the setup's edition: Streamlit keeps a key's old value whatever default it is given, so a
# setup that was filled from elsewhere needs widgets with new keys.
STYLE = Path(__file__).with_name("live_page.css")
_SOURCES = {"set": "From a set", "stored": "From the store", "typed": "Type one"}
_FIRST_WORDS = ("Maybe", "Wait", "Hmm", "Alternatively", "First,")
_MOST_PROBLEMS = 100
_LAB_KINDS = "The lab’s models know two kinds: “Use 1, 8, 11 to make 2.” and “Find x with x * (x + 3) + 5 = 33.”"
_ENGINES = ("auto", "transformers", "vllm", "openai")


def experiments(chosen: str | None) -> GenerationSpec | None:
    """Draws the ready experiments as cards; a clicked one fills the setup, and its specification is returned."""
    known = presets()
    if not known:
        return None
    wanted = None
    with st.container(horizontal=True, gap="small", key="sth-cards"):
        for preset in known:
            with st.container(key=f"sth-card-{'on-' if preset.name == chosen else ''}{preset.name}"):
                words = f"**{preset.title}**  \n{preset.sentence}"  # Markdown: the app's own words, no names from files
                if st.button(words, key=f"preset-{preset.name}", width="stretch"):
                    take(preset.spec)
                    wanted = preset.spec
    return wanted


def problem_controls(chosen: Setup) -> None:
    """Draws the choice of the problem: some of a set, one of the store, or one that is typed in."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="sth-live-problem"):
        source = st.segmented_control(
            "Problem", list(_SOURCES), default=chosen.source, format_func=_SOURCES.__getitem__, required=True,
            key=f"source-{chosen.edition}",
        )  # fmt: skip
        chosen.source = source or chosen.source
        {"set": _from_set, "stored": _from_store, "typed": _typed}[chosen.source](chosen)
    with st.container(key="sth-question"):
        if chosen.source != "typed":
            _shown_problem(chosen)


def _from_set(chosen: Setup) -> None:
    sets = problem_sets()
    if chosen.set_name not in sets:
        chosen.set_name = next(iter(sets))
    chosen.set_name = st.selectbox(
        "Set", list(sets), index=list(sets).index(chosen.set_name), key=f"set-{chosen.edition}", width=180,
        help="  \n".join(f"{info.name}: {info.title}" for info in sets.values() if info.lab),
    )  # fmt: skip
    # Another set may be smaller, and a number field raises for a value outside of its bounds.
    size = sets[chosen.set_name].size
    chosen.number = min(chosen.number, size)
    chosen.count = min(chosen.count, size - chosen.number + 1, _MOST_PROBLEMS)
    key = f"{chosen.edition}-{chosen.set_name}"
    chosen.number = st.number_input("Number", 1, size, chosen.number, key=f"number-{key}", width=104)
    most = min(_MOST_PROBLEMS, size - chosen.number + 1)
    chosen.count = st.number_input(
        "How many", 1, most, min(chosen.count, most), key=f"count-{key}", width=104, help="From that number on"
    )
    if st.button("Any", icon=":material/casino:", type="tertiary", help="Any problem of the set"):
        chosen.number, chosen.count = random.randint(1, size), 1  # noqa: S311 - picking a problem is no secret
        chosen.edition += 1
        st.rerun()


def _from_store(chosen: Setup) -> None:
    text = st.text_input("Words of the problem", key=f"search-{chosen.edition}", width=220, placeholder="search")
    found = services().problems.search(text, 50)
    # The chosen problem stays chosen when the search doesn't find it.
    if chosen.stored and chosen.stored not in found:
        found.insert(0, chosen.stored)
    place = found.index(chosen.stored) if chosen.stored else None
    chosen.stored = st.selectbox(
        "Problem of the store", found, index=place, format_func=lambda problem: visible(problem.question, 110),
        key=f"stored-{chosen.edition}", placeholder=f"{len(found)} found" if found else "none found", width=460,
    )  # fmt: skip


def _typed(chosen: Setup) -> None:
    chosen.question = st.text_area(
        "The problem", chosen.question, key=f"question-{chosen.edition}", height=80, width=520, help=_LAB_KINDS,
        placeholder="Use 1, 8, 11 to make 2.",
    )  # fmt: skip
    chosen.gold = st.text_input("Right answer, if known", chosen.gold, key=f"gold-{chosen.edition}", width=180)


def _shown_problem(chosen: Setup) -> None:
    if chosen.source == "set" and chosen.count > 1:
        last = chosen.number + chosen.count - 1
        st.text(f"Problems {chosen.number} to {last}: every arm answers all of them.")
        return
    problem = chosen.stored if chosen.source == "stored" else services().problems.pick(chosen.set_name, chosen.number)
    if problem:
        st.text(problem.question)
        st.text(f"gold {problem.gold}" if problem.gold is not None else "no gold answer")


def arm_controls(chosen: Setup) -> None:
    """Draws a line for each arm: its model, its context, its forced first words and its banned lexicon."""
    known = {info.model.id: info for info in models()}
    able = [identity for identity, info in known.items() if info.ready]
    for place, arm in enumerate(chosen.arms):
        with st.container(
            horizontal=True, wrap=False, vertical_alignment="bottom", gap="small", key=f"sth-arm-{TAGS[place]}"
        ):
            st.text(TAGS[place], width="content")
            chosen.arms[place] = _arm(arm, place, able, known, chosen.edition)
            if len(chosen.arms) > 1 and st.button("✕", key=f"drop-{chosen.edition}-{place}", type="tertiary",
                                                  help=f"Remove {TAGS[place]}"):  # fmt: skip
                # The arms behind it move up a place, and their widgets' keys hold places.
                del chosen.arms[place]
                chosen.edition += 1
                st.rerun()


def _arm(arm: RunArm, place: int, able: list[str], models: dict[str, ModelInfo], edition: int) -> RunArm:
    # Labels stand above the first arm alone, like the head of a table.
    shown: Literal["visible", "collapsed"] = "visible" if place == 0 else "collapsed"
    key = f"{edition}-{place}"
    lacking = [f"{visible(info.model.name, 60)}: {info.why}" for info in models.values() if not info.ready]
    model = st.selectbox(
        "Model", able, index=able.index(arm.model) if arm.model in able else None, key=f"model-{key}",
        format_func=lambda identity: visible(models[identity].model.name, 60), label_visibility=shown,
        help="What can’t answer here:  \n" + "  \n".join(lacking) if lacking and place == 0 else None,
    )  # fmt: skip
    context = st.selectbox(
        "It sees", list(CONTEXTS), index=list(CONTEXTS).index(arm.context), format_func=CONTEXTS.__getitem__,
        key=f"context-{key}", label_visibility=shown,
    )  # fmt: skip
    words = list(dict.fromkeys([arm.prefix, "", *_FIRST_WORDS])) if arm.prefix else ["", *_FIRST_WORDS]
    prefix = st.selectbox(
        "Its first word", words, index=words.index(arm.prefix), format_func=lambda word: word or "its own",
        key=f"prefix-{key}", accept_new_options=True, label_visibility=shown,
        help="Put in its mouth; choose one or type another" if place == 0 else None,
    )  # fmt: skip
    # A detector has no words whose tokens could be banned.
    lexicons = ["", *(name for name, known in services().lexicons.by_name.items() if not known.learned)]
    hush = st.selectbox(
        "It can’t say", lexicons, index=lexicons.index(arm.hush) if arm.hush in lexicons else 0,
        format_func=lambda name: f"the words of {name}" if name else "it may say anything", key=f"hush-{key}",
        label_visibility=shown,
        help="The token ids this takes away are shown above its text" if place == 0 else None,
    )  # fmt: skip
    new = RunArm(model or arm.model, context, prefix or "", hush, arm.label)
    # A preset's label describes the arm as the preset made it.
    return new if new == arm else replace(new, label="")


def add_arm(chosen: Setup) -> None:
    """Draws the button that adds an arm like the last one."""
    if len(chosen.arms) < MOST_ARMS and st.button("Add an arm", icon=":material/add:", type="tertiary"):
        chosen.arms.append(replace(chosen.arms[-1], label=""))
        chosen.edition += 1
        st.rerun()


def sampling_controls(chosen: Setup) -> None:
    """Draws the sampling settings behind a button that names them: temperature, top-p, seed, samples, engine."""
    base, decoding = chosen.base, chosen.base.decoding
    how = "greedy" if decoding.temperature == 0 else f"temperature {decoding.temperature:g}"
    label = f"{how}, seed {decoding.seed}" + (f", {base.samples} samples" if base.samples > 1 else "")
    with st.popover(label, icon=":material/tune:", type="tertiary", key=f"sampling-{chosen.edition}"):
        key = chosen.edition
        temperature = st.slider("Temperature", 0.0, 2.0, float(decoding.temperature), 0.05, key=f"temperature-{key}",
                                help="0 is greedy")  # fmt: skip
        top_p = st.slider("Top-p", 0.01, 1.0, float(decoding.top_p), 0.01, key=f"top-p-{key}")
        left, right = st.columns(2)
        top_k = left.number_input("Top-k", 0, 1_000, decoding.top_k, key=f"top-k-{key}", help="0 leaves all tokens in")
        longest = right.number_input("Most tokens", 1, 131_072, decoding.max_tokens, key=f"longest-{key}")
        seed = left.number_input("Seed", 0, 2**31, decoding.seed, key=f"seed-{key}")
        samples = right.number_input("Samples (k)", 1, 64, base.samples, key=f"samples-{key}")
        engine = st.selectbox("Engine", _ENGINES, index=_ENGINES.index(base.engine), key=f"engine-{key}")
    changed = replace(decoding, temperature=temperature, top_p=top_p, top_k=top_k, max_tokens=longest, seed=seed)
    chosen.base = replace(base, decoding=changed, samples=samples, engine=engine)


def prompt_views(chosen: Setup) -> None:
    """Draws the prompt of each arm, as a difference from the first arm's."""
    # The body of a closed popover would run all the same, and prompts are built from whole sets of problems.
    opened = st.popover("Prompts", icon=":material/subject:", type="tertiary", on_change="rerun", key="prompts")
    if not opened.open:
        return
    with opened, error_notice():
        prompts = services().generation.prompts(specification(chosen))
        for tab, prompt in zip(st.tabs(list(TAGS[: len(prompts)])), prompts, strict=True):
            if prompt == prompts[0]:
                tab.code(prompt, language=None, wrap_lines=True)
                continue
            tab.text("Against A’s:")
            # "?" lines point at the changed characters of the line above them, for a terminal.
            lines = difflib.ndiff(prompts[0].splitlines(), prompt.splitlines())
            tab.code("\n".join(line for line in lines if not line.startswith("?")), language="diff", wrap_lines=True)
