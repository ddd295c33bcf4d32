"""The smallest trainings that are still real ones: four rollouts of a few tokens of the lab's shipped model.

Owns the plans, and running them in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from backend.distill import training_loop
from backend.distill.settings import Method, TrainingSettings
from backend.distill.train_plan import TrainingProblem, TrainPlan
from backend.lab import lab_problems

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "data" / "lab" / "lab-base"
LEXICONS = ROOT / "data" / "lexicons"

Event = dict[str, Any]
SMALL: dict[str, Any] = {"steps": 3, "prompts": 4, "max_tokens": 24, "learning_rate": 1e-3}
# With these, some of the eight rollouts are right and some are wrong, at every step.
REWARDED: dict[str, Any] = {"prompts": 2, "samples": 4, "max_tokens": 96}


def items(count: int, start: int = 0) -> tuple[TrainingProblem, ...]:
    """Problems the lab's base was trained on, with their worked solutions."""
    chosen = lab_problems.problem_set("lab-cd3-train")[start : start + count]
    return tuple(TrainingProblem(one.question, one.gold, lab_problems.solution(one)) for one in chosen)


def settings(method: Method = Method.SDFT, **changes: Any) -> TrainingSettings:
    """Settings of a small training."""
    needed = REWARDED if method in (Method.GRPO, Method.SDPO) else {"max_tokens": 96} if method is Method.SFT else {}
    return TrainingSettings(**(SMALL | {"method": method} | needed | changes))


def plan(asked: TrainingSettings, of: tuple[TrainingProblem, ...], **changes: Any) -> TrainPlan:
    """A small plan: it evaluates nothing, answers nothing on the way, and saves at every step."""
    rest: dict[str, Any] = {"base": str(LAB), "evaluate_every": 1000, "checkpoint_every": 1, "watch_every": 1000}
    return TrainPlan(settings=asked, items=of, **(rest | changes))


def train(
    asked: TrainPlan,
    folder: Path,
    pausing: Callable[[], bool] = lambda: False,
    say: Callable[[Event], None] | None = None,
) -> list[Event]:
    """Run a plan in this process; returns what it said."""
    events: list[Event] = []

    def both(event: Event) -> None:
        events.append(event)
        if say:
            say(event)

    training_loop.run(asked, folder, both, pausing)
    return events


def of_kind(events: list[Event], kind: str) -> list[Event]:
    """The events of one kind."""
    return [event for event in events if event["k"] == kind]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights in a checkpoint folder."""
    return load_file(folder / "model.safetensors")


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The largest difference between two sets of weights."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)
