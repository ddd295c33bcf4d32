"""Figures of a training over its steps, each with its interval over problems.

A step is given by what was counted on its responses, summed up by problem (`Quantity`). All steps are estimated
together: intervals that rest on the same number of problems share their resamples, which are the dear part.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np

from backend.measure.bootstrap import Estimate, Floats, column_estimates, ratio_estimates
from backend.measure.cues import PER
from backend.measure.run_figures import outside_loops
from backend.measure.shares import mean_share

REWARD, METRIC, GROUP = "reward:", "metric:", "cues:"  # how keys of families of figures begin
DISTINCT: Final = 3  # single words repeat in any long text; a model that repeats itself repeats runs of them
_TOGETHER: Final = 64  # figures: ten thousand resamples of more leave the processor's cache
_MOST_KEPT: Final = 50_000
_KEPT: dict[tuple[str, bytes], Estimate | None] = {}
REPORTED: Final = "As the training itself reported it."


class QuantityForm(StrEnum):
    """How a figure is formed of its two counts by problem, `part` and `whole`."""

    SHARE = "share"  # the share of `whole` responses, averaged over problems
    MEAN = "mean"  # the mean over `whole` responses, averaged over problems
    DENSITY = "density"  # per 1,000 units, all over all: the ratio of two means over problems


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """What a figure is made of: two counts, both [problems].

    `looped` is the share of the part that lies in loops; no figure is above `most`, whatever its resamples say.
    """

    form: QuantityForm
    part: Floats
    whole: Floats
    looped: float | None = None
    most: float = math.inf


@dataclass(frozen=True, slots=True, eq=False)
class StepCounts:
    """A step as it was counted: its runs, and what each figure is made of; `reported` by the training itself."""

    step: int
    runs: tuple[str, ...]
    traces: int
    problems: int
    quantities: Mapping[str, Quantity | None]
    reported: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepFigures:
    """The figures of one step by key; None is unknown.

    Keys are accuracy, length, finished_length, cues, per_1k, cues:GROUP, ended, loops, closing, confident_wrong,
    entropy, distinct_n; reward:NAME for a number that came with the traces, metric:NAME for one that the training
    reported.
    """

    step: int
    runs: tuple[str, ...]
    traces: int
    problems: int
    figures: dict[str, Estimate | None]


def distinct(text: str) -> float | None:
    """distinct-n: the share of a text's runs of DISTINCT words that differ from one another; None for fewer words."""
    words = text.split()
    runs = list(zip(*(words[at:] for at in range(DISTINCT)), strict=False))
    return len(set(runs)) / len(runs) if runs else None


def step_figures(steps: Sequence[StepCounts]) -> list[StepFigures]:
    """The figures of every step, in order."""
    found: list[dict[str, Estimate | None]] = [{} for _ in steps]
    resampled: dict[tuple[QuantityForm, int], list[tuple[int, str, Quantity]]] = defaultdict(list)
    for at, step in enumerate(steps):
        for key, quantity in step.quantities.items():
            found[at][key] = None
            if quantity is None or not (some := quantity.whole > 0).any():
                continue
            if quantity.form is not QuantityForm.DENSITY:  # a problem of which nothing is known is left out
                quantity = replace(quantity, part=quantity.part[some], whole=quantity.whole[some])
            if quantity.form is QuantityForm.SHARE:
                found[at][key] = mean_share(quantity.part / quantity.whole, float(quantity.whole.sum()))
            else:
                resampled[quantity.form, len(quantity.part)].append((at, key, quantity))
    for (form, _), group in resampled.items():
        for start in range(0, len(group), _TOGETHER):
            together = group[start : start + _TOGETHER]
            estimates = _estimates(form, [one for *_, one in together])
            for (at, key, quantity), estimate in zip(together, estimates, strict=True):
                bounded = outside_loops(estimate, quantity.looped)
                if bounded and bounded.high is not None:
                    bounded = replace(bounded, high=min(bounded.high, quantity.most))
                found[at][key] = bounded
    return [
        StepFigures(step.step, step.runs, step.traces, step.problems, figures | _reported(step.reported, figures))
        for step, figures in zip(steps, found, strict=True)
    ]


def _estimates(form: QuantityForm, quantities: Sequence[Quantity]) -> list[Estimate | None]:
    # The same numbers have the same interval: a training that grows by a step costs one step, and a length of which
    # all is finished nothing.
    keys = [
        (str(form), hashlib.blake2b(q.part.tobytes() + q.whole.tobytes(), digest_size=16).digest()) for q in quantities
    ]
    found = {key: _KEPT[key] for key in keys if key in _KEPT}
    if lacking := {key: q for key, q in zip(keys, quantities, strict=True) if key not in found}:
        parts, wholes = (np.stack([getattr(q, side) for q in lacking.values()], axis=1) for side in ("part", "whole"))
        mean = form is QuantityForm.MEAN
        new = column_estimates(parts / wholes) if mean else ratio_estimates(PER * parts, wholes)
        found |= zip(lacking, new, strict=True)
        if len(_KEPT) > _MOST_KEPT:
            _KEPT.clear()
        _KEPT.update(found)
    return [found[key] for key in keys]


def _reported(metrics: Mapping[str, float], figures: Mapping[str, Estimate | None]) -> dict[str, Estimate | None]:
    """A training's own metrics as figures without intervals; its entropy where no stored token has one."""
    own: dict[str, Estimate | None] = {
        f"{METRIC}{name}": Estimate(value, None, None, 0, REPORTED) for name, value in metrics.items()
    }
    if figures.get("entropy") is None:
        named = (name for name in metrics if name.rpartition("/")[2] == "entropy")
        own["entropy"] = next((own[f"{METRIC}{name}"] for name in named), None)
    return own
