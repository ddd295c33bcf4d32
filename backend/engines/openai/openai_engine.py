"""Engine for any OpenAI-compatible server, by chat completions.

Servers differ in what they accept and what they give. The engine finds out by asking, remembers it, and lists what is
missing in its abilities.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import openai

from backend.domain import Finish, Model, UserError, visible
from backend.engines.alignment import ResponseBuilder, ServedToken, align, reported
from backend.engines.openai.addresses import api_address, key_of
from backend.engines.openai.client import BrokenResponse, ServerClient
from backend.engines.protocol import Abilities, Alternative, Cancelled, Done, Event, Request, Starter, Token
from backend.messages import REDACTED, Message, PieceKind, call_text, ending, pieces_of

MOST_TOP = 20
# What may be left out of a request, and the words by which a server that refuses one names it. "neutral" are settings
# that change nothing: they are sent because many servers would else sample by defaults that come with the model.
_OPTIONAL = {
    "stream_options": ("stream_options",),
    "logprobs": ("logprob",),
    "seed": ("seed",),
    "neutral": ("top_k", "min_p", "repetition_penalty"),
}
NEUTRAL = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
_LACKS = {
    "logprobs": "The server gives no log-probabilities.",
    "seed": "The server takes no seeds: the same request gives another response each time.",
    "prefix": "The server can't go on from words put into the model's mouth.",
}


class OpenAIEngine:
    """Serves one endpoint. Requests run side by side; samples are requests of their own, each with its seed.

    Tokens have no ids; where the server gives no log-probabilities, each chunk of its stream counts as one token.
    Log-probabilities are as the server gives them: most give the model's own, before temperature. The thoughts of a
    reasoning server come as `<think>\\n…\\n</think>\\n\\n` before its answer.
    """

    def __init__(self, model: Model, *, timeout: float = 300, retries: int = 3) -> None:
        """`timeout`: seconds of silence until a response is given up. Raises UserError for a bad address or no key."""
        address, variable = api_address(model.location), str(model.settings.get("key") or "")
        self._model = model
        key = key_of(variable, os.environ, address)
        self._server = ServerClient(address, key, variable, timeout=timeout, retries=retries)
        self._name = str(model.settings.get("model") or "")
        self._looked = False
        self._lacks: set[str] = set()
        self._limit = "max_tokens"
        self._goes_on: bool | None = None
        self._trying = asyncio.Lock()

    @property
    def abilities(self) -> Abilities:
        """What this server gives, as far as is known yet."""
        lacks = self._lacks | ({"prefix"} if self._goes_on is False else set())
        missing = [sentence for lack, sentence in _LACKS.items() if lack in lacks]
        return Abilities(
            name="openai",
            logprobs="logprobs" not in lacks,
            entropy=False,
            top=0 if "logprobs" in lacks else MOST_TOP,
            seeds="seed" not in lacks,
            bans=False,
            prefix="prefix" not in lacks,
            scoring=False,
            missing=(*missing, "The server gives no entropies, scores no texts and doesn't tell its token ids."),
        )

    def render(self, request: Request) -> str:
        """Empty: the server applies the chat template."""
        return ""

    def count(self, text: str) -> int | None:
        """None: the server keeps its tokenizer to itself."""
        return None

    def check(self, requests: Sequence[Request]) -> None:
        """Raise UserError where the server or the model isn't there, or for the first request it can't serve."""
        self._look()
        for request in requests:
            if reason := self._refused(request):
                raise UserError(reason)

    def generate(self, requests: Sequence[Request], cancelled: Cancelled = lambda: False) -> Iterator[Event]:
        """See `Engine`. Raises UserError where the server or the model isn't there."""
        self._look()
        yield from self._server.stream({request.key: self._answer(request) for request in requests}, cancelled)

    def score(self, model: str, user: str, text: str, *, top: int = 0, system: str = "") -> list[Token]:
        """Raise UserError: chat completions can't score a given text."""
        raise UserError(f"{self._model.name} is asked by chat completions, which can't score a text: use its weights.")

    def starters(self, words: Sequence[str]) -> list[Starter]:
        """None: the server doesn't tell its token ids."""
        return []

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _look(self) -> None:
        """Once: check that the server answers, and find the model's name there."""
        if self._looked:
            return
        listed = self._server.ask(self._server.models())
        names = [str(entry["id"]) for entry in listed]
        shown = ", ".join(visible(name, 60) for name in names[:12]) + (", …" if len(names) > 12 else "")
        if not self._name and len(names) != 1:
            has = f"it has {shown}" if names else "it doesn't list them"
            raise UserError(f"Say which model of the server at {self._server.address} {self._model.name} is: {has}.")
        self._name = self._name or names[0]
        if names and self._name not in names:
            name = visible(self._name, 60)
            raise UserError(f"The server at {self._server.address} has no model {name!r}; it has {shown}.")
        self._looked = True

    def _refused(self, request: Request) -> str:
        if request.model != self._model.name:
            return f"{visible(request.model, 60)!r} is not served here: {self._server.address} is {self._model.name}."
        if request.decoding.banned:
            return f"{self._model.name} can't be kept from words: the server doesn't tell its token ids."
        if request.prefix and self._goes_on is False:
            return f"{self._model.name} can't be given a first word. {_LACKS['prefix']}"
        return ""

    async def _answer(self, request: Request) -> AsyncIterator[Event]:
        if request.prefix and self._goes_on is None:
            # One of the requests that run side by side asks; the others wait for what it finds.
            async with self._trying:
                self._goes_on = await self._knows_prefixes() if self._goes_on is None else self._goes_on
        if reason := self._refused(request):
            raise BrokenResponse(reason)
        built, thinking = ResponseBuilder(request.key, request.decoding.stop), Thinking()
        finish, ended, tokens = "", False, None
        async with AsyncExitStack() as opened:
            response = await self._begin(request, opened)
            if request.prefix:
                forced = align(0, request.prefix, [ServedToken(request.prefix)], forced=True)
                yield built.force(request.prefix, forced)
            async for chunk in self._server.chunks(response):
                with self._server.reading():
                    part = read_chunk(chunk, thinking, request.decoding.top)
                finish, tokens = part.finish or finish, tokens if part.tokens is None else part.tokens
                ended |= part.ended
                if part.text and not part.logprobs:
                    self._lacks.add("logprobs")
                if piece := built.add(part.text, part.served):
                    yield piece
                # Stop texts aren't sent: servers cut them off the response. Ours keep them, so we stop by ourselves.
                if built.stopped:
                    break
        # Some servers give no reason for the end, but say that the stream is complete.
        if not (finish or ended or built.stopped):
            raise BrokenResponse(f"The server at {self._server.address} ended the response half-way.", "connection cut")
        rest = [] if built.stopped else thinking.rest()
        if rest and (piece := built.add("".join(rest), [ServedToken(part) for part in rest])):
            yield piece
        # The server's count leaves a prefix out, or covers more than what was kept.
        counted = None if request.prefix or built.stopped else tokens
        yield Done(request.key, Finish.STOP if built.stopped else ending(thinking.kinds, finish), "", counted)

    async def _begin(self, request: Request, opened: AsyncExitStack) -> openai.AsyncAPIResponse[Any]:
        """Send a request, and again without the optional parts that the server refuses. Raises openai.OpenAIError."""
        left_out = self._lacks & set(_OPTIONAL)
        create = self._server.client.chat.completions.with_streaming_response.create
        while True:
            try:
                response = await opened.enter_async_context(create(**self._body(request, left_out)))
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if not self._give_way(error.message.lower(), left_out):
                    raise
            else:
                self._lacks |= left_out
                return response

    def _give_way(self, message: str, left_out: set[str]) -> bool:
        """Add to `left_out` what the refusal names, or all of it where it names nothing; False where all is out."""
        # OpenAI's own reasoning models want the newer name, most other servers know the older alone.
        if "max_completion_tokens" in message and self._limit == "max_tokens":
            self._limit = "max_completion_tokens"
            return True
        sent = set(_OPTIONAL) - left_out
        named = {option for option in sent if any(word in message for word in _OPTIONAL[option])}
        left_out |= named or sent
        return bool(sent)

    def _body(self, request: Request, left_out: set[str]) -> dict[str, Any]:
        decoding = request.decoding
        messages = [{"role": "system", "content": request.system}] if request.system else []
        messages.append({"role": "user", "content": request.user})
        extra: dict[str, Any] = {} if "neutral" in left_out else dict(NEUTRAL)
        if decoding.top_k:
            extra["top_k"] = decoding.top_k
        if request.prefix:
            messages.append({"role": "assistant", "content": request.prefix})
            extra |= {"continue_final_message": True, "add_generation_prompt": False}
        body: dict[str, Any] = {
            "model": self._name,
            "messages": messages,
            "stream": True,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            self._limit: decoding.max_tokens,
            "extra_body": extra,
        }
        if "seed" not in left_out:
            body["seed"] = decoding.seed
        if "stream_options" not in left_out:
            body["stream_options"] = {"include_usage": True}
        if "logprobs" not in left_out:
            body["logprobs"] = True
            # One more than wanted: some servers count the sampled token among them, however unlikely it was.
            body |= {"top_logprobs": min(decoding.top + 1, MOST_TOP)} if decoding.top else {}
        return body

    async def _knows_prefixes(self) -> bool:
        """Whether the server can continue a prefix."""
        # Asked with a value that makes no sense: a server that knows the setting refuses it, one that doesn't ignores
        # it, as it would ignore the real value, and answers from the start without saying so.
        try:
            await self._server.client.chat.completions.create(
                model=self._name,
                messages=[{"role": "user", "content": "?"}],
                extra_body={"continue_final_message": "neither", self._limit: 1},
            )
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            return True
        return False


class StreamChunk(NamedTuple):
    """The content of one chunk of a stream."""

    text: str = ""
    served: tuple[ServedToken, ...] = ()
    finish: str = ""
    tokens: int | None = None
    logprobs: bool = False
    ended: bool = False


class Thinking:
    """Joins what a server sends apart: reasoning in `<think>` tags, as models write them, then its answer and calls."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.kinds: list[PieceKind] = []
        self._thought = ""  # the last words of a thought that is open
        self._half = ""
        self._calls: dict[Any, dict[str, str]] = {}

    def read(self, delta: Message) -> list[str]:
        """The text that a chunk adds, in parts: tags, reasoning, a piece of the answer."""
        self._gather(delta)
        said = pieces_of({key: value for key, value in delta.items() if key not in ("tool_calls", "function_call")})
        parts: list[str] = []
        for kind, words in said:
            # Behind reasoning that was sent in words comes its sealed form.
            if words == REDACTED and PieceKind.THOUGHT in self.kinds:
                continue
            self.kinds += [kind] if kind not in self.kinds[-1:] else []
            parts += self._tagged(kind is PieceKind.THOUGHT, self._whole(words))
        return parts

    def rest(self) -> list[str]:
        """What is left when the stream is complete: tool calls, which came in fragments."""
        calls = [
            call_text({"name": call["name"] or "?", "arguments": call["arguments"]}) for call in self._calls.values()
        ]
        half, self._half = "\ufffd" if self._half else "", ""
        if not calls:
            return [half] if half else []
        self.kinds.append(PieceKind.CALL)
        return self._tagged(False, half + "\n".join(calls))

    def _tagged(self, thought: bool, words: str) -> list[str]:
        opening = closing = ""
        if thought and not self._thought and words:
            opening = "<think>" if words.startswith("\n") else "<think>\n"
        elif words and not thought and self._thought:
            closing = "</think>" if self._thought.endswith("\n") else "\n</think>"
            closing += "" if words.startswith("\n") else "\n\n"
        self._thought = (words or self._thought) if thought else "" if words else self._thought
        return [part for part in (opening, closing, words) if part]

    def _whole(self, words: str) -> str:
        """`words` with what was held back before them; half a character at their end waits for its other half."""
        words = self._half + words
        self._half = words[-1:] if "\ud800" <= words[-1:] <= "\udbff" else ""
        return words.removesuffix(self._half).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _gather(self, delta: Message) -> None:
        whole = delta.get("function_call")
        for place, call in enumerate(delta.get("tool_calls") or ([{"function": whole}] if whole else [])):
            made = self._calls.setdefault(call.get("index", place), {"name": "", "arguments": ""})
            for key in made:
                made[key] += (call.get("function") or {}).get(key) or ""


def read_chunk(chunk: Message, thinking: Thinking, top: int) -> StreamChunk:
    """Read one chunk of a chat completion's stream, with the `top` likeliest alternatives of each token.

    Raises what `ServerClient.reading` catches where the chunk has another shape.
    """
    tokens = (chunk.get("usage") or {}).get("completion_tokens")
    if not (choices := chunk.get("choices")):
        return StreamChunk(tokens=tokens, ended=bool(chunk.get("ended")))
    choice = choices[0]
    parts = thinking.read(choice.get("delta") or {})
    entries = (choice.get("logprobs") or {}).get("content") or ()
    marks = [ServedToken(part) for part in parts if part.strip() in ("<think>", "</think>")]
    # Without log-probabilities nothing says where tokens end: each part counts as one.
    served = [*marks, *(_token(entry, top) for entry in entries)] if entries else [ServedToken(part) for part in parts]
    return StreamChunk("".join(parts), tuple(served), choice.get("finish_reason") or "", tokens, bool(entries))


def _token(entry: Message, top: int) -> ServedToken:
    listed = ((_plain(other["token"]), reported(other["logprob"])) for other in entry.get("top_logprobs") or ())
    known = [Alternative(text, logprob) for text, logprob in listed if logprob is not None]
    best = sorted(known, key=lambda other: -other.logprob)[:top]
    return ServedToken(_plain(entry["token"]), None, reported(entry["logprob"]), tuple(best))


def _plain(token: Any) -> str:
    # Half a surrogate pair can be kept nowhere.
    return str(token).encode("utf-8", "replace").decode()
