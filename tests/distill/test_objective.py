"""The losses: hand-computed values, a dense float64 reference, gradients, remedies and averaging."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backend.distill import objective
from backend.distill.reply_reader import shares
from backend.distill.settings import Remedy, TrainingSettings

Array = np.ndarray[Any, np.dtype[np.float64]]


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def reference(student: Array, teacher: Array, top_k: int, alpha: float, tail: bool) -> Array:
    """The divergence per token in float64 over every entry of the vocabulary, written from its definition."""
    p, q = np.exp(log_softmax(student)), np.exp(log_softmax(teacher))
    if top_k and top_k < p.shape[-1]:
        kept = np.argsort(-student, axis=-1, kind="stable")[..., :top_k]
        p, q = (np.take_along_axis(values, kept, -1) for values in (p, q))
        if tail:
            # TRL holds the rest at 1e-7 or more, so that its logarithm stays finite in single precision
            rest = [np.maximum(1 - values.sum(-1, keepdims=True), 1e-7) for values in (p, q)]
            p, q = (np.concatenate(pair, -1) for pair in zip((p, q), rest, strict=True))
        else:
            p, q = (values / values.sum(-1, keepdims=True) for values in (p, q))

    def kl(one: Array, other: Array) -> Array:
        one, other = np.maximum(one, 1e-300), np.maximum(other, 1e-300)
        return np.asarray((one * (np.log(one) - np.log(other))).sum(-1))

    if alpha == 0:
        return kl(q, p)
    if alpha == 1:
        return kl(p, q)
    middle = (1 - alpha) * p + alpha * q
    return alpha * kl(q, middle) + (1 - alpha) * kl(p, middle)


def logits(shape: tuple[int, ...], seed: int, scale: float = 2.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64) * scale


# p = (.5, .3, rest .2) and q = (.7, .1, rest .2), the rest spread over two tokens; values computed by hand.
P = torch.tensor([[[0.5, 0.3, 0.15, 0.05]]], dtype=torch.float64).log()
Q = torch.tensor([[[0.7, 0.1, 0.02, 0.18]]], dtype=torch.float64).log()


@pytest.mark.parametrize(
    ("alpha", "tail", "wanted"),
    [
        (0.0, True, 0.125669),
        (1.0, True, 0.161348),
        (0.5, True, 0.034535),
        (0.25, True, 0.024577),
        (0.5, False, 0.043168),
    ],
)
def test_hand_computed_divergences(alpha: float, tail: bool, wanted: float) -> None:
    asked = TrainingSettings(alpha=alpha, top_k=2, tail=tail)
    for kind in (torch.float64, torch.float32):
        assert float(objective.divergence(asked, P.to(kind), Q.to(kind))) == pytest.approx(wanted, abs=1e-5)


@hypothesis_settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(2, 40),
    top_k=st.integers(0, 41),
    alpha=st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.01, 0.99)),
    tail=st.booleans(),
    scale=st.sampled_from([0.1, 2.0, 6.0]),
)
def test_divergence_is_the_dense_reference(
    seed: int, size: int, top_k: int, alpha: float, tail: bool, scale: float
) -> None:
    student, teacher = logits((2, 3, size), seed, scale), logits((2, 3, size), seed + 1, scale)
    asked = TrainingSettings(alpha=alpha, top_k=top_k, tail=tail)
    wanted = reference(student.numpy(), teacher.numpy(), top_k, alpha, tail)
    got = objective.divergence(asked, student, teacher)
    assert got.shape == (2, 3)
    np.testing.assert_allclose(got.numpy(), wanted, atol=1e-5)
    if not tail:  # a rest of 1e-6 is hardly a number any more in single precision
        single = objective.divergence(asked, student.float(), teacher.float())
        np.testing.assert_allclose(single.numpy(), wanted, atol=1e-4)


@pytest.mark.parametrize(("alpha", "top_k", "tail"), [(0.5, 5, True), (0.0, 5, False), (1.0, 0, True)])
def test_gradient_is_that_of_finite_differences(alpha: float, top_k: int, tail: bool) -> None:
    student, teacher = logits((1, 2, 9), 4).requires_grad_(), logits((1, 2, 9), 5)
    asked = TrainingSettings(alpha=alpha, top_k=top_k, tail=tail)
    (got,) = torch.autograd.grad(objective.divergence(asked, student, teacher).sum(), student)
    step, base = 1e-6, student.detach().numpy()
    for place in np.ndindex(base.shape):
        ups = []
        for sign in (1, -1):
            moved = base.copy()
            moved[place] += sign * step
            ups.append(reference(moved, teacher.numpy(), top_k, alpha, tail).sum())
        assert float(got[place]) == pytest.approx((ups[0] - ups[1]) / (2 * step), abs=1e-6)


def test_the_teacher_gets_no_gradient_from_a_remedy_either() -> None:
    student, teacher = logits((1, 3, 8), 1).requires_grad_(), logits((1, 3, 8), 2).requires_grad_()
    ids, mask = torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.long)
    found = objective.terms(TrainingSettings(remedy=Remedy.ROUTE), student, teacher, ids, mask)
    assert torch.autograd.grad(found.loss.sum(), teacher, allow_unused=True)[0] is None
    assert not found.divergence.requires_grad and not found.student_entropy.requires_grad


def test_a_clipped_token_counts_no_more_and_teaches_nothing() -> None:
    student, teacher = logits((2, 6, 12), 1).requires_grad_(), logits((2, 6, 12), 2)
    ids, mask = torch.zeros(2, 6, dtype=torch.long), torch.ones(2, 6, dtype=torch.long)
    plain = objective.terms(TrainingSettings(), student, teacher, ids, mask)
    limit = float(plain.divergence.median())
    found = objective.terms(TrainingSettings(remedy=Remedy.CLIP, token_clip=limit), student, teacher, ids, mask)
    above = plain.divergence > limit
    assert 0 < int(above.sum()) < above.numel()
    assert float(found.loss.detach().max()) == pytest.approx(limit)
    assert torch.equal(found.divergence, plain.divergence), "what is measured is the divergence, not what is left of it"
    assert torch.equal(found.loss[~above], plain.divergence[~above])
    (got,) = torch.autograd.grad(found.loss.sum(), student)
    assert torch.all(got[above] == 0) and torch.all(got[~above].abs().sum(-1) > 0)


def routed_reference(
    share: float, student: Array, teacher: Array, ids: Array, mask: Array, advantages: Array | None
) -> Array:
    """The factor before -log-probability, a row at a time, from the formula in `objective.routed`."""
    factors = np.zeros(mask.shape)
    for row in range(len(mask)):
        here = [place for place in range(mask.shape[1]) if mask[row, place]]
        ours, theirs = log_softmax(student[row, here]), log_softmax(teacher[row, here])
        taken = ids[row, here].astype(int)
        gap = np.array([theirs[n, t] - ours[n, t] for n, t in enumerate(taken)])
        gap = gap / np.abs(gap).mean()
        entropy = -(np.exp(ours) * ours).sum(-1)
        limit = np.quantile(entropy, 1 - share)
        spread = np.abs(entropy - entropy.mean()).mean()
        weight = np.tanh((limit - entropy) / spread) / (1 + np.exp(-(np.abs(gap) - 1)))
        factors[row, here] = weight * gap + (0 if advantages is None else advantages[row])
    return factors


@pytest.mark.parametrize("rewarded", [False, True])
def test_routing_follows_its_formula(rewarded: bool) -> None:
    student, teacher = logits((3, 10, 14), 7).requires_grad_(), logits((3, 10, 14), 8)
    ids = torch.randint(14, (3, 10), generator=torch.Generator().manual_seed(9))
    mask = (torch.arange(10) < torch.tensor([[10], [6], [3]])).long()
    advantages = torch.tensor([0.5, -0.25, 0.0], dtype=torch.float64) if rewarded else None
    asked = TrainingSettings(remedy=Remedy.ROUTE, route_share=0.3)
    found = objective.terms(asked, student, teacher, ids, mask, advantages)
    given = None if advantages is None else advantages.numpy()
    wanted = routed_reference(0.3, student.detach().numpy(), teacher.numpy(), ids.numpy(), mask.numpy(), given)
    chosen = student.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    counted = mask.bool()
    np.testing.assert_allclose(
        found.loss[counted].detach().numpy(), (-wanted * chosen.detach().numpy())[counted.numpy()], atol=1e-8
    )
    (got,) = torch.autograd.grad(objective.token_mean(found.loss, mask), student, retain_graph=True)
    (expected,) = torch.autograd.grad(-(torch.from_numpy(wanted) * chosen * mask).sum() / mask.sum(), student)
    np.testing.assert_allclose(got.numpy(), expected.numpy(), atol=1e-10)


def test_the_teacher_attracts_where_the_student_is_sure_and_repels_at_a_fork() -> None:
    """Four tokens: three sure ones and a fork. At each the teacher likes the drawn token better than the student."""
    sure, fork = [6.0, 0.0, 0.0, 0.0], [0.2, 0.1, 0.1, 0.0]
    student = torch.tensor([[sure, sure, sure, fork]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[[9.0, 0, 0, 0]] * 3 + [[3.0, 0, 0, 0]]], dtype=torch.float64)
    ids, mask = torch.zeros(1, 4, dtype=torch.long), torch.ones(1, 4, dtype=torch.long)
    found = objective.terms(TrainingSettings(remedy=Remedy.ROUTE, route_share=0.25), student, teacher, ids, mask)
    (got,) = torch.autograd.grad(found.loss.sum(), student)
    assert torch.all(got[0, :3, 0] < 0), "a step of descent makes the drawn token likelier"
    assert got[0, 3, 0] > 0, "and here less likely"


def test_the_mean_is_over_tokens_and_not_over_responses() -> None:
    values = torch.tensor([[4.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    mask = torch.tensor([[1, 0, 0], [1, 1, 1]])
    assert float(objective.token_mean(values, mask)) == pytest.approx((4 + 1 + 2 + 3) / 4)
    assert float(objective.token_mean(values, mask)) != pytest.approx((4 + 2) / 2)


def test_a_batch_that_teaches_nothing_has_a_loss_of_zero_and_gradients_of_zero() -> None:
    student = logits((2, 3, 7), 3).requires_grad_()
    mask, ids = torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 3, dtype=torch.long)
    for remedy in Remedy:
        found = objective.terms(TrainingSettings(remedy=remedy), student, logits((2, 3, 7), 4), ids, mask)
        loss = objective.token_mean(found.loss, mask)
        (got,) = torch.autograd.grad(loss, student)
        assert float(loss.detach()) == 0 and torch.all(got == 0)


@pytest.mark.parametrize("scale", [0.01, 3.0, 60.0])
def test_entropy_is_exact(scale: float) -> None:
    scores = logits((4, 5, 30), 6, scale)
    scores[0, 0, 3] = -torch.inf
    wanted = torch.distributions.Categorical(logits=scores[1:]).entropy()
    torch.testing.assert_close(objective.entropy(scores[1:]), wanted, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(objective.entropy(scores.float())[1:].double(), wanted, atol=1e-5, rtol=1e-5)
    assert torch.isfinite(objective.entropy(scores)).all()


def test_shares_of_the_divergence_on_cues() -> None:
    found = shares([[0.1, 0.3], [0.4, 0.0, 0.2]], [[True, False], [True, False, False]])
    assert found == {"cue_share": pytest.approx(0.5), "cue_tokens": pytest.approx(0.4)}
    assert shares([], []) == {"cue_share": 0.0, "cue_tokens": 0.0}
    assert shares([[0.0, 0.0]], [[True, False]]) == {"cue_share": 0.0, "cue_tokens": 0.5}
