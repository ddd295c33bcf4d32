"""The transformers engine: a checkpoint and its LoRA adapters in this process, on the CPU or a GPU.

Owns the checks before anything is generated, and how long the weights stay loaded.
"""

from collections.abc import Iterator, Sequence

import torch

from backend.domain import UserError, visible
from backend.engines.protocol import Abilities, Cancelled, Event, Failed, Family, Request, Starter, Token
from backend.engines.texts import Texts
from backend.engines.transformers import loading
from backend.engines.transformers.decoder import Decoder
from backend.engines.transformers.generation_loop import Loop, Prepared, score_tokens
from backend.engines.transformers.token_sampling import distributions

_MOST_ALTERNATIVES = 20
_SHOWN_WORDS = 5  # of those a tokenizer doesn't know, in the sentence about them
_NO_LIMIT = 10**9


class TransformersEngine:
    """An `Engine` over a local folder, or a hub name that has been downloaded.

    A base and its adapters share one batch. Log-probabilities, entropies and alternatives are exact; a token that
    completes a stop text is kept whole, so that the text may run a few letters past it. The prefix counts towards
    `max_tokens`; what the context leaves limits it too. Not for use by several threads at once.
    """

    def __init__(self, family: Family, *, device: str = "auto", threads: int = 1, download: bool = False) -> None:
        """Load the weights; `threads` are torch's for the whole process, `download` allows hub names to be fetched.

        Raises UserError for a folder that isn't whole, weights that don't fit, an adapter of another base, or a model
        whose code isn't part of transformers: none that comes with a model is run.
        """
        torch.set_num_threads(threads)
        self._family = family
        # Files and tokenizer first: what is wrong with them is found in a second, before gigabytes are read.
        folder = loading.check_files(family, download)
        self._texts = Texts(folder)
        self._decoder: Decoder | None = None
        self._decoder, facts = loading.load(family, folder, loading.pick_device(device))
        self._adapters = {model.name: number for number, model in enumerate((family.base, *family.adapters))}
        self._ends = facts.ends | {self._texts.tokenizer.eos_token_id} - {None}
        self._vocabulary = min(facts.vocabulary, self._texts.known)
        self._context = facts.context or _NO_LIMIT
        self._abilities = Abilities("transformers", top=_MOST_ALTERNATIVES, context=facts.context)

    @property
    def abilities(self) -> Abilities:
        """See `Engine`: nothing is missing."""
        return self._abilities

    def render(self, request: Request) -> str:
        """See `Engine`; a model without a chat template gets the messages as they are."""
        return self._texts.render(request)

    def count(self, text: str) -> int:
        """See `Engine`."""
        return len(self._texts.ids(text))

    def check(self, requests: Sequence[Request]) -> None:
        """See `Engine`."""
        for request in requests:
            self._prepare(request)

    def generate(self, requests: Sequence[Request], cancelled: Cancelled = lambda: False) -> Iterator[Event]:
        """See `Engine`. A request that `check` would refuse fails alone."""
        if cancelled():
            return
        jobs: list[Prepared] = []
        for request in requests:
            try:
                jobs.append(self._prepare(request))
            except UserError as error:
                yield Failed(request.key, str(error))
        if jobs:
            decoder = self._opened()
            # The longest request decides how much cache each row gets.
            tokens = max(len(job.ids) + job.limit for job in jobs)
            rows = loading.rows_at_once(decoder, len(jobs), tokens)
            loop = Loop(decoder.batch(rows, tokens), self._texts, self._ends, decoder.device, cancelled)
            yield from loop.events(jobs, rows)

    def score(self, model: str, user: str, text: str, *, top: int = 0, system: str = "") -> list[Token]:
        """See `Engine`. Logits are made for a few positions at a time, however long the text."""
        request = Request("score", model, user, system=system)
        prompt = self._prompt(request)[1]
        self._check_words(request, text)
        spans = self._texts.spans(text)
        ids = [token for token, _, _ in spans]
        if (size := len(prompt) + len(ids)) > self._context:
            raise UserError(
                f"The prompt and the text have {size:,} tokens together, but {model} can read {self._context:,} at"
                " most: score a shorter text."
            )
        if not ids:
            return []
        found: list[Token] = []

        def note(logits: torch.Tensor) -> None:
            part = ids[len(found) : len(found) + len(logits)]
            found.extend(score_tokens(self._texts, part, [distributions(logits)], top))

        decoder = self._opened()
        # A text is read like a prefix, in a row of its own; its last id isn't fed, since nothing follows.
        decoder.batch(1, size).admit([*prompt, *ids], self._adapters[model], lambda: None, len(ids), note)
        return [token._replace(start=start, end=end) for token, (_, start, end) in zip(found, spans, strict=True)]

    def starters(self, words: Sequence[str]) -> list[Starter]:
        """See `Engine`; the rule is that of `Texts.starters`."""
        # A tokenizer may know ids that the model has no weights for.
        return [starter for starter in self._texts.starters(words) if starter.id < self._vocabulary]

    def close(self) -> None:
        """See `Engine`."""
        self._decoder = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _opened(self) -> Decoder:
        if self._decoder is None:
            raise UserError(f"The engine of {self._family.base.name} has been closed: open it again.")
        return self._decoder

    def _prepare(self, request: Request) -> Prepared:
        """The request as ids. Raises UserError where it can't be served."""
        self._check_settings(request)
        prompt, ids = self._prompt(request)
        self._check_words(request, request.prefix)
        prefix = self._texts.ids(request.prefix)
        if (size := len(ids) + len(prefix) + 1) > self._context:
            raise UserError(
                f"The prompt of {request.key} has {size - 1:,} tokens and leaves no room to answer:"
                f" {request.model} can read and write {self._context:,} in all. Shorten it."
            )
        if len(prefix) >= request.decoding.max_tokens:
            raise UserError(
                f"The first words given to {request.model} have {len(prefix):,} tokens already, and the response may"
                f" have {request.decoding.max_tokens:,} in all: allow more tokens."
            )
        # The prompt takes its part of the context, whatever was asked for.
        limit = min(request.decoding.max_tokens, self._context - len(ids))
        return Prepared(request, self._adapters[request.model], prompt, ids, prefix, limit)

    def _prompt(self, request: Request) -> tuple[str, list[int]]:
        """The prompt as text and ids. Raises UserError for an unknown model or unknown words."""
        if request.model not in self._adapters:
            known = ", ".join(self._adapters)
            raise UserError(f"There is no model {visible(request.model, 80)!r} here; this engine serves {known}.")
        prompt = self._texts.render(request)
        self._check_words(request, prompt)
        return prompt, self._texts.prompt_ids(prompt)

    def _check_words(self, request: Request, text: str) -> None:
        if unknown := self._texts.unknown(text):
            shown = ", ".join(visible(word, 40) for word in unknown[:_SHOWN_WORDS])
            more = f" and {len(unknown) - _SHOWN_WORDS:,} more" if len(unknown) > _SHOWN_WORDS else ""
            raise UserError(f"{request.model} has no token for these words and can't read them: {shown}{more}.")

    def _check_settings(self, request: Request) -> None:
        asked = request.decoding
        limits = (
            (asked.temperature >= 0, "a temperature of 0 or more", asked.temperature),
            (0 < asked.top_p <= 1, "a top-p above 0 and up to 1", asked.top_p),
            (asked.top_k >= 0, "a top-k of 0 or more", asked.top_k),
            (asked.max_tokens >= 1, "at least one token of response", asked.max_tokens),
            (0 <= asked.top <= _MOST_ALTERNATIVES, f"0 to {_MOST_ALTERNATIVES} alternatives a token", asked.top),
        )
        for holds, wanted, given in limits:
            if not holds:
                raise UserError(f"Drawing needs {wanted}, but {request.key} asks for {given}.")
        banned = set(asked.banned)
        if strange := sorted(token for token in banned if not 0 <= token < self._vocabulary):
            raise UserError(f"{request.model} has no token with the id {strange[0]} that is to be banned.")
        if len(banned) >= self._vocabulary:
            raise UserError(f"All tokens of {request.model} are banned, so it could say nothing: ban fewer words.")
