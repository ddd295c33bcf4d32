"""The figures of an evaluation's run, from what is stored of it: accuracy, length, doubts, false confidence.

Owns which figures there are and their form. Knows nothing of trainings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.domain import GRADERS, Finish, Run
from backend.measure import Estimate, by_problem, column_estimates, fraction, pooled_density
from backend.measure.confidence import closing, falsely_confident
from backend.services.lexicons import LexiconService
from backend.services.runs import grader_accuracy
from backend.store import Store
from backend.store.queries import VERDICTS

Figure = list[float | int | None]  # value, low, high, number of problems

_RIGHT = VERDICTS[GRADERS[0]]
_ANSWER = _RIGHT.replace("correct", "answer")


def figures(store: Store, lexicons: LexiconService, run: Run) -> dict[str, Any]:
    """What was measured on a run, each figure [value, low, high, problems] or None where it can't be had.

    `accuracy`, `false_confidence` and `finished_estimate` are shares, `length` is in the run's unit, `cues` a response
    and `density_estimate` per 1,000 units pooled, both by lexicon; `density` and `finished` are the bare values.
    """
    ids = {name: lexicon.id for name, lexicon in lexicons.by_name.items()}
    tables = {name: store.queries.per_trace([run.id], identity) for name, identity in ids.items()}
    rows = tables[lexicons.default]
    problems = [row["problem_id"] for row in rows]
    lengths = [row[run.length_unit] for row in rows]
    counts = {name: [row["cues"] for row in table] for name, table in tables.items()}
    means = by_problem(np.array([lengths, *counts.values()], dtype=np.float64).T, problems)
    length, *cues = map(_figure, column_estimates(means))
    densities = {name: _figure(pooled_density(found, lengths, problems)) for name, found in counts.items()}
    finished = [None if row["finish"] == Finish.UNKNOWN else row["finish"] == Finish.STOP for row in rows]
    whole = _figure(fraction(finished, problems))
    judged = store.queries.per_problem([run.id], ids[lexicons.default])
    return {
        "accuracy": _figure(grader_accuracy(judged, GRADERS[0])),
        "length": length,
        "cues": dict(zip(counts, cues, strict=True)),
        "density": {name: figure and figure[0] for name, figure in densities.items()},
        "density_estimate": densities,
        "finished": whole and whole[0],
        "finished_estimate": whole,
        "false_confidence": _figure(fraction(_sure_and_wrong(store, lexicons, run, rows), problems)),
        "traces": run.traces,
    }


def _sure_and_wrong(
    store: Store, lexicons: LexiconService, run: Run, rows: list[dict[str, Any]]
) -> list[bool | None]:
    """For each trace of `rows`: whether it asserts a wrong answer as right; None where its verdict isn't known."""
    matcher = lexicons.matchers()[lexicons.get(lexicons.default).id]
    doubts: dict[str, bool] = {}
    for row in store.queries.texts(run.id):
        start, end = closing(row["text"])
        doubts[row["trace_id"]] = bool(matcher.find(row["text"][start:end]))
    return [
        falsely_confident(row["finish"] == Finish.STOP, row[_ANSWER], row[_RIGHT], doubts[row["trace_id"]])
        for row in rows
    ]


def _figure(estimate: Estimate | None) -> Figure | None:
    return None if estimate is None else [estimate.value, estimate.low, estimate.high, estimate.n]
