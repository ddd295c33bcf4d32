"""A vLLM server as an engine: exact prompts, token ids, log-probabilities, adapters loaded while it runs.

Owns the requests to vLLM's completions and how its answers are read.
"""

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import openai

from backend.domain import Finish, Model, UserError, visible
from backend.engines.alignment import ResponseBuilder, ServedToken, reported
from backend.engines.openai.addresses import api_address
from backend.engines.openai.client import BrokenResponse, ServerClient
from backend.engines.openai.openai_engine import MOST_TOP, NEUTRAL
from backend.engines.protocol import (
    Abilities,
    Alternative,
    Cancelled,
    Decoding,
    Done,
    Event,
    Family,
    Request,
    Starter,
    Token,
)
from backend.engines.texts import Stream, Texts
from backend.engines.vllm.vllm_server import NAME, VllmServer
from backend.messages import finish_of

_NEVER = -100  # a bias below which no token is drawn; vLLM takes no less
_KEY = "VLLM_API_KEY"  # vLLM's own name for it
_AT_ONCE = 256  # as many as vLLM itself answers side by side
_SEEDS = 2**63  # it takes seeds of 64 bits with a sign
_WITH_IDS = {"return_token_ids": True, "return_tokens_as_token_ids": True}
_TO_LOAD = (
    "A server that was started by hand needs --enable-lora, VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and sight of this"
    " machine's folders."
)
_MISSING = ("vLLM gives no entropies: score the traces with transformers where they are wanted.",)


class VllmEngine:
    """Serves a base and its adapters from one vLLM server, our own or one that runs already.

    Log-probabilities and alternatives are the model's own, before temperature and bans (vLLM's `raw_logprobs`).
    """

    def __init__(self, family: Family, server: VllmServer | str, folder: Path, *, timeout: float = 900) -> None:
        """`server`: one of ours, which is stopped by `close`, or an address; `folder` holds the base's tokenizer.

        Loads the adapters into the server; it has to see their folders. `timeout`: seconds of silence until a response
        is given up. Raises UserError where the server can't be reached, serves another model or refuses an adapter.
        """
        self._server = server if isinstance(server, VllmServer) else None
        address = server.address if isinstance(server, VllmServer) else api_address(server)
        key = server.key if isinstance(server, VllmServer) else os.environ.get(_KEY, "")
        # Prompts are rendered and texts decoded here, by the model's own tokenizer: a response is the same, token
        # for token, as any other engine's.
        self._texts = Texts(folder)
        self._served = ServerClient(address, key, _KEY, timeout=timeout, at_once=_AT_ONCE)
        try:
            self._names, self._context = self._served.ask(self._find(family))
        except BaseException:
            self._served.close()
            raise

    @property
    def abilities(self) -> Abilities:
        """All but entropies."""
        return Abilities(name="vllm", entropy=False, top=MOST_TOP, context=self._context, missing=_MISSING)

    def render(self, request: Request) -> str:
        """The prompt by the model's chat template, before `prefix`."""
        return self._texts.render(request)

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._texts.ids(text))

    def check(self, requests: Sequence[Request]) -> None:
        """Raise UserError for the first request that can't be served."""
        for request in requests:
            self._prepare(request)

    def generate(self, requests: Sequence[Request], cancelled: Cancelled = lambda: False) -> Iterator[Event]:
        """Answer all requests together; see Engine. Raises UserError where the server is gone."""
        if self._server and not self._server.running:
            raise UserError(f"The vLLM server has ended. Its output is in {self._server.log}.")
        yield from self._served.stream({request.key: self._answer(request) for request in requests}, cancelled)

    def score(self, model: str, user: str, text: str, *, top: int = 0, system: str = "") -> list[Token]:
        """What `model` thinks of `text` as its response, a forced Token each. Raises UserError where it doesn't fit."""
        prompt = self._texts.prompt_ids(self.render(Request("", model, user, system=system)))
        ids = self._texts.ids(text)
        if self._context and len(prompt) + len(ids) + 1 > self._context:
            raise UserError(
                f"The text can't be scored: with its prompt it has {len(prompt) + len(ids):,} tokens, and the model"
                f" reads {self._context:,}."
            )
        return list(self._served.ask(self._read(self._name(model), prompt, ids, text, top)))

    def starters(self, words: Sequence[str]) -> list[Starter]:
        """Every token id that can begin one of `words`."""
        return self._texts.starters(words)

    def close(self) -> None:
        """Close the connections, and stop the server if it's ours."""
        self._served.close()
        if self._server:
            self._server.stop()

    async def _find(self, family: Family) -> tuple[dict[str, str], int | None]:
        """What the server calls the base and its adapters, these loaded, and how long its context is."""
        listed = await self._served.models()
        base = NAME if self._server else _called(family.base, listed)
        if base is None:
            names = ", ".join(visible(str(entry["id"]), 60) for entry in listed if not entry.get("parent"))
            raise BrokenResponse(
                f"The vLLM server at {self._served.address} serves {names or 'nothing'}, not {family.base.name}: start"
                f" it with --served-model-name {family.base.name}, or leave its address out to have one started."
            )
        names_of = {family.base.name: base}
        for adapter in family.adapters:
            names_of[adapter.name] = await self._load(adapter, listed)
        lengths = [entry.get("max_model_len") for entry in listed if entry["id"] == base]
        return names_of, next((length for length in lengths if isinstance(length, int)), None)

    async def _load(self, adapter: Model, listed: Sequence[Mapping[str, Any]]) -> str:
        path = str(Path(adapter.location).expanduser().resolve())
        loaded = {entry.get("root"): str(entry["id"]) for entry in listed if entry.get("parent")}
        if path in loaded:
            return loaded[path]
        # With the id: two adapters of one name may follow each other while the server runs.
        name = f"{adapter.name}-{adapter.id}"
        try:
            await self._served.fetch("/load_lora_adapter", {"lora_name": name, "lora_path": path})
        except openai.APIStatusError as error:
            if error.status_code in (401, 403):
                raise
            reason = f"vLLM did not load the adapter {adapter.name}. {self._served.sentence(error)}"
            raise BrokenResponse(reason if self._server else f"{reason} {_TO_LOAD}") from error
        return name

    def _name(self, model: str) -> str:
        if model not in self._names:
            served = ", ".join(visible(name, 60) for name in self._names)
            raise UserError(f"{visible(model, 60)!r} is not served here; there are {served}.")
        return self._names[model]

    def _prepare(self, request: Request) -> tuple[str, str, list[int], list[int]]:
        """The model's name there, the prompt, its ids and the prefix's. Raises UserError where it can't be served."""
        name, prompt = self._name(request.model), self.render(request)
        ids, forced = self._texts.prompt_ids(prompt), self._texts.ids(request.prefix)
        if self._context and len(ids) + len(forced) + 1 > self._context:
            raise UserError(
                f"The prompt is too long: it has {len(ids) + len(forced):,} tokens, and {request.model} reads"
                f" {self._context:,}, its response included."
            )
        if len(forced) >= request.decoding.max_tokens:
            raise UserError(
                f"The first words given to {request.model} have {len(forced):,} tokens already, and the response may"
                f" have {request.decoding.max_tokens:,} in all: allow more tokens."
            )
        if unknown := self._texts.unknown(prompt) or self._texts.unknown(request.prefix):
            shown = ", ".join(visible(word, 40) for word in unknown)
            raise UserError(f"{request.model} has no tokens for {shown}: leave that out.")
        if wrong := next((token for token in request.decoding.banned if not 0 <= token < self._texts.known), None):
            raise UserError(f"{request.model} has no token {wrong} that could be kept from it.")
        return name, prompt, ids, forced

    async def _answer(self, request: Request) -> AsyncIterator[Event]:
        try:
            name, prompt, ids, forced = self._prepare(request)
        except UserError as error:
            raise BrokenResponse(str(error)) from error
        decoding, texts = request.decoding, self._texts.stream()
        growing = ResponseBuilder(request.key, decoding.stop)
        # vLLM reports no log-probabilities of a prompt while it streams: the forced words are scored by themselves.
        if forced:
            yield growing.force(request.prefix, await self._read(name, ids, forced, request.prefix, decoding.top))
        room = self._context - len(ids) if self._context else decoding.max_tokens
        left = min(decoding.max_tokens, room) - len(forced)
        finish = ""
        async with self._begin(name, decoding, [*ids, *forced], left) as response:
            async for chunk in self._served.chunks(response):
                with self._served.reading():
                    tokens_of_chunk, ended = self._chunk(chunk, decoding.top, texts)
                finish = ended or finish
                if piece := growing.add("".join(token.text for token in tokens_of_chunk), tokens_of_chunk):
                    yield piece
                if growing.stopped:
                    break
        if not (finish or growing.stopped):
            raise BrokenResponse(f"The server at {self._served.address} ended the response half-way.", "connection cut")
        # The mark that ends a turn comes as a token too, but isn't one of the response.
        tokens = growing.tokens - (not growing.stopped and finish == "stop")
        if not growing.stopped and (rest := texts.finish()) and (piece := growing.add(rest, [ServedToken(rest)])):
            yield piece
        shown = Finish.STOP if growing.stopped else finish_of(finish)
        yield Done(request.key, shown, prompt, tokens)

    def _begin(
        self, name: str, decoding: Decoding, ids: list[int], left: int
    ) -> AbstractAsyncContextManager[openai.AsyncAPIResponse[Any]]:
        return self._served.client.completions.with_streaming_response.create(
            model=name,
            prompt=ids,
            stream=True,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_tokens=left,
            seed=decoding.seed % _SEEDS,
            logprobs=min(decoding.top, MOST_TOP),
            logit_bias={str(token): _NEVER for token in decoding.banned},
            extra_body=NEUTRAL | {"top_k": decoding.top_k or -1} | _WITH_IDS,
        )

    async def _read(self, name: str, prompt: list[int], ids: list[int], text: str, top: int) -> tuple[Token, ...]:
        """What the model thinks of `ids`, which are `text`, after `prompt`."""
        # vLLM has no request that only reads: one token is drawn and thrown away.
        body = {"model": name, "prompt": [*prompt, *ids], "max_tokens": 1, "temperature": 0.0}
        answer = await self._served.fetch("/completions", body | {"prompt_logprobs": min(top, MOST_TOP)})
        with self._served.reading():
            rows = answer["choices"][0]["prompt_logprobs"][-len(ids) :] if ids else []
            logprobs = [reported(row[str(token)]["logprob"]) for row, token in zip(rows, ids, strict=True)]
            tops = [_best({int(i): entry["logprob"] for i, entry in row.items()}, top) for row in rows]
        return tuple(
            Token(start, end, token, logprob, None, True, self._shown(best))
            for (token, start, end), logprob, best in zip(self._texts.spans(text), logprobs, tops, strict=True)
        )

    def _chunk(self, chunk: Mapping[str, Any], top: int, stream: Stream) -> tuple[list[ServedToken], str]:
        """The tokens of a chunk, and how the response ended if it did."""
        if not (choices := chunk.get("choices")):
            return [], ""
        choice, tokens = choices[0], []
        worths = choice.get("logprobs") or {}
        for place, token in enumerate(choice.get("token_ids") or ()):
            named = worths["top_logprobs"][place] if top else {}
            best = self._shown(_best({int(name.removeprefix("token_id:")): named[name] for name in named}, top))
            tokens.append(ServedToken(stream.add(token), token, reported(worths["token_logprobs"][place]), best))
        if choice.get("text") and not tokens:
            raise BrokenResponse(
                f"The server at {self._served.address} tells no token ids: it has to be vLLM 0.10 or newer."
            )
        return tokens, choice.get("finish_reason") or ""

    def _shown(self, best: Sequence[tuple[int, float]]) -> tuple[Alternative, ...]:
        return tuple(Alternative(self._texts.text_of(token), logprob) for token, logprob in best)


def _best(logprobs: Mapping[int, Any], top: int) -> list[tuple[int, float]]:
    """The `top` likeliest: what was drawn or read is reported beside them, however unlikely it was."""
    known = ((token, logprob) for token, value in logprobs.items() if (logprob := reported(value)) is not None)
    return sorted(known, key=lambda item: -item[1])[:top]


def _called(base: Model, listed: Sequence[Mapping[str, Any]]) -> str | None:
    """What a server calls `base`, None where it doesn't serve it."""
    known = {base.name, base.location, str(base.settings.get("model") or base.name)}
    for entry in listed:
        if not entry.get("parent") and known & {str(entry["id"]), str(entry.get("root"))}:
            return str(entry["id"])
    return None
