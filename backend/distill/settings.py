"""Settings of a training run, with their limits and the checks that need neither a model nor a store.

Loads no model library, so that pages may import it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from backend.codec import JsonRecord
from backend.domain import Context, UserError


class Method(StrEnum):
    """How the student learns.

    SFT: from correct responses that it wrote before, with or without a context in view. SDFT: from the divergence to
    itself with a context from the data in view, on its own rollouts (OPSD is the same). SDPO: the same, with a
    successful sibling rollout as the context. GRPO: from rewards alone.
    """

    SFT = "SFT"
    SDFT = "SDFT"
    SDPO = "SDPO"
    GRPO = "GRPO"


class Teacher(StrEnum):
    """The teacher's weights: the student's at the start, a moving average of the student's, or the student's."""

    FIXED = "fixed"
    EMA = "moving average"
    LIVE = "live"


class Remedy(StrEnum):
    """A change to the loss that is meant to preserve expressions of uncertainty.

    CLIP: no token counts for more than `token_clip` nats (OPSD, arXiv 2601.18734, release of March 2026). ROUTE: the
    teacher attracts where the student is sure and repels where it is not (DASD, arXiv 2605.22263).
    """

    NONE = "none"
    CLIP = "clip"
    ROUTE = "route"


class Schedule(StrEnum):
    """The learning rate after the warm-up."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"


@dataclass(frozen=True, slots=True)
class TrainingSettings(JsonRecord):
    """Everything that decides a training run besides model and problems. Defaults are the lab's."""

    method: Method = Method.SDFT
    # What the teacher (SDFT) or the writer (SFT) has in view; SDPO's is the sibling, whole (SOLUTION) or without its
    # thinking.
    context: Context = Context.SOLUTION
    steps: int = 50  # updates of the weights
    # `samples` rollouts of each of `prompts` problems (SFT: so many responses) serve `updates` steps.
    prompts: int = 32
    samples: int = 1
    updates: int = 1
    learning_rate: float = 5e-4
    warmup: int = 0
    schedule: Schedule = Schedule.CONSTANT
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    # 0 is KL(teacher || student), 1 KL(student || teacher), between them the generalised Jensen-Shannon divergence:
    # over the student's `top_k` tokens (0: all) and, with `tail`, one bucket for the rest.
    alpha: float = 0.5
    top_k: int = 100
    tail: bool = True
    teacher: Teacher = Teacher.FIXED
    teacher_rate: float = 0.05  # the share of the student that a moving teacher takes in at each step
    ratio_clip: float = 2.0
    # The bounds of GRPO's ratio; the upper one is wider, as in the paper's settings.
    epsilon_low: float = 0.2
    epsilon_high: float = 0.28
    temperature: float = 1.0  # of rollouts
    max_tokens: int = 320
    remedy: Remedy = Remedy.NONE
    token_clip: float = 0.05  # nats
    route_share: float = 0.2  # of a response's tokens count as forks
    lora_rank: int = 0  # 0 trains all weights
    lora_alpha: int = 0  # 0: twice the rank
    micro_batch: int = 0  # rows that go through the model at once; 0: all of an update
    seed: int = 0

    @property
    def rollouts(self) -> int:
        """Responses in a batch of rollouts."""
        return self.prompts * self.samples

    @property
    def needs_solutions(self) -> bool:
        """Whether every problem needs a worked solution."""
        shown = (Context.SOLUTION, Context.SOLUTION_NO_THINK, Context.REGENERATED, Context.PLACEBO)
        return self.method in (Method.SFT, Method.SDFT) and self.context in shown

    @property
    def uses_solutions(self) -> bool:
        """Whether worked solutions are used where there are some."""
        # Unguided SFT keeps the problems that its guided counterpart keeps, and these depend on the solutions.
        return self.needs_solutions or self.method is Method.SFT

    @property
    def needs_answers(self) -> bool:
        """Whether every problem needs a gold answer: for rewards, to choose right responses, or to show."""
        return self.method is not Method.SDFT or self.context is Context.ANSWER

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> TrainingSettings:
        """From JSON; missing settings have their defaults. Raises UserError for unknown ones and bad values."""
        kinds: dict[str, type] = {f.name: type(f.default) for f in dataclasses.fields(cls)}
        if unknown := sorted(set(raw) - set(kinds)):
            raise UserError(f"There is no training setting {unknown[0]!r}; there are {', '.join(kinds)}.")
        try:
            # By the type of the default: enums come as text, and JSON doesn't tell 1 from 1.0.
            return cls(**{name: kinds[name](value) for name, value in raw.items()})
        except (ValueError, TypeError) as error:
            raise UserError(f"A training setting can't be read: {error}.") from error

    def differences(self, other: TrainingSettings) -> list[tuple[str, Any, Any]]:
        """(name, the other's value, ours) of every setting that differs."""
        pairs = [(f.name, getattr(other, f.name), getattr(self, f.name)) for f in dataclasses.fields(self)]
        return [(name, theirs, ours) for name, theirs, ours in pairs if theirs != ours]

    def check(self) -> None:
        """Raise UserError for settings that can't be trained with."""
        for name, (low, high) in _LIMITS.items():
            if not low <= getattr(self, name) <= high:
                what = name.replace("_", " ")
                raise UserError(
                    f"The {what} can't be {getattr(self, name):g}: it has to lie between {low:g} and {high:g}."
                )
        if self.rollouts % self.updates:
            raise UserError(f"{self.rollouts} rollouts can't be shared out evenly among {self.updates} updates.")
        if self.micro_batch and (self.rollouts // self.updates) % self.micro_batch:
            rows = self.rollouts // self.updates
            raise UserError(f"The {rows} rollouts of an update are no multiple of the micro batch, {self.micro_batch}.")
        self._check_method()

    def _check_method(self) -> None:
        if self.method in (Method.SDPO, Method.GRPO) and self.samples < 2:
            raise UserError(
                f"{self.method} compares rollouts of the same problem: it needs at least 2 samples a problem."
            )
        if self.method is Method.SDFT and self.context is Context.NONE:
            raise UserError("A self-teacher that sees nothing more than its student teaches nothing: choose a context.")
        if self.method is Method.SDPO and self.context not in (Context.SOLUTION, Context.SOLUTION_NO_THINK):
            raise UserError(
                "SDPO shows a successful sibling: the context is the full solution, or that without thinking."
            )
        if self.method is Method.SDFT and self.context is Context.REGENERATED:
            raise UserError("SDFT has no regenerated response to show: choose another context, or SFT.")
        if self.lora_rank and self.teacher is Teacher.EMA and self.method in (Method.SDFT, Method.SDPO):
            raise UserError(
                "A moving teacher of an adapter would be no average of the model: its two factors are averaged apart. "
                "Train all weights, or choose the fixed teacher."
            )
        if self.remedy is not Remedy.NONE and self.method not in (Method.SDFT, Method.SDPO):
            raise UserError(
                f"The remedy {self.remedy.value!r} changes the distillation loss, and {self.method} has none."
            )


# Wide on purpose: they catch a slip of the keyboard, and leave the judgement to the researcher.
_LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "steps": (0, 1_000_000),
    "prompts": (1, 65_536),
    "samples": (1, 1024),
    "updates": (1, 64),
    "learning_rate": (1e-9, 1.0),
    "warmup": (0, 1_000_000),
    "weight_decay": (0, 1),
    "clip_norm": (1e-6, 1e6),
    "alpha": (0, 1),
    "top_k": (0, 1_000_000),
    "teacher_rate": (0, 1),
    "ratio_clip": (1, 1000),
    "epsilon_low": (0, 1),
    "epsilon_high": (0, 10),
    "temperature": (0.01, 5),
    "max_tokens": (1, 131_072),
    "token_clip": (1e-6, 100),
    "route_share": (0.01, 0.99),
    "lora_rank": (0, 1024),
    "lora_alpha": (0, 4096),
    "micro_batch": (0, 65_536),
}
