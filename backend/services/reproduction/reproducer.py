"""The reproduction of the paper: which parts are missing, one job that trains them all, their results.

Owns what may be asked for, the order of the parts, and what is shipped of the results. One training is carried out in
training/run.py; the numbers are in recipes/, the tests of the claims in claims.py.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.codec import JsonRecord
from backend.config import Settings
from backend.domain import Training, UserError
from backend.job import Job, JobKind, Lane
from backend.services.generation.models import ModelService
from backend.services.generation.problems import ProblemService
from backend.services.jobs import JobCancelled, JobProgress, JobService
from backend.services.lexicons.catalog import LexiconService
from backend.services.reproduction import cost as costing
from backend.services.reproduction.claims import LEXICON, judge
from backend.services.reproduction.cost import Cost, cost
from backend.services.reproduction.recipes import lab_recipes, paper_recipes
from backend.services.reproduction.recipes.catalogue import HELD_OUT, recipes, scale_of
from backend.services.reproduction.recipes.recipe import RecipePart, ReproductionScale, parts_of
from backend.services.reproduction.results import (
    SHIPPED,
    PartResult,
    Results,
    StoreEvidence,
    commit,
    load_shipped,
    write_shipped,
)
from backend.services.traces.demo import FOLDER
from backend.services.training.paper_settings import published
from backend.services.training.run import TrainingRunner
from backend.services.training.supervisor import CANCELLED, DONE
from backend.services.training.training_specs import MOST_PROCESSES, SEEN, TrainingSpec
from backend.services.training.trainings import TrainingService
from backend.store import Store

MOST_LAB_PROCESSES: Final = 2  # a lab training keeps one core busy, and the machine meant has two
_MOST_SEEDS: Final = 100
# How many problems the paper's sets have, for a store that doesn't hold them.
_PAPER_SIZES: Final[Mapping[str, int]] = {
    "DAPO-Math-17k": 14_000, "AIME24": 30, "AIME25": 30, "AMC23": 40, "MATH500": 500
}  # fmt: skip
# A response of the lab's base to a problem of a set, in tokens (data/lab/README.md); of all sets, their mean.
_LAB_LENGTH: Final = 140


@dataclass(frozen=True, slots=True)
class ReproductionSpec(JsonRecord):
    """A reproduction to carry out: `only` names recipes or parts (empty: all); `processes` of them train at once."""

    scale: ReproductionScale = ReproductionScale.LAB
    seeds: tuple[int, ...] = (0, 1, 2)
    only: tuple[str, ...] = ()
    processes: int = 1

    def check(self) -> None:
        """Raise UserError for numbers that make no sense."""
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise UserError("Reproducing needs at least one seed, and each only once.")
        if len(self.seeds) > _MOST_SEEDS or min(self.seeds) < 0:
            raise UserError(f"Reproducing takes up to {_MOST_SEEDS} seeds, whole numbers from 0.")
        most = MOST_LAB_PROCESSES if self.scale is ReproductionScale.LAB else MOST_PROCESSES
        if not 1 <= self.processes <= most:
            raise UserError(f"At {self.scale} scale 1 to {most} parts can be trained at once, not {self.processes}.")


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """A part before it is carried out. `differs` are its settings where they aren't the paper's: name, the paper's
    value, ours. `state` is its training's, "" where there is none.
    """

    part: RecipePart
    model: str
    differs: list[tuple[str, Any, Any]]
    cost: Cost
    state: str


class ReproductionService:
    """Carries the recipes out over one store."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        lexicons: LexiconService,
        models: ModelService,
        problems: ProblemService,
        jobs: JobService,
        trainings: TrainingService,
        runner: TrainingRunner,
    ) -> None:
        self._store, self._settings, self._lexicons, self._models = store, settings, lexicons, models
        self._problems, self._jobs, self._trainings, self._runner = problems, jobs, trainings, runner

    # -- asking -------------------------------------------------------------------------------------

    def parts(self, scale: ReproductionScale, seed: int, only: Sequence[str] = ()) -> list[RecipePart]:
        """The parts of one seed, each once. Raises UserError for a name in `only` that no recipe or part has."""
        models = {info.model.name: info.model.id for info in self._models.all()}
        return parts_of(recipes(scale, seed, models), only)

    def plan(self, spec: ReproductionSpec) -> list[PlannedPart]:
        """What would be done and what it would take; neither models nor sets need to be there. Raises UserError."""
        spec.check()
        sizes = {**_PAPER_SIZES, **{info.name: info.size for info in self._problems.sets()}}
        states = self._states()
        return [self._planned(spec.scale, part, sizes, states.get(key, "")) for key, part in self._asked(spec).items()]

    def _planned(self, scale: ReproductionScale, part: RecipePart, sizes: Mapping[str, int], state: str) -> PlannedPart:
        own = part.spec.settings
        # Where nothing is trained no setting matters.
        differs = [row for row in own.differences(published(own.method)[0]) if row[0] != "seed"] if own.steps else []
        if scale is ReproductionScale.LAB:
            takes = cost(part.spec, _LAB_LENGTH, sizes, costing.LAB)
            return PlannedPart(part, lab_recipes.MODEL, differs, takes, state)
        world = paper_recipes.world_of(part)
        machine = costing.gpu(world.parameters)
        return PlannedPart(part, world.name, differs, cost(part.spec, world.length, sizes, machine), state)

    def check(self, spec: ReproductionSpec) -> None:
        """Raise UserError, before anything is begun, for what can't be carried out here, saying all that is missing."""
        spec.check()
        wanted = self.parts(spec.scale, spec.seeds[0], spec.only)
        sets = {info.name for info in self._problems.sets()}
        models = {info.model.name for info in self._models.all()}
        needs = dict.fromkeys(need for part in wanted for need in part.needs)
        if lacking := [need for need in needs if need not in sets and need not in models]:
            named = ", ".join(lacking)
            raise UserError(
                f"The recipes of {spec.scale} scale need what this store lacks: {named}. Enter models on the page "
                "Models, import problem sets under these names; a dry run needs neither."
            )
        for part in wanted:
            part.spec.check()
        # Looking up thousands of solutions takes a while: once for all parts that need the same.
        for one in {_demands(part.spec): part.spec for part in wanted}.values():
            self._trainings.check(dataclasses.replace(one, size=None))

    def submit(self, spec: ReproductionSpec) -> Job:
        """Check what is asked for and queue it. Raises UserError as `check`."""
        self.check(spec)
        what = ", ".join(spec.only) or "all recipes"
        seeds = "seed" if len(spec.seeds) == 1 else "seeds"
        title = f"Reproduce {what} · {spec.scale} scale · {seeds} {', '.join(map(str, spec.seeds))}"
        return self._jobs.submit(JobKind.REPRODUCE, title, spec.to_json(), Lane.BATCH)

    def missing(self, spec: ReproductionSpec) -> dict[str, RecipePart]:
        """Identity -> part of all that isn't finished, seed by seed, in the recipes' order."""
        spec.check()
        states = self._states()
        return {identity: part for identity, part in self._asked(spec).items() if states.get(identity) != DONE}

    # -- doing --------------------------------------------------------------------------------------

    def carry_out(self, job: Job, progress: JobProgress) -> dict[str, Any]:
        """Train the parts that aren't finished. One that fails doesn't stop the others; the result names it.

        Returns {"parts": how many were asked for, "finished": how many of them are, "failed": sentences}. Raises
        UserError where nothing came of it, and JobCancelled where it was cancelled.
        """
        # Asked anew at every attempt: what an earlier one finished is not missing any more.
        spec = ReproductionSpec.from_json(job.spec)
        asked, missing = len(self._asked(spec)), self.missing(spec)
        parts_progress = _PartsProgress(progress, asked, asked - len(missing))
        trainings, failed = self._begun(missing)
        try:
            outcomes = self._runner.train(trainings, spec.processes, progress, parts_progress)
        except JobCancelled:
            raise JobCancelled(self.settle(job)) from None
        named = {training.id: training.name for training in trainings}
        ended = [one for one in outcomes if one.state != DONE or one.reason]
        failed += [f"{named[one.training_id]}: {one.reason or one.state}" for one in ended]
        for sentence in failed:
            progress.log(f"Not finished: {sentence}", "error")
        if failed and len(failed) == asked:
            raise UserError(f"None of the {asked} parts was finished. The first: {failed[0]}")
        return {"parts": asked, "finished": asked - len(failed), "failed": failed}

    def settle(self, job: Job) -> dict[str, Any]:
        """The result of a job nobody goes on with; the steps of its trainings are in the store already."""
        spec, standings = ReproductionSpec.from_json(job.spec), self._store.trainings.standings()
        for training in self._store.trainings.all():
            if training.job == job.id and not standings[training.id].outcome:
                self._store.trainings.end(training.id, CANCELLED)
        asked = len(self._asked(spec))
        return {"parts": asked, "finished": asked - len(self.missing(spec)), "failed": []}

    def _begun(self, missing: Mapping[str, RecipePart]) -> tuple[list[Training], list[str]]:
        """The trainings of parts, entered where they are new, and a sentence for each part that can't be trained."""
        found, failed = [], []
        for identity, part in missing.items():
            try:
                found.append(self._trainings.start(part.spec, identity))
                self._store.trainings.wish(found[-1].id, "")  # one that was paused goes on
            except UserError as error:
                failed.append(f"{part.spec.name}: {error}")
        return found, failed

    # -- results ------------------------------------------------------------------------------------

    def results(self, scale: ReproductionScale | str) -> Results:
        """The results of a scale: the store's where it holds any finished part, else the shipped ones.

        Without either, there are no parts, and every claim is undecided.
        """
        scale = scale_of(scale)
        found = self.stored(scale)
        if not any(part.finished for part in found.parts) and (shipped := self.shipped()) and shipped.scale is scale:
            return shipped
        return found

    def stored(self, scale: ReproductionScale) -> Results:
        """The store's own results."""
        parts = self._found(scale)
        lexicon = self._lexicons.get(LEXICON).id
        claims = judge(scale, StoreEvidence(self._store, parts, lexicon))
        return Results(scale, parts, claims, "store", commit(), lexicon)

    def shipped(self) -> Results | None:
        """The shipped results, None where there are none."""
        path = self._settings.lab / SHIPPED
        return load_shipped(path) if path.is_file() else None

    def ship(self, path: Path | None = None, scale: ReproductionScale = ReproductionScale.LAB) -> int:
        """Replace the shipped results with the store's; returns the file's size in bytes.

        Raises UserError where the store has none.
        """
        found = self.stored(scale)
        finished = dataclasses.replace(found, parts=[part for part in found.parts if part.finished])
        if not finished.parts:
            raise UserError(f"The store holds no finished part of {scale} scale: there is nothing to ship.")
        runs = {row.run for part in finished.parts for row in part.evaluations}
        # Results link to the traces that are shipped: the demo's.
        listing = self._settings.lab / FOLDER / "runs.json"
        demo = json.loads(listing.read_text("utf-8"))["runs"] if listing.is_file() else []
        shown = [entry["run"]["id"] for entry in demo if entry["run"]["id"] in runs]
        return write_shipped(finished, path or self._settings.lab / SHIPPED, shown)

    def worth_shipping(self, scale: ReproductionScale = ReproductionScale.LAB) -> list[str]:
        """The runs whose traces are shipped beside the results: before and after every training of the first seed, on
        held-out problems and on seen ones.
        """
        parts = [part for part in self._found(scale) if part.finished and part.seed == 0]
        rows = [(part, row) for part in parts for row in part.evaluations if row.name in (HELD_OUT[scale], SEEN)]
        ends = [row.run for part, row in rows if row.step in (0, part.spec.settings.steps)]
        return list(dict.fromkeys(ends))

    # -- inside -------------------------------------------------------------------------------------

    def _asked(self, spec: ReproductionSpec) -> dict[str, RecipePart]:
        """Identity -> part, seed by seed; a part that is the same for several seeds comes once."""
        parts = (part for seed in spec.seeds for part in self.parts(spec.scale, seed, spec.only))
        return {part.identity(spec.scale): part for part in parts}

    def _states(self) -> dict[str, str]:
        """Part's identity -> the state of its training, of all that were begun."""
        # Newest first in the list: reversed, so that of a part begun twice the newest training counts.
        return {info.training.part: info.state for info in reversed(self._trainings.all()) if info.training.part}

    def _found(self, scale: ReproductionScale) -> list[PartResult]:
        """The parts of this scale that the store knows, of every seed, in the recipes' order."""
        begun = {training.part: training for training in reversed(self._store.trainings.all()) if training.part}
        seeds = sorted({TrainingSpec.from_json(training.spec).settings.seed for training in begun.values()})
        known = self._asked(ReproductionSpec(scale, tuple(seeds)))
        return [self._result(part, begun[identity]) for identity, part in known.items() if identity in begun]

    def _result(self, part: RecipePart, training: Training) -> PartResult:
        trainings, seed = self._store.trainings, part.spec.settings.seed
        steps, evaluations = trainings.steps(training.id), trainings.evaluations(training.id)
        return PartResult(part.key, part.recipe, part.title, seed, part.spec, steps, evaluations, training.id)


def _demands(spec: TrainingSpec) -> tuple[Any, ...]:
    """What a training needs to be there, whatever its seed and its number of problems."""
    needed = (spec.settings.needs_solutions, spec.settings.needs_answers)
    return spec.model, spec.problem_set, needed, tuple(one for one in spec.evaluations if not one.seen)


class _PartsProgress:
    """Shows in a job's line how many parts are finished, and how far the one is whose event came last."""

    def __init__(self, progress: JobProgress, parts: int, finished: int) -> None:
        self._progress, self._finished, self._steps = progress, finished, dict[str, int]()
        progress.begin(parts, "parts", finished)

    def __call__(self, training: Training, event: Mapping[str, Any]) -> None:
        if event["k"] == "begin":
            self._steps[training.id] = int(event["steps"])
        elif event["k"] == "done":
            self._finished += 1
            self._progress.step(self._finished, f"{training.name} is finished")
        elif event["k"] == "step":
            where = f"step {event['step']} of {self._steps.get(training.id, '?')}"
            self._progress.step(self._finished, f"{training.name}: {where}")
