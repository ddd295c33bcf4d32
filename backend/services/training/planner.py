"""The plan of a training: its problems chosen, their solutions found, its folders named.

Owns which problems a training takes and the check that they have what it needs.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backend.config import Settings
from backend.distill.settings import Method
from backend.distill.train_plan import PLAN, Evaluation, TrainingProblem, TrainPlan
from backend.domain import Context, Model, ModelKind, UserError, visible
from backend.engines.checkpoints import inspect_location
from backend.engines.compatibility import folder_of
from backend.services.generation.models import ModelService
from backend.services.generation.problems import Problem, ProblemService
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from backend.store.parts import disk_errors

# Equal for all trainings: their evaluations are compared problem by problem and sample by sample.
EVALUATION_SEED = 0


@dataclass(frozen=True, slots=True)
class SelectedProblems:
    """The problems of a training, and of each of its evaluations."""

    base: Model
    items: tuple[Problem, ...]
    evaluations: tuple[tuple[Problem, ...], ...]


class Planner:
    """Makes plans for one store."""

    def __init__(self, settings: Settings, models: ModelService, problems: ProblemService) -> None:
        self._settings, self._models, self._problems = settings, models, problems

    def check(self, spec: TrainingSpec) -> SelectedProblems:
        """The problems `spec` asks for. Raises UserError, before anything is begun, where it can't be carried out."""
        spec.check()
        base = self._models.get(spec.model)
        _weights(base)
        items = self._chosen(spec)
        selected = SelectedProblems(base, items, tuple(self._evaluated(one, items) for one in spec.evaluations))
        settings = spec.settings
        if settings.steps:
            taught = f"{settings.method} with the context {settings.context.value!r}"
            # Before anything is queued: a training that finds this out after an hour has wasted it.
            if settings.needs_solutions:
                self._need_solutions(taught, selected.items, base.name)
            if settings.needs_answers:
                _need_answers(settings.method.value, selected.items)
            if settings.context is Context.PLACEBO and settings.method is not Method.GRPO:
                _need_another(taught, selected.items)
        for asked, items in zip(spec.evaluations, selected.evaluations, strict=True):
            what = f"an evaluation with the context {asked.context.value!r}"
            if asked.needs_solutions:
                self._need_solutions(what, items, base.name)
            if asked.context is Context.ANSWER:
                _need_answers(what, items)
            if asked.context is Context.PLACEBO:
                _need_another(what, items)
        return selected

    def plan(self, spec: TrainingSpec, shared: Path) -> TrainPlan:
        """The plan of a training; `shared` is a folder for what trainings share. Raises UserError like `check`."""
        selected = self.check(spec)
        return TrainPlan(
            base=str(folder_of(selected.base)),
            settings=spec.settings,
            items=self._items(selected.items, spec.settings.uses_solutions, selected.base.name),
            evaluations=tuple(
                self._evaluation(asked, items, selected.base.name)
                for asked, items in zip(spec.evaluations, selected.evaluations, strict=True)
            ),
            watched=self._items(_watched(spec, selected), False, selected.base.name),
            evaluate_every=spec.evaluate_every,
            checkpoint_every=spec.checkpoint_every,
            watch_every=spec.watch_every,
            lexicons=str(self._settings.lexicons),
            threads=self._settings.engine_threads,
            shared=str(shared),
        )

    def load_or_make(self, spec: TrainingSpec, folder: Path, shared: Path) -> TrainPlan:
        """The plan in `folder`, made and written there by the first call. Only paths on this machine are made anew."""
        # A training that goes on must have the same problems and solutions, whatever came into the store meanwhile.
        if (folder / PLAN).is_file():
            base = self._models.get(spec.model)
            _weights(base)
            plan = replace(
                TrainPlan.read(folder),
                base=str(folder_of(base)),
                lexicons=str(self._settings.lexicons),
                threads=self._settings.engine_threads,
                shared=str(shared),
            )
        else:
            plan = self.plan(spec, shared)
        with disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
            shared.mkdir(parents=True, exist_ok=True)
            plan.write(folder)
        return plan

    # -- problems -----------------------------------------------------------------------------------

    def _chosen(self, spec: TrainingSpec) -> tuple[Problem, ...]:
        if not spec.problem_set:
            return ()
        problems = self._problems.load(spec.problem_set)
        if spec.size is not None and spec.size > len(problems):
            raise UserError(
                f"The set {visible(spec.problem_set, 60)} has {len(problems):,} problems, not {spec.size:,}: "
                "ask for fewer, or for all."
            )
        # Shuffled before it is cut: sets are sorted by difficulty or source, and their first problems are alike.
        random.Random(spec.pick_seed).shuffle(problems)  # noqa: S311 - an order, no secret
        return tuple(problems[: spec.size])

    def _evaluated(self, asked: EvaluationSpec, own: Sequence[Problem]) -> tuple[Problem, ...]:
        found = own if asked.seen else self._problems.load(asked.problem_set)
        if not found:
            raise UserError(f"There is no problem in {visible(asked.name, 60)} to evaluate.")
        return tuple(found[: asked.limit])

    def _evaluation(self, asked: EvaluationSpec, items: Sequence[Problem], model: str) -> Evaluation:
        return Evaluation(
            name=asked.name,
            items=self._items(items, asked.needs_solutions, model),
            context=asked.context,
            first=asked.first,
            samples=asked.samples,
            last_samples=asked.last_samples,
            temperature=asked.temperature,
            seed=EVALUATION_SEED,
            ends=asked.ends,
        )

    def _items(self, problems: Sequence[Problem], solved: bool, model: str) -> tuple[TrainingProblem, ...]:
        return tuple(
            TrainingProblem(p.question, p.gold, self._problems.solution(p.question, model) if solved else None)
            for p in problems
        )

    def _need_solutions(self, what: str, problems: Sequence[Problem], model: str) -> None:
        lacking = [p for p in problems if not (self._problems.solution(p.question, model) or "").strip()]
        if lacking:
            count = f"{len(lacking):,} of the {len(problems):,} problems lack one"
            raise UserError(
                f"{_capital(what)} shows a worked solution, and {count}, such as {_short(lacking[0])}. Take a set with "
                f"solutions, or let {visible(model, 60)} answer the problems first: a right answer serves as one."
            )


def _weights(base: Model) -> None:
    """Raise UserError for a model that can't be trained from."""
    if base.kind in (ModelKind.ENDPOINT, ModelKind.ADAPTER):
        kind = "an address of a server" if base.kind is ModelKind.ENDPOINT else "an adapter"
        raise UserError(f"{visible(base.name, 80)} is {kind}: a training starts from a folder with a model's weights.")
    inspect_location(folder_of(base))


def _need_answers(what: str, problems: Sequence[Problem]) -> None:
    lacking = [p for p in problems if not (p.gold or "").strip()]
    if lacking:
        count = f"{len(lacking):,} of the {len(problems):,} problems lack one"
        raise UserError(f"{_capital(what)} needs the right answers, and {count}, such as {_short(lacking[0])}.")


def _need_another(what: str, problems: Sequence[Problem]) -> None:
    if len(problems) < 2:
        raise UserError(f"{_capital(what)} shows another problem's solution: it needs at least two problems.")


def _watched(spec: TrainingSpec, selected: SelectedProblems) -> Sequence[Problem]:
    """The problems answered on the way for people to watch: of the first held-out set, or else the training's own."""
    pairs = zip(spec.evaluations, selected.evaluations, strict=True)
    return next((items for asked, items in pairs if not asked.seen), selected.items)[: spec.watched]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _short(problem: Problem) -> str:
    return f"“{visible(' '.join(problem.question.split()), 78)}”"
