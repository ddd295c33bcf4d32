"""The estimated cost of a training: tokens written, learned from and read, and hours of a GPU or minutes of a CPU.

Owns the assumptions, which are constants with their source. Set-up, grading and saving aren't counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backend.distill.settings import Method
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec

# Decoding on one GPU of the H100's class: vLLM's own figure for Llama-3-8B is 6.2k tokens/s at 256 tokens in and out
# (vLLM PR #7117); caches of long reasoning halve it. Decoding is bound by memory, so the rate goes with 1 / parameters.
DECODE_8B: Final = 3_000.0
# Dense transformers: 6 FLOPs a parameter and token for forward and backward, 2 for forward (Kaplan et al. 2020, arXiv
# 2001.08361, section 2.1); 40 % of the 1e15 bf16 FLOP/s of an H100's data sheet.
TRAINED: Final = 6.0
READ: Final = 2.0
FLOPS: Final = 0.4e15
# The lab's model on one core of an ordinary server, as the prototype measured it: decoding in batches of 300, updates
# with forward and backward, and reading alone a third of that.
LAB_DECODE: Final = 5_000.0
LAB_TRAIN: Final = 3_000.0
LAB_READ: Final = 9_000.0


@dataclass(frozen=True, slots=True)
class Machine:
    """Tokens a second of one GPU or core, by what is done with them; `gpu` says whether time is in GPU-hours."""

    decode: float
    train: float
    read: float
    gpu: bool


LAB: Final = Machine(LAB_DECODE, LAB_TRAIN, LAB_READ, gpu=False)


def gpu(parameters: float) -> Machine:
    """One GPU of the H100's class with a dense model of `parameters` parameters."""
    return Machine(DECODE_8B * 8e9 / parameters, FLOPS / (TRAINED * parameters), FLOPS / (READ * parameters), gpu=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens written while training, written in evaluations, learned from, read by the teacher; and the time of one
    GPU or core.
    """

    rollout_tokens: int
    evaluation_tokens: int
    trained_tokens: int
    teacher_tokens: int
    seconds: float
    gpu: bool

    @property
    def gpu_hours(self) -> float | None:
        """Hours of one GPU; None at lab scale."""
        return self.seconds / 3600 if self.gpu else None

    @property
    def cpu_minutes(self) -> float | None:
        """Minutes of one core; None at paper scale."""
        return None if self.gpu else self.seconds / 60

    @property
    def duration(self) -> str:
        """The time with its unit: "12 GPU-hours"."""
        return f"{self.seconds / 3600:,.0f} GPU-hours" if self.gpu else f"{self.seconds / 60:,.1f} CPU-minutes"


def cost(spec: TrainingSpec, length: int, sizes: Mapping[str, int], machine: Machine) -> Cost:
    """The cost of a training. `length` is a response's mean tokens, `sizes` how many problems each set has."""
    # Every response is taken to be as long as the base's without a hint: an upper bound where training shortens them.
    settings = spec.settings
    problems = min(spec.size or sizes[spec.problem_set], sizes[spec.problem_set]) if spec.problem_set else 0
    drawn = settings.steps * settings.rollouts // settings.updates
    # SFT draws one of either kind for each problem, which both arms share; the second tries of a few are left out.
    if settings.method is Method.SFT:
        drawn = 2 * problems if settings.steps else 0
    taught = settings.steps * settings.rollouts // settings.updates * length
    # The teacher reads each rollout behind a solution, which is taken to be as long as a response.
    teacher = 2 * taught if settings.method in (Method.SDFT, Method.SDPO) else 0
    held = [problems if one.seen else sizes[one.problem_set] for one in spec.evaluations]
    asked = length * sum(_asked(spec, one, size) for one, size in zip(spec.evaluations, held, strict=True))
    seconds = (drawn * length + asked) / machine.decode + taught / machine.train + teacher / machine.read
    return Cost(drawn * length, asked, taught, teacher, seconds, machine.gpu)


def total(costs: list[Cost]) -> Cost:
    """The sum of several costs. Raises ValueError for none."""
    if not costs:
        raise ValueError("There is nothing to add up.")
    return Cost(
        sum(one.rollout_tokens for one in costs),
        sum(one.evaluation_tokens for one in costs),
        sum(one.trained_tokens for one in costs),
        sum(one.teacher_tokens for one in costs),
        sum(one.seconds for one in costs),
        costs[0].gpu,
    )


def _asked(spec: TrainingSpec, evaluation: EvaluationSpec, size: int) -> int:
    """Responses of one evaluation over the whole training: all its problems at both ends, the first ones between."""
    steps = spec.settings.steps
    size = min(size, evaluation.limit or size)
    first = min(size, evaluation.first or size)
    between = max(0, -(-steps // spec.evaluate_every) - 1)
    ends = 2 if steps else 1
    return ends * size * evaluation.last_samples + between * first * evaluation.samples
