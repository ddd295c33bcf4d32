"""Supervised fine-tuning of a lab model on its own correct responses, which made the shipped variants.

Both arms train on the same problems, as many responses each, all of them right; they differ only in whether the prompt
held the solution while a response was written. Prompts in training never hold a hint.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch.nn.utils import clip_grad_norm_

from backend.domain import UserError
from backend.lab import lab_model as models
from backend.lab import tokenizer
from backend.lab.corpus import TrainingBatch
from backend.lab.evaluate import is_right, prompt
from backend.lab.lab_problems import LabProblem, problem_set
from backend.lab.pretrain import PretrainProgress
from backend.lab.sampler import sample

STEPS: Final = 80
PROBLEMS: Final = 1000
ROWS: Final = 32
PEAK_RATE: Final = 5e-4
TRIES: Final = 3
SET: Final = "lab-cd3-train"

OnProgress = Callable[[PretrainProgress], None]
Pair = tuple[LabProblem, str]


def sft(
    base: Path,
    out: Path,
    *,
    guided: bool,
    steps: int = STEPS,
    problems: int = PROBLEMS,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> None:
    """Fine-tune the model in `base` on its own responses and write it to `out`. A finished folder stays as it is.

    `on_progress` is called after every step; what it raises stops the run and leaves `out` without a model.
    """
    if (out / models.CARD).exists():
        return
    # The method SFT of backend/distill does the same with TRL, and its variants have the same figures. This one stays
    # because the shipped weights are what this command gives, to the bit; one thread is part of that.
    torch.set_num_threads(1)
    model, words = models.load(base)
    pairs = [(problem, texts[guided]) for problem, texts in kept(model, words, problems, seed)]
    if not pairs:
        raise UserError(
            f"None of {problems:,} problems was answered right: there is nothing to fine-tune {base.name} on."
        )
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    last, began, tokens = None, time.monotonic(), 0
    for step, rows in enumerate(_rows(pairs, steps, seed)):
        optimiser.param_groups[0]["lr"] = PEAK_RATE * (1 - step / steps)
        part = _batch(words, rows)
        loss, _ = models.losses(model, part)
        optimiser.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        tokens += int((part.weights > 0).sum())
        took = time.monotonic() - began
        left = took / (step + 1) * (steps - step - 1)
        last = PretrainProgress(step + 1, steps, tokens, loss.item(), 0.0, tokens / max(took, 1e-9), left)
        if on_progress:
            on_progress(last)
    out.mkdir(parents=True, exist_ok=True)
    models.save(model, words, out, _card(base, guided, seed, steps, len(pairs), last))


def kept(model: Any, words: Any, problems: int, seed: int) -> list[tuple[LabProblem, tuple[str, str]]]:
    """Problems with two right responses each: one written without a hint, one with the full solution in view.

    A problem is dropped if none of TRIES unguided samples is right, or the guided one isn't.
    """
    # Guided first: nearly all of those are right, so that only few problems need unguided samples in vain.
    guided = _right(model, words, problem_set(SET)[:problems], "full", seed)
    found: dict[LabProblem, str] = {}
    for turn in range(TRIES):
        found |= _right(model, words, [p for p in guided if p not in found], "none", seed + 1 + turn)
    return [(problem, (found[problem], text)) for problem, text in guided.items() if problem in found]


def _right(model: Any, words: Any, problems: list[LabProblem], context: str, seed: int) -> dict[LabProblem, str]:
    """One response to each of `problems`, where it is right."""
    texts = sample(model, words, [prompt(problem, context) for problem in problems], seed=seed)
    return {problem: text for problem, text in zip(problems, texts, strict=True) if is_right(problem, text)}


def _rows(pairs: list[Pair], steps: int, seed: int) -> list[list[Pair]]:
    """The pairs of each step: every pair once before any comes again."""
    rng = random.Random(seed)  # noqa: S311  an order, no secret
    stream: list[Pair] = []
    while len(stream) < steps * ROWS:
        stream += rng.sample(pairs, len(pairs))
    return [stream[k * ROWS : (k + 1) * ROWS] for k in range(steps)]


def _batch(words: Any, rows: list[Pair]) -> TrainingBatch:
    prompts = [words(tokenizer.templated(problem.question)).input_ids for problem, _ in rows]
    responses = [words(text + tokenizer.END).input_ids for _, text in rows]
    length = max(len(p) + len(r) for p, r in zip(prompts, responses, strict=True))
    ids = torch.full((len(rows), length), words.pad_token_id)
    weights = torch.zeros(len(rows), length)
    for row, (before, after) in enumerate(zip(prompts, responses, strict=True)):
        ids[row, : len(before) + len(after)] = torch.tensor(before + after)
        weights[row, len(before) : len(before) + len(after)] = 1.0
    return TrainingBatch(ids, weights, torch.zeros_like(ids, dtype=torch.bool))


def _card(
    base: Path, guided: bool, seed: int, steps: int, responses: int, last: PretrainProgress | None
) -> dict[str, Any]:
    words = f"python -m backend lab sft --base DIR --out DIR --seed {seed}" + " --guided" * guided
    figures = {"tokens": last.tokens, "loss": round(last.loss, 4)} if last else {}
    arm = "guided" if guided else "unguided"
    settings = {"seed": seed, "steps": steps, "responses": responses, "set": SET, "rate": PEAK_RATE}
    return {"kind": f"sft-{arm}", "base": base.name, **settings, **figures, "command": words}
