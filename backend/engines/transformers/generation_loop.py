"""The loop that answers many requests at once: rows come, draw a token a step, and go.

Owns when a response ends, what its events are, and the order of work: a finished row's place goes to the next waiting
request. Knows nothing of how a model is run (`Batch`) or of how text is made of ids (`Texts`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import torch

from backend.domain import Finish
from backend.engines.protocol import Alternative, Cancelled, Done, Event, Piece, Request, Token
from backend.engines.texts import Texts
from backend.engines.transformers.decoder import Batch
from backend.engines.transformers.token_sampling import GREEDY_BELOW, Chance, Draws, Reading, read

_ADMISSION_SECONDS: Final = 0.1
_ASK_EVERY: Final = 0.1


class Prepared(NamedTuple):
    """A request that fits: its prompt as text and ids, its prefix's ids, and how many tokens it may have in all."""

    request: Request
    adapter: int
    prompt: str
    ids: list[int]
    prefix: list[int]
    limit: int


class Stopped(Exception):
    """Somebody cancelled."""


class _Row:
    """A response in the making."""

    __slots__ = ("chance", "count", "greedy", "job", "longest_stop", "next", "stream", "tail")

    def __init__(self, job: Prepared, texts: Texts) -> None:
        """Nothing said yet; the last id of what is given is the next to be fed."""
        self.job = job
        self.chance = Chance(job.request.decoding.seed)
        self.greedy = job.request.decoding.temperature < GREEDY_BELOW
        self.stream = texts.stream()
        self.count = 0
        self.next = (job.prefix or job.ids)[-1]
        self.longest_stop = max(map(len, job.request.decoding.stop), default=0)
        self.tail = ""

    def stopped(self, text: str) -> bool:
        """Whether `text`, just added, completes one of the stop texts."""
        if not self.longest_stop:
            return False
        self.tail += text
        found = any(stop and stop in self.tail for stop in self.job.request.decoding.stop)
        self.tail = self.tail[-(self.longest_stop - 1) :] if self.longest_stop > 1 else ""
        return found


class Loop:
    """One call of `generate`."""

    def __init__(
        self, batch: Batch, texts: Texts, ends: frozenset[int], device: torch.device, cancelled: Cancelled
    ) -> None:
        """`ends` are the ids that end a turn."""
        self._batch, self._texts, self._ends, self._device = batch, texts, ends, device
        self._cancelled, self._asked = cancelled, 0.0
        self._rows: list[_Row] = []
        self._draws: Draws | None = None

    def events(self, jobs: Sequence[Prepared], places: int) -> Iterator[Event]:
        """Answer all jobs, up to `places` of them at once. Ends early, without a word, once cancelled."""
        waiting = deque(jobs)
        try:
            while waiting or self._rows:
                yield from self._admit(waiting, places)
                self._pause(now=True)
                yield from self._step()
        except Stopped:
            return

    def _pause(self, now: bool = False) -> None:
        """Ask whether to go on, if `now` or it is time."""
        moment = time.monotonic()
        if now or moment - self._asked > _ASK_EVERY:
            self._asked = moment
            if self._cancelled():
                raise Stopped

    def _admit(self, waiting: deque[Prepared], places: int) -> Iterator[Event]:
        """Take in waiting jobs while there is room, but let no running row wait long for it."""
        until = time.monotonic() + _ADMISSION_SECONDS
        while waiting and len(self._rows) < places and (not self._rows or time.monotonic() < until):
            job = waiting.popleft()
            row = _Row(job, self._texts)
            readings: list[Reading] = []
            self._batch.admit(
                [*job.ids, *job.prefix],
                job.adapter,
                self._pause,
                len(job.prefix),
                lambda logits, seen=readings: seen.append(read(logits)),  # type: ignore[misc]
            )
            self._rows.append(row)
            self._draws = None
            if job.prefix:
                self._pause(now=True)
                yield self._forced(row, readings)

    def _forced(self, row: _Row, readings: Sequence[Reading]) -> Piece:
        """The prefix, as if it had been said."""
        text, tokens = "", []
        top = row.job.request.decoding.top
        for token, reading in zip(row.job.prefix, thoughts(self._texts, row.job.prefix, readings, top), strict=True):
            start, part = len(text), row.stream.add(token)
            text += part
            tokens.append(reading._replace(start=start, end=len(text)))
        row.count = len(tokens)
        row.stopped(text)
        return Piece(row.job.request.key, text, tuple(tokens))

    def _step(self) -> Iterator[Event]:
        """Feed every row its next token, draw what follows, and say it."""
        logits = self._batch.step(torch.tensor([row.next for row in self._rows], device=self._device))
        reading = read(logits)
        if self._draws is None:
            self._draws = Draws([row.job.request.decoding for row in self._rows], self._texts.known, self._device)
        drawn = self._draws.draw(reading.logprobs, [0.0 if row.greedy else row.chance.next() for row in self._rows])
        chosen = reading.logprobs.gather(1, drawn.unsqueeze(1)).squeeze(1).tolist()
        tops = self._alternatives(reading.logprobs)
        said = zip(list(self._rows), drawn.tolist(), chosen, reading.entropies.tolist(), tops, strict=True)
        ended = []
        for number, (row, token, logprob, entropy, top) in enumerate(said):
            finish, piece = self._say(row, token, logprob, entropy, top)
            yield piece
            if finish:
                ended.append(number)
                yield Done(row.job.request.key, finish, row.job.prompt, row.count)
        for number in reversed(ended):
            self._batch.remove(number)
            self._rows[number] = self._rows[-1]
            self._rows.pop()
            self._draws = None

    def _say(
        self, row: _Row, token: int, logprob: float, entropy: float, top: tuple[Alternative, ...]
    ) -> tuple[Finish | None, Piece]:
        start, finish = row.stream.length, None
        if token in self._ends:
            finish, text = Finish.STOP, ""
        else:
            text = row.stream.add(token)
            row.count += 1
            row.next = token
            if row.stopped(text):
                finish = Finish.STOP
            elif row.count >= row.job.limit:
                finish = Finish.LENGTH
        if finish:
            text += row.stream.finish()
        spoken = Token(start, start + len(text), token, logprob, entropy, False, top)
        return finish, Piece(row.job.request.key, text, (spoken,))

    def _alternatives(self, logprobs: torch.Tensor) -> list[tuple[Alternative, ...]]:
        """The best few of each row that asked for them."""
        wanted = [row.job.request.decoding.top for row in self._rows]
        if not any(wanted):
            return [()] * len(wanted)
        listed = alternatives(self._texts, logprobs, max(wanted))
        return [best[:count] for best, count in zip(listed, wanted, strict=True)]


def alternatives(texts: Texts, logprobs: torch.Tensor, count: int) -> list[tuple[Alternative, ...]]:
    """The `count` likeliest tokens of each row of `logprobs` [n, V], best first."""
    if not count:
        return [()] * len(logprobs)
    values, ids = logprobs.topk(min(count, logprobs.shape[-1]), dim=-1)
    return [
        tuple(Alternative(texts.text_of(token), value) for token, value in zip(row, worth, strict=True))
        for row, worth in zip(ids.tolist(), values.tolist(), strict=True)
    ]


def thoughts(texts: Texts, ids: Sequence[int], readings: Sequence[Reading], top: int) -> Iterator[Token]:
    """A forced Token, without offsets, for each of `ids`, from the readings before each of them, in order."""
    done = 0
    for reading in readings:
        part = ids[done : done + len(reading.logprobs)]
        done += len(part)
        index = torch.tensor(part, device=reading.logprobs.device).unsqueeze(1)
        chosen = reading.logprobs.gather(1, index).squeeze(1).tolist()
        tops = alternatives(texts, reading.logprobs, top)
        for token, logprob, entropy, best in zip(part, chosen, reading.entropies.tolist(), tops, strict=True):
            yield Token(0, 0, token, logprob, entropy, True, best)
