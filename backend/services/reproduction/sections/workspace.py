"""What every section of a report works with: the arms, their figures, and small helpers that make cells and lines.

Owns how an estimate becomes a figure of a report. Knows nothing of any one section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.measure.bootstrap import Estimate
from backend.measure.paired import AdjustedDifference
from backend.report.model import Cell, Figure, Line, Point, ReportColumn, ReportForm, ReportRow, Role
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.reproduction.results import Results
from backend.services.reproduction.sections.arm_figures import PooledFigures, ReproductionFigures
from backend.services.reproduction.sections.arms import Arm, Arms
from backend.store.trainings import StepRow

ROLES = (Role.FIRST, Role.SECOND, Role.THIRD, Role.OTHER)
DASHES = ("solid", "dash", "dot", "dashdot")

ACCURACY = ReportColumn("accuracy", "Accuracy")
LENGTH = ReportColumn("length", "Length", help="Tokens a response")
CUES = ReportColumn("cues", "Cues", help="Cues a response")
DENSITY = ReportColumn("density", "Per 1,000", help="Cues per 1,000 tokens, pooled")
FINISHED = ReportColumn("finished", "Finished", help="Responses that ended before the token limit")
GIVEN = ReportColumn("given", "Right if finished", help="Share of right responses among the finished ones")
PROBLEMS = ReportColumn("n", "n", help="Problems")
MEASURED = (ACCURACY, LENGTH, CUES, DENSITY)


@dataclass(frozen=True, slots=True)
class ReportWorkspace:
    """Arms and figures of one view. `lexicon` is the name of the one cues are counted by."""

    scale: ReproductionScale
    results: Results
    arms: Arms
    figures: ReproductionFigures
    lexicon: str
    held: str


def figure(
    found: Estimate | AdjustedDifference | None, form: ReportForm = ReportForm.DECIMAL, *, signed: bool = False
) -> Figure:
    """An estimate as a figure; without a value where there is none."""
    if found is None:
        return Figure(None, form=form, signed=signed)
    return Figure(found.value, found.low, found.high, found.n, form, signed)


def measured(found: PooledFigures | None) -> dict[str, Cell]:
    """The cells of an arm's figures, under the ids of the columns above."""
    if found is None:
        return {}
    return {
        "accuracy": figure(found.accuracy, ReportForm.PERCENT),
        "length": figure(found.length, ReportForm.COUNT),
        "cues": figure(found.cues),
        "density": figure(found.density),
        "finished": figure(found.finished, ReportForm.PERCENT),
        "given": figure(found.given_finished, ReportForm.PERCENT),
        "n": count(found.problems),
    }


def count(n: int | None) -> Figure:
    """A number of problems or responses."""
    return Figure(n, form=ReportForm.COUNT)


def counted(columns: Sequence[ReportColumn], rows: Sequence[ReportRow]) -> str:
    """How many problems the figures of each column are over, for a note."""
    said, ns = [], set()
    for column in columns:
        found = {cell.n for row in rows if isinstance(cell := row.cells.get(column.id), Figure) and cell.n}
        if found:
            most, least = max(found), min(found)
            ns |= found
            said.append(f"{column.label} {most:,}" if most == least else f"{column.label} {least:,} to {most:,}")
    return f"n: {', '.join(said) if len(ns) > 1 else f'{ns.pop():,} problems'}." if said else ""


def accuracy_row(desk: ReportWorkspace, name: str, arm: Arm, sets: Sequence[str], step: int) -> ReportRow:
    """An arm's accuracy on each set at a step."""
    runs = {one: arm.runs(one, step) for one in sets}
    pooled = {one: desk.figures.pooled(own) for one, own in runs.items() if own}
    cells: dict[str, Cell] = {one: figure(found.accuracy, ReportForm.PERCENT) for one, found in pooled.items() if found}
    return ReportRow({"arm": name} | cells, tuple(run for own in runs.values() for run in own))


def evaluation_line(
    desk: ReportWorkspace,
    arm: Arm,
    where: str,
    measure: str,
    role: Role,
    *,
    name: str = "",
    dash: str = "solid",
    shade: float = 1.0,
) -> Line:
    """A measure of `PooledFigures` over the steps at which a set was answered: over all seeds, and of each."""
    form = ReportForm.PERCENT if measure == "accuracy" else ReportForm.DECIMAL
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
    form = ReportForm.PERCENT if measure == "score" else ReportForm.DECIMAL
    mean = tuple(Point(at, Figure(sum(own[at] for own in seeds) / len(seeds), form=form)) for at in shared)
    own_points = tuple(tuple(Point(at, Figure(value, form=form)) for at, value in own.items()) for own in seeds)
    return Line(arm.title, role, mean, own_points if len(seeds) > 1 else (), dash)


def base_level(desk: ReportWorkspace, arms: Sequence[Arm], where: str, measure: str) -> float | None:
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
