"""The Engine protocol: generate responses, score texts, and say what an engine can't do.

Owns the values that go in and come out. Loads no model library, so that services may import it.

Offsets are Unicode code points into the response's text as it is stored, `<think>` tags and forced prefix included.
Log-probabilities are natural logarithms, entropies nats, both of the model's own distribution before temperature,
top-p, top-k and bans.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from backend.domain import Finish, Model

Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are sampled, and when a response stops besides at the end-of-turn token."""

    temperature: float = 0.8  # 0 is greedy
    # 1 and 0 leave all tokens in.
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 512
    # The same seed, prompt and engine give the same response whatever else is in the batch, up to the last digits of
    # floating point.
    seed: int = 0
    stop: tuple[str, ...] = ()  # the response stops after any of these texts, which stay in it
    banned: tuple[int, ...] = ()  # token ids that are never sampled
    top: int = 0  # alternatives reported for each token


@dataclass(frozen=True, slots=True)
class Request:
    """One response to generate. `key` names it in events; `model` is the name of a model the engine serves.

    `user` is the whole user message, before the chat template. The response begins with `prefix` as if the model had
    written it; it counts as part of the response.
    """

    key: str
    model: str
    user: str
    decoding: Decoding = field(default_factory=Decoding)
    system: str = ""
    prefix: str = ""


class Alternative(NamedTuple):
    """A token that the model might have written instead."""

    text: str
    logprob: float


class Token(NamedTuple):
    """One token of a response: `text[start:end]`. None: the engine doesn't know. `forced` tokens were put there by us.

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

    `tokens` counts the response's tokens by the model's tokenizer, forced ones included (None: unknown).
    """

    key: str
    finish: Finish
    prompt: str
    tokens: int | None


class Failed(NamedTuple):
    """The response `key` can't be generated, others may be; `reason` is a whole sentence, `kind` says it in few words.

    What came of it before is in its pieces.
    """

    key: str
    reason: str
    kind: str = "not answered"


Event = Piece | Done | Failed


class Starter(NamedTuple):
    """A token id that can begin one of some words; `word` is the first of them."""

    id: int
    text: str
    word: str


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine can give. `context` is the most tokens of prompt and response together (None: unknown).

    `missing` has a sentence for people on each thing it can't.
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

    def render(self, request: Request) -> str:
        """The prompt the model is shown, before `prefix`; "" where the engine can't know."""

    def count(self, text: str) -> int | None:
        """Number of tokens of a text, None where the engine doesn't know."""

    def check(self, requests: Sequence[Request]) -> None:
        """Raise UserError for the first request that can't be served: too long, unknown model, unknown words, bans."""

    def generate(self, requests: Sequence[Request], cancelled: Cancelled = lambda: False) -> Iterator[Event]:
        """Answer all requests together, events as they come; every request ends in one Done or Failed.

        `cancelled` is asked at least every quarter of a second; once true, the iterator ends without further events.
        Raises UserError where nothing can be served at all.
        """

    def score(self, model: str, user: str, text: str, *, top: int = 0, system: str = "") -> list[Token]:
        """Score `text` as a response of `model`: a forced Token for each. Raises UserError where it can't."""

    def starters(self, words: Sequence[str]) -> list[Starter]:
        """Every token id that can begin one of `words` (in any case, after a space or not), by id.

        Empty where the engine knows no token ids.
        """

    def close(self) -> None:
        """Free memory and end processes."""


class Family(NamedTuple):
    """Models one engine can serve together: `base` and the adapters on it."""

    base: Model
    adapters: tuple[Model, ...] = ()
