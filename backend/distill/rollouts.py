"""Samples responses from a model that is being trained: rollouts, watched problems, evaluations.

Owns which decoder runs the present weights, and the seeds. A response depends on these two alone, so a resumed run
samples what an uninterrupted one would have.
"""

import copy
from collections.abc import Sequence
from typing import Any, Final

import torch

from backend.domain import digest
from backend.engines.protocol import Decoding
from backend.engines.transformers.decoder import Decoder
from backend.engines.transformers.fallback_decoder import ModelDecoder
from backend.engines.transformers.qwen3_decoder import Qwen3Decoder, fits
from backend.engines.transformers.token_sampling import RandomNumbers, TokenSampler, distributions

_ROWS_CPU: Final = 64
_ROWS_GPU: Final = 256


class Sampler:
    """The weights of a model at one moment, ready to sample from."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """`model` is not changed; on the CPU it is copied, with an adapter merged in."""
        self._decoder = _decoder(model)
        config = model.config.get_text_config()
        self._ends = ends(model, tokenizer)
        self._known = min(len(tokenizer), config.vocab_size)
        self._context = int(getattr(config, "max_position_embeddings", None) or 10**9)

    def draw(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int], temperature: float, max_tokens: int
    ) -> list[list[int]]:
        """A response (ids) to each prompt, its end token included where it ended by itself."""
        written: list[list[int]] = [[] for _ in prompts]
        # Shortest prompts first; the list is taken from its end.
        waiting = sorted(range(len(prompts)), key=lambda k: -len(prompts[k]))
        width = min(len(waiting), _ROWS_CPU if self._decoder.device.type == "cpu" else _ROWS_GPU)
        longest = min(self._context, max(map(len, prompts), default=0) + max_tokens)
        batch = self._decoder.batch(width, longest)
        rows: list[int] = []
        chances: dict[int, RandomNumbers] = {}
        draws, changed = None, True
        decoding = Decoding(temperature=temperature, max_tokens=max_tokens)
        while waiting or rows:
            while waiting and len(rows) < width:
                number = waiting.pop()
                batch.admit(prompts[number], 0, lambda: None)
                chances[number] = RandomNumbers(seeds[number])
                rows.append(number)
                changed = True
            if changed:
                draws, changed = TokenSampler([decoding] * len(rows), self._known, self._decoder.device), False
            last = [(written[number] or prompts[number])[-1] for number in rows]
            logits = batch.step(torch.tensor(last, device=self._decoder.device))
            assert draws is not None
            drawn = draws.draw(distributions(logits).logprobs, [chances[number].next() for number in rows]).tolist()
            # From the highest: each removal gives the last row the number that became free.
            for place in reversed(range(len(rows))):
                number = rows[place]
                written[number].append(drawn[place])
                size = len(written[number])
                full = size >= max_tokens or len(prompts[number]) + size >= self._context
                if full or drawn[place] in self._ends:
                    batch.remove(place)
                    rows[place] = rows[-1]
                    rows.pop()
                    changed = True
        return written


def ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """The ids that end a response."""
    found: set[int] = set()
    for listed in (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id):
        found |= set(listed if isinstance(listed, list) else [listed])
    return frozenset(found - {None})


def seed_of(*what: object) -> int:
    """A seed from names and numbers; the same ones give the same seed."""
    # Below 2**63, so that it fits a signed 64-bit integer wherever it is stored.
    return int(digest(*(str(part) for part in what)), 16) & (2**63 - 1)


def _decoder(model: Any) -> Decoder:
    if model.device.type != "cpu":
        return ModelDecoder(model)
    # Fusing empties the layers of what it is given, and the trainer still needs them.
    own = copy.deepcopy(model).eval()
    if hasattr(own, "merge_and_unload"):
        own = own.merge_and_unload()
    own = own.float().requires_grad_(False)
    return Qwen3Decoder(own) if fits(own.config) else ModelDecoder(own)
