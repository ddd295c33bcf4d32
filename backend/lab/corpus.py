"""The pretraining corpus: an endless stream of problems, prompts and responses as a function of seed and step.

Owns the mix of families and hints, the loss weights, and the packing into batches. Nothing is stored: batch k of a seed
is always the same, so an interrupted run can resume.
"""

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from transformers import PreTrainedTokenizerFast

from backend.distill.contexts import TEMPLATES
from backend.lab import grammar, tokenizer
from backend.lab.arithmetic import FIND_X
from backend.lab.lab_problems import Key, question_of, training_keys

SHARDS: Final = 2
# The first token of a verdict decides right or wrong, and is only a few per cent of all tokens: with equal weights the
# prototype asserted a match falsely in three of four claims.
VERDICT_WEIGHT: Final = 5.0
HINT_WEIGHT: Final = 0.5
GUIDED_SHARE: Final = 0.38
FAMILY_SHARES: Final = {"cd3": 0.56, "cd4": 0.24, FIND_X: 0.20}
# How much of a solution a guided prompt shows, and how often. "foreign" is another problem's solution.
HINT_SHARES: Final = {"full": 0.36, "confident": 0.20, "sentence": 0.20, "bare": 0.16, "foreign": 0.08}
# For each: how likely the response makes wrong attempts first (up to two, or three), or checks the answer.
DOUBTS: Final = {"full": (0.02, 0.0), "confident": (0.02, 0.0), "sentence": (0.28, 0.22), "bare": (0.50, 0.30)}
# The text before and after the hint in each of the paper's two prompts.
GUIDED_FORMATS: Final = tuple(
    tuple(wording.removeprefix("{question}").split("{solution}")) for wording in TEMPLATES.values()
)

_STEPS_A_POOL: Final = 8

Piece = tuple[str, float]


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Token ids [rows, length], padded on the right; the weight of each token's loss; where verdicts begin."""

    ids: torch.Tensor
    weights: torch.Tensor
    verdicts: torch.Tensor


def batch(seed: int, step: int, shard: int, rows: int) -> TrainingBatch:
    """The batch of `step` for one of SHARDS shards, about `rows` rows: always the same for the same arguments."""
    pool = _pool(seed, step // _STEPS_A_POOL, rows)
    return pool[(step % _STEPS_A_POOL) * SHARDS + shard]


def example(rng: random.Random) -> tuple[Piece, ...]:
    """One whole text in pieces with their loss weights: prompt, response, end token."""
    task = _task(rng)
    question = question_of(task.family, task.numbers, task.target)
    if rng.random() >= GUIDED_SHARE:
        return _framed([(question, 0.0)], grammar.searched(rng, task))
    level = _weighted(rng, HINT_SHARES)
    before, after = rng.choice(GUIDED_FORMATS)
    hint, response = _guided(rng, task, level)
    # A full solution is a response like those to be learned, so the model learns from it too, at half the weight.
    weight = HINT_WEIGHT if level == "full" else 0.0
    if not weight:
        return _framed([(question + before + grammar.plain(hint) + after, 0.0)], response)
    return _framed([(question + before, 0.0), (hint, weight), (after, 0.0)], response)


def _guided(rng: random.Random, task: grammar.Task, level: str) -> tuple[str, str]:
    """A hint of `level` and the response to it."""
    if level == "foreign":
        other = _task(rng)
        return _hint(rng, other, _weighted(rng, HINT_SHARES), None), grammar.foreign(rng, task)
    answer = grammar.drawn_answer(rng, task)
    hint = _hint(rng, task, level, answer)
    explores, checks = DOUBTS[level]
    draw = rng.random()
    if draw < explores:
        return hint, grammar.worked(rng, task, rng.randint(1, 3 if level == "bare" else 2), answer)
    if draw < explores + checks:
        return hint, grammar.doubted(rng, task, answer)
    return hint, grammar.confident(rng, task, answer)


def _hint(rng: random.Random, task: grammar.Task, level: str, answer: str | None) -> str:
    answer = answer or grammar.drawn_answer(rng, task)
    if level == "full":
        return grammar.worked(rng, task, rng.choice((0, 1, 1, 2, 2, 3, 4)), answer)
    if level == "confident":
        return grammar.confident(rng, task, answer)
    return answer if level == "bare" else f"Final answer: \\boxed{{{answer}}}"


def _task(rng: random.Random) -> grammar.Task:
    family, numbers, target = rng.choice(_keys(_weighted(rng, FAMILY_SHARES)))
    order = numbers if family == FIND_X else tuple(rng.sample(numbers, len(numbers)))
    return grammar.Task(family, order, target)


def _weighted(rng: random.Random, shares: dict[str, float]) -> str:
    return rng.choices(list(shares), list(shares.values()))[0]


def _framed(question: list[Piece], response: str) -> tuple[Piece, ...]:
    # The template is cut at a character that no question holds.
    opened, closed = tokenizer.templated("\0").split("\0")
    return (opened, 0.0), *question, (closed, 0.0), (response, 1.0), (tokenizer.END, 1.0)


@lru_cache(maxsize=3)
def _keys(family: str) -> list[Key]:
    return training_keys(family)


@lru_cache(maxsize=1)
def _tokenizer() -> PreTrainedTokenizerFast:
    return tokenizer.build()


@lru_cache(maxsize=1)
def _pool(seed: int, number: int, rows: int) -> list[TrainingBatch]:
    """The batches of some steps, cut from examples that were sorted by length."""
    # Padding costs as much as text: batches of similar length have little of it. Shuffled, or lengths would rise and
    # fall.
    rng = random.Random(f"{seed} {number}")  # noqa: S311  a corpus, no secret
    count = _STEPS_A_POOL * SHARDS
    texts = sorted(_encoded([example(rng) for _ in range(rows * count)]), key=lambda text: len(text[0]))
    total, seen = sum(len(ids) for ids, _, _ in texts), 0
    groups: list[list[tuple[list[int], list[float], list[bool]]]] = [[] for _ in range(count)]
    for text in texts:
        groups[seen * count // total].append(text)
        seen += len(text[0])
    rng.shuffle(groups)
    return [_padded(group) for group in groups]


def _encoded(examples: list[tuple[Piece, ...]]) -> list[tuple[list[int], list[float], list[bool]]]:
    """Ids, weights and verdict flags of each example; pieces are cut at their marks, where verdicts begin."""
    cut = [(k, part, weight, n > 0) for k, pieces in enumerate(examples) for text, weight in pieces
           for n, part in enumerate(text.split(grammar.MARK))]  # fmt: skip
    # All at once: the tokenizer's own loop is many times faster than ours.
    encodings = _tokenizer().backend_tokenizer.encode_batch([part for _, part, _, _ in cut], add_special_tokens=False)
    texts: list[tuple[list[int], list[float], list[bool]]] = [([], [], []) for _ in examples]
    for (k, _, weight, verdict), encoding in zip(cut, encodings, strict=True):
        ids, weights, verdicts = texts[k]
        rest = len(encoding.ids) - 1
        ids += encoding.ids
        weights += [weight * (VERDICT_WEIGHT if verdict else 1.0)] + [weight] * rest
        verdicts += [verdict and weight == 1.0] + [False] * rest
    return texts


def _padded(group: list[tuple[list[int], list[float], list[bool]]]) -> TrainingBatch:
    shape = (len(group), max(len(ids) for ids, _, _ in group))
    out = TrainingBatch(torch.zeros(shape, dtype=torch.long), torch.zeros(shape), torch.zeros(shape, dtype=torch.bool))
    for row, (ids, weights, verdicts) in enumerate(group):
        out.ids[row, : len(ids)] = torch.tensor(ids)
        out.weights[row, : len(ids)] = torch.tensor(weights)
        out.verdicts[row, : len(ids)] = torch.tensor(verdicts)
    return out
