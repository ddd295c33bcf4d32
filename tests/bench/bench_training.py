"""Seconds a step of our self-distillation trainer against TRL's own, on one thread, in one process.

All three have the same model, prompts, contexts, batch and settings, gradient checkpointing off and nothing watched.
Responses never end early, so that every step is the same work. The rounds take turns, so that a machine that slows
down does so for all of them. TRL's own trainer draws with `generate()`; ours draws with our decoder, or for the price
of the rest alone, with `generate()` as well.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl.experimental.sdft import SDFTConfig, SDFTTrainer

from backend.distill import arguments, trainers
from backend.distill.reply_reader import Reader
from backend.distill.settings import TrainingSettings
from backend.distill.train_plan import TrainingProblem, TrainPlan
from backend.lab import lab_problems
from tests.bench.bench_decode import checkpoint

ROWS, TOKENS, WARM, STEPS, ROUNDS = 32, 128, 2, 5, 2
LEXICONS: Final = Path(__file__).resolve().parents[2] / "data" / "lexicons"

Seconds = tuple[float, float]


class Timed(TrainerCallback):
    """CPU and wall seconds of each step."""

    def __init__(self) -> None:
        """Nothing is timed yet."""
        self.steps: list[Seconds] = []
        self._begun = (0.0, 0.0)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The clock starts."""
        self._begun = (time.process_time(), time.perf_counter())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The clock stops."""
        self.steps.append((time.process_time() - self._begun[0], time.perf_counter() - self._begun[1]))


class WithGenerate(trainers.SelfDistillationTrainer):
    """Ours in all but the decoder."""

    def own_decoder(self: Any) -> bool:
        """Never."""
        return False


def plan(base: Path) -> TrainPlan:
    """32 problems with their solutions, 128 tokens a response."""
    chosen = lab_problems.problem_set("lab-cd3-train")[:ROWS]
    items = tuple(TrainingProblem(one.question, one.gold, lab_problems.solution(one)) for one in chosen)
    settings = TrainingSettings(steps=WARM + STEPS, prompts=ROWS, max_tokens=TOKENS, learning_rate=1e-6)
    return TrainPlan(str(base), settings, items, checkpoint_every=10**6)


def trainer(kind: Any, asked: TrainPlan, folder: Path) -> Any:
    """A trainer of `kind` from a fresh model that doesn't know how to end."""
    tokenizer = AutoTokenizer.from_pretrained(asked.base, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(asked.base, dtype=torch.float32)
    endless = len(tokenizer) - 1
    tokenizer.eos_token_id = endless
    model.config.eos_token_id = model.generation_config.eos_token_id = endless
    args = SDFTConfig(**(arguments.arguments(asked, folder) | {"save_strategy": "no"}))
    data = trainers._prompts(asked.items, asked.settings)
    made = kind(model=model, args=args, train_dataset=data, processing_class=tokenizer)
    made.teacher_context_builder = trainers.WholePromptBuilder(made)
    if isinstance(made, trainers.RolloutTrainer):
        made.equip(asked.settings, Reader(tokenizer, frozenset([endless]), str(LEXICONS)), asked.items)
    return made


def steps_of(kind: Any, asked: TrainPlan, folder: Path) -> list[Seconds]:
    """Seconds of the steps after the warm-up."""
    made, clock = trainer(kind, asked, folder), Timed()
    made.add_callback(clock)
    made.train()
    return clock.steps[WARM:]


def middle(steps: Sequence[Seconds], which: int) -> float:
    """The median of CPU (0) or wall (1) seconds."""
    return median(step[which] for step in steps)


def run() -> list[tuple[str, float, str]]:
    """(what, our seconds a step over TRL's, aim)."""
    torch.set_num_threads(1)
    kinds = {"bare": SDFTTrainer, "ours": trainers.SelfDistillationTrainer, "generate": WithGenerate}
    found: dict[str, list[Seconds]] = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory() as scratch:
        asked = plan(checkpoint(Path(scratch) / "model"))
        for _ in range(ROUNDS):
            for name, kind in kinds.items():
                found[name] += steps_of(kind, asked, Path(scratch) / name)
    rows = []
    for name, what, aim in (
        ("ours", "a self-distillation step against bare TRL", "at most 1.05"),
        ("generate", "the same, both drawing with generate()", "at most 1.05"),
    ):
        cpu, wall = (middle(found[name], n) / middle(found["bare"], n) for n in (0, 1))
        spent, theirs = middle(found[name], 0), middle(found["bare"], 0)
        detail = f"{aim}; {spent:.2f} against {theirs:.2f} CPU seconds, {wall:.2f}x by the clock, {ROWS} x {TOKENS}"
        rows.append((what, cpu, f"{detail} tokens, {len(found[name])} steps"))
    return rows


if __name__ == "__main__":
    for what, ratio, detail in run():
        print(f"{ratio:7.2f}x  {what}  ({detail})")
