"""Figures of traces and runs, each with its interval: accuracy, length, cue density, paired comparison.

Owns formulas. Pure: takes numbers, gives numbers; knows nothing of the store, texts, graders or pages.
"""

from backend.measure.accuracy import accuracy, pass_at_k
from backend.measure.bootstrap import Estimate, column_estimates, mean_estimate
from backend.measure.cues import (
    CueSummary,
    by_problem,
    density,
    fraction,
    pooled_density,
    summarise,
    tally,
    trace_density,
)
from backend.measure.paired import (
    AdjustedDifference,
    Flips,
    density_difference,
    flips,
    holm,
    holm_intervals,
    mcnemar,
    mean_difference,
    mean_ratio,
    points_per_problem,
    resolution,
)

__all__ = [
    "AdjustedDifference",
    "CueSummary",
    "Estimate",
    "Flips",
    "accuracy",
    "by_problem",
    "column_estimates",
    "density",
    "density_difference",
    "flips",
    "fraction",
    "holm",
    "holm_intervals",
    "mcnemar",
    "mean_difference",
    "mean_estimate",
    "mean_ratio",
    "pass_at_k",
    "points_per_problem",
    "pooled_density",
    "resolution",
    "summarise",
    "tally",
    "trace_density",
]
