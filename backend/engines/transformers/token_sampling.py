"""Token sampling: temperature, top-k, top-p, bans, and a random draw of the next token for each row.

Each request has its own random numbers, one a step, from a counter-based generator keyed by its seed; a number is put
through the inverse of the cumulative distribution. So a response doesn't depend on what else is in the batch.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch

from backend.engines.protocol import Decoding

GREEDY_BELOW: Final = 1e-5  # in all but name
_AHEAD: Final = 256  # numbers a call of the generator; a single one takes about as long
_CANDIDATES: Final = 64
_LEAST: Final = -1e9  # in place of minus infinity, which JSON doesn't have, and whose product with 0 is no number


class Distributions(NamedTuple):
    """The model's own distributions, before any setting: log-probabilities [n, V] and entropies [n], in nats."""

    logprobs: torch.Tensor
    entropies: torch.Tensor


def distributions(logits: torch.Tensor) -> Distributions:
    """The distributions that `logits` [n, V] give."""
    logprobs = logits.float().log_softmax(-1).clamp_min_(_LEAST)
    return Distributions(logprobs, -torch.linalg.vecdot(logprobs.exp(), logprobs))


class RandomNumbers:
    """Random numbers of one seed, uniform in [0, 1), one a step. Any integer is a seed."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.Philox(key=seed % 2**128))
        self._numbers: list[float] = []

    def next(self) -> float:
        """The number of the next step."""
        if not self._numbers:
            self._numbers = self._generator.random(_AHEAD)[::-1].tolist()
        return self._numbers.pop()


class TokenSampler:
    """Samples for all rows in flight at once, each with its own settings.

    Ids from `known` on have no text in the tokenizer (the vocabulary is padded) and are never sampled.
    """

    def __init__(self, decodings: Sequence[Decoding], known: int, device: torch.device) -> None:
        """`decodings` are those of the rows, in order: make a new one whenever the rows change."""
        self._known = known
        warm = [decoding.temperature >= GREEDY_BELOW for decoding in decodings]
        self._all_greedy, self._all_warm = not any(warm), all(warm)
        self._warm = torch.tensor(warm, device=device)
        degrees = [decoding.temperature if hot else 1.0 for decoding, hot in zip(decodings, warm, strict=True)]
        self._plain = all(degree == 1.0 for degree in degrees)
        self._degrees = torch.tensor(degrees, device=device).unsqueeze(1)
        self._bans = _bans(decodings, device)
        narrow = [row for row, d in enumerate(decodings) if warm[row] and (0 < d.top_k < known or d.top_p < 1.0)]
        self._narrow = torch.tensor(narrow, device=device) if narrow else None
        self._top_k = torch.tensor([decodings[row].top_k or known for row in narrow], device=device).clamp(max=known)
        self._top_p = torch.tensor([decodings[row].top_p for row in narrow], device=device)

    def draw(self, logprobs: torch.Tensor, chances: Sequence[float]) -> torch.Tensor:
        """One id for each row [n] from `logprobs` [n, V] and a random number in [0, 1) each."""
        scores = logprobs[:, : self._known]
        if not self._plain:
            scores = scores / self._degrees
        if self._bans:
            scores = scores.index_put(self._bans, torch.tensor(-torch.inf, device=scores.device))
        if self._all_greedy:
            return scores.argmax(-1)
        if self._narrow is not None:
            rows = scores[self._narrow]
            kept = rows.masked_fill(rows < least_kept(rows, self._top_k, self._top_p), -torch.inf)
            scores = scores.index_copy(0, self._narrow, kept)
        drawn = _invert(scores, torch.tensor(chances, dtype=torch.float64, device=scores.device))
        return drawn if self._all_warm else torch.where(self._warm, drawn, scores.argmax(-1))


def least_kept(scores: torch.Tensor, top_k: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """The score [m, 1] below which a token is left out: `scores` [m, V] unnormalised, the limits [m] each.

    As transformers does it: first the k best (and those that equal the last of them), then of these the smallest set
    whose probabilities, relative to theirs, sum up to at least `top_p`.
    """
    size = scores.shape[-1]
    top_p = torch.where(top_p < 1, top_p, torch.inf)  # sums of shares may reach 1 before the last of them
    width = min(size, max(_CANDIDATES, int(torch.where(top_k < size, top_k, 0).max())))
    # A few candidates are nearly always enough, and sorting a vocabulary of 150,000 takes longer than all the rest.
    while True:
        best = scores.topk(width, dim=-1).values
        inside = torch.arange(width, device=scores.device) < top_k.unsqueeze(1)
        limit = best.gather(1, (top_k.clamp(max=width) - 1).unsqueeze(1))
        whole = torch.where((top_k < size).unsqueeze(1), torch.where(scores >= limit, scores, -torch.inf), scores)
        shares = (best - whole.logsumexp(-1, keepdim=True)).exp() * inside
        before = shares.cumsum(-1) - shares
        if width == size or bool((before[:, -1] >= top_p).logical_or(top_k <= width).all()):
            break
        width = size
    kept = inside & (before < top_p.unsqueeze(1))
    kept[:, 0] = True
    return best.gather(1, kept.sum(-1, keepdim=True) - 1)


def _invert(scores: torch.Tensor, chances: torch.Tensor) -> torch.Tensor:
    """The first id at which the cumulative distribution exceeds the random number; ids of probability 0 never are."""
    # In float64: single precision would lose the tail of a large vocabulary.
    cumulative = scores.softmax(-1).cumsum(-1, dtype=torch.float64)
    # A hair below the whole, so that rounding never reaches past the last possible id.
    wanted = chances.unsqueeze(1) * cumulative[:, -1:] * (1 - 1e-12)
    return torch.searchsorted(cumulative, wanted, right=True).squeeze(1)


def _bans(decodings: Sequence[Decoding], device: torch.device) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Rows and ids of all bans, for one write into the scores."""
    counts = [len(decoding.banned) for decoding in decodings]
    if not any(counts):
        return None
    rows = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(device)
    return rows, torch.tensor([i for decoding in decodings for i in decoding.banned], device=device)
