"""Pretrains a lab model from random weights, in one or two processes, and resumes after an interruption.

Owns the schedule, the exchange of gradients, checkpoints and progress. The weights are equal to the last bit with one
process or two, uninterrupted or resumed.
"""

import dataclasses
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import save_file
from torch import multiprocessing

from backend.domain import UserError
from backend.files import replacing
from backend.lab import lab_model as models
from backend.lab import tokenizer
from backend.lab.corpus import SHARDS, batch
from backend.lab.optimizers import load_state, optimizers, state_tensors

CHECKPOINT: Final = "checkpoint.safetensors"
STEPS: Final = 1600
SMOKE_STEPS: Final = 30
PEAK_RATE: Final = 3e-3
_WARM_UP: Final = 30  # steps
_FLAT: Final = 0.4  # share of the steps before the rate falls
_FLOOR: Final = 0.02  # of the peak rate, at the end
_CLIP: Final = 1.0
_SPEED_WINDOW: Final = 50  # steps over which the speed is averaged


@dataclass(frozen=True, slots=True)
class PretrainProgress:
    """Progress of a run: steps done of all, tokens so far, losses in nats, speed, and the time left in seconds."""

    step: int
    steps: int
    tokens: int
    loss: float
    verdict_loss: float
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class PretrainPlan:
    """The settings that determine a run's weights."""

    seed: int
    steps: int
    rows: int
    smoke: bool


class PretrainState(NamedTuple):
    """State of a run: steps, tokens, and its smoothed losses in nats."""

    step: int
    tokens: int
    loss: float
    verdict_loss: float


OnProgress = Callable[[PretrainProgress], None]


def pretrain(
    out: Path,
    *,
    seed: int = 0,
    steps: int | None = None,
    smoke: bool = False,
    processes: int = SHARDS,
    checkpoint_every: int | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Pretrain a model into `out`; called again after an interruption, it resumes from the last checkpoint.

    A finished folder stays as it is. `on_progress` is called in the first process only, after every step; what it
    raises stops the run. Raises UserError where `out` holds an unfinished run with other settings.
    """
    plan = PretrainPlan(seed, steps or (SMOKE_STEPS if smoke else STEPS), 4 if smoke else 15, smoke)
    if (out / models.CARD).exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    _checkpointed(out, plan)  # raises for other settings here, not within the processes
    every = checkpoint_every or (10 if smoke else 100)
    if processes == 1:
        _train(0, 1, "", out, plan, every, on_progress)
        return
    # The processes find each other by a file, so that no port is opened.
    with tempfile.TemporaryDirectory() as meeting:
        arguments = (processes, f"file://{meeting}/meet", out, plan, every, on_progress)
        multiprocessing.spawn(_train, arguments, nprocs=processes)


def rate_at(step: int, steps: int) -> float:
    """The learning rate of `step`: a short warm-up, constant, then linear to a fiftieth of the peak."""
    flat_until = _FLAT * steps
    falling = 1.0 if step < flat_until else 1 - (1 - _FLOOR) * (step - flat_until) / max(1.0, steps - flat_until)
    return PEAK_RATE * min(1.0, (step + 1) / min(_WARM_UP, max(1, steps // 4))) * falling


def _train(
    rank: int, processes: int, meeting: str, out: Path, plan: PretrainPlan, every: int, on_progress: OnProgress | None
) -> None:
    # One thread a process: on a busy machine two wait for each other at every small operation, ten times slower.
    torch.set_num_threads(1)
    if processes > 1:
        dist.init_process_group("gloo", meeting, timedelta(minutes=10), processes, rank)
    words = tokenizer.build()
    model = models.create(words, plan.seed, smoke=plan.smoke)
    used = optimizers(model, PEAK_RATE)
    done = _restore(out, plan, model, used)
    report = _Reporter(plan, done, on_progress if rank == 0 else None)
    for step in range(done.step, plan.steps):
        figures = _step(rank, processes, plan, step, model, used)
        done = report(figures)
        if rank == 0 and done.step < plan.steps and done.step % every == 0:
            _save_checkpoint(out, plan, model, used, done)
    if rank == 0:
        models.save(model, words, out, _card(plan, done))
        (out / CHECKPOINT).unlink(missing_ok=True)
    if processes > 1:
        dist.destroy_process_group()


def _step(
    rank: int, processes: int, plan: PretrainPlan, step: int, model: Any, used: list[torch.optim.Optimizer]
) -> tuple[float, float, int]:
    """One update; returns loss, verdict loss and tokens of all shards."""
    # The same shards whatever the number of processes, and their gradients are added: so the weights come out equal.
    model.zero_grad(set_to_none=False)
    figures = torch.zeros(3)
    for shard in range(rank, SHARDS, processes):
        part = batch(plan.seed, step, shard, plan.rows)
        loss, verdict_loss = models.losses(model, part)
        loss.backward()
        figures += torch.tensor([loss.item(), verdict_loss.item(), float((part.weights > 0).sum())])
    gradients = [p.grad for p in model.parameters()]
    # Figures and gradients in one tensor: one exchange a step.
    flat = torch.cat([figures, *(g.flatten() for g in gradients)])
    if processes > 1:
        dist.all_reduce(flat)
    figures, rest = flat[:3], flat[3:] / SHARDS
    rest *= torch.clamp(_CLIP / (rest.norm() + 1e-6), max=1.0)
    for gradient, piece in zip(gradients, rest.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(piece.view_as(gradient))
    for optimizer in used:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, plan.steps)
        optimizer.step()
    return float(figures[0]) / SHARDS, float(figures[1]) / SHARDS, int(figures[2])


class _Reporter:
    """Smooths the losses and reports progress, starting from the state `before`."""

    def __init__(self, plan: PretrainPlan, before: PretrainState, on_progress: OnProgress | None) -> None:
        self._plan, self._done, self._on_progress = plan, before, on_progress
        self._times: list[tuple[float, int]] = [(time.monotonic(), before.tokens)]

    def __call__(self, figures: tuple[float, float, int]) -> PretrainState:
        before = self._done if self._done.step else PretrainState(0, 0, *figures[:2])
        # Exponential averages: single batches differ too much to be read.
        loss, verdicts = 0.95 * before.loss + 0.05 * figures[0], 0.95 * before.verdict_loss + 0.05 * figures[1]
        now = self._done = PretrainState(before.step + 1, before.tokens + figures[2], loss, verdicts)
        self._times = [*self._times[-_SPEED_WINDOW:], (time.monotonic(), now.tokens)]
        took = max(1e-9, self._times[-1][0] - self._times[0][0])
        left = (self._plan.steps - now.step) * took / (len(self._times) - 1)
        if self._on_progress:
            speed = (now.tokens - self._times[0][1]) / took
            progress = PretrainProgress(now.step, self._plan.steps, now.tokens, loss, verdicts, speed, left)
            self._on_progress(progress)
        return now


def _card(plan: PretrainPlan, last: PretrainState) -> dict[str, Any]:
    words = (
        f"python -m backend lab pretrain --out DIR --seed {plan.seed} --steps {plan.steps}" + " --smoke" * plan.smoke
    )
    figures = {"tokens": last.tokens, "loss": round(last.loss, 4), "verdict_loss": round(last.verdict_loss, 4)}
    return {"kind": "base", **dataclasses.asdict(plan), **figures, "command": words}


def _save_checkpoint(
    out: Path, plan: PretrainPlan, model: Any, used: list[torch.optim.Optimizer], done: PretrainState
) -> None:
    tensors = {f"model/{name}": p.detach() for name, p in model.named_parameters()}
    tensors |= {f"state/{name}": value for name, value in state_tensors(model, used).items()}
    metadata = {"plan": json.dumps(dataclasses.asdict(plan)), "done": json.dumps(done)}
    with replacing(out / CHECKPOINT) as half:
        save_file(tensors, half, metadata)


def _checkpointed(out: Path, plan: PretrainPlan) -> PretrainState:
    """The state of the checkpoint in `out`, step 0 if there is none. Raises UserError for other settings."""
    if not (out / CHECKPOINT).exists():
        return PretrainState(0, 0, 0.0, 0.0)
    with safe_open(out / CHECKPOINT, "pt") as file:
        metadata = file.metadata()
    if json.loads(metadata["plan"]) != dataclasses.asdict(plan):
        raise UserError(
            f"{out} holds an unfinished run with other settings ({metadata['plan']}): go on with those, "
            "choose another folder, or delete it."
        )
    return PretrainState(*json.loads(metadata["done"]))


def _restore(out: Path, plan: PretrainPlan, model: Any, used: list[torch.optim.Optimizer]) -> PretrainState:
    done = _checkpointed(out, plan)
    if done.step:
        with safe_open(out / CHECKPOINT, "pt") as file:
            held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  safe_open isn't a mapping
        weights = {name.removeprefix("model/"): t for name, t in held.items() if name.startswith("model/")}
        model.load_state_dict(weights, strict=False)  # the output layer is the tied embedding
        state = {name.removeprefix("state/"): t for name, t in held.items() if name.startswith("state/")}
        load_state(model, used, state)
    return done
