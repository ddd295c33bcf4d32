"""The generation loop: answers many requests at once, a token for each row in flight a step.

Owns when a response ends, its events, and the order of work: a finished row's place goes to the next waiting request.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import torch

from backend.domain import Finish
from backend.engines.protocol import Alternative, Cancelled, Done, Event, Piece, Request, Token
from backend.engines.texts import Texts
from backend.engines.transformers.decoder import Batch
from backend.engines.transformers.token_sampling import (
    GREEDY_BELOW,
    Distributions,
    RandomNumbers,
    TokenSampler,
    distributions,
)

_ADMISSION_SECONDS: Final = 0.1  # rows that are running wait at most so long while new ones read their prompts
_ASK_EVERY: Final = 0.1  # seconds between two looks at whether to go on; engines promise a quarter at most


class Prepared(NamedTuple):
    """A request that was checked: its prompt as text and ids, its prefix's ids, and how many tokens it may have."""

    request: Request
    adapter: int
    prompt: str
    ids: list[int]
    prefix: list[int]
    limit: int


class Stopped(Exception):
    """The generation was cancelled."""


class _Row:
    """A response that is being generated."""

    __slots__ = ("chance", "count", "greedy", "job", "longest_stop", "next", "stream", "tail")

    def __init__(self, job: Prepared, texts: Texts) -> None:
        """No tokens yet; the last id of prompt and prefix is the next to be fed."""
        self.job = job
        self.chance = RandomNumbers(job.request.decoding.seed)
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
        # A stop text may be spread over several tokens: the tail keeps what could be the beginning of one.
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
        self._sampler: TokenSampler | None = None

    def events(self, jobs: Sequence[Prepared], places: int) -> Iterator[Event]:
        """Answer all jobs, up to `places` of them at once. Ends early, without further events, once cancelled."""
        waiting = deque(jobs)
        try:
            while waiting or self._rows:
                yield from self._admit(waiting, places)
                self._pause(now=True)
                yield from self._step()
        except Stopped:
            return

    def _pause(self, now: bool = False) -> None:
        """Raise Stopped if cancelled; asks only if `now`, or if it hasn't for a while."""
        moment = time.monotonic()
        if now or moment - self._asked > _ASK_EVERY:
            self._asked = moment
            if self._cancelled():
                raise Stopped

    def _admit(self, waiting: deque[Prepared], places: int) -> Iterator[Event]:
        """Admit waiting jobs while there is room, without holding up running rows for long."""
        until = time.monotonic() + _ADMISSION_SECONDS
        while waiting and len(self._rows) < places and (not self._rows or time.monotonic() < until):
            job = waiting.popleft()
            row = _Row(job, self._texts)
            scored: list[Distributions] = []
            self._batch.admit(
                [*job.ids, *job.prefix],
                job.adapter,
                self._pause,
                len(job.prefix),
                lambda logits, seen=scored: seen.append(distributions(logits)),  # type: ignore[misc]
            )
            self._rows.append(row)
            self._sampler = None
            if job.prefix:
                self._pause(now=True)
                yield self._forced(row, scored)

    def _forced(self, row: _Row, scored: Sequence[Distributions]) -> Piece:
        """The prefix as a piece of the response, with the model's scores of it."""
        text, tokens = "", []
        top = row.job.request.decoding.top
        for token, found in zip(row.job.prefix, score_tokens(self._texts, row.job.prefix, scored, top), strict=True):
            start, part = len(text), row.stream.add(token)
            text += part
            tokens.append(found._replace(start=start, end=len(text)))
        row.count = len(tokens)
        row.stopped(text)
        return Piece(row.job.request.key, text, tuple(tokens))

    def _step(self) -> Iterator[Event]:
        """Feed every row its next token, sample what follows, and yield it."""
        logits = self._batch.step(torch.tensor([row.next for row in self._rows], device=self._device))
        found = distributions(logits)
        # Settings stay on the device as tensors until the rows change.
        if self._sampler is None:
            self._sampler = TokenSampler(
                [row.job.request.decoding for row in self._rows], self._texts.known, self._device
            )
        drawn = self._sampler.draw(found.logprobs, [0.0 if row.greedy else row.chance.next() for row in self._rows])
        chosen = found.logprobs.gather(1, drawn.unsqueeze(1)).squeeze(1).tolist()
        tops = self._alternatives(found.logprobs)
        each = zip(list(self._rows), drawn.tolist(), chosen, found.entropies.tolist(), tops, strict=True)
        ended = []
        for number, (row, token, logprob, entropy, top) in enumerate(each):
            finish, piece = self._append(row, token, logprob, entropy, top)
            yield piece
            if finish:
                ended.append(number)
                yield Done(row.job.request.key, finish, row.job.prompt, row.count)
        # From the highest: each removal gives the last row the number that became free.
        for number in reversed(ended):
            self._batch.remove(number)
            self._rows[number] = self._rows[-1]
            self._rows.pop()
            self._sampler = None

    def _append(
        self, row: _Row, token: int, logprob: float, entropy: float, top: tuple[Alternative, ...]
    ) -> tuple[Finish | None, Piece]:
        """Append a sampled token to a response; returns how it ends, None where it goes on, and the piece."""
        start, finish = row.stream.length, None
        if token in self._ends:
            # The end token is reported with its probability, but has no text.
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
        """The likeliest tokens of each row, as many as it asked for."""
        wanted = [row.job.request.decoding.top for row in self._rows]
        if not any(wanted):
            return [()] * len(wanted)
        # One top-k for all rows, cut to what each asked for.
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


def score_tokens(texts: Texts, ids: Sequence[int], scored: Sequence[Distributions], top: int) -> Iterator[Token]:
    """A forced Token, without offsets, for each of `ids`, from the distributions before them, in order."""
    done = 0
    for found in scored:
        part = ids[done : done + len(found.logprobs)]
        done += len(part)
        index = torch.tensor(part, device=found.logprobs.device).unsqueeze(1)
        chosen = found.logprobs.gather(1, index).squeeze(1).tolist()
        tops = alternatives(texts, found.logprobs, top)
        for token, logprob, entropy, best in zip(part, chosen, found.entropies.tolist(), tops, strict=True):
            yield Token(0, 0, token, logprob, entropy, True, best)
