"""What every engine can be asked: generate, score, and say what it can't.

Owns the values that go in and come out. Loads no model library, so that services may import it; knows nothing of how
any engine works.

Offsets are Unicode code points into the response's text as it is stored, `<think>` tags and forced prefix included.
Log-probabilities are natural logarithms, entropies nats, both of the model's own distribution before temperature,
top-p, top-k and bans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from backend.domain import Finish, Model

Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the next token is drawn.

    `temperature` 0 is greedy. `top_k` 0 and `top_p` 1 leave all tokens in. Token ids in `banned` are never drawn.
    A response stops at the end-of-turn token, after any of the texts in `stop` (which stay in the text), or at
    `max_tokens`. The same seed, prompt and engine give the same draw whatever else is in the batch, up to the last
    digits of floating point. `top` alternatives are reported a token (0: none).
    """

    temperature: float = 0.8
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 512
    seed: int = 0
    stop: tuple[str, ...] = ()
    banned: tuple[int, ...] = ()
    top: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One response to make. `key` names it in events; `model` is the name of a model the engine serves.

    `user` is the whole user turn, before the chat template. The response begins with `prefix` as if the model had said
    it; it counts as part of the response.
    """

    key: str
    model: str
    user: str
    decoding: Decoding = field(default_factory=Decoding)
    system: str = ""
    prefix: str = ""


class Alternative(NamedTuple):
    """A token the model might have said."""

    text: str
    logprob: float


class Token(NamedTuple):
    """One token of a response: `text[start:end]`. None: the engine can't say. `forced` tokens were put there by us.

    A token may be empty (`start == end`): an end-of-turn mark, or bytes that only the next token completes.
    """

    start: int
    end: int
    id: int | None = None
    logprob: float | None = None
    entropy: float | None = None
    forced: bool = False
    top: tuple[Alternative, ...] = ()


class Piece(NamedTuple):
    """`text` was added to the response `key`; `tokens` cover it."""

    key: str
    text: str
    tokens: tuple[Token, ...]


class Done(NamedTuple):
    """The response `key` is finished. `prompt` is exactly what the model was shown ("" where the engine can't know).

    `tokens` counts the response's tokens as the model's tokenizer does (None: can't say), forced ones included.
    """

    key: str
    finish: Finish
    prompt: str
    tokens: int | None


class Failed(NamedTuple):
    """The response `key` can't be made, others may be; `reason` is a whole sentence."""

    key: str
    reason: str


Event = Piece | Done | Failed


class Starter(NamedTuple):
    """A token id that can begin one of some words; `word` is the first of them."""

    id: int
    text: str
    word: str


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine can give. `context` is the most tokens of prompt and response together (None: can't say).

    `missing` says what it can't, a sentence each, for people.
    """

    name: str
    logprobs: bool = True
    entropy: bool = True
    top: int = 20
    seeds: bool = True
    bans: bool = True
    prefix: bool = True
    scoring: bool = True
    context: int | None = None
    missing: tuple[str, ...] = ()


class Engine(Protocol):
    """Serves one or more models that share a tokenizer (a base and its adapters), or one endpoint."""

    @property
    def abilities(self) -> Abilities:
        """What this engine can give."""
        ...

    def render(self, request: Request) -> str:
        """The prompt the model is shown, before `prefix`; "" where the engine can't know."""
        ...

    def count(self, text: str) -> int | None:
        """Tokens of a text, None where the engine can't say."""
        ...

    def check(self, requests: Sequence[Request]) -> None:
        """Raise UserError for the first request that can't be served: too long, unknown model, unknown words, bans."""
        ...

    def generate(self, requests: Sequence[Request], cancelled: Cancelled = lambda: False) -> Iterator[Event]:
        """Answer all requests together, events as they come; every request ends in one Done or Failed.

        `cancelled` is asked at least every quarter of a second; once true, the iterator ends without further events.
        Raises UserError where nothing can be served at all.
        """
        ...

    def score(self, model: str, user: str, text: str, *, top: int = 0, system: str = "") -> list[Token]:
        """What `model` thinks of `text` as its response, a forced Token each. Raises UserError where it can't."""
        ...

    def starters(self, words: Sequence[str]) -> list[Starter]:
        """Every token id that can begin one of `words` (in any case, after a space or not), by id.

        Empty where the engine knows no token ids.
        """
        ...

    def close(self) -> None:
        """Give memory and processes back."""
        ...


class Family(NamedTuple):
    """Models one engine can serve together: `base` and the adapters on it."""

    base: Model
    adapters: tuple[Model, ...] = ()
