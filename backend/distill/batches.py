"""Rows of unequal length through a model without computing their padding.

Owns the order and the cutting. Knows nothing of what is computed. Responses of one batch differ in length by a factor
of six, so that on a processor, where every column costs, padding would be 40 % of the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch.nn import functional

Forward = Callable[[torch.Tensor, torch.Tensor, int], tuple[torch.Tensor, ...]]

_ROWS: Final = 8


def in_parts(forward: Forward, ids: torch.Tensor, mask: torch.Tensor, keep: int) -> tuple[torch.Tensor, ...]:
    """What `forward(ids, mask, keep)` gives, tensors [B, keep, ...], from a few rows of like length at a time.

    `ids` and `mask` are [B, prompt + keep], prompts padded on the left and responses on the right. Padding gets zeros.
    On a GPU, and for few rows, it is one call.
    """
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
