"""The recipes at lab scale, with all their numbers: one seed takes two cores about three quarters of an hour."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from backend.distill.settings import Method, Schedule, Teacher, TrainingSettings
from backend.domain import Context
from backend.services.reproduction.recipes.recipe import (
    CONTEXTS,
    GRPO,
    SD_FULL,
    SD_NO_THINK,
    SFT_GUIDED,
    SFT_UNGUIDED,
    SLOW_EMA,
    SLOW_FIXED,
    Recipe,
    RecipePart,
)
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec

MODEL: Final = "lab-base"
TRAINED_ON: Final = "lab-cd3-train"
HELD_OUT: Final = "lab-cd3-test"
OTHERS: Final = ("lab-cd4-test", "lab-fx-test")
SIZES: Final = (1, 8, 64, 512)

# On the way FIRST held-out problems of the family trained on and FIRST seen ones are answered once; at the beginning
# and the end ALL of them, and those of the OTHERS, LAST_SAMPLES times. What is about the way itself asks all each time.
FIRST: Final = 100
ALL: Final = 200
LAST_SAMPLES: Final = 2
EVERY: Final = 10
EVERY_GRPO: Final = 20  # little changes on its way, and its steps are the slowest
# Few problems are answered more often: |D| -> samples on the way, samples at the beginning and the end.
SEEN_SAMPLES: Final[Mapping[int, tuple[int, int]]] = {1: (20, 100), 8: (5, 20), 64: (1, 3)}

SFT: Final = TrainingSettings(
    method=Method.SFT, steps=80, prompts=32, learning_rate=5e-4, schedule=Schedule.LINEAR, max_tokens=320
)
SFT_SIZE: Final = 1000
SFT_SEEN: Final = 600  # what it costs on seen and on held-out problems is compared, and differs by a few points
FULL: Final = TrainingSettings(
    method=Method.SDFT, context=Context.SOLUTION, steps=50, prompts=32, samples=1, learning_rate=5e-4, alpha=0.5,
    top_k=100, tail=True, teacher=Teacher.FIXED, max_tokens=320,
)  # fmt: skip
# Half the rollouts at a fifth of the rate: the doubts go between steps 30 and 40, so that the way can be compared.
SLOW: Final = replace(FULL, learning_rate=1e-4, steps=80, prompts=16)
EMA_RATE: Final = 0.05
LOWER_RATE: Final = 2e-4
REWARDED: Final = TrainingSettings(
    method=Method.GRPO, steps=80, prompts=8, samples=8, learning_rate=1.5e-4, max_tokens=320
)

_SHOWN: Final = (
    *(Context.NONE, Context.SOLUTION, Context.SOLUTION_NO_THINK),
    *(Context.REGENERATED, Context.ANSWER, Context.PLACEBO),
)


def recipes(seed: int, models: Mapping[str, str]) -> list[Recipe]:
    """The four recipes for one seed; `models` maps names to ids."""
    lab = _Lab(seed, models.get(MODEL, MODEL))
    return [lab.contexts(), lab.sft(), lab.self_distillation(), lab.coverage()]


class _Lab:
    """Builds recipes that differ in nothing but what they are about."""

    def __init__(self, seed: int, model: str) -> None:
        self._seed, self._model = seed, model

    def contexts(self) -> Recipe:
        """Section 3."""
        shown = [EvaluationSpec(HELD_OUT, limit=ALL, last_samples=LAST_SAMPLES, context=context) for context in _SHOWN]
        # The other families only show that it isn't one family's doing: two contexts are enough for that.
        few = (Context.NONE, Context.SOLUTION)
        shown += [EvaluationSpec(s, limit=ALL, last_samples=LAST_SAMPLES, context=c) for s in OTHERS for c in few]
        settings = TrainingSettings(steps=0, max_tokens=FULL.max_tokens)  # no seed: nothing is trained
        spec = TrainingSpec(self._model, settings, evaluations=tuple(shown), name=CONTEXTS)
        part = RecipePart(CONTEXTS, "The base under six contexts", CONTEXTS, spec, (MODEL, HELD_OUT, *OTHERS))
        return Recipe(
            CONTEXTS, "Contexts", "3", "What does more of the solution in the prompt do to the doubts?", (part,)
        )

    def sft(self) -> Recipe:
        """Section 4."""
        arms = (
            (SFT_UNGUIDED, "SFT on responses written without a hint", Context.NONE),
            (SFT_GUIDED, "SFT on responses written with the solution in view", Context.SOLUTION),
        )
        seen = replace(_seen(ALL), limit=SFT_SEEN)
        parts = [
            self._part("sft", key, title, replace(SFT, context=c), size=SFT_SIZE, seen=seen) for key, title, c in arms
        ]
        asks = "All training responses are right: does it matter how they were written?"
        return Recipe("sft", "Fine-tuning", "4", asks, tuple(parts))

    def self_distillation(self) -> Recipe:
        """Section 5."""
        moving = replace(SLOW, teacher=Teacher.EMA, teacher_rate=EMA_RATE)
        arms = (
            (SD_NO_THINK, "Teacher sees the solution without its thinking",
             replace(FULL, context=Context.SOLUTION_NO_THINK)),
            (GRPO, "Rewards alone (GRPO)", REWARDED),
            (SLOW_FIXED, "Fixed teacher, slowly", SLOW),
            (SLOW_EMA, "Moving teacher, slowly", moving),
            ("sd-lower-rate", f"Learning rate {LOWER_RATE:g}", replace(FULL, learning_rate=LOWER_RATE)),
            ("sd-all-tokens", "Divergence over all tokens instead of 100", replace(FULL, top_k=0)),
        )  # fmt: skip
        parts = [self._full(), *(self._part("self-distillation", *arm) for arm in arms)]
        asks = "What does learning from oneself with the solution in view cost, and what decides how much?"
        return Recipe("self-distillation", "Self-distillation", "5", asks, tuple(parts))

    def coverage(self) -> Recipe:
        """Section 6. All problems is the full self-distillation of section 5."""
        few = [
            self._part("coverage", coverage_key(size), f"|D| = {size}", FULL, size=size, seen=_seen(size))
            for size in SIZES
        ]
        asks = "How many problems does it take before the loss outweighs what is learned of the problems themselves?"
        return Recipe("coverage", "Coverage", "6", asks, (*few, self._full()))

    def _full(self) -> RecipePart:
        return self._part("self-distillation", SD_FULL, "Teacher sees the full solution; |D| = all", FULL)

    def _part(
        self,
        recipe: str,
        key: str,
        title: str,
        settings: TrainingSettings,
        *,
        size: int | None = None,
        seen: EvaluationSpec | None = None,
    ) -> RecipePart:
        # The slow ones are compared over their way: all problems each time, where the others get by with the first.
        slow = settings.learning_rate == SLOW.learning_rate
        first, samples = (0, LAST_SAMPLES) if slow else (FIRST, 1)
        main = EvaluationSpec(HELD_OUT, limit=ALL, first=first, samples=samples, last_samples=LAST_SAMPLES)
        others = [EvaluationSpec(name, limit=ALL, last_samples=LAST_SAMPLES, ends=True) for name in OTHERS]
        every = EVERY_GRPO if settings.method is Method.GRPO else EVERY
        spec = TrainingSpec(
            self._model,
            replace(settings, seed=self._seed),
            TRAINED_ON,
            size=size,
            pick_seed=self._seed,
            evaluations=(main, *others, seen or _seen(ALL)),
            evaluate_every=every,
            checkpoint_every=every,
            watch_every=every,
            name=f"{key} · seed {self._seed}",
        )
        return RecipePart(key, title, recipe, spec, (MODEL, TRAINED_ON, HELD_OUT, *OTHERS))


def coverage_key(size: int) -> str:
    """The key of the part that is trained on `size` problems."""
    return f"coverage-{size}"


def _seen(size: int) -> EvaluationSpec:
    """The evaluation of a training's own problems: the first of them, or all where they are few."""
    # One problem answered once says nothing: few problems are answered more often, as SEEN_SAMPLES has it.
    samples, last = SEEN_SAMPLES.get(size, (1, LAST_SAMPLES))
    return EvaluationSpec(seen=True, limit=min(size, ALL), first=min(size, FIRST), samples=samples, last_samples=last)
