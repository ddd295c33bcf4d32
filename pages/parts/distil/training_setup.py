"""The draft of a training on the Distil page: a specification kept in the session, and why it can't be started.

Owns where it comes from (a preset, an earlier training, the paper's settings) and when it is checked.
"""

from dataclasses import dataclass, replace

import streamlit as st

from backend.distill.settings import Method, TrainingSettings
from backend.domain import ModelKind
from backend.services.generation.models import ModelInfo
from backend.services.training.paper_settings import paper_settings
from backend.services.training.training_presets import TrainingPreset
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from pages.components.frame.session import models, services
from pages.components.live.live_setup import problem_sets
from pages.parts.distil.training_words import CONTEXTS, sentence

OWN = "distil-own"
_NAME = "distil-draft"
_MOST_CHECKED = 1_000  # problems of an imported set that are looked through while a person types
_SIBLINGS = 8


@dataclass(slots=True)
class Draft:
    """The specification as it stands; `edition` counts how often it was replaced, so that widgets are made anew."""

    spec: TrainingSpec
    edition: int = 0


@st.cache_data(show_spinner=False, max_entries=2, ttl=30)
def _presets(version: int) -> list[TrainingPreset]:
    return services().trainings.presets()


def presets() -> list[TrainingPreset]:
    """The trainings ready to start."""
    return _presets(services().runs.version())


def trainable() -> list[ModelInfo]:
    """The models a training can start from: folders with weights that load here."""
    whole = [info for info in models() if info.model.kind not in (ModelKind.ENDPOINT, ModelKind.ADAPTER)]
    return [info for info in whole if any(engine.ok and engine.engine == "transformers" for engine in info.engines)]


def draft() -> Draft:
    """This session's specification; at first the first preset, or default settings for the first model."""
    if _NAME not in st.session_state:
        known, sets = presets(), list(problem_sets())
        held_out = next((name for name in sets if name.endswith("-test")), sets[0])
        checked = EvaluationSpec(held_out, limit=200, last_samples=1)
        model = next((info.model.id for info in trainable()), "")
        plain = TrainingSpec(model, TrainingSettings(), sets[0], evaluations=(checked,))
        st.session_state[_NAME] = Draft(known[0].spec if known else plain)
    return st.session_state[_NAME]


def take(spec: TrainingSpec) -> None:
    """Puts a specification into the draft, to be changed and started."""
    chosen = draft()
    # Without the name: two trainings of one name couldn't be told apart in the list.
    chosen.spec, chosen.edition = replace(spec, name=""), chosen.edition + 1
    st.session_state[OWN] = True


def take_paper() -> None:
    """Puts the paper's settings for the same method and context into the draft."""
    spec = draft().spec
    take(replace(spec, settings=paper_settings(spec.settings)[0], preset=""))


def take_method(method: Method) -> None:
    """Changes the method, and with it what it needs: a context it knows, several rollouts of each problem."""
    spec = draft().spec
    settings, known = spec.settings, CONTEXTS[method]
    context = settings.context if settings.context in known else next(iter(known), TrainingSettings().context)
    settings = replace(settings, method=method, context=context)
    # Both learn from rollouts of one problem against each other; fewer problems keep the step as large as it was.
    if method in (Method.SDPO, Method.GRPO) and settings.samples < 2:
        settings = replace(settings, samples=_SIBLINGS, prompts=max(1, settings.prompts // _SIBLINGS))
    take(replace(spec, settings=settings, preset=""))


def trouble(spec: TrainingSpec) -> str:
    """Why `spec` can't be started, in a sentence; "" where it can."""
    if not spec.model:
        return "No model here can be trained from: add a folder with a model’s weights on the page Models."
    if reason := sentence(spec.check):
        return reason
    info = problem_sets().get(spec.problem_set)
    # Problems of an imported set take a query each: a large one is looked through only when the training is started.
    if info and not info.lab and min(info.size, spec.size or info.size) > _MOST_CHECKED:
        return ""
    # The cache's key: what of the specification the check below looks at. Learning rates and the like change nothing.
    asked = tuple((e.problem_set, e.seen, e.limit, e.context) for e in spec.evaluations)
    settings = spec.settings
    taught = (settings.method, settings.context, settings.steps > 0)
    chosen = (spec.model, spec.problem_set, spec.size, spec.pick_seed)
    return _trouble(services().runs.version(), chosen, taught, asked, spec)


@st.cache_data(show_spinner="Looking through the problems", max_entries=32)
def _trouble(version: int, chosen: object, taught: object, asked: object, _spec: TrainingSpec) -> str:
    """What is wrong with the model and the problems; nothing else in the specification matters for that."""
    return sentence(lambda: services().trainings.check(_spec))
