"""Arms of an experiment: one way of training each, with its finished parts and a run for every seed.

Owns which runs stand behind a figure: an arm's evaluation of a set, at a step, under a context, over its seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.domain import Context
from backend.services.reproduction.recipes.recipe import CONTEXTS
from backend.services.reproduction.results import PartResult, Results
from backend.services.training.training_specs import SEEN
from backend.store.trainings import EvaluationRow, StepRow

LAST = -1  # stands for an arm's own last step: arms are trained for different numbers of steps


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of training: its finished parts, one a seed."""

    key: str
    title: str
    parts: tuple[PartResult, ...]

    @property
    def last(self) -> int:
        """Its last step."""
        return self.parts[0].spec.settings.steps

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds it was trained with."""
        return tuple(part.seed for part in self.parts)

    @property
    def sets(self) -> list[str]:
        """What it was evaluated on without a context, in order; "seen" for its own problems."""
        return list(dict.fromkeys(one.name for one in self.parts[0].spec.evaluations if one.context is Context.NONE))

    def runs(self, name: str, step: int = LAST, context: Context = Context.NONE) -> tuple[str, ...]:
        """The run of each seed; () unless every seed has one."""
        wanted = self.last if step == LAST else step
        found = [row.run for part in self.parts for row in _rows(part, name, context) if row.step == wanted]
        # A seed that lacks the run would leave a mean over fewer seeds than the arm claims.
        return tuple(found) if len(found) == len(self.parts) else ()

    def steps(self, name: str) -> list[int]:
        """The steps at which every seed was evaluated on a set."""
        of_seeds = [{row.step for row in _rows(part, name, Context.NONE)} for part in self.parts]
        return sorted(set.intersection(*of_seeds)) if of_seeds else []

    def histories(self) -> list[list[StepRow]]:
        """The steps of each seed."""
        return [part.steps for part in self.parts]


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms of some results, by key, in the recipes' order."""

    by_key: dict[str, Arm]

    def get(self, *keys: str) -> list[Arm]:
        """Those of these that there are."""
        return [self.by_key[key] for key in keys if key in self.by_key]

    def of_recipe(self, recipe: str) -> list[Arm]:
        """The arms of a recipe."""
        return [arm for arm in self.by_key.values() if arm.parts[0].recipe == recipe]

    @property
    def contexts(self) -> Arm | None:
        """The part that trains nothing and shows the base its contexts."""
        return self.by_key.get(CONTEXTS)


def arms_of(results: Results, seeds: Sequence[int] = ()) -> Arms:
    """The finished parts as arms, of these seeds alone where any are named."""
    found: dict[str, list[PartResult]] = {}
    for part in results.parts:
        # What trains nothing (the contexts) has no seed to be chosen by.
        if part.finished and (not seeds or part.seed in seeds or not part.spec.settings.steps):
            found.setdefault(part.key, []).append(part)
    return Arms({key: Arm(key, parts[0].title, tuple(parts)) for key, parts in found.items()})


def set_title(name: str) -> str:
    """A problem set's name for people."""
    return "training problems" if name == SEEN else name


def _rows(part: PartResult, name: str, context: Context) -> list[EvaluationRow]:
    return [row for row in part.evaluations if (row.name, row.context) == (name, context)]
