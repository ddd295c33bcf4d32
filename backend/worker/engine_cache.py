"""Engines kept open between jobs, as many as the memory bears.

Owns which engine serves a family of models and which is closed to make room. Knows nothing of how engines work.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from backend.domain import Model, ModelKind
from backend.engines.protocol import Engine, Family

Says = Callable[[str], None]
Opening = Callable[[Family, str, Says | None], Engine]

_MOST: Final = 4
_SHARE: Final = 0.4


@dataclass(slots=True)
class _Warm:
    """An open engine: what it serves, how it was asked for, about how many bytes it holds, whether the job needs it."""

    family: Family
    choice: str
    engine: Engine
    size: int
    needed: bool = field(default=True)

    def serves(self, family: Family, choice: str) -> bool:
        """An engine with more adapters than asked for will do."""
        same = (self.family.base, self.choice) == (family.base, choice)
        return same and all(adapter in self.family.adapters for adapter in family.adapters)


class EngineCache:
    """Opened engines, the least recently used first. An engine stays open until the job that asked for it is over."""

    def __init__(self, opening: Opening, budget: int | None = None) -> None:
        """`opening` makes an engine. Open engines' weights stay within `budget` bytes together, by default a share of
        the machine's memory.
        """
        self._opening, self._warm = opening, list[_Warm]()
        self._budget = budget or int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _SHARE)

    def open(self, family: Family, choice: str, says: Says | None = None) -> Engine:
        """An engine that serves `family`, kept for later jobs. Raises UserError where there can be none.

        `says` is told what is being done; what it raises ends the opening.
        """
        found = next((warm for warm in self._warm if warm.serves(family, choice)), None)
        if found is None:
            size = sum(weight(model, self._budget) for model in (family.base, *family.adapters))
            self._make_room(size)
            found = _Warm(family, choice, self._opening(family, choice, says), size)
        else:
            self._warm.remove(found)
        found.needed = True
        self._warm.append(found)
        return found.engine

    def release(self) -> None:
        """The job is over: any engine may be closed for another."""
        for warm in self._warm:
            warm.needed = False

    def close(self) -> None:
        """Close every engine."""
        while self._warm:
            self._warm.pop().engine.close()

    def _make_room(self, size: int) -> None:
        for warm in [warm for warm in self._warm if not warm.needed]:
            if len(self._warm) < _MOST and size + sum(w.size for w in self._warm) <= self._budget:
                return
            self._warm.remove(warm)
            warm.engine.close()


def weight(model: Model, unknown: int) -> int:
    """Bytes of a model's weights: its files', none for an endpoint, `unknown` for a name on the hub."""
    if model.kind is ModelKind.ENDPOINT:
        return 0
    folder = Path(model.location)
    if not folder.is_dir():
        return unknown
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
