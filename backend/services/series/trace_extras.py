"""Numbers that came with a run's traces beyond their texts: rewards and scores of trainers, and entropies of tokens.

Owns which of the many numbers in a trace's `extra` are measurements, and keeps what was read: traces never change, and
reading them costs more than all else that a series is made of.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from backend.measure.series import REWARD
from backend.store import Store

# Figure -> problem -> the sum over its traces, and of how many it is known.
Extras = Mapping[str, Mapping[str, tuple[float, int]]]

# Last words of names whose numbers say where a row stands or how much it counts, not how good it is; advantages are 0
# on average.
_PLACES: Final = frozenset(
    (
        *("id", "idx", "index", "step", "steps", "iteration", "epoch", "seed", "sample", "version", "created", "at"),
        *("row", "advantage", "weight"),
    )
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+")
MOST_EXTRAS: Final = 24  # figures of a series
_DEPTH, _KEPT = 3, 2_000


class TraceExtras:
    """Reads and keeps the numbers of runs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[str, ...], Extras] = {}

    def of(self, runs: Sequence[str]) -> dict[str, Extras]:
        """The numbers of each run."""
        # By files, not by run: a step that grows is written again under the id of its run.
        files: dict[str, list[str]] = {run: [] for run in runs}
        for part in (*self._store.parts.of("traces", runs), *self._store.parts.of("tokens", runs)):
            files[part.run_id].append(part.path)
        keys = {run: tuple(paths) for run, paths in files.items()}
        if lacking := [run for run, key in keys.items() if key not in self._kept]:
            found = self._read(lacking)
            if len(self._kept) + len(lacking) > _KEPT:
                self._kept.clear()
            self._kept |= {keys[run]: found.get(run, {}) for run in lacking}
        return {run: self._kept.get(key, {}) for run, key in keys.items()}

    def _read(self, runs: Sequence[str]) -> dict[str, dict[str, dict[str, tuple[float, int]]]]:
        found: dict[str, dict[str, dict[str, tuple[float, int]]]] = defaultdict(lambda: defaultdict(dict))
        for run, problem, extra in self._store.queries.extras(runs):
            for name, value in numbers_in(orjson.loads(extra)):
                own = found[run][f"{REWARD}{name}"]
                total, n = own.get(problem, (0.0, 0))
                own[problem] = (total + value, n + 1)
        for run, problem, total, n in self._store.queries.entropies(runs):
            found[run]["entropy"][problem] = (total, n)
        return found


def numbers_in(extra: Mapping[str, Any], depth: int = _DEPTH) -> Iterator[tuple[str, float]]:
    """The measurements in a trace's extras, by name; those inside objects as "rewards.brevity"."""
    for name, value in extra.items():
        if isinstance(value, int | float):
            if math.isfinite(value) and (_WORD.findall(name) or [""])[-1].lower() not in _PLACES:
                yield name, float(value)
        elif isinstance(value, dict) and depth > 1:
            # Scorers write {"value": 0.5, "explanation": ...}: the scorer's name says enough.
            for inner, number in numbers_in(value, depth - 1):
                yield (name if inner in ("value", "score") else f"{name}.{inner}"), number
