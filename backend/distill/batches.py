"""Runs rows of unequal length through a model without computing their padding."""

from collections.abc import Callable
from typing import Final

import torch
from torch.nn import functional

Forward = Callable[[torch.Tensor, torch.Tensor, int], tuple[torch.Tensor, ...]]

_ROWS: Final = 8


def in_parts(forward: Forward, ids: torch.Tensor, mask: torch.Tensor, keep: int) -> tuple[torch.Tensor, ...]:
    """The tensors [B, keep, ...] of `forward(ids, mask, keep)`, computed for a few rows of similar length at a time.

    `ids` and `mask` are [B, prompt + keep], prompts padded on the left and responses on the right. Padding gets zeros.
    On a GPU, and for few rows, it is one call.
    """
    # Responses of one batch differ in length by a factor of six: on a CPU, where every column costs, padding would be
    # 40 % of the work. A GPU computes columns side by side, and many small calls would leave it idle.
    if ids.device.type != "cpu" or len(ids) <= _ROWS:
        return forward(ids, mask, keep)
    lengths, starts = mask[:, -keep:].sum(-1), mask.argmax(-1)
    order = lengths.argsort(descending=True, stable=True)
    parts = []
    for rows in order.split(_ROWS):
        longest, first = max(1, int(lengths[rows].max())), int(starts[rows].min())
        last = ids.shape[1] - keep + longest
        found = forward(ids[rows, first:last], mask[rows, first:last], longest)
        parts.append([_padded(values, keep - longest) for values in found])
    back = order.argsort()
    return tuple(torch.cat(columns)[back] for columns in zip(*parts, strict=True))


def _padded(values: torch.Tensor, count: int) -> torch.Tensor:
    """`values` [b, t, ...] with `count` zeros after the last t."""
    return functional.pad(values, (0, 0) * (values.dim() - 2) + (0, count))
