"""Drawing: the same distribution as transformers' own filters, the same draws whatever else is in the batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from backend.engines.protocol import Decoding
from backend.engines.transformers.token_sampling import RandomNumbers, TokenSampler, distributions, least_kept

CPU = torch.device("cpu")


def logits(rows: int, size: int, seed: int, scale: float = 2.0) -> torch.Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(seed)) * scale


def filtered(scores: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """Probabilities [V] as transformers would draw from."""
    warpers = LogitsProcessorList()
    warpers.append(TemperatureLogitsWarper(decoding.temperature))
    if decoding.top_k:
        warpers.append(TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1:
        warpers.append(TopPLogitsWarper(decoding.top_p))
    return warpers(torch.zeros(1, 1, dtype=torch.long), scores.unsqueeze(0))[0].softmax(-1)


@pytest.mark.parametrize(
    "asked",
    [
        {"temperature": 1.0},
        {"temperature": 0.7},
        {"temperature": 1.3, "top_k": 5},
        {"temperature": 0.9, "top_p": 0.8},
        {"temperature": 0.8, "top_k": 12, "top_p": 0.6},
        {"temperature": 1.0, "banned": (3, 8)},
    ],
    ids=str,
)
def test_draws_follow_the_distribution(asked: dict[str, Any]) -> None:
    """Chi-square over 20,000 draws of a vocabulary of 24, at a fixed seed."""
    decoding, draws, scores = Decoding(**asked), 20_000, logits(1, 24, 5, 1.3)
    wanted = filtered(scores[0].index_fill(0, torch.tensor(decoding.banned, dtype=torch.long), -math.inf), decoding)
    chance, counts = RandomNumbers(1), torch.zeros(24)
    logprobs = distributions(scores).logprobs.expand(1000, -1)
    many = TokenSampler([decoding] * 1000, 24, CPU)
    for _ in range(draws // 1000):
        counts += torch.bincount(many.draw(logprobs, [chance.next() for _ in range(1000)]), minlength=24)
    possible = wanted > 0
    assert counts[~possible].sum() == 0
    expected = wanted[possible] * draws
    statistic = float(((counts[possible] - expected) ** 2 / expected).sum())
    freedom = int(possible.sum()) - 1
    assert statistic < freedom + 4 * math.sqrt(2 * freedom), "about one in 10,000 by chance"


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.sampled_from([5, 63, 64, 65, 300]),
    top_k=st.integers(0, 310),
    top_p=st.floats(0.01, 1.0),
    scale=st.sampled_from([0.01, 1.0, 6.0]),
)
def test_filters_keep_what_transformers_keeps(seed: int, size: int, top_k: int, top_p: float, scale: float) -> None:
    scores = logits(3, size, seed, scale)
    limit = least_kept(scores, torch.tensor([top_k or size] * 3).clamp(max=size), torch.tensor([top_p] * 3))
    for row in range(3):
        wanted = filtered(scores[row], Decoding(temperature=1.0, top_k=min(top_k, size), top_p=top_p))
        kept = scores[row] >= limit[row]
        differ = kept != (wanted > 0)
        # where a sum of probabilities falls on the limit to the last digit, either side may be right
        assert int(differ.sum()) <= 1 or float(scores[row].softmax(-1)[differ].sum()) < 1e-5
        assert kept[scores[row].argmax()]


def test_a_draw_does_not_depend_on_the_rest_of_the_batch() -> None:
    mine, scores = Decoding(temperature=0.8, top_p=0.9, seed=11), distributions(logits(6, 200, 2)).logprobs
    others = [
        Decoding(temperature=0),
        Decoding(temperature=1.0),
        Decoding(banned=(1, 2)),
        Decoding(top_k=3),
        Decoding(),
    ]
    alone, among = RandomNumbers(11), RandomNumbers(11)
    for _ in range(50):
        one = TokenSampler([mine], 200, CPU).draw(scores[:1], [alone.next()])
        many = TokenSampler([mine, *others], 200, CPU).draw(scores, [among.next()] + [0.5] * 5)
        assert one[0] == many[0] and many[1] == scores[1].argmax()
        scores = scores.roll(1, dims=1)


def test_chances_are_those_of_the_seed() -> None:
    numbers = [RandomNumbers(seed) for seed in (0, 1, -1, 2**70)]
    rows = np.array([[chance.next() for chance in numbers] for _ in range(600)])
    assert ((rows >= 0) & (rows < 1)).all()
    assert len(np.unique(rows)) == rows.size, "other seeds, other numbers"
    again = RandomNumbers(1)
    assert [again.next() for _ in range(600)] == rows[:, 1].tolist()


@pytest.mark.parametrize("chance", [0.0, 0.5, 1 - 2**-53])
def test_the_ends_of_the_range_draw_something_possible(chance: float) -> None:
    scores = distributions(logits(1, 40, 9)).logprobs
    for banned in ((0, 1), (38, 39), tuple(range(39)), tuple(range(1, 40))):
        drawn = int(TokenSampler([Decoding(temperature=1.0, banned=banned)], 40, CPU).draw(scores, [chance]))
        assert drawn not in banned and 0 <= drawn < 40
    assert int(TokenSampler([Decoding(temperature=1.0)], 30, CPU).draw(scores, [chance])) < 30, "ids without a text"


def test_what_was_read_is_exact_and_finite() -> None:
    scores = logits(4, 100, 3)
    scores[0, 5] = -math.inf
    reading = distributions(scores)
    exact = torch.distributions.Categorical(logits=scores.double())
    assert torch.allclose(reading.entropies.double(), exact.entropy(), atol=1e-5)
    assert torch.isfinite(reading.logprobs).all() and (reading.logprobs <= 0).all()
