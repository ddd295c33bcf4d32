"""The catalogue of recipes by scale, and the parts and sets that verdicts are about."""

from collections.abc import Mapping
from typing import Final

from backend.domain import UserError, visible
from backend.services.reproduction.recipes import lab_recipes, paper_recipes
from backend.services.reproduction.recipes.recipe import SD_FULL, SLOW_FIXED, Recipe, ReproductionScale

# Scale -> the set that verdicts on held-out accuracy are about.
HELD_OUT: Final[Mapping[ReproductionScale, str]] = {
    ReproductionScale.LAB: lab_recipes.HELD_OUT,
    ReproductionScale.PAPER: paper_recipes.HELD_OUT,
}
# Scale -> part by |D|, the smallest first; the last is all problems.
COVERAGE: Final[Mapping[ReproductionScale, Mapping[str, str]]] = {
    ReproductionScale.LAB: {str(size): f"coverage-{size}" for size in lab_recipes.SIZES} | {"all": SD_FULL},
    ReproductionScale.PAPER: {str(size): f"coverage-{size}" for size in paper_recipes.SIZES}
    | {"all": SD_FULL + paper_recipes.QWEN_OFF.key},
}

# Scale -> the part with a fixed teacher that the moving one is compared with. In the lab both are slow ones: at the
# full rate accuracy is on its floor within 25 steps, and no teacher could make a difference.
FIXED_TEACHER: Final[Mapping[ReproductionScale, str]] = {
    ReproductionScale.LAB: SLOW_FIXED,
    ReproductionScale.PAPER: SD_FULL,
}


def recipes(scale: ReproductionScale | str, seed: int = 0, models: Mapping[str, str] | None = None) -> list[Recipe]:
    """The recipes of a scale for one seed.

    `models` maps names of models to their ids in a store; a model it lacks goes by its name. Raises UserError for
    another scale.
    """
    make = {ReproductionScale.LAB: lab_recipes.recipes, ReproductionScale.PAPER: paper_recipes.recipes}
    return make[scale_of(scale)](seed, models or {})


def scale_of(name: str) -> ReproductionScale:
    """The scale of that name. Raises UserError for another."""
    try:
        return ReproductionScale(name)
    except ValueError as error:
        raise UserError(
            f"There is no scale {visible(name, 40)!r}; there are {', '.join(ReproductionScale)}."
        ) from error
