"""The loss of self-distillation by token, with the divergence and entropies that are reported beside it.

Owns the choice of support, the remedies and the averaging; the divergences themselves are TRL's. Logits are [B, T, V]
at the rollouts' temperature, ids and masks [B, T].

Sources: the objective is that of arXiv 2603.24472 as its code has it (the student's top-k tokens, one bucket for the
rest, the mean over tokens); CLIP follows OPSD (arXiv 2601.18734), ROUTE DASD (arXiv 2605.22263).
"""

from typing import Final, NamedTuple

import torch
from trl.experimental.sdft.loss_utils import (
    compute_full_logit_self_distillation_loss,
    compute_topk_self_distillation_loss,
)

from backend.distill.settings import Remedy, TrainingSettings

_LEAST: Final = 1e-6


class Terms(NamedTuple):
    """By token [B, T], in nats: the loss that is minimised, and detached the plain divergence and both entropies."""

    loss: torch.Tensor
    divergence: torch.Tensor
    student_entropy: torch.Tensor
    teacher_entropy: torch.Tensor


def terms(
    settings: TrainingSettings,
    student: torch.Tensor,
    teacher: torch.Tensor,
    ids: torch.Tensor,
    mask: torch.Tensor,
    advantages: torch.Tensor | None = None,
) -> Terms:
    """The terms of a batch; `advantages` [B] are those of rewards, if there are any, and are used by ROUTE alone."""
    plain = divergence(settings, student, teacher)
    with torch.no_grad():
        entropies = entropy(student), entropy(teacher)
    loss = plain
    if settings.remedy is Remedy.CLIP:
        # A token beyond the clip has no gradient: the few largest divergences don't lead the update.
        loss = plain.clamp(max=settings.token_clip)
    elif settings.remedy is Remedy.ROUTE:
        loss = routed(settings.route_share, student, teacher, ids, mask, entropies[0], advantages)
    return Terms(loss, plain.detach(), *entropies)


def divergence(settings: TrainingSettings, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Forward KL, Jensen-Shannon or reverse KL by token [B, T], over the student's top-k tokens or all."""
    # With all tokens in the support there is nothing to choose, and no rest for a bucket.
    if not settings.top_k or settings.top_k >= student.shape[-1]:
        return compute_full_logit_self_distillation_loss(student, teacher, distillation_alpha=settings.alpha)
    return compute_topk_self_distillation_loss(
        student,
        teacher,
        distillation_topk=settings.top_k,
        distillation_alpha=settings.alpha,
        distillation_add_tail=settings.tail,
    )


def entropy(logits: torch.Tensor) -> torch.Tensor:
    """Entropy along the last dimension, in nats."""
    # Clamped: the probability of a masked token is 0, and 0 times minus infinity is no number.
    logprobs = logits.log_softmax(-1)
    return -(logprobs.exp() * logprobs.clamp(min=-1e9)).sum(-1)


def routed(
    share: float,
    student: torch.Tensor,
    teacher: torch.Tensor,
    ids: torch.Tensor,
    mask: torch.Tensor,
    entropies: torch.Tensor,
    advantages: torch.Tensor | None = None,
) -> torch.Tensor:
    """DASD's loss by token [B, T]: -(A + w * d) * log-probability, with a gradient through the last factor alone.

    d is the teacher's log-probability of the sampled token minus the student's, over its mean size in the response. w
    is tanh((q - H) / s) * sigmoid(|d| - 1): H the student's entropy, q its (1 - share) quantile within the response and
    s its mean absolute deviation: where the student is sure the teacher attracts, at its forks it repels.
    """
    chosen = student.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    with torch.no_grad():
        theirs = teacher.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
        counted = mask.float()
        size = counted.sum(-1, keepdim=True).clamp(min=1.0)
        gap = (theirs - chosen) * counted
        gap = gap / (gap.abs().sum(-1, keepdim=True) / size).clamp(min=_LEAST)
        # The quantile is over the tokens of a response alone, and 0 for one that has none.
        known = torch.where(mask.bool(), entropies, torch.nan)
        limit = known.nanquantile(1 - share, dim=-1, keepdim=True).nan_to_num()
        mean = (entropies * counted).sum(-1, keepdim=True) / size
        spread = ((entropies - mean).abs() * counted).sum(-1, keepdim=True) / size
        direction = ((limit - entropies) / spread.clamp(min=_LEAST)).tanh() * (gap.abs() - 1).sigmoid()
        advantage = direction * gap
        if advantages is not None:
            advantage = advantage + advantages.unsqueeze(-1)
    return -advantage * chosen


def token_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean of `values` over the tokens in `mask`, all responses together; 0, with a gradient, where there are none."""
    return (values * mask).sum() / mask.sum().clamp(min=1)
