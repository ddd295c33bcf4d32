"""The recipes at paper scale, with all their numbers (arXiv 2603.24472 and the code published with it).

A part's `note` says where it can't be as the paper had it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from backend.distill.settings import Method, Teacher, TrainingSettings
from backend.domain import Context
from backend.services.reproduction.recipes.recipe import (
    CONTEXTS,
    GRPO,
    SD_FULL,
    SD_NO_THINK,
    SFT_GUIDED,
    SFT_UNGUIDED,
    SLOW_EMA,
    Recipe,
    RecipePart,
)
from backend.services.training.paper_settings import REWARDED, SDPO, SFT
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec

TRAINED_ON: Final = "DAPO-Math-17k"
HELD_OUT: Final = "AIME24"
OTHERS: Final = ("AIME25", "AMC23", "MATH500")
SIZES: Final = (1, 8, 64, 128, 512)


@dataclass(frozen=True, slots=True)
class World:
    """A model as the paper used it. `length` is the mean of its responses without a hint, in tokens."""

    key: str
    name: str
    title: str
    parameters: float
    length: int
    temperature: float = 0.6
    note: str = ""


# Lengths: the paper's table 1 (DeepSeek), and the start of its length curves for Qwen3-8B without thinking; for the
# thinking ones none was published, and DeepSeek's stands in.
DEEPSEEK: Final = World(
    "", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "DeepSeek-R1-Distill-Qwen-7B", 7.6e9, 13_054
)  # fmt: skip
QWEN_ON: Final = World("-qwen3-8b", "Qwen/Qwen3-8B", "Qwen3-8B, thinking", 8.2e9, 13_054)
QWEN_OFF: Final = World(
    "-qwen3-8b-off",
    "Qwen/Qwen3-8B-thinking-off",
    "Qwen3-8B, not thinking",
    8.2e9,
    3_100,
    0.7,
    "the model is Qwen/Qwen3-8B in a folder whose chat template leaves thinking off, entered under this name",
)
SMALL: Final = World("-qwen3-1.7b", "Qwen/Qwen3-1.7B", "Qwen3-1.7B, thinking", 2.0e9, 13_054)
WORLDS: Final = (DEEPSEEK, QWEN_ON, QWEN_OFF, SMALL)

SFT_SIZE: Final = 1000  # of which about 800 have a correct response of both kinds
SMALL_DATA: Final = replace(SDPO, prompts=64, steps=100)
HINTED: Final = 100
HINTED_SAMPLES: Final = 8
HINTED_TOKENS: Final = 32_768
SAMPLES: Final = 16
EVERY: Final = 20  # ten of the paper's steps, which are two updates each
EVERY_SFT: Final = 500
EMA_RATE: Final = 0.05

_NOTE: Final = (
    "evaluations draw with top-p 1.0 (the paper: 0.95, or 0.8 without thinking) and end at as many tokens as rollouts "
    "do (the paper: 38,912)"
)
_SFT_NOTE: Final = (
    "the paper publishes no settings of its fine-tuning, these are LIMO's; the solutions shown are right responses of "
    "a stored run"
)
_HINT_NOTE: Final = (
    "the first 100 problems, not those solved in 1 to 4 of 8 tries; the solutions shown are right responses of a "
    "stored run; top-p 1.0, not 0.95"
)
_SHOWN: Final = (Context.NONE, Context.SOLUTION, Context.SOLUTION_NO_THINK, Context.REGENERATED)


def recipes(seed: int, models: Mapping[str, str]) -> list[Recipe]:
    """The four recipes for one seed; `models` maps names to ids, and names stand for models that aren't there."""
    paper = _Paper(seed, models)
    return [paper.contexts(), paper.sft(), paper.self_distillation(), paper.coverage()]


class _Paper:
    def __init__(self, seed: int, models: Mapping[str, str]) -> None:
        self._seed, self._models = seed, models

    def contexts(self) -> Recipe:
        """Section 3."""
        # No seed: nothing is trained, and the part is the same for all seeds.
        settings = TrainingSettings(steps=0, max_tokens=HINTED_TOKENS)
        shown = [
            EvaluationSpec(TRAINED_ON, limit=HINTED, last_samples=HINTED_SAMPLES, context=c, temperature=0.6)
            for c in _SHOWN
        ]
        model = self._models.get(DEEPSEEK.name, DEEPSEEK.name)
        spec = TrainingSpec(model, settings, evaluations=tuple(shown), name=CONTEXTS)
        part = RecipePart(
            CONTEXTS, "The base under four contexts", CONTEXTS, spec, (DEEPSEEK.name, TRAINED_ON), _HINT_NOTE
        )  # fmt: skip
        return Recipe(
            CONTEXTS, "Contexts", "3", "What does more of the solution in the prompt do to the doubts?", (part,)
        )

    def sft(self) -> Recipe:
        """Section 4."""
        arms = (
            (SFT_UNGUIDED, "SFT on responses written without a hint", Context.NONE),
            (SFT_GUIDED, "SFT on responses written with the solution in view", Context.SOLUTION),
        )
        parts = [self._part("sft", DEEPSEEK, key, title, replace(SFT, context=c), SFT_SIZE) for key, title, c in arms]
        asks = "All training responses are right: does it matter how they were written?"
        return Recipe("sft", "Fine-tuning", "4", asks, tuple(parts))

    def self_distillation(self) -> Recipe:
        """Section 5, with its figures' models, the teacher of its section 5.4 and the ablations of appendix G."""
        no_think = replace(SDPO, context=Context.SOLUTION_NO_THINK)
        moving = replace(SDPO, teacher=Teacher.EMA, teacher_rate=EMA_RATE)
        main = [
            (DEEPSEEK, SD_NO_THINK, "Teacher sees the sibling without its thinking", no_think),
            (DEEPSEEK, SLOW_EMA, "Moving teacher", moving),
            (DEEPSEEK, "sd-lower-rate", "Learning rate 1e-06", replace(SDPO, learning_rate=1e-6)),
            (DEEPSEEK, "sd-top-256", "Divergence over 256 tokens instead of 100", replace(SDPO, top_k=256)),
        ]
        main += [(world, GRPO + world.key, f"Rewards alone (GRPO), {world.title}", REWARDED) for world in WORLDS]
        main += [(world, SD_FULL + world.key, f"Self-distillation, {world.title}", SDPO) for world in (QWEN_ON, SMALL)]
        parts = [self._part("self-distillation", *row) for row in main]
        asks = "What does learning from oneself with the solution in view cost, and what decides how much?"
        everything = (self._full(DEEPSEEK), self._full(QWEN_OFF), *parts)
        return Recipe("self-distillation", "Self-distillation", "5", asks, everything)

    def coverage(self) -> Recipe:
        """Section 6, with Qwen3-8B not thinking."""
        few = [
            self._part("coverage", QWEN_OFF, f"coverage-{size}", f"|D| = {size}", SMALL_DATA, size) for size in SIZES
        ]
        asks = "How many problems does it take before the loss outweighs what is learned of the problems themselves?"
        return Recipe("coverage", "Coverage", "6", asks, (*few, self._full(QWEN_OFF)))

    def _full(self, world: World) -> RecipePart:
        return self._part(
            "self-distillation", world, SD_FULL + world.key, f"Self-distillation, {world.title}; |D| = all", SDPO
        )

    def _part(
        self, recipe: str, world: World, key: str, title: str, settings: TrainingSettings, size: int | None = None
    ) -> RecipePart:
        once = {"samples": SAMPLES, "last_samples": SAMPLES, "temperature": world.temperature}
        held_out = tuple(EvaluationSpec(name, **once) for name in (HELD_OUT, *OTHERS))  # type: ignore[arg-type]
        # At most 64 of the seen problems: 16 samples of thousands would take longer than the training.
        seen = EvaluationSpec(seen=True, limit=min(size or 64, 64), **once)  # type: ignore[arg-type]
        every = EVERY_SFT if settings.method is Method.SFT else EVERY
        spec = TrainingSpec(
            self._models.get(world.name, world.name),
            replace(settings, seed=self._seed),
            TRAINED_ON,
            size=size,
            pick_seed=self._seed,
            evaluations=(*held_out, seen),
            evaluate_every=every,
            checkpoint_every=every,
            watch_every=every,
            name=f"{key} · seed {self._seed}",
        )
        notes = [_NOTE, *([_SFT_NOTE] if settings.method is Method.SFT else []), *([world.note] if world.note else [])]
        needs = (world.name, TRAINED_ON, HELD_OUT, *OTHERS)
        return RecipePart(key, title, recipe, spec, needs, "; ".join(notes))


def world_of(part: RecipePart) -> World:
    """The model of a part."""
    return next(world for world in WORLDS if world.name in part.needs)
