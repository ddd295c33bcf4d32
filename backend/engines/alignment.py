"""Aligns the tokens that a server reports with the text of its response, and ends the response at a stop text."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.engines.protocol import Alternative, Piece, Token


class ServedToken(NamedTuple):
    """A token as a server reports it, before its place in the text is known."""

    text: str
    id: int | None = None
    logprob: float | None = None
    top: tuple[Alternative, ...] = ()


def reported(logprob: Any) -> float | None:
    """A log-probability as a server reports it; None, unknown, where it is null or no finite number."""
    return float(logprob) if isinstance(logprob, int | float) and math.isfinite(logprob) else None


def align(start: int, text: str, served: Sequence[ServedToken], *, forced: bool = False) -> tuple[Token, ...]:
    """Tokens with their places in `text`, which begins at code point `start`: they follow each other and cover it."""
    ends: list[int] = []
    at, lost = 0, False
    for token in served:
        # Servers write a token that is only part of a character, or a mark that isn't shown, in ways that aren't in the
        # text. Such a token gets what lies before the next one that is found, which may be nothing.
        found = text.find(token.text, at) if lost else (at if text.startswith(token.text, at) else -1)
        lost = found < 0
        if not lost:
            ends[-1:] = [found] if ends else []
            at = found + len(token.text)
        ends.append(at)
    # What no token accounts for at the end belongs to the last one.
    if ends:
        ends[-1] = len(text)
    starts = [0, *ends][:-1]
    return tuple(
        Token(start + begin, start + end, token.id, token.logprob, None, forced, token.top)
        for begin, end, token in zip(starts, ends, served, strict=True)
    )


class ResponseBuilder:
    """Builds the response `key` piece by piece; `stopped` once one of the texts in `stop` is complete."""

    def __init__(self, key: str, stop: Sequence[str] = ()) -> None:
        """Empty stop texts count as none."""
        self.key, self.length, self.tokens, self.stopped = key, 0, 0, False
        self._stop = tuple(filter(None, stop))
        self._tail = ""

    def force(self, text: str, tokens: tuple[Token, ...]) -> Piece:
        """Add a prefix that we force on the model, covered by `tokens`; it isn't searched for stop texts."""
        return self._piece(text, tokens)

    def add(self, text: str, served: Sequence[ServedToken]) -> Piece | None:
        """Add what the model wrote, up to the token that completes the first stop text; None where nothing is left."""
        tokens = align(self.length, text, served)
        if (stop := self._stop_in(text)) is not None:
            self.stopped = True
            last = next(number for number, token in enumerate(tokens) if token.end >= self.length + stop)
            text, tokens = text[: tokens[last].end - self.length], tokens[: last + 1]
        return self._piece(text, tokens) if text or tokens else None

    def _piece(self, text: str, tokens: tuple[Token, ...]) -> Piece:
        self.length += len(text)
        self.tokens += len(tokens)
        return Piece(self.key, text, tokens)

    def _stop_in(self, text: str) -> int | None:
        """Where in `text` the first stop text ends, None where none does."""
        if not self._stop:
            return None
        # A stop text may be spread over several pieces: the tail keeps what could be the beginning of one.
        seen, before = self._tail + text, len(self._tail)
        found = [at + len(stop) for stop in self._stop if (at := seen.find(stop)) >= 0]
        self._tail = seen[-max(map(len, self._stop)) + 1 :] if max(map(len, self._stop)) > 1 else ""
        return min(found) - before if found else None
