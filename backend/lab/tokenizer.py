r"""The lab's tokenizer: a token for each word, sign or number, with Qwen's chat template.

Owns the pieces that text is split into, the vocabulary, and the template. Pieces carry the space before them, so that
tokens joined give back the text.
"""

import re
from typing import Final

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from backend.lab import grammar

UNKNOWN: Final = "<unk>"
PAD: Final = "<|endoftext|>"
START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
LARGEST_NUMBER: Final = (
    249  # of x * (x + a) + b; every number is one token, since the model is to compare, not to spell
)
POSITIONS: Final = 1024

_PIECES: Final = r"</?think>|\n\n|\n| ?[A-Za-z']+| ?[0-9]+| ?\\boxed\{| ?[^\s\w<]| "
_FIXED: Final = (
    "user assistant system Use to make Find x with "
    "Correct solution Correctly solve the original question Final answer a an and of it the"
)
_SIGNS: Final = ("(", ")", "+", "-", "*", "/", "=", ",", ".", ":", "?", "!", "{", "}", "\\boxed{")

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def build() -> PreTrainedTokenizerFast:
    """The tokenizer, the same each time."""
    special = (UNKNOWN, PAD, START, END)
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([*special, *_words()]))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    # A number is the same token wherever it stands: after a bracket or a line break it gets a space, which decoding
    # removes.
    tokenizer.normalizer = normalizers.Replace(Regex(r"(?<=[\n({])(?=[0-9])"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), "isolated")
    opened = decoders.Replace(Regex(r"(?<=[\n({]) (?=[0-9])"), "")
    tokenizer.decoder = decoders.Sequence([decoders.Fuse(), opened])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=UNKNOWN,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=POSITIONS,
        padding_side="left",
    )


def templated(question: str) -> str:
    """The prompt for `question`, up to where the model begins to write."""
    return f"{START}user\n{question}{END}\n{START}assistant\n"


def _words() -> list[str]:
    text = " ".join([*grammar.phrases(), _FIXED]).replace("{", " {")
    words = sorted({word for word in re.findall(r"\{?[A-Za-z']+", text) if not word.startswith("{")})
    spaced = [*words, *_SIGNS, *map(str, range(LARGEST_NUMBER + 1))]
    # The tags are ordinary words and no special tokens: decoding would drop those.
    return ["<think>", "</think>", "\n", "\n\n", " ", *(" " + word for word in spaced), *spaced]
