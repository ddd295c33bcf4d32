"""Our decoders against transformers' own model: logits, greedy tokens, adapters, rows that come and go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from backend.domain import Model, ModelKind
from backend.engines.protocol import Decoding, Family, Request
from backend.engines.transformers import loading
from backend.engines.transformers.decoder import Batch
from backend.engines.transformers.fallback_decoder import ModelDecoder
from backend.engines.transformers.qwen3_decoder import Qwen3Decoder
from backend.engines.transformers.transformers_engine import TransformersEngine
from tests.engines import tiny
from tests.engines.contract import gather

CPU = torch.device("cpu")
CLOSE = 1e-4


def calm() -> None:
    """Nobody cancels."""


def reference(model: Any, ids: Sequence[int]) -> torch.Tensor:
    """Logits [n, V] by one plain forward pass without a cache."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([list(ids)])).logits[0]


@pytest.fixture(scope="module", params=["fast", "fallback"])
def decoder(request: pytest.FixtureRequest, tiny_family: Family) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "fallback":
            patch.setattr(loading, "fits", lambda config: False)
        made, _ = loading.load(tiny_family, Path(tiny_family.base.location), CPU)
    assert isinstance(made, Qwen3Decoder if request.param == "fast" else ModelDecoder)
    return made


@pytest.fixture(scope="module")
def models(tiny_model: Path, tiny_adapter: Path) -> list[Any]:
    """The base and the adapted model, as transformers and PEFT load them."""
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    other = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    return [base.eval(), PeftModel.from_pretrained(other, str(tiny_adapter)).eval()]


def some_ids(length: int, seed: int) -> list[int]:
    return torch.randint(4, 192, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def follow(batch: Batch, rows: Sequence[Sequence[int]], step: int) -> torch.Tensor:
    return batch.step(torch.tensor([row[step] for row in rows]))


def test_logits_equal_the_model_in_a_ragged_mixed_batch(decoder: Any, models: list[Any]) -> None:
    """Rows of unlike lengths and adapters, fed together, one of them taken out on the way and another put in."""
    texts = [some_ids(length, length) for length in (3, 40, 17, 1, 26)]
    adapters = [0, 1, 1, 0, 0]
    batch = decoder.batch(4, 80)
    rows: list[tuple[list[int], int, int]] = []

    def put(number: int) -> None:
        start = max(1, len(texts[number]) // 2)
        batch.admit(texts[number][:start], adapters[number], calm)
        rows.append((texts[number] + some_ids(30, 99), adapters[number], start - 1))

    for number in range(4):
        put(number)
    for step in range(24):
        if step in (5, 9, 10):
            gone = {5: 1, 9: 0, 10: 0}[step]
            batch.remove(gone)
            rows[gone] = rows[-1]
            rows.pop()
        if step == 7:
            put(4)
        logits = batch.step(torch.tensor([ids[at] for ids, _, at in rows]))
        for row, (ids, adapter, at) in enumerate(rows):
            assert (logits[row] - reference(models[adapter], ids[: at + 1])[-1]).abs().max() < CLOSE
        rows = [(ids, adapter, at + 1) for ids, adapter, at in rows]


def test_wanted_logits_of_long_texts_come_in_order(decoder: Any, models: list[Any], monkeypatch: Any) -> None:
    """Teacher forcing over several chunks of text and several parts of a chunk."""
    for module in ("backend.engines.transformers.qwen3_decoder", "backend.engines.transformers.fallback_decoder"):
        monkeypatch.setattr(f"{module}.LOGITS_AT_ONCE", 192 * 50)
        monkeypatch.setattr(f"{module}.CHUNK", 120)
    ids = some_ids(301, 1)
    for adapter in (0, 1):
        for wanted in (1, 130, 300):
            parts: list[torch.Tensor] = []
            decoder.batch(1, 301).admit(ids, adapter, calm, wanted, parts.append)
            found = torch.cat(parts)
            assert found.shape == (wanted, 192)
            assert (found - reference(models[adapter], ids[:-1])[-wanted:]).abs().max() < CLOSE


def test_a_shared_beginning_is_read_once_and_rightly(tiny_family: Family, models: list[Any]) -> None:
    decoder, _ = loading.load(tiny_family, Path(tiny_family.base.location), CPU)
    assert isinstance(decoder, Qwen3Decoder)
    batch = decoder.batch(4, 64)
    common = some_ids(30, 3)
    rows = [(common + some_ids(8, 4), 0), (common + some_ids(2, 5), 0), (common, 0), (common + some_ids(2, 5), 1)]
    for ids, adapter in rows:
        batch.admit(ids, adapter, calm)
    logits = batch.step(torch.tensor([ids[-1] for ids, _ in rows]))
    for row, (ids, adapter) in enumerate(rows):
        assert (logits[row] - reference(models[adapter], ids)[-1]).abs().max() < CLOSE


@pytest.mark.parametrize("size", [1, 3, 9])
def test_greedy_tokens_equal_generate(tiny_family: Family, models: list[Any], size: int) -> None:
    engine = TransformersEngine(tiny_family)
    requests = [
        Request(f"{n}", "tiny", question, Decoding(temperature=0.0, max_tokens=30 + n))
        for n, question in enumerate((tiny.QUESTIONS * 3)[:size])
    ]
    answers = gather(engine.generate(requests))
    words = tiny.tokenizer()
    for request in requests:
        prompt = words(engine.render(request), return_tensors="pt", add_special_tokens=False)
        expected = models[0].generate(**prompt, do_sample=False, max_new_tokens=request.decoding.max_tokens)
        assert answers[request.key].ids == expected[0, prompt.input_ids.shape[1] :].tolist()


OTHERS = {
    "llama": lambda shape: LlamaForCausalLM(LlamaConfig(**shape, num_key_value_heads=2, intermediate_size=64)),
    "sliding windows": lambda shape: MistralForCausalLM(
        MistralConfig(**shape, num_key_value_heads=2, intermediate_size=64, sliding_window=16)
    ),
    "gpt2": lambda shape: GPT2LMHeadModel(
        GPT2Config(vocab_size=192, n_positions=256, n_embd=32, n_layer=2, n_head=4, eos_token_id=3, pad_token_id=1)
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_architectures_are_served_too(kind: str, tmp_path: Path) -> None:
    """Greedy tokens of a ragged batch equal `generate()` on each alone."""
    torch.manual_seed(0)
    shape = {"vocab_size": 192, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape |= {"max_position_embeddings": 256, "eos_token_id": 3, "bos_token_id": None, "pad_token_id": 1}
    model = OTHERS[kind](shape).eval()
    for weight in model.parameters():
        weight.data = torch.randn_like(weight) * (0.4 if weight.dim() > 1 else 1.0)
    model.save_pretrained(tmp_path)
    words = tiny.tokenizer()
    words.save_pretrained(tmp_path)
    engine = TransformersEngine(Family(Model("m", "m", ModelKind.CHECKPOINT, str(tmp_path))))
    requests = [
        Request(f"{n}", "m", question, Decoding(temperature=0.0, max_tokens=12 + 12 * n))
        for n, question in enumerate(tiny.QUESTIONS)
    ]
    answers = gather(engine.generate(requests))
    for request in requests:
        prompt = words(engine.render(request), return_tensors="pt", add_special_tokens=False)
        limit = request.decoding.max_tokens
        expected = model.generate(**prompt, do_sample=False, max_new_tokens=limit)[0, prompt.input_ids.shape[1] :]
        assert answers[request.key].ids == expected.tolist()
