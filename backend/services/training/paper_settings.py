"""The paper's training settings by method (arXiv 2603.24472 and the code published with it), to compare others with."""

from dataclasses import replace
from typing import Final

from backend.distill.settings import Method, Schedule, Teacher, TrainingSettings
from backend.domain import Context

# sdpo.yaml, actor.yaml and run_math_sdpo.sh of the paper's code: 256 problems of 8 rollouts a step, in two updates.
SDPO: Final = TrainingSettings(
    method=Method.SDPO, context=Context.SOLUTION, steps=200, prompts=256, samples=8, updates=2, learning_rate=1e-5,
    warmup=10, schedule=Schedule.CONSTANT, weight_decay=0.01, clip_norm=1.0, alpha=0.5, top_k=100, tail=True,
    teacher=Teacher.FIXED, ratio_clip=2.0, temperature=1.0, max_tokens=20_480,
    micro_batch=1,  # the paper's loss is a mean over the tokens of each row alone
)  # fmt: skip
REWARDED: Final = replace(SDPO, method=Method.GRPO, learning_rate=1e-6, epsilon_low=0.2, epsilon_high=0.28)
# The paper publishes none for section 4; these are those of LIMO, which its companion paper used.
SFT: Final = replace(
    SDPO, method=Method.SFT, steps=1500, prompts=8, samples=1, updates=1, learning_rate=5e-6, warmup=0,
    schedule=Schedule.COSINE, weight_decay=0.0, max_tokens=16_384,
)  # fmt: skip


def published(method: Method) -> tuple[TrainingSettings, str]:
    """The settings published for a method, and where they are from."""
    return {
        Method.SFT: (SFT, "LIMO's settings: the paper gives none for its fine-tuning"),
        Method.GRPO: (REWARDED, "the paper's GRPO"),
    }.get(method, (SDPO, "the paper's SDPO"))


def paper_settings(settings: TrainingSettings) -> tuple[TrainingSettings, str]:
    """`settings` with the paper's value for all but method, context and seed; and where those values are from."""
    theirs, source = published(settings.method)
    return replace(theirs, method=settings.method, context=settings.context, seed=settings.seed), source
