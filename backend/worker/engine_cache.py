"""Engines kept open between jobs, as many as the memory bears.

Owns which engine serves a family of models and which is closed to make room.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from backend.domain import Model, ModelKind
from backend.engines.protocol import Engine, Family

OnProgress = Callable[[str], None]
Opener = Callable[[Family, str, OnProgress | None], Engine]

_MOST_OPEN: Final = 4
# Of the machine's memory, for weights: engines hold more than those, and others need memory too.
_MEMORY_SHARE: Final = 0.4


@dataclass(slots=True)
class _OpenEngine:
    """An engine: what it serves, which kind was asked for, about how many bytes it holds, whether the job needs it."""

    family: Family
    choice: str
    engine: Engine
    size: int
    needed: bool = field(default=True)

    def serves(self, family: Family, choice: str) -> bool:
        """Whether it can stand in for one opened for `family`: one with more adapters can."""
        same = (self.family.base, self.choice) == (family.base, choice)
        return same and all(adapter in self.family.adapters for adapter in family.adapters)


class EngineCache:
    """Opened engines, the least recently used first. An engine stays open until the job that asked for it is over."""

    def __init__(self, opener: Opener, budget: int | None = None) -> None:
        """`opener` makes an engine. Open engines' weights stay within `budget` bytes together, by default a share of
        the machine's memory.
        """
        self._opener, self._engines = opener, list[_OpenEngine]()
        self._budget = budget or int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _MEMORY_SHARE)

    def open(self, family: Family, choice: str, on_progress: OnProgress | None = None) -> Engine:
        """An engine that serves `family`, kept for later jobs. Raises UserError where there can be none.

        `on_progress` gets a sentence on each stage of the opening; what it raises ends it.
        """
        found = next((kept for kept in self._engines if kept.serves(family, choice)), None)
        if found is None:
            size = sum(weight_bytes(model, self._budget) for model in (family.base, *family.adapters))
            self._make_room(size)
            found = _OpenEngine(family, choice, self._opener(family, choice, on_progress), size)
        else:
            self._engines.remove(found)
        found.needed = True
        self._engines.append(found)
        return found.engine

    def release(self) -> None:
        """The job is over: any engine may be closed for another."""
        for kept in self._engines:
            kept.needed = False

    def close(self) -> None:
        """Close every engine."""
        while self._engines:
            self._engines.pop().engine.close()

    def _make_room(self, size: int) -> None:
        for kept in [kept for kept in self._engines if not kept.needed]:
            if len(self._engines) < _MOST_OPEN and size + sum(one.size for one in self._engines) <= self._budget:
                return
            self._engines.remove(kept)
            kept.engine.close()


def weight_bytes(model: Model, unknown: int) -> int:
    """Bytes of a model's weights: its files', none for an endpoint, `unknown` for a name on the hub."""
    if model.kind is ModelKind.ENDPOINT:
        return 0
    folder = Path(model.location)
    if not folder.is_dir():  # a name on the hub: its files may not even be here yet
        return unknown
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
