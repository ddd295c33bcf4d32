"""The parts that all sections of a report share: their inputs, columns, and how estimates become cells and lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.measure.bootstrap import Estimate
from backend.measure.word_tests import AdjustedDifference
from backend.report.model import Cell, Figure, Line, Point, ReportColumn, ReportRow, SeriesRole
from backend.report.numbers import Form
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.reproduction.results import Results
from backend.services.reproduction.sections.arm_figures import PooledFigures, ReproductionFigures
from backend.services.reproduction.sections.arms import LAST, Arm, Arms
from backend.store.trainings import StepRow

ROLES = (SeriesRole.FIRST, SeriesRole.SECOND, SeriesRole.THIRD, SeriesRole.OTHER)
DASHES = ("solid", "dash", "dot", "dashdot")
NOTHING = "No part of this experiment is finished here yet."

ACCURACY = ReportColumn("accuracy", "Accuracy")
LENGTH = ReportColumn("length", "Length", help="Tokens a response")
CUES = ReportColumn("cues", "Cues", help="Cues a response")
# Always beside the counts: a shorter response holds fewer cues even where it doubts no less.
DENSITY = ReportColumn("density", "Per 1,000", help="Cues per 1,000 tokens, pooled")
FINISHED = ReportColumn("finished", "Finished", help="Responses that ended before the token limit")
# A model that is cut off loses accuracy without being wrong: the two are told apart.
GIVEN = ReportColumn("given", "Right if finished", help="Share of right responses among the finished ones")
PROBLEMS = ReportColumn("n", "n", help="Problems")
MEASURED = (ACCURACY, LENGTH, CUES, DENSITY)


@dataclass(frozen=True, slots=True)
class SectionInputs:
    """What a section is made from: the arms and figures of one view.

    `lexicon` is the name of the one cues are counted by, `held_out` that of the held-out problem set.
    """

    scale: ReproductionScale
    results: Results
    arms: Arms
    figures: ReproductionFigures
    lexicon: str
    held_out: str

    def runs(self, arm: Arm, step: int = LAST) -> tuple[str, ...]:
        """An arm's runs of the held-out set at a step, one a seed."""
        return arm.runs(self.held_out, step)

    def pooled(self, arm: Arm, step: int = LAST) -> PooledFigures | None:
        """An arm's figures on the held-out set at a step."""
        return self.figures.pooled(self.runs(arm, step))


def figure(found: Estimate | AdjustedDifference | None, form: Form = Form.DECIMAL, *, signed: bool = False) -> Figure:
    """An estimate as a figure; without a value where there is none."""
    if found is None:
        return Figure(None, form=form, signed=signed)
    return Figure(found.value, found.low, found.high, found.n, form, signed)


def measured(found: PooledFigures | None) -> dict[str, Cell]:
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


def counted(columns: Sequence[ReportColumn], rows: Sequence[ReportRow]) -> str:
    """A sentence for a note: over how many problems the figures of each column are."""
    parts, ns = [], set()
    for column in columns:
        found = {cell.n for row in rows if isinstance(cell := row.cells.get(column.id), Figure) and cell.n}
        if found:
            most, least = max(found), min(found)
            ns |= found
            parts.append(f"{column.label} {most:,}" if most == least else f"{column.label} {least:,} to {most:,}")
    return f"n: {', '.join(parts) if len(ns) > 1 else f'{ns.pop():,} problems'}." if parts else ""


def accuracy_row(inputs: SectionInputs, name: str, arm: Arm, sets: Sequence[str], step: int) -> ReportRow:
    """An arm's accuracy on each set at a step."""
    runs = {one: arm.runs(one, step) for one in sets}
    pooled = {one: inputs.figures.pooled(own) for one, own in runs.items() if own}
    cells: dict[str, Cell] = {one: figure(found.accuracy, Form.PERCENT) for one, found in pooled.items() if found}
    return ReportRow({"arm": name} | cells, tuple(run for own in runs.values() for run in own))


def evaluation_line(
    inputs: SectionInputs,
    arm: Arm,
    where: str,
    measure: str,
    role: SeriesRole,
    *,
    name: str = "",
    dash: str = "solid",
    shade: float = 1.0,
) -> Line:
    """A measure of `PooledFigures` over the steps at which a set was answered: over all seeds, and of each."""
    form = Form.PERCENT if measure == "accuracy" else Form.DECIMAL
    runs = {step: own for step in arm.steps(where) if (own := arm.runs(where, step))}
    pooled = {step: inputs.figures.pooled(own) for step, own in runs.items()}
    points = tuple(Point(step, figure(getattr(one, measure), form)) for step, one in pooled.items() if one)

    def seed(at: int) -> tuple[Point, ...]:
        found = {step: inputs.figures.pooled((own[at],)) for step, own in runs.items()}
        # The mean alone: a bootstrap for every seed and step takes long, and thin lines have no whiskers.
        return tuple(Point(step, Figure(one.mean(measure), form=form)) for step, one in found.items() if one)

    seeds = tuple(seed(at) for at in range(len(arm.parts))) if len(arm.parts) > 1 else ()
    return Line(name or arm.title, role, points, seeds, dash, shade)


def rollout_line(arm: Arm, measure: str, lexicon: str, role: SeriesRole, dash: str = "solid") -> Line:
    """What the rollouts of each step were like: the mean over seeds, and each seed's own."""
    seeds = [_history(rows, measure, lexicon) for rows in arm.histories()]
    # A step that one seed lacks would be a mean over other seeds than its neighbours.
    shared = sorted(set.intersection(*(set(own) for own in seeds))) if seeds else []
    form = Form.PERCENT if measure == "score" else Form.DECIMAL
    # No interval over problems: the rollouts of every step are of other problems.
    mean = tuple(Point(at, Figure(sum(own[at] for own in seeds) / len(seeds), form=form)) for at in shared)
    own_points = tuple(tuple(Point(at, Figure(value, form=form)) for at, value in own.items()) for own in seeds)
    return Line(arm.title, role, mean, own_points if len(seeds) > 1 else (), dash)


def base_level(inputs: SectionInputs, arms: Sequence[Arm], where: str, measure: str) -> float | None:
    """A measure before training, of the first arm that was evaluated on the set: all arms begin at the same base."""
    for arm in arms:
        found = inputs.figures.pooled(arm.runs(where, 0)) if arm.runs(where, 0) else None
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
