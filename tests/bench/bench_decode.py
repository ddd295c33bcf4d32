"""Tokens a CPU-second of the transformers engine against `generate()`, on one thread, in one process.

Both answer the same questions with the same model, draw at temperature 0.8 and never end early; the engine also gives
texts, log-probabilities and entropies. The first token's time stands beside the ratios.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.domain import Model, ModelKind
from backend.engines.protocol import Decoding, Family, Piece, Request
from backend.engines.transformers.transformers_engine import TransformersEngine

LAB = Path(__file__).resolve().parents[2] / "data" / "lab" / "lab-base"
TOKENS, ROUNDS, BATCHES = 128, 3, (1, 16, 64)
QUESTIONS = ("Use 8, 4, 5 to make 9.", "Use 2, 3, 7 to make 13.", "Use 1, 8, 11 to make 2.", "Use 6, 2, 9 to make 3.")


def checkpoint(folder: Path) -> Path:
    """The lab's base, or a random model of its size."""
    if (LAB / "config.json").is_file():
        return LAB
    from tests.engines import tiny

    return tiny.save_model(folder, hidden=128, layers=4)


def by_generate(model: Any, tokenizer: Any, prompts: Sequence[str]) -> float:
    """CPU seconds of transformers' own loop."""
    batch = tokenizer(list(prompts), return_tensors="pt", padding=True, add_special_tokens=False)
    batch.pop("token_type_ids", None)
    start = time.process_time()
    with torch.inference_mode():
        settings = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 1.0}
        out = model.generate(**batch, **settings, max_new_tokens=TOKENS, min_new_tokens=TOKENS)
    spent = time.process_time() - start
    assert out.shape[1] == batch.input_ids.shape[1] + TOKENS
    return spent


def by_engine(engine: TransformersEngine, requests: Sequence[Request]) -> tuple[float, float]:
    """CPU seconds of the engine, and wall seconds to the first token."""
    start, begun, first, tokens = time.process_time(), time.perf_counter(), 0.0, 0
    for event in engine.generate(requests):
        first = first or time.perf_counter() - begun
        tokens += len(event.tokens) if isinstance(event, Piece) else 0
    assert tokens == len(requests) * TOKENS
    return time.process_time() - start, first


def run() -> list[tuple[str, float, str]]:
    """(what, how many times as many tokens a CPU-second as `generate()`, aim) at each batch size."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = checkpoint(Path(scratch) / "model")
        engine = TransformersEngine(Family(Model("m", "m", ModelKind.CHECKPOINT, str(folder))), device="cpu")
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        for size in BATCHES:
            requests = [
                Request(
                    f"{n}",
                    "m",
                    QUESTIONS[n % 4],
                    Decoding(0.8, max_tokens=TOKENS, seed=n, banned=(tokenizer.eos_token_id,)),
                )
                for n in range(size)
            ]
            prompts = [engine.render(request) for request in requests]
            pairs = [(by_generate(model, tokenizer, prompts), *by_engine(engine, requests)) for _ in range(ROUNDS)]
            ratio = min(theirs for theirs, _, _ in pairs) / min(ours for _, ours, _ in pairs)
            speed, first = size * TOKENS / min(ours for _, ours, _ in pairs), median(first for *_, first in pairs)
            detail = f"at least 1.4; {speed:,.0f} tokens a CPU-second, first token after {1000 * first:.0f} ms"
            rows.append((f"decoding against generate(), batch of {size}", ratio, detail))
    return rows


if __name__ == "__main__":
    for what, times, detail in run():
        print(f"{times:7.2f}x  {what}  ({detail})")
