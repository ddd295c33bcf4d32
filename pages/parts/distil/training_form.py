"""The form on the Distil page: base model, problems, method, settings, and what is evaluated on the way.

Owns the widgets and their layout; each change makes a new specification. Names of models and sets may be hostile: they
stand in widgets' options alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from backend.distill.settings import Method, Remedy, Schedule, Teacher, TrainingSettings
from backend.domain import Context, visible
from backend.services.training.training_presets import TrainingPreset
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from pages.components.frame.session import models
from pages.components.live.live_setup import CONTEXTS as SEES
from pages.components.live.live_setup import problem_sets
from pages.parts.distil.training_setup import Draft, take, take_method, trainable
from pages.parts.distil.training_words import CONTEXTS, DIVERGENCES, JENSEN, LABELS, METHODS, REMEDIES, counts, distills

_MIXED = -1.0


def form(chosen: Draft, known: Sequence[TrainingPreset]) -> None:
    """Every setting; `chosen.spec` is what they say."""
    # Part of every widget's key: a draft that was replaced gets new widgets, with its values; under their old keys
    # Streamlit would keep the old ones.
    key = str(chosen.edition)
    _start_from(known, key)
    with _line("who"):
        chosen.spec = _who(chosen.spec, key)
    with _line("how"):
        settings = _how(chosen.spec.settings, key)
    with _line("much"):
        settings = _how_much(settings, key)
    with _line("rest"):
        evaluated = _checked(chosen.spec, key)
        settings = _rest(settings, key)
    spec = replace(evaluated, settings=settings)
    # A preset whose settings were changed is that preset no more, and must not be listed under its name.
    if spec != chosen.spec and spec.settings != chosen.spec.settings:
        spec = replace(spec, preset="")
    chosen.spec = spec


def _line(name: str) -> Any:
    return st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"sth-distil-{name}")


def _start_from(known: Sequence[TrainingPreset], key: str) -> None:
    """Draws the list of presets; choosing one fills the form."""
    titles = {preset.title: preset.spec for preset in known}
    name = f"distil-from-{key}"

    def fill() -> None:
        if (title := st.session_state[name]) in titles:
            take(titles[title])

    if titles:
        st.selectbox(
            "Start from", list(titles), index=None, key=name, on_change=fill, placeholder="a preset", width=330
        )  # fmt: skip


def _who(spec: TrainingSpec, key: str) -> TrainingSpec:
    able = {info.model.id: info.model.name for info in trainable()}
    sets = problem_sets()
    lacking = [visible(info.model.name, 60) for info in models() if info.model.id not in able]
    model = st.selectbox(
        "Base model", list(able), index=list(able).index(spec.model) if spec.model in able else None,
        format_func=lambda identity: visible(able[identity], 60), key=f"distil-model-{key}", width=250,
        help="Adapters and servers can’t be trained from:  \n" + "  \n".join(lacking) if lacking else None,
    )  # fmt: skip
    names = list(sets)
    name = st.selectbox(
        "Problem set", names, index=names.index(spec.problem_set) if spec.problem_set in sets else 0,
        key=f"distil-set-{key}", width=200, help="  \n".join(f"{s.name}: {s.title}" for s in sets.values() if s.lab),
    )  # fmt: skip
    # The set is part of the key below: its size is the field's maximum, and a kept value beyond it would be an error.
    most = max(1, sets[name].size)
    size = st.number_input(
        "Problems |D|", 1, most, min(spec.size, most) if spec.size else None, key=f"distil-size-{key}-{name}",
        placeholder=f"all {most:,}", width=120, help="So many of the set; empty: all of them",
    )  # fmt: skip
    seed = st.number_input(
        "Which of them", 0, 2**31, spec.pick_seed, key=f"distil-pick-{key}", width=120,
        help="Seed of the choice. Smaller choices lie within larger ones of the same seed.",
    )  # fmt: skip
    name_of = st.text_input("Name", spec.name, key=f"distil-name-{key}", placeholder="made up", max_chars=90, width=170)
    return replace(spec, model=model or "", problem_set=name, size=size, pick_seed=int(seed), name=name_of)


def _how(settings: TrainingSettings, key: str) -> TrainingSettings:
    name = f"distil-method-{key}"
    # The method decides which other settings there are, so that they are put right before any is drawn.
    method = st.segmented_control(
        "Method", list(Method), default=settings.method, format_func=str, key=name, required=True,
        help="  \n".join(f"{m}: {words}" for m, words in METHODS.items()),
        on_change=lambda: take_method(Method(st.session_state[name])),
    )  # fmt: skip
    settings = replace(settings, method=method or settings.method)
    known: list[Context] = list(CONTEXTS[settings.method])
    if known:
        label = "The writer sees" if settings.method is Method.SFT else "The teacher sees"
        context = st.selectbox(
            label, known, index=known.index(settings.context) if settings.context in known else 0,
            format_func=SEES.__getitem__, key=f"distil-context-{key}-{settings.method}", width=230,
        )  # fmt: skip
        settings = replace(settings, context=context)
    return _teaching(settings, key) if distills(settings) else settings


def _teaching(settings: TrainingSettings, key: str) -> TrainingSettings:
    teachers, remedies = list(Teacher), list(Remedy)
    teacher = st.selectbox(
        "Teacher", teachers, index=teachers.index(settings.teacher), key=f"distil-teacher-{key}", width=150,
        format_func=lambda one: one.value,
        help="fixed: the base as it was; moving average of the student; live: the student itself",
    )  # fmt: skip
    shapes = [*DIVERGENCES, _MIXED]
    at = settings.alpha if settings.alpha in DIVERGENCES else _MIXED
    shape = st.selectbox(
        "Divergence", shapes, index=shapes.index(at), key=f"distil-divergence-{key}", width=190,
        format_func=lambda one: DIVERGENCES.get(one, "generalised JSD"),
        help="forward: KL(teacher ‖ student), reverse: KL(student ‖ teacher)",
    )  # fmt: skip
    alpha = float(shape)
    if shape == _MIXED:
        mixed = settings.alpha if settings.alpha not in DIVERGENCES else JENSEN / 2
        alpha = st.number_input("Its α", 0.01, 0.99, mixed, 0.05, key=f"distil-alpha-{key}", width=100)
    remedy = st.selectbox(
        "Remedy", remedies, index=remedies.index(settings.remedy), format_func=REMEDIES.__getitem__,
        key=f"distil-remedy-{key}", width=170,
        help="clip: no token counts for more than some nats (OPSD). route: the teacher attracts where the student is "
        "sure and repels where it is not (DASD).",
    )  # fmt: skip
    return replace(settings, teacher=teacher, alpha=alpha, remedy=remedy)


def _how_much(settings: TrainingSettings, key: str) -> TrainingSettings:
    settings = _number(settings, key, "steps", 0, 1_000_000)
    settings = _number(settings, key, "prompts", 1, 65_536)
    settings = _number(settings, key, "samples", 1, 1024)
    settings = _number(settings, key, "learning_rate", 1e-9, 1.0)
    if distills(settings):
        settings = _number(settings, key, "top_k", 0, 1_000_000, "Of the student’s likeliest tokens; 0: all of them")
        if counts("tail", settings):
            one = st.checkbox(
                LABELS["tail"], settings.tail, key=f"distil-tail-{key}", help="One bucket for all other tokens"
            )  # fmt: skip
            settings = replace(settings, tail=one)
    return _number(settings, key, "lora_rank", 0, 1024, "0 trains all weights")


def _rest(settings: TrainingSettings, key: str) -> TrainingSettings:
    with st.popover("Everything else", icon=":material/tune:", type="tertiary", key=f"distil-rest-{key}"):
        left, right = st.columns(2)
        with left:
            settings = _number(settings, key, "temperature", 0.01, 5.0)
            settings = _number(settings, key, "max_tokens", 1, 131_072)
            settings = _number(settings, key, "updates", 1, 64)
            settings = _number(settings, key, "micro_batch", 0, 65_536, "0: all of an update; fewer take less memory")
            settings = _number(settings, key, "seed", 0, 2**31)
            settings = _number(settings, key, "ratio_clip", 1.0, 1000.0)
            settings = _number(settings, key, "teacher_rate", 0.0, 1.0)
            settings = _number(settings, key, "token_clip", 1e-6, 100.0)
            settings = _number(settings, key, "route_share", 0.01, 0.99)
        with right:
            settings = _number(settings, key, "warmup", 0, 1_000_000)
            schedules = list(Schedule)
            place, name = schedules.index(settings.schedule), f"distil-schedule-{key}"
            shape = st.selectbox(LABELS["schedule"], schedules, index=place, key=name, format_func=lambda s: s.value)
            settings = replace(settings, schedule=shape)
            settings = _number(settings, key, "weight_decay", 0.0, 1.0)
            settings = _number(settings, key, "clip_norm", 1e-6, 1e6)
            settings = _number(settings, key, "epsilon_low", 0.0, 1.0)
            settings = _number(settings, key, "epsilon_high", 0.0, 10.0)
            settings = _number(settings, key, "lora_alpha", 0, 4096)
    return settings


def _checked(spec: TrainingSpec, key: str) -> TrainingSpec:
    """What is evaluated, and how often that, checkpoints and watched problems come."""
    held_out = [one for one in spec.evaluations if not one.seen]
    sets = list(problem_sets())
    names = st.multiselect(
        "Check on", sets, default=[one.problem_set for one in held_out if one.problem_set in sets],
        key=f"distil-checked-{key}", width=330, placeholder="nothing",
    )  # fmt: skip
    first = held_out[0] if held_out else EvaluationSpec(limit=200, last_samples=1)
    limit = st.number_input(
        "Problems of each", 1, 1_000_000, first.limit, key=f"distil-limit-{key}", width=130, placeholder="all",
        help="At the first and the last step all of them, between them half",
    )  # fmt: skip
    every = int(st.number_input("Every so many steps", 1, 1_000_000, spec.evaluate_every, key=f"distil-every-{key}",
                                width=150))  # fmt: skip
    seen = st.checkbox("Check on the seen problems too", any(one.seen for one in spec.evaluations),
                       key=f"distil-seen-{key}")  # fmt: skip
    with st.popover("Checkpoints", icon=":material/save:", type="tertiary", key=f"distil-points-{key}"):
        kept = st.number_input(
            "Steps between checkpoints", 1, 1_000_000, spec.checkpoint_every, key=f"distil-kept-{key}"
        )
        watch = st.number_input("Steps between looks at the watched problems", 1, 1_000_000, spec.watch_every,
                                key=f"distil-watch-{key}")  # fmt: skip
        watched = st.number_input("Watched problems", 0, 16, spec.watched, key=f"distil-watched-{key}")
        processes = st.number_input("Processes", 1, 64, spec.processes, key=f"distil-processes-{key}",
                                    help="More than one: accelerate launch, a GPU each")  # fmt: skip
    return replace(
        spec, evaluations=_evaluations(spec, names, limit, seen), evaluate_every=every, checkpoint_every=int(kept),
        watch_every=int(watch), watched=int(watched), processes=int(processes),
    )  # fmt: skip


def _evaluations(spec: TrainingSpec, names: Sequence[str], limit: int | None, seen: bool) -> tuple[EvaluationSpec, ...]:
    """The evaluations there were, as far as they are still wanted, and new ones like them."""
    # Those under a context have no widgets; a preset that has them must not lose them when the form is drawn.
    known = {one.name: one for one in spec.evaluations if one.context is Context.NONE}
    hinted = tuple(one for one in spec.evaluations if one.context is not Context.NONE)
    plain = next(iter(known.values()), EvaluationSpec(last_samples=1))
    made = []
    for name in names:
        one = known.get(name) or replace(plain, problem_set=name, seen=False)
        if one.limit != limit or name not in known:
            one = replace(one, limit=limit, first=(limit or 0) // 2)
        made.append(one)
    own = next((one for one in spec.evaluations if one.seen), None)
    if seen:
        made.append(own or EvaluationSpec(seen=True, limit=min(100, spec.size or 100), last_samples=1))
    return (*made, *hinted)


def _number(
    settings: TrainingSettings, key: str, name: str, low: Any, high: Any, note: str | None = None
) -> TrainingSettings:
    """Draws a setting's field, a whole number's where its bounds are; nothing where the setting has no effect."""
    if not counts(name, settings):
        return settings
    kind = type(low)
    # A learning rate is written by its power of ten: 1e-05 and not 0.00.
    step: Any = 1e-5 if name == "learning_rate" else None if kind is int else 0.05
    form = "%.2e" if name == "learning_rate" else None if kind is int else "%g"
    now, identity = kind(getattr(settings, name)), f"distil-{name}-{key}"
    value: Any = kind(st.number_input(LABELS[name], low, high, now, step, form, key=identity, help=note))
    return replace(settings, **{name: value})
