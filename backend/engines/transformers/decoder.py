"""The Decoder protocol: a batch of rows in flight, each with its key-value cache, that advance a token a step.

`qwen3_decoder` is the fast implementation for the CPU, `fallback_decoder` the one for everything else.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import torch

OnLogits = Callable[[torch.Tensor], None]
Pause = Callable[[], None]

CHUNK: Final = (
    512  # tokens of a prompt between two calls of `pause`: a cancellation is seen within a quarter of a second
)
# Numbers made at once, 64 MB in float32: logits of a long text [32k, 152k] would take 20 GB.
LOGITS_AT_ONCE: Final = 2**24


class Batch(Protocol):
    """Rows in flight, numbered from 0, with the model's cache of each."""

    def admit(
        self, ids: Sequence[int], adapter: int, pause: Pause, wanted: int = 0, on_logits: OnLogits = lambda _: None
    ) -> None:
        """Add a row whose cache holds all of `ids` but the last, which is for the next `step`.

        `on_logits` gets the logits [m, V] that follow each of the last `wanted` of the cached ids, in order, in one or
        more calls. `pause` is called between parts of the work and may raise to end it.
        """

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Feed one id to each row [n]; returns the logits of the next [n, V]."""

    def remove(self, row: int) -> None:
        """Remove a row; the last row takes its number."""


class Decoder(Protocol):
    """A model and its adapters (numbered from 1; 0 is the base alone)."""

    device: torch.device

    def batch(self, rows: int, tokens: int) -> Batch:
        """An empty batch for up to `rows` rows of up to `tokens` tokens each."""

    def row_bytes(self, tokens: int) -> int:
        """Bytes of cache that a row of `tokens` tokens takes."""
