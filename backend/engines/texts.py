"""Tokenization as engines need it: prompts by the chat template, text of ids as they arrive, offsets in code points.

Owns the rule by which token ids begin a word, too (`starters`): bans and forced first words rest on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from jinja2.exceptions import TemplateError
from tokenizers.decoders import DecodeStream
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from backend.domain import UserError, visible
from backend.engines.protocol import Request, Starter

# What may stand before a word; with many tokenizers it decides which token the word gets.
_BEFORE: Final = ("", " ", "\n", "(", '"', "*", " (", ' "')


class Texts:
    """A model's tokenizer with exact conversions in both directions."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError where `folder` holds no tokenizer that the tokenizers library can run."""
        try:
            found = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # what breaks depends on the file: OSError, ValueError, KeyError, pyo3's own
            raise UserError(f"The tokenizer in {folder} can't be read ({visible(str(error), 200)}).") from error
        if not isinstance(found, PreTrainedTokenizerFast):
            raise UserError(f"The tokenizer in {folder} has no fast form (tokenizer.json), which is needed here.")
        self.tokenizer = found
        # Used directly, without the padding, the truncation and the special cases of the wrapper.
        self.rust = found.backend_tokenizer
        self.rust.no_padding()
        self.rust.no_truncation()

    @property
    def known(self) -> int:
        """How many ids have a text; the model's vocabulary may be padded beyond."""
        return len(self.tokenizer)

    def render(self, request: Request) -> str:
        """The prompt by the chat template, opened for the assistant; without a template, the messages as they are."""
        messages = [{"role": "system", "content": request.system}] if request.system else []
        messages.append({"role": "user", "content": request.user})
        if not self.tokenizer.chat_template:
            return "\n\n".join(message["content"] for message in messages)
        try:
            return str(self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
        except TemplateError as error:
            raise UserError(
                f"The chat template of {request.model} refuses this prompt: {visible(str(error))}."
            ) from error

    def prompt_ids(self, prompt: str) -> list[int]:
        """Ids of a rendered prompt."""
        # A template writes the beginning-of-text token itself: two of them would be another prompt.
        return list(self.rust.encode(prompt, add_special_tokens=not self.tokenizer.chat_template).ids)

    def ids(self, text: str) -> list[int]:
        """Ids of a part of a response, without a beginning-of-text token."""
        return list(self.rust.encode(text, add_special_tokens=False).ids)

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """(id, start, end) of a response's tokens, covering `text` without gaps."""
        # Of tokens that share a character the last one gets it, as in generation, where it appears with that one. What
        # lies before a token and belongs to none goes to it.
        encoded = self.rust.encode(text, add_special_tokens=False)
        starts = [start for start, _ in encoded.offsets[1:]] + [len(text)]
        spans, done = [], 0
        for token, (_, end), following in zip(encoded.ids, encoded.offsets, starts[: len(encoded.ids)], strict=True):
            start, done = done, max(done, min(end, following))
            spans.append((token, start, done))
        if spans:
            spans[-1] = (*spans[-1][:2], len(text))
        return spans

    def unknown(self, text: str) -> list[str]:
        """Words of a prompt or text that have no token, in order; none where every text can be encoded."""
        missing = self.tokenizer.unk_token_id
        if missing is None:
            return []
        encoded = self.rust.encode(text, add_special_tokens=False)
        spans = [span for token, span in zip(encoded.ids, encoded.offsets, strict=True) if token == missing]
        return list(dict.fromkeys(text[start:end].strip() for start, end in spans))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of a whole response, special tokens left out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def stream(self) -> Stream:
        """A decoder for a response whose ids arrive one by one."""
        return Stream(self)

    def text_of(self, token: int) -> str:
        """The text of one id in the middle of a text, special tokens written out."""
        if token not in self._known_texts:
            self._known_texts[token] = self._after_anchor([token])[0]
        return self._known_texts[token]

    def starters(self, words: Sequence[str]) -> list[Starter]:
        r"""Every id that can begin one of `words`, by id; see `Engine.starters`.

        An id begins a word (1) if its own text, in lower case, holds the word between word edges: ` wait`, `Wait`,
        `(wait`, `wait,`, but not ` waiting` or ` w`; or (2) if the tokenizer splits the word: then the id of the piece
        that holds the word's first letter, for the word as given, in lower case, capitalised and in capitals, each
        alone and after a space, a line break, a bracket, a quotation mark or an asterisk. Pieces into which the
        tokenizer itself would never cut the word are left: `w` + `ait` is not how `wait` is written.
        """
        found: dict[int, str] = {}
        for word in filter(None, (word.strip() for word in words)):
            edges = re.compile(rf"(?<!\w){re.escape(word.lower())}(?!\w)")
            holding = (token for token, text in enumerate(self._lowered) if edges.search(text))
            for token in (*holding, *self._splitting(word)):
                found.setdefault(token, word)
        return [Starter(token, self.text_of(token), found[token]) for token in sorted(found)]

    def _splitting(self, word: str) -> set[int]:
        cases = dict.fromkeys((word, word.lower(), word[:1].upper() + word[1:], word.upper()))
        variants = [(before + case, len(before)) for case in cases for before in _BEFORE]
        first: set[int] = set()
        encoded = self.rust.encode_batch([variant for variant, _ in variants], add_special_tokens=False)
        for (variant, at), encoding in zip(variants, encoded, strict=True):
            pieces = zip(encoding.ids, encoding.offsets, strict=True)
            piece = next(((token, end) for token, (start, end) in pieces if start <= at < end), None)
            if piece and piece[1] < len(variant) and piece[0] != self.tokenizer.unk_token_id:
                first.add(piece[0])
        return first

    @cached_property
    def _known_texts(self) -> dict[int, str]:
        return {}

    @cached_property
    def _lowered(self) -> list[str]:
        special = set(self.tokenizer.all_special_ids)
        texts = self._after_anchor(range(self.known))
        return ["" if token in special else text.lower() for token, text in enumerate(texts)]

    @cached_property
    def _anchor(self) -> int:
        """An ordinary id to decode others after, since some decoders treat the first one specially."""
        special = set(self.tokenizer.all_special_ids)
        return next((token for token in self.ids("a") if token not in special), 0)

    def _after_anchor(self, tokens: Sequence[int]) -> list[str]:
        head = self.rust.decode([self._anchor], skip_special_tokens=False)
        texts = self.rust.decode_batch([[self._anchor, token] for token in tokens], skip_special_tokens=False)
        return [text.removeprefix(head) for text in texts]


class Stream:
    """Decodes one response id by id: the parts joined are what decoding the whole gives.

    Bytes that aren't a whole character yet are held back until they are, or until `finish`.
    """

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._ids: list[int] = []
        self._inner = DecodeStream(skip_special_tokens=True)
        self.length = 0

    def add(self, token: int) -> str:
        """The text that `token` adds, "" for a special token or a part of a character."""
        self._ids.append(token)
        part = self._inner.step(self._texts.rust, token) or ""
        self.length += len(part)
        return part

    def finish(self) -> str:
        """The text held back: bytes that never became a character, as replacement characters."""
        rest = self._texts.decode(self._ids)[self.length :]
        self.length += len(rest)
        return rest
