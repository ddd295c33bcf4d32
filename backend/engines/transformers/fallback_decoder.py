"""Decoder for any causal model by transformers' forward pass: for other architectures than Qwen3, and on a GPU.

Owns the cache of rows in flight as transformers has it: left-padded, merged when rows come, thinned out once half of
them are gone.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch.nn import functional
from transformers import DynamicCache

from backend.engines.transformers.decoder import CHUNK, LOGITS_AT_ONCE, OnLogits, Pause

# Kinds of layers whose cache is keys and values by token. A recurrent state can't be padded or cut.
_MERGEABLE: Final = {"full_attention", "sliding_attention", "chunked_attention"}


class ModelDecoder:
    """A transformers model and its LoRA adapters, as they were loaded."""

    def __init__(self, model: Any, adapters: Sequence[str] = ()) -> None:
        """`adapters` are their names in the PEFT model; adapter 1 is the first."""
        self.model = model
        self.device: torch.device = model.device
        self.adapters = ["__base__", *adapters]
        self.config = model.config.get_text_config()
        inner = model.get_base_model() if adapters else model
        # Older architectures lack arguments that newer ones have, and refuse them.
        known = inspect.signature(inner.forward).parameters
        self.positions, self.keeps = "position_ids" in known, "logits_to_keep" in known
        kinds = set(getattr(self.config, "layer_types", None) or ["full_attention"])
        self.mergeable = kinds <= _MERGEABLE and not getattr(inner, "_is_stateful", False)

    def batch(self, rows: int, tokens: int) -> ModelBatch:
        """See `Decoder`; the cache grows with its rows."""
        return ModelBatch(self)

    def row_bytes(self, tokens: int) -> int:
        """See `Decoder`; a model whose caches can't be merged gets one row at a time, as if a row took everything."""
        if not self.mergeable:
            return 2**62
        config = self.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return config.num_hidden_layers * 2 * heads * width * self.model.dtype.itemsize * tokens

    def forward(self, cache: Any, adapters: Sequence[int], keep: int, **inputs: Any) -> tuple[torch.Tensor, Any]:
        """Logits [rows, keep, V] of the last `keep` positions, and the cache after them."""
        if len(self.adapters) > 1:
            inputs["adapter_names"] = [self.adapters[adapter] for adapter in adapters]
        if not self.positions:
            inputs.pop("position_ids", None)
        if self.keeps:
            inputs["logits_to_keep"] = keep
        done = self.model(past_key_values=cache, use_cache=True, **inputs)
        return done.logits[:, -keep:], done.past_key_values


class ModelBatch:
    """Rows in flight over a `ModelDecoder`; row n is at `_places[n]` of the cache."""

    def __init__(self, decoder: ModelDecoder) -> None:
        self._decoder = decoder
        self._cache: Any = None
        self._seen = torch.zeros(0, 0, dtype=torch.long, device=decoder.device)
        self._places: list[int] = []
        self._adapters: list[int] = []
        self._new: list[tuple[Any, int, int]] = []

    @torch.inference_mode()
    def admit(
        self, ids: Sequence[int], adapter: int, pause: Pause, wanted: int = 0, on_logits: OnLogits = lambda _: None
    ) -> None:
        """See `Batch`."""
        decoder = self._decoder
        cache = DynamicCache() if decoder.mergeable else None
        remembered = torch.tensor([ids[:-1]], dtype=torch.long, device=decoder.device)
        length, done = remembered.shape[1], 0
        chunk = max(1, min(CHUNK, LOGITS_AT_ONCE // decoder.config.vocab_size)) if wanted else CHUNK
        while done < length:
            pause()
            part = remembered[:, done : done + chunk]
            done += part.shape[1]
            asked = min(part.shape[1], wanted - (length - done))
            places = torch.arange(done - part.shape[1], done, device=decoder.device).unsqueeze(0)
            seen = torch.ones(1, done, dtype=torch.long, device=decoder.device)
            logits, cache = decoder.forward(
                cache, [adapter], max(1, asked), input_ids=part, attention_mask=seen, position_ids=places
            )
            if asked > 0:
                on_logits(logits[0])
        # Merged at the next step, together with others that come before it: each merge copies the whole cache.
        self._new.append((cache, length, adapter))

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """See `Batch`."""
        self._merge()
        decoder = self._decoder
        places = torch.tensor(self._places, device=decoder.device)
        fed = torch.zeros(len(self._seen), 1, dtype=torch.long, device=decoder.device)
        fed[places, 0] = tokens
        # A position counts the tokens that are seen, not the padding before them.
        positions = self._seen.sum(1, keepdim=True)
        self._seen = functional.pad(self._seen, (0, 1), value=1)
        everyone = [0] * len(self._seen)
        for place, adapter in zip(self._places, self._adapters, strict=True):
            everyone[place] = adapter
        logits, self._cache = decoder.forward(
            self._cache, everyone, 1, input_ids=fed, attention_mask=self._seen, position_ids=positions
        )
        return logits[places, -1]

    @torch.inference_mode()
    def remove(self, row: int) -> None:
        """See `Batch`."""
        # The place of a removed row runs on idly until half of all are idle: to thin out the cache is to copy it.
        for each in (self._places, self._adapters):
            each[row] = each[-1]
            each.pop()
        if not self._places:
            self._cache, self._seen = None, self._seen[:0, :0]
        elif len(self._places) <= len(self._seen) // 2:
            kept = torch.tensor(self._places, device=self._decoder.device)
            self._seen = self._seen[kept]
            # With the longest row gone, columns at the left may be padding for all.
            empty = int(self._seen.sum(0).ne(0).long().argmax())
            self._seen = self._seen[:, empty:]
            for layer in self._cache.layers:
                layer.keys, layer.values = layer.keys[kept, :, empty:], layer.values[kept, :, empty:]
            self._places = list(range(len(self._places)))

    def _merge(self) -> None:
        """Merge new rows into the cache, all padded on the left to the longest."""
        if not self._new:
            return
        old = [] if self._cache is None else [(self._cache, self._seen)]
        device = self._decoder.device
        new = [(cache, torch.ones(1, length, dtype=torch.long, device=device)) for cache, length, _ in self._new]
        first = len(self._seen)
        self._places += range(first, first + len(new))
        self._adapters += [adapter for _, _, adapter in self._new]
        self._new = []
        parts = old + new
        longest = max(seen.shape[1] for _, seen in parts)
        self._seen = torch.cat([functional.pad(seen, (longest - seen.shape[1], 0)) for _, seen in parts])
        self._cache = parts[0][0] if len(parts) == 1 else _joined(parts, longest)


def _joined(parts: Sequence[tuple[Any, torch.Tensor]], longest: int) -> DynamicCache:
    """One cache of several, each padded on the left; [rows, heads, tokens, width] a layer."""
    whole = DynamicCache()
    if not longest:
        return whole
    # A prompt of one token leaves a cache without layers; the shapes are taken from one that has some.
    filled = next(cache for cache, seen in parts if seen.shape[1])
    for number, model in enumerate(filled.layers):
        pairs = []
        for name in ("keys", "values"):
            each = []
            for cache, seen in parts:
                shape = (len(seen), model.keys.shape[1], 0, getattr(model, name).shape[3])
                own = getattr(cache.layers[number], name) if seen.shape[1] else getattr(model, name).new_zeros(shape)
                each.append(functional.pad(own, (0, 0, longest - seen.shape[1], 0)))
            pairs.append(torch.cat(each))
        whole.update(pairs[0], pairs[1], number)
    return whole
