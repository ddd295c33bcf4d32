"""Trainings that taught nothing: how they are recognised, and the sentence that says why.

A checkpoint of such a training is no model of its own: it would be compared with its base as if it had been trained.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.distill.settings import Method, TrainingSettings
from backend.distill.train_plan import WHOLE

Values = Mapping[str, Any]


def why_untrained(folder: Path, steps: Sequence[Values]) -> str:
    """Why the checkpoint in `folder` is no trained model, as a clause; "" where it is one.

    `steps` are the values of the updates before it.
    """
    try:
        found = str(json.loads((folder / WHOLE).read_text(encoding="utf-8")).get("untrained", ""))
    except (OSError, ValueError):  # what isn't known isn't held against a checkpoint
        found = ""
    # A decay of the weights changes them without any signal.
    return found or ("the gradient was 0 at every step" if _always(steps, "grad_norm", 0) else "")


def sentence(clause: str, steps: Sequence[Values], settings: TrainingSettings) -> str:
    """What a training that taught nothing says of itself: the `clause`, what its steps show, and what to try."""
    rollouts = [
        f"every rollout was cut off at {settings.max_tokens:,} tokens" if _always(steps, "finished", 0) else "",
        "none was right" if _always(steps, "score", 0) else "",
        "all were right" if _always(steps, "score", 1) else "",
    ]
    seen = " and ".join(filter(None, rollouts))
    if _always(steps, "learning_rate", 0):
        seen = "the learning rate was 0"
    elif not seen and settings.method is Method.GRPO:
        seen = "all rollouts of a problem had the same reward"
    why = f": {seen}" if seen else ""
    mend = "Try longer responses, more samples a problem, problems of another difficulty, or another learning rate."
    return f"Nothing was learned{why}; {clause}. No model is entered. {mend}"


def _always(steps: Sequence[Values], name: str, value: float) -> bool:
    known = [step[name] for step in steps if step.get(name) is not None]
    return bool(known) and all(one == value for one in known)
