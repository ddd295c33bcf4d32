"""Evaluates a lab model on a problem set under a context: accuracy, length, cues.

These figures are for the lab's README and for tuning the corpus; the app's are measured on stored runs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from backend.distill.contexts import user_turn
from backend.domain import Context
from backend.grading import countdown
from backend.lab import lab_model as models
from backend.lab.lab_problems import LabProblem, problem_set, solution
from backend.lab.sampler import sample
from backend.measure.bootstrap import Estimate, mean_estimate
from backend.measure.shares import mean_share

# The paper's ten words, counted by its rule: every occurrence in the lowered text, within words too.
CUES: Final = ("wait", "hmm", "perhaps", "maybe", "actually", "alternatively", "seems", "might", "likely", "check")
CONTEXTS: Final = {
    "none": Context.NONE,
    "full": Context.SOLUTION,
    "no-thinking": Context.SOLUTION_NO_THINK,
    "answer": Context.ANSWER,
}


@dataclass(frozen=True, slots=True)
class EvaluationFigures:
    """Means over problems with 95 % intervals: share of right responses, tokens and cues a response."""

    accuracy: Estimate
    tokens: Estimate
    cues: Estimate


def evaluate(
    folder: Path, name: str, *, context: str = "none", samples: int = 2, problems: int = 200, seed: int = 0,
    opening: str = "",
) -> EvaluationFigures:  # fmt: skip
    """The figures of the model in `folder` on the set `name`, `samples` responses a problem."""
    torch.set_num_threads(1)
    model, words = models.load(folder)
    chosen = problem_set(name)[:problems]
    prompts = [prompt(problem, context) for problem in chosen for _ in range(samples)]
    texts = sample(model, words, prompts, seed=seed, opening=opening)
    right = [is_right(chosen[k // samples], text) for k, text in enumerate(texts)]
    lengths = [len(words(text).input_ids) for text in texts]
    # First over the samples of a problem: the intervals are over problems.
    means = [
        np.array(values, dtype=np.float64).reshape(-1, samples).mean(axis=1)
        for values in (right, lengths, [cues(text) for text in texts])
    ]
    accuracy, tokens, found = mean_share(means[0], len(texts)), mean_estimate(means[1]), mean_estimate(means[2])
    assert accuracy and tokens and found
    return EvaluationFigures(accuracy, tokens, found)


def prompt(problem: LabProblem, context: str = "none") -> str:
    """The user message: the question alone, or with a hint in the paper's evaluation prompt."""
    return user_turn(problem.question, CONTEXTS[context], solution=solution(problem), gold=problem.gold)


def is_right(problem: LabProblem, text: str) -> bool:
    """Whether the response's one boxed answer is right, by exact arithmetic."""
    verdict = countdown.judge(problem.question, text)
    # The countdown rules don't apply to "Find x" questions, whose answer is a number.
    return bool(verdict.correct) if verdict else countdown.boxed(text)[0] == problem.gold


def cues(text: str) -> int:
    """Number of cues in the text by the paper's rule."""
    lowered = text.lower()
    return sum(lowered.count(cue) for cue in CUES)
