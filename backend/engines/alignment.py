"""A response that grows as a server says more of it.

Owns where tokens lie in the text, and the end at a stop text. Knows nothing of servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backend.engines.protocol import Alternative, Piece, Token


class ServedToken(NamedTuple):
    """A token as a server reports it, before its place is known."""

    text: str
    id: int | None = None
    logprob: float | None = None
    top: tuple[Alternative, ...] = ()


def place(start: int, text: str, said: Sequence[ServedToken], *, forced: bool = False) -> tuple[Token, ...]:
    """Lay tokens over `text`, which begins at code point `start`: they follow each other and cover all of it.

    Servers write a token that is part of a character, or a mark that isn't shown, in ways that aren't in the text; such
    a token gets what lies before the next one that is found, which may be nothing.
    """
    ends: list[int] = []
    at, lost = 0, False
    for token in said:
        found = text.find(token.text, at) if lost else (at if text.startswith(token.text, at) else -1)
        lost = found < 0
        if not lost:
            ends[-1:] = [found] if ends else []
            at = found + len(token.text)
        ends.append(at)
    if ends:
        ends[-1] = len(text)
    starts = [0, *ends][:-1]
    return tuple(
        Token(start + begin, start + end, token.id, token.logprob, None, forced, token.top)
        for begin, end, token in zip(starts, ends, said, strict=True)
    )


class Growing:
    """The response `key` so far. `stopped` once one of the texts in `stop` was said; nothing is added after that."""

    def __init__(self, key: str, stop: Sequence[str] = ()) -> None:
        """Empty stop texts are taken as none."""
        self.key, self.length, self.tokens, self.stopped = key, 0, 0, False
        self._stop = tuple(filter(None, stop))
        self._tail = ""

    def force(self, text: str, tokens: tuple[Token, ...]) -> Piece:
        """Put `text` in the model's mouth, which `tokens` cover; it isn't searched for stop texts."""
        return self._grow(text, tokens)

    def say(self, text: str, said: Sequence[ServedToken]) -> Piece | None:
        """What the model said, up to the token that completes the first stop text; None where it's nothing at all."""
        tokens = place(self.length, text, said)
        if (stop := self._stop_in(text)) is not None:
            self.stopped = True
            last = next(number for number, token in enumerate(tokens) if token.end >= self.length + stop)
            text, tokens = text[: tokens[last].end - self.length], tokens[: last + 1]
        return self._grow(text, tokens) if text or tokens else None

    def _grow(self, text: str, tokens: tuple[Token, ...]) -> Piece:
        self.length += len(text)
        self.tokens += len(tokens)
        return Piece(self.key, text, tokens)

    def _stop_in(self, text: str) -> int | None:
        """Where in `text` the first stop text ends that isn't wholly before it."""
        if not self._stop:
            return None
        seen, before = self._tail + text, len(self._tail)
        found = [at + len(stop) for stop in self._stop if (at := seen.find(stop)) >= 0]
        self._tail = seen[-max(map(len, self._stop)) + 1 :] if max(map(len, self._stop)) > 1 else ""
        return min(found) - before if found else None
