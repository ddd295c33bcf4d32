"""Errors of a store that can't be used for now: the ledger's database is out of reach, the disk full or read-only.

Owns the difference from other errors, that the same may succeed a little later: pages, streams, labels and workers wait
for it. Owns also how often a database that doesn't answer is asked again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from backend.domain import UserError

AGAIN_SECONDS: Final = 2.0
_TRY_SECONDS: Final = 25.0  # no attempt takes longer


class StoreUnavailable(UserError):
    """The store can't be written for now: its disk is full or read-only, or another process keeps it locked."""


class LedgerUnreachable(StoreUnavailable):
    """The ledger's database doesn't answer or can't be read."""

    met: ClassVar[int] = 0  # how often in this process: who looks twice sees whether something was missed in between

    def __init__(self, sentence: str) -> None:
        """`sentence` says what is wrong with the database."""
        LedgerUnreachable.met += 1
        super().__init__(sentence)


class Breaker:
    """Lets one caller at a time try a database that didn't answer; the others are told at once."""

    _sentence = ""
    _until = 0.0

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A block that asks the database, and raises LedgerUnreachable itself where that doesn't answer.

        Raises LedgerUnreachable instead of running the block where it didn't answer a moment ago, or is being tried.
        """
        if self._sentence:
            if time.monotonic() < self._until:
                raise LedgerUnreachable(self._sentence)
            # Whoever comes here asks for all: a host that doesn't answer would else hold up every page and thread.
            self._until = time.monotonic() + _TRY_SECONDS
        sentence = ""
        try:
            yield
        except LedgerUnreachable as error:
            sentence = str(error)
            raise
        finally:
            self._sentence, self._until = sentence, time.monotonic() + AGAIN_SECONDS
