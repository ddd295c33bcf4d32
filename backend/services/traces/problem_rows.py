"""Rows of the store, one a problem, as the numbers that a run's figures are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.domain import GRADERS, UserError
from backend.measure.accuracy import accuracy
from backend.measure.bootstrap import Estimate, Floats
from backend.measure.run_figures import ProblemMeans, problem_means
from backend.store.trace_filters import verdict_column

Row = Mapping[str, Any]


def by_problem(
    rows: Sequence[Row],
    unit: str,
    cues: Mapping[str, Sequence[float]],
    grader: str = GRADERS[0],
    looped: Mapping[str, Sequence[float | None]] | None = None,
) -> ProblemMeans:
    """A run by problem, from its rows of `Queries.per_problem`.

    `unit` is the column of lengths, "tokens" or "words"; `cues` are counts by problem, in the order of `rows`, and
    `looped` how many of them lie in loops.
    """
    right, judged = verdicts(rows, grader)
    length = [row[unit] for row in rows]
    inside = {"": [row.get(f"loop_{unit}") for row in rows], **(looped or {})}
    # One unknown trace, and the run's count without loops is unknown.
    known = looped is not None and not any(None in column for column in inside.values())
    outside: dict[str, Floats] = {}
    for name, column in inside.items() if known else ():
        outside[name] = np.array(cues.get(name, length), dtype=np.float64) - np.array(column, dtype=np.float64)
    return problem_means(
        samples=[row["n"] for row in rows],
        length=length,
        cues=cues,
        right=right,
        judged=judged,
        cut=[row["cut"] for row in rows],
        # Many imported files don't say how a response ended; those traces count in neither `cut` nor `ended`.
        ended=[row["finish_known"] for row in rows],
        free=(outside.pop(""), outside) if known else None,
    )


def outside_loops_alone(row: Row) -> dict[str, Any]:
    """A row whose lengths and counts are what lies outside loops. Raises UserError where that is unknown."""
    if row["loop_cues"] is None:
        raise UserError("Loops of these runs are not known yet: they are found while the runs are refreshed.")
    inside = {name.removeprefix("loop_"): value for name, value in row.items() if name.startswith("loop_")}
    known = {name: value for name, value in inside.items() if row[name] is not None and value is not None}
    free = {name: row[name] - value for name, value in known.items()}
    return {**row, **free, **{f"loop_{name}": 0 for name in known}}


def verdicts(rows: Sequence[Row], grader: str) -> tuple[list[int], list[int]]:
    """By problem: how many responses are right by a grader, and of how many it knows that."""
    column = verdict_column(grader)
    return [row[f"{column}_right"] for row in rows], [row[f"{column}_known"] for row in rows]


def grader_accuracy(rows: Sequence[Row], grader: str) -> Estimate | None:
    """acc@k under one grader, over the problems it could judge."""
    return accuracy(*verdicts(rows, grader))
