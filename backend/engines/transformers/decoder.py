"""What the loop that generates needs of a model: rows in flight, a step of all of them, and what each remembers.

Owns the two protocols. Knows nothing of architectures, texts or settings: `tf_qwen3` is the fast decoder for the CPU,
`tf_fallback` the one for everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import torch

Read = Callable[[torch.Tensor], None]
Pause = Callable[[], None]

CHUNK: Final = 512
LOGITS_AT_ONCE: Final = 2**24


class Batch(Protocol):
    """Rows in flight, numbered from 0, and what the model remembers of each."""

    def admit(
        self, ids: Sequence[int], adapter: int, pause: Pause, wanted: int = 0, read: Read = lambda _: None
    ) -> None:
        """Add a row that remembers all of `ids` but the last, which is for the next `step`.

        `read` gets the logits [m, V] that follow each of the last `wanted` of the remembered ids, in order, in one or
        more calls. `pause` is called between parts of the work and may raise to end it.
        """
        ...

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Feed one id a row [n]; returns the logits of what follows [n, V]."""
        ...

    def remove(self, row: int) -> None:
        """Forget a row; the last row takes its number."""
        ...


class Decoder(Protocol):
    """A model and its adapters (numbered from 1; 0 is the base alone)."""

    device: torch.device

    def batch(self, rows: int, tokens: int) -> Batch:
        """Memory for up to `rows` rows of up to `tokens` tokens each."""
        ...

    def row_bytes(self, tokens: int) -> int:
        """Memory that a row of so many tokens takes."""
        ...
