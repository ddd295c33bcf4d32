"""The setup of the Live page: its choices kept in the session, and the specification of the job they make.

Owns the setup's defaults, and the way from a setup to a specification and back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import streamlit as st

from backend.domain import Context, UserError, problem_id
from backend.services.generation.models import ModelInfo
from backend.services.generation.problems import Problem, ProblemSetInfo
from backend.services.generation.specs import ForkPoint, GenerationSpec, Question, RunArm
from backend.services.traces.trace_reader import OpenTrace
from pages.components.frame.session import cached_by_version, models, presets, services

MOST_ARMS = 4
FIRST_SET = "lab-cd3-test"
# One name for all choices: Streamlit forgets a widget's value once it isn't drawn, and while a job is watched none is.
# One name for all choices: Streamlit forgets a widget's value once it isn't drawn, and while a job is watched none is.
_NAME = "live-setup"


@dataclass(slots=True)
class Setup:
    """The Live page's choices. `source` is "set", "stored" or "typed"; `count` problems of a set from `number` on.

    `arms` are what is compared; `base` holds everything else a specification says (sampling, samples, engine).
    """

    source: str = "set"
    set_name: str = FIRST_SET
    number: int = 1
    count: int = 1
    stored: Problem | None = None
    question: str = ""
    gold: str = ""
    arms: list[RunArm] = field(default_factory=list)
    base: GenerationSpec = field(default_factory=lambda: GenerationSpec((), live=True, logprobs=True))
    edition: int = 0  # part of the widgets' keys: a setup that was replaced makes them anew


@cached_by_version(2)
def problem_sets() -> dict[str, ProblemSetInfo]:
    """Name -> set."""
    return {info.name: info for info in services().problems.sets()}


def setup() -> Setup:
    """The setup of this tab, with the first models that can answer where none was chosen yet."""
    if _NAME not in st.session_state:
        st.session_state[_NAME] = Setup(arms=_first_arms(models()))
    return st.session_state[_NAME]


def _first_arms(everyone: list[ModelInfo]) -> list[RunArm]:
    """The first preset's arms, where its models are there; else a model with one trained from it, if any was."""
    if known := presets():
        return list(known[0].spec.arms)
    able = {info.model.id: info.model for info in everyone if info.ready}
    child = next((model for model in able.values() if model.parent in able), None)
    return [RunArm(str(child.parent)), RunArm(child.id)] if child else [RunArm(model) for model in list(able)[:1]]


def specification(chosen: Setup) -> GenerationSpec:
    """The job a setup asks for. Raises UserError where the problem is missing."""
    spec = replace(chosen.base, arms=tuple(chosen.arms), problem_set="", limit=None, questions=(), fork=None, live=True)
    if chosen.source == "typed":
        if not chosen.question.strip():
            raise UserError("There is no problem yet: type one, or choose one from a set.")
        return replace(spec, questions=(Question(chosen.question, chosen.gold.strip() or None),))
    if chosen.source == "stored":
        if chosen.stored is None:
            raise UserError("There is no problem yet: search the store for one, or choose one from a set.")
        return replace(spec, questions=(_question(chosen.stored),))
    if chosen.number == 1 and chosen.count > 1:
        return replace(spec, problem_set=chosen.set_name, limit=chosen.count)
    numbers = range(chosen.number, chosen.number + chosen.count)
    picked = [services().problems.pick(chosen.set_name, number) for number in numbers]
    return replace(spec, questions=tuple(map(_question, picked)))


def _question(problem: Problem) -> Question:
    return Question(problem.question, problem.gold, problem.set)


def take(spec: GenerationSpec) -> None:
    """Put a job's specification into the setup, to be changed and submitted again."""
    chosen = Setup(arms=list(spec.arms), base=replace(spec, fork=None), edition=setup().edition + 1)
    if spec.problem_set:
        chosen.set_name, chosen.count = spec.problem_set, spec.limit or len(services().problems.load(spec.problem_set))
    elif spec.questions:
        first = spec.questions[0]
        listed = services().problems.load(first.dataset) if first.dataset in problem_sets() else ()
        if known := next((problem.number for problem in listed if problem.question == first.question), None):
            chosen.set_name, chosen.number, chosen.count = first.dataset, known, len(spec.questions)
        else:
            chosen.source, chosen.question, chosen.gold = "typed", first.question, first.gold or ""
    st.session_state[_NAME] = chosen


def take_query(query: Mapping[str, str]) -> str | None:
    """Take over what an address asks for: `preset` (its name is returned), or `problem` and `models` by their ids."""
    chosen = setup()
    if preset := next((p for p in presets() if p.name == query.get("preset")), None):
        take(preset.spec)
        return preset.name
    known = {info.model.id for info in models()}
    if named := [name for name in query.get("models", "").split(",") if name in known][:MOST_ARMS]:
        chosen.arms, chosen.edition = [RunArm(name) for name in named], chosen.edition + 1
    if found := known_problem(query.get("problem", "")):
        chosen.source, chosen.stored, chosen.edition = "stored", found, chosen.edition + 1
    return None


def known_problem(identity: str) -> Problem | None:
    """The problem with this id, of the store or of the first lab set."""
    if stored := services().problems.find(identity):
        return stored
    return next((p for p in services().problems.load(FIRST_SET) if problem_id(p.question) == identity), None)


def gone_on(spec: GenerationSpec, arm: int, trace: OpenTrace, at: int, insert: str) -> GenerationSpec:
    """The job that goes on from a trace at code point `at` with `insert`: its arm, its problem, once."""
    asked = Question(trace.question, trace.gold, spec.dataset)
    label = f"on from character {at:,}" + (f" with “{insert.strip()}”" if insert.strip() else "")
    one = replace(spec.arms[arm], prefix="", label=label)
    return replace(
        spec,
        arms=(one,),
        problem_set="",
        limit=None,
        questions=(asked,),
        samples=1,
        fork=ForkPoint(trace.id, at, insert),
    )


def new_seed(spec: GenerationSpec) -> GenerationSpec:
    """The same once more, drawn anew."""
    return replace(spec, decoding=replace(spec.decoding, seed=spec.decoding.seed + 1))


CONTEXTS: Mapping[Context, str] = {
    Context.NONE: "the problem alone",
    Context.SOLUTION: "the full solution",
    Context.SOLUTION_NO_THINK: "the solution without its thinking",
    Context.REGENERATED: "a regenerated response",
    Context.ANSWER: "the answer alone",
    Context.PLACEBO: "another problem’s solution",
}
