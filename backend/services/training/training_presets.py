"""Presets of the page Distil: trainings that the lab carries out in minutes, each with what to look for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from backend.distill.settings import Method, Remedy, Schedule, TrainingSettings
from backend.domain import Context
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec

BASE: Final = "lab-base"
TRAINED_ON: Final = "lab-cd3-train"
# Not the recipes' 5e-4: at that rate accuracy goes over a cliff between steps 10 and 25, at this one it falls visibly.
LOSE: Final = TrainingSettings(method=Method.SDFT, context=Context.SOLUTION, steps=50, prompts=32, learning_rate=2e-4)
# 100 problems every five steps keep a preset within minutes; their intervals still show the fall.
_EVALUATIONS: Final = (
    EvaluationSpec("lab-cd3-test", limit=200, first=100, samples=1, last_samples=1),
    EvaluationSpec(seen=True, limit=100, samples=1, last_samples=1),
)


@dataclass(frozen=True, slots=True)
class TrainingPreset:
    """A training ready to start: `sentence` says what to look for."""

    name: str
    title: str
    sentence: str
    spec: TrainingSpec


def training_presets(models: Mapping[str, str]) -> list[TrainingPreset]:
    """The presets whose model is there; `models` maps names to ids."""
    if BASE not in models:
        return []
    made = [_made(models[BASE], *row) for row in _ROWS]
    return [
        TrainingPreset(name, title, sentence, spec)
        for (name, title, sentence, *_), spec in zip(_ROWS, made, strict=True)
    ]


_ROWS: Final = (
    (
        "lose",
        "Lose the doubts",
        "The lab's base learns from itself with the whole solution in view. Watch the doubts go, and the right answers"
        " with them.",
        LOSE,
        None,
    ),
    (
        "no-thinking",
        "A teacher that sees less",
        "The same, but the teacher is shown the solution without its thinking. The fall is slower and not as deep.",
        replace(LOSE, context=Context.SOLUTION_NO_THINK),
        None,
    ),
    (
        "few",
        "Eight problems only",
        "Self-distillation on eight problems: it learns those by heart, surely and briefly, and loses the others.",
        replace(LOSE, steps=40, learning_rate=5e-4),
        8,
    ),
    (
        "rewards",
        "Rewards instead (GRPO)",
        "The same problems, but what counts is being right. The doubts stay.",
        replace(LOSE, method=Method.GRPO, context=Context.NONE, prompts=8, samples=8, steps=40),
        None,
    ),
    (
        "clip",
        "Keep them: clip",
        "A remedy: no token may count for more than a twentieth of a nat, so that no single “Maybe” decides a step.",
        replace(LOSE, remedy=Remedy.CLIP),
        None,
    ),
    (
        "route",
        "Keep them: route",
        "A remedy: where the student is sure the teacher attracts it, at its forks it repels it.",
        replace(LOSE, remedy=Remedy.ROUTE),
        None,
    ),
    (
        "sft-guided",
        "Right answers, no doubts (SFT)",
        "Fine-tuning on its own right responses, written with the solution in view. All are right; what do they teach?",
        replace(LOSE, method=Method.SFT, steps=80, learning_rate=5e-4, schedule=Schedule.LINEAR),
        1000,
    ),
    (
        "sft-unguided",
        "Right answers, with doubts (SFT)",
        "The control: the same problems and as many right responses, but written without a hint.",
        replace(LOSE, method=Method.SFT, context=Context.NONE, steps=80, learning_rate=5e-4, schedule=Schedule.LINEAR),
        1000,
    ),
)


def _made(
    model: str, name: str, title: str, sentence: str, settings: TrainingSettings, size: int | None
) -> TrainingSpec:
    # Where a training has few problems, the seen ones to evaluate are those few.
    evaluations = tuple(replace(e, limit=min(e.limit or size, size)) if e.seen and size else e for e in _EVALUATIONS)
    return TrainingSpec(
        model=model,
        settings=settings,
        problem_set=TRAINED_ON,
        size=size,
        evaluations=evaluations,
        evaluate_every=5,
        checkpoint_every=10,
        preset=name,
    )
