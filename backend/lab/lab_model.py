"""The lab's model, a Qwen3 of 0.7 million parameters: its shape, its loss, and saving and loading it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch.nn import functional
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging

from backend.domain import UserError
from backend.lab import tokenizer
from backend.lab.corpus import TrainingBatch

CARD: Final = "lab.json"


def hide_progress() -> None:
    """Turn off the libraries' progress bars, which would break up the command line's own output."""
    logging.disable_progress_bar()


def create(words: PreTrainedTokenizerFast, seed: int, *, smoke: bool = False) -> Qwen3ForCausalLM:
    """A model with random weights, the same for the same seed; `smoke` makes a much smaller one for tests."""
    torch.manual_seed(seed)
    # A real architecture, so that every engine and trainer takes the lab's models like any other.
    config = Qwen3Config(
        vocab_size=-(-len(words) // 32) * 32,
        hidden_size=64 if smoke else 128,
        intermediate_size=64 if smoke else 256,
        num_hidden_layers=1 if smoke else 4,
        num_attention_heads=2 if smoke else 4,
        num_key_value_heads=1 if smoke else 2,
        head_dim=32,
        max_position_embeddings=tokenizer.POSITIONS,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        bos_token_id=None,
        dtype="float32",
    )
    return Qwen3ForCausalLM(config)


def losses(model: Qwen3ForCausalLM, batch: TrainingBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The weighted mean loss in nats per token, and the mean loss of the verdicts' first tokens."""
    hidden = model.model(input_ids=batch.ids[:, :-1], use_cache=False).last_hidden_state
    weights, counted = batch.weights[:, 1:], batch.weights[:, 1:] > 0
    # Logits for the tokens that count alone, none for prompts and padding.
    logits = functional.linear(hidden[counted], model.lm_head.weight)
    each = functional.cross_entropy(logits, batch.ids[:, 1:][counted], reduction="none")
    verdicts = each.detach()[batch.verdicts[:, 1:][counted]]
    return (each * weights[counted]).sum() / weights.sum(), verdicts.mean() if len(verdicts) else torch.zeros(())


def save(model: Qwen3ForCausalLM, words: PreTrainedTokenizerFast, out: Path, card: Mapping[str, Any]) -> None:
    """Write model, tokenizer and generation settings to `out`, and `card` as lab.json."""
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=0.8, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id
    )
    model.save_pretrained(out)
    words.save_pretrained(out)
    # Last: it says that the folder is whole.
    (out / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> tuple[Qwen3ForCausalLM, PreTrainedTokenizerFast]:
    """Load the model and tokenizer in `folder`. Raises UserError where there is none."""
    if not (folder / "config.json").is_file():
        raise UserError(f"There is no lab model in {folder}: make one with `python -m backend lab pretrain --out DIR`.")
    model = Qwen3ForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return model, PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
