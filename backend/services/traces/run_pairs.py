"""Pairs of runs that belong side by side: the same problems, answered by related models.

Owns the rule by which two models are related: a named parent, or names that differ in training words alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backend.domain import Context, Run

# Words in a model's name that say how it was trained, not which model it is.
_TRAINING = frozenset(
    (
        *("base", "instruct", "it", "chat", "thinking", "think", "nothink", "sft", "rl"),
        *("rlft", "rlhf", "dpo", "grpo", "gspo", "rloo", "ppo", "sdpo", "sdft", "opsd", "tac"),
        *("notac", "limo", "lora", "distilled", "tuned", "finetuned", "ft"),
        *("step", "checkpoint", "ckpt", "guided", "unguided"),
    )
)
# Those of them that a starting point may carry.
_STARTING = frozenset({"base", "instruct", "it", "chat"})
_WORD = re.compile(r"\d+(?:\.\d+)?b?|[a-z]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs over shared problems: `base` is A, `variant` is B. `reason` says why they were put together."""

    base: Run
    variant: Run
    problems: int
    reason: str


def family(model: str) -> str:
    """What is left of a model's name without its maker and its training words: "Qwen-2.5-3B-rlft" -> "qwen 2.5 3b"."""
    words = [word.lower() for word in _WORD.findall(model.rpartition("/")[2])]
    return " ".join(word for word in words if word not in _TRAINING)


def _training(run: Run) -> frozenset[str]:
    """The training words of a run's model and variant."""
    named = f"{run.info.model.rpartition('/')[2]} {run.info.variant or ''}"
    return frozenset(word.lower() for word in _WORD.findall(named)) & _TRAINING


def _distance(run: Run) -> tuple[int, int, str]:
    """How far a run's model is from a plain one; "no..." words (NOTAC) say that something was left out."""
    words = _training(run) - _STARTING
    return sum(not word.startswith("no") for word in words), len(words), run.info.model


_PLAIN = (Context.NONE.value, None, None)


def _conditions(run: Run) -> tuple[str, str | None, str | None]:
    """The conditions a run was made under: context, forced opening, forbidden words."""
    return run.info.context.value, run.info.sampling.prefix, run.info.sampling.hush


def relation(a: Run, b: Run) -> tuple[Run, Run, str] | None:
    """(base, variant, reason) where two runs' models are related, else None.

    Two models are compared under the same conditions only; of one model, conditions are compared with none.
    """
    # Under different conditions, what the context did can't be separated from what the training did.
    if a.info.model != b.info.model and _conditions(a) != _conditions(b):
        return None
    for base, variant in ((a, b), (b, a)):
        if variant.info.parent == base.info.model:
            return base, variant, "trained from"
    if a.info.model == b.info.model:
        if _PLAIN not in (_conditions(a), _conditions(b)):
            return None
        # Made twice alike, as by a retry of what was lost: nothing lies between them but chance.
        if (a.info.context, a.info.sampling, a.info.variant) == (b.info.context, b.info.sampling, b.info.variant):
            return None
        first, second = sorted((a, b), key=lambda run: (_conditions(run) != _PLAIN, run.created, run.id))
        return first, second, "same model, other conditions"
    if a.info.parent and a.info.parent == b.info.parent:
        first, second = sorted((a, b), key=_distance)
        return first, second, "same parent"
    only_a, only_b = _training(a) - _training(b), _training(b) - _training(a)
    # More than one training word apart, somebody trained in between: such a pair shows no single cause.
    if family(a.info.model) != family(b.info.model) or max(len(only_a), len(only_b)) > 1:
        return None
    first, second = sorted((a, b), key=_distance)
    return first, second, "same family"


# How sure it is that a pair is what the page is about, the surest first.
_RANK = {"trained from": 0, "same family": 1, "same parent": 2, "same model, other conditions": 3}


def without_middles(runs: Sequence[Run]) -> list[Run]:
    """The runs without those of a series between its first and its last step: two hundred steps make 19,900 pairs."""
    steps: dict[tuple[str, str, Context], set[int]] = defaultdict(set)
    for run in runs:
        if run.info.series and run.info.step is not None:
            steps[run.info.series, run.info.dataset, run.info.context].add(run.info.step)
    ends = {line: {min(of), max(of)} for line, of in steps.items()}
    lines = [ends.get((run.info.series or "", run.info.dataset, run.info.context)) for run in runs]
    return [run for run, line in zip(runs, lines, strict=True) if not line or run.info.step in (None, *line)]


def find_pairs(runs: Mapping[str, Run], shared: Iterable[tuple[str, str, int]]) -> list[Pair]:
    """Pairs of related runs that share at least half of the smaller one's problems, the surest relation first."""
    pairs = []
    for left, right, problems in shared:
        a, b = runs.get(left), runs.get(right)
        if a is None or b is None or problems * 2 < min(a.problems, b.problems):
            continue
        if found := relation(a, b):
            pairs.append(Pair(found[0], found[1], problems, found[2]))
    return sorted(pairs, key=lambda p: (_RANK[p.reason], p.base.info.dataset, p.base.info.model, p.variant.info.model))
