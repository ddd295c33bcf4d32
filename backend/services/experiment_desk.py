"""What every section of a report works with: the arms, their figures, and small helpers that make cells and lines.

Owns how an estimate becomes a figure of a report. Knows nothing of any one section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.exchange.report import Cell, Column, Figure, Form, Line, Point, Role, Row
from backend.measure import AdjustedDifference, Estimate
from backend.services.experiment_arms import Arm, Arms
from backend.services.experiment_figures import Figures, Pooled
from backend.services.recipe import Scale
from backend.services.results import Results
from backend.store import StepRow

ROLES = (Role.FIRST, Role.SECOND, Role.THIRD, Role.OTHER)
DASHES = ("solid", "dash", "dot", "dashdot")

ACCURACY = Column("accuracy", "Accuracy")
LENGTH = Column("length", "Length", help="Tokens a response")
CUES = Column("cues", "Cues", help="Cues a response")
DENSITY = Column("density", "Per 1,000", help="Cues per 1,000 tokens, pooled")
FINISHED = Column("finished", "Finished", help="Responses that ended before the token limit")
GIVEN = Column("given", "Right if finished", help="Share of right responses among the finished ones")
PROBLEMS = Column("n", "n", help="Problems")
MEASURED = (ACCURACY, LENGTH, CUES, DENSITY)


@dataclass(frozen=True, slots=True)
class Desk:
    """Arms and figures of one view. `lexicon` is the name of the one cues are counted by."""

    scale: Scale
    results: Results
    arms: Arms
    figures: Figures
    lexicon: str
    held: str


def figure(found: Estimate | AdjustedDifference | None, form: Form = Form.DECIMAL, *, signed: bool = False) -> Figure:
    """An estimate as a figure; without a value where there is none."""
    if found is None:
        return Figure(None, form=form, signed=signed)
    return Figure(found.value, found.low, found.high, found.n, form, signed)


def measured(found: Pooled | None) -> dict[str, Cell]:
    """The cells of an arm's figures, under the ids of the columns above."""
    if found is None:
        return {}
    return {
        "accuracy": figure(found.accuracy, Form.PERCENT),
        "length": figure(found.length, Form.COUNT),
        "cues": figure(found.cues),
        "density": figure(found.density),
        "finished": figure(found.finished, Form.PERCENT),
        "given": figure(found.given_finished, Form.PERCENT),
        "n": count(found.problems),
    }


def count(n: int | None) -> Figure:
    """A number of problems or responses."""
    return Figure(n, form=Form.COUNT)


def counted(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """How many problems the figures of each column are over, for a note."""
    said, ns = [], set()
    for column in columns:
        found = {cell.n for row in rows if isinstance(cell := row.cells.get(column.id), Figure) and cell.n}
        if found:
            most, least = max(found), min(found)
            ns |= found
            said.append(f"{column.label} {most:,}" if most == least else f"{column.label} {least:,} to {most:,}")
    return f"n: {', '.join(said) if len(ns) > 1 else f'{ns.pop():,} problems'}." if said else ""


def accuracy_row(desk: Desk, name: str, arm: Arm, sets: Sequence[str], step: int) -> Row:
    """An arm's accuracy on each set at a step."""
    runs = {one: arm.runs(one, step) for one in sets}
    pooled = {one: desk.figures.pooled(own) for one, own in runs.items() if own}
    cells: dict[str, Cell] = {one: figure(found.accuracy, Form.PERCENT) for one, found in pooled.items() if found}
    return Row({"arm": name} | cells, tuple(run for own in runs.values() for run in own))


def evaluation_line(
    desk: Desk,
    arm: Arm,
    where: str,
    measure: str,
    role: Role,
    *,
    name: str = "",
    dash: str = "solid",
    shade: float = 1.0,
) -> Line:
    """A measure of `Pooled` over the steps at which a set was answered: over all seeds, and of each."""
    form = Form.PERCENT if measure == "accuracy" else Form.DECIMAL
    steps = arm.steps(where)

    runs = {step: own for step in steps if (own := arm.runs(where, step))}
    pooled = {step: desk.figures.pooled(own) for step, own in runs.items()}
    points = tuple(Point(step, figure(getattr(one, measure), form)) for step, one in pooled.items() if one)

    def seed(at: int) -> tuple[Point, ...]:
        found = {step: desk.figures.pooled((own[at],)) for step, own in runs.items()}
        return tuple(Point(step, Figure(one.mean(measure), form=form)) for step, one in found.items() if one)

    seeds = tuple(seed(at) for at in range(len(arm.parts))) if len(arm.parts) > 1 else ()
    return Line(name or arm.title, role, points, seeds, dash, shade)


def rollout_line(arm: Arm, measure: str, lexicon: str, role: Role, dash: str = "solid") -> Line:
    """What the rollouts of each step were like: the mean over seeds, and each seed's own.

    A mean over seeds has no interval here: rollouts are of other problems at every step.
    """
    seeds = [_history(rows, measure, lexicon) for rows in arm.histories()]
    shared = sorted(set.intersection(*(set(own) for own in seeds))) if seeds else []
    form = Form.PERCENT if measure == "score" else Form.DECIMAL
    mean = tuple(Point(at, Figure(sum(own[at] for own in seeds) / len(seeds), form=form)) for at in shared)
    own_points = tuple(tuple(Point(at, Figure(value, form=form)) for at, value in own.items()) for own in seeds)
    return Line(arm.title, role, mean, own_points if len(seeds) > 1 else (), dash)


def base_level(desk: Desk, arms: Sequence[Arm], where: str, measure: str) -> float | None:
    """A measure before training, of the first arm that was evaluated on the set."""
    for arm in arms:
        found = desk.figures.pooled(arm.runs(where, 0)) if arm.runs(where, 0) else None
        if found and (estimate := getattr(found, measure)):
            return float(estimate.value)
    return None


def _history(rows: Sequence[StepRow], measure: str, lexicon: str) -> dict[int, float]:
    found: dict[int, float] = {}
    for row in rows:
        value = row.values.get(measure)
        value = value.get(lexicon) if isinstance(value, Mapping) else value
        if value is not None:
            found[row.step] = float(value)
    return found
