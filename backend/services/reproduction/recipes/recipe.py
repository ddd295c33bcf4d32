"""Recipes as values: an experiment of the paper as a list of trainings, each with all its settings.

Owns the names of parts and what makes two parts the same; the numbers are in lab_recipes and paper_recipes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain import UserError, digest, visible
from backend.services.training.training_specs import TrainingSpec

# The parts that claims are tested on; at every scale they have these names.
CONTEXTS = "contexts"
SFT_UNGUIDED, SFT_GUIDED = "sft-unguided", "sft-guided"
SD_FULL, SD_NO_THINK, GRPO = "sd-full", "sd-nothink", "grpo"
SLOW_FIXED, SLOW_EMA = "slow-fixed", "slow-ema"


class ReproductionScale(StrEnum):
    """The world that a recipe is carried out in: the lab's small model, or the paper's own models."""

    LAB = "lab"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class RecipePart:
    """One training of a recipe, or evaluations alone where it has no step.

    `recipe` is the key of the recipe that owns it; another may have it too, and it is trained once. `needs` are the
    names of the models and problem sets it takes; `note` says where it can't be as the paper had it.
    """

    key: str
    title: str
    recipe: str
    spec: TrainingSpec
    needs: tuple[str, ...] = ()
    note: str = ""

    def identity(self, scale: ReproductionScale) -> str:
        """An id that only the same training has, so that it is never made twice."""
        # The seed is in the settings. Where nothing is trained all seeds have the same ones, and the part is one part.
        return digest("recipe part", scale.value, self.key, json.dumps(self.spec.to_json(), sort_keys=True))


@dataclass(frozen=True, slots=True)
class Recipe:
    """An experiment of the paper: its section there, its question, and the parts that answer it."""

    key: str
    title: str
    section: str
    sentence: str
    parts: tuple[RecipePart, ...]


def parts_of(recipes: Sequence[Recipe], only: Sequence[str] = ()) -> list[RecipePart]:
    """The parts, each once, in the recipes' order; `only` names recipes and parts. Raises UserError for other names."""
    parts = {part.key: part for recipe in recipes for part in recipe.parts}
    keys: Mapping[str, list[str]] = {recipe.key: [part.key for part in recipe.parts] for recipe in recipes}
    keys = {**{key: [key] for key in parts}, **keys}
    if strange := next((name for name in only if name not in keys), None):
        raise UserError(f"There is no recipe or part called {visible(strange, 60)!r}; there are {', '.join(keys)}.")
    wanted = {key for name in only for key in keys[name]} if only else set(parts)
    return [part for part in parts.values() if part.key in wanted]
