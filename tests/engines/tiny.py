r"""A tiny Qwen3 with random weights, its tokenizer and a LoRA adapter: real parts that any engine can serve.

They are made in a second, the same bytes each time.

Hidden channel 0 is the same for every token and works as a bias of the vocabulary, so that what the model writes is
always encoded as it was sampled: it writes words with a space before them and signs, ends its turn now and then, and
hardly ever anything else. A trained model isn't needed.
"""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from tokenizers import decoders as token_decoders
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

CONTEXT = 512
END = "<|im_end|>"
QUESTIONS = (
    "Use 8, 4, 5 to make 9.",
    "Use 2, 3 to make 6.",
    "Find x with x + 7 = 12. Show each step and check it.",
    "Use 1, 1, 2, 3, 5, 8 to make 9. Show each step, then check the answer with the numbers that are given.",
)
_WORDS = """
Wait wait Hmm hmm Maybe maybe Perhaps Actually Alternatively First Then Now So Let me try check that this is not
right wrong too big small the answer number numbers step each it gives makes goal from and or with start again to
Use make x Find Show are given then
"""
_OPENERS = "user assistant system Use Find Show Maybe First Wait So x"
SIGNS = (",", ".", "+", "-", "*", "/", "=", ":", "?", "!", "\\boxed{", "}", "(", ")")
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_PIECES = r"</?think>|\n| ?[A-Za-z]+| ?[0-9]+| ?\\boxed\{| ?[^\s\w<]| "
_UNSAID, _END = -80.0, 4.0
_SCALES = {"embed": 8.0, "lm_head": 2.0, "o_proj": 1.5, "down_proj": 3.0, "gate": 3.0}


def tokenizer() -> PreTrainedTokenizerFast:
    """A WordLevel tokenizer of 192 entries; `<think>` and `</think>` are ordinary words, numbers go up to 15."""
    spaced = [f" {word}" for word in _WORDS.split()]
    numbers = [f"{space}{number}" for number in range(16) for space in (" ", "")]
    signs = [f"{space}{sign}" for sign in SIGNS for space in (" ", "")]
    special = ["<unk>", "<|endoftext|>", "<|im_start|>", END]
    entries = list(
        dict.fromkeys([*special, "<think>", "</think>", "\n", " ", *spaced, *numbers, *signs, *_OPENERS.split()])
    )
    entries += [f" w{chr(97 + index // 26)}{chr(97 + index % 26)}" for index in range(192 - len(entries))]
    built = Tokenizer(models.WordLevel({entry: index for index, entry in enumerate(entries)}, unk_token="<unk>"))
    built.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), "isolated")
    built.decoder = token_decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=built,
        unk_token="<unk>",
        pad_token="<|endoftext|>",
        eos_token=END,
        additional_special_tokens=["<|im_start|>"],
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
        padding_side="left",
    )


def save_model(folder: Path, seed: int = 0, *, hidden: int = 64, layers: int = 2) -> Path:
    """Write the model and its tokenizer to `folder`, as `save_pretrained` does; returns the folder."""
    words = tokenizer()
    model = Qwen3ForCausalLM(_config(words, hidden, layers))
    _speak(model, words, seed)
    model.generation_config = GenerationConfig(eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def save_adapter(
    base: Path, folder: Path, seed: int = 1, *, rank: int = 4, alpha: int = 8, targets: str | list[str] = "all-linear"
) -> Path:
    """Write a LoRA adapter on linear layers of the model in `base`; what it says differs plainly from `base`."""
    model = Qwen3ForCausalLM.from_pretrained(base, local_files_only=True)
    settings = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, settings)
    generator = torch.Generator().manual_seed(seed)
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            weight.data = torch.randn(weight.shape, generator=generator) * 0.3 * weight.shape[1] ** -0.5
        if name.endswith(("o_proj.lora_B.default.weight", "down_proj.lora_B.default.weight")):
            weight.data[0] = 0.0  # the adapter leaves the channel that works as a bias alone
    adapted.save_pretrained(str(folder))
    return folder


def _config(words: PreTrainedTokenizerFast, hidden: int, layers: int) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        bos_token_id=None,
        dtype="float32",
    )


def _speak(model: Qwen3ForCausalLM, words: PreTrainedTokenizerFast, seed: int) -> None:
    """Random weights of a size that makes each step depend on all before it, and the bias in channel 0."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            scale = next((scale for part, scale in _SCALES.items() if part in name), 1.0)
            weight.data = torch.randn(weight.shape, generator=generator) * scale * weight.shape[1] ** -0.5
            weight.data[:, 0] = 0.0
        else:
            weight.data = 1.0 + 0.2 * torch.randn(weight.shape, generator=generator)
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.data[0] = 0.0
    model.model.embed_tokens.weight.data[:, 0] = 2.0
    model.model.norm.weight.data[0] = 1.0
    texts = [str(words.decode([index])) for index in range(len(words))]
    wordlike = [text.startswith(" ") and text != " " for text in texts]
    bias = torch.tensor([0.0 if good else _UNSAID for good in wordlike])
    bias[words.convert_tokens_to_ids(["<think>", "</think>"])] = 0.0
    bias[words.eos_token_id] = _END
    model.lm_head.weight.data[words.eos_token_id] = 0.0
    model.lm_head.weight.data[:, 0] = bias
