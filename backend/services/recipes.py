"""The paper's experiments as recipes, by scale.

Owns which recipes each scale has. Knows nothing of their numbers, nor of how a part is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from backend.domain import UserError, visible
from backend.services import recipes_lab, recipes_paper
from backend.services.recipe import SD_FULL, SLOW_FIXED, Part, Recipe, Scale, parts_of

__all__ = ["COVERAGE", "FIXED_TEACHER", "HELD_OUT", "Part", "Recipe", "Scale", "parts_of", "recipes", "scale_of"]

# Scale -> the set that verdicts on held-out accuracy are about.
HELD_OUT: Final[Mapping[Scale, str]] = {Scale.LAB: recipes_lab.HELD_OUT, Scale.PAPER: recipes_paper.HELD_OUT}
# Scale -> part by |D|, the smallest first; the last is all problems.
COVERAGE: Final[Mapping[Scale, Mapping[str, str]]] = {
    Scale.LAB: {str(size): f"coverage-{size}" for size in recipes_lab.SIZES} | {"all": SD_FULL},
    Scale.PAPER: {str(size): f"coverage-{size}" for size in recipes_paper.SIZES}
    | {"all": SD_FULL + recipes_paper.QWEN_OFF.key},
}

# Scale -> the part with a fixed teacher that the moving one is held against.
FIXED_TEACHER: Final[Mapping[Scale, str]] = {Scale.LAB: SLOW_FIXED, Scale.PAPER: SD_FULL}


def recipes(scale: Scale | str, seed: int = 0, models: Mapping[str, str] | None = None) -> list[Recipe]:
    """The recipes of a scale for one seed.

    `models` maps names of models to their ids in a store; a model it lacks goes by its name. Raises UserError for
    another scale.
    """
    make = {Scale.LAB: recipes_lab.recipes, Scale.PAPER: recipes_paper.recipes}
    return make[scale_of(scale)](seed, models or {})


def scale_of(name: str) -> Scale:
    """The scale of that name. Raises UserError for another."""
    try:
        return Scale(name)
    except ValueError as error:
        raise UserError(f"There is no scale {visible(name, 40)!r}; there are {', '.join(Scale)}.") from error
