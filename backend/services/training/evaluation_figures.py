"""The figures of an evaluation's run, from what is stored of it: accuracy, length, doubts, false confidence.

Owns which figures there are and their form. Knows nothing of trainings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.domain import GRADERS, Finish, Run
from backend.measure.bootstrap import Estimate, column_estimates, mean_estimate
from backend.measure.confidence import closing, falsely_confident
from backend.measure.cues import fraction, pooled_density
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.runs import grader_accuracy
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
    held = store.ledger.run_lexicons()[run.id]  # a lexicon made while the run was under way is matched later
    known = {name: one.id for name, one in lexicons.by_name.items() if one.id in held}
    tables = {name: store.queries.per_problem([run.id], identity) for name, identity in known.items()}
    rows = tables[lexicons.default]
    problems = [row["problem_id"] for row in rows]
    samples = np.array([row["n"] for row in rows], dtype=np.float64)
    lengths = np.array([row[run.length_unit] for row in rows]) / samples
    counts = {name: np.array([row["cues"] for row in table]) / samples for name, table in tables.items()}
    length, *cues = map(_figure, column_estimates(np.column_stack([lengths, *counts.values()])))
    densities = {name: _figure(pooled_density(found, lengths, problems)) for name, found in counts.items()}
    ended = [(row["finish_known"] - row["cut"], row["finish_known"]) for row in rows if row["finish_known"]]
    finished = _figure(mean_estimate([count / known for count, known in ended]))
    return {
        "accuracy": _figure(grader_accuracy(rows, GRADERS[0])),
        "length": length,
        "cues": dict(zip(counts, cues, strict=True)),
        "density": {name: figure and figure[0] for name, figure in densities.items()},
        "density_estimate": densities,
        "finished": finished and finished[0],
        "finished_estimate": finished,
        "false_confidence": _false_confidence(store, lexicons, run),
        "traces": run.traces,
    }


def _false_confidence(store: Store, lexicons: LexiconService, run: Run) -> Figure | None:
    """The share of responses that assert a wrong answer, among those whose verdict is known."""
    identity = lexicons.get(lexicons.default).id
    matcher, doubts = lexicons.matchers()[identity], dict[str, bool]()
    for row in store.queries.texts(run.id):
        start, end = closing(row["text"])
        doubts[row["trace_id"]] = bool(matcher.find(row["text"][start:end]))
    rows = store.queries.per_trace([run.id], identity)
    sure = [
        falsely_confident(row["finish"] == Finish.STOP, row[_ANSWER], row[_RIGHT], doubts[row["trace_id"]])
        for row in rows
    ]
    return _figure(fraction(sure, [row["problem_id"] for row in rows]))


def _figure(estimate: Estimate | None) -> Figure | None:
    return None if estimate is None else [estimate.value, estimate.low, estimate.high, estimate.n]
