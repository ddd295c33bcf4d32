"""Section 5 of the paper from our own runs: step curves, trajectories, words, teachers, ablations."""

from collections.abc import Sequence

from backend.report.model import (
    Cell,
    Curves,
    Line,
    Picture,
    Point,
    ReportColumn,
    ReportRow,
    ReportSection,
    SeriesRole,
    Table,
)
from backend.report.numbers import Form
from backend.services.reproduction.recipes.catalogue import FIXED_TEACHER
from backend.services.reproduction.recipes.recipe import GRPO, SD_FULL, SD_NO_THINK, SLOW_EMA
from backend.services.reproduction.sections.arms import Arm, set_title
from backend.services.reproduction.sections.fine_tuning import changes
from backend.services.reproduction.sections.published_values import WORD_CHANGES
from backend.services.reproduction.sections.section_parts import (
    DASHES,
    FINISHED,
    MEASURED,
    NOTHING,
    PROBLEMS,
    ROLES,
    SectionInputs,
    base_level,
    count,
    evaluation_line,
    figure,
    measured,
    rollout_line,
)
from backend.services.reproduction.sections.word_tables import change_bars, change_table

_MAIN = (SD_FULL, SD_NO_THINK, GRPO)
_RECIPE = "self-distillation"
_ROLLOUTS = (
    ("score", "Rollouts that are right", "share", Form.PERCENT),
    ("length", "Length of rollouts", "tokens", Form.COUNT),
    ("density", "Cues of rollouts", "cues per 1,000 tokens", Form.DECIMAL),
)
_Styled = Sequence[tuple[Arm, SeriesRole]]


def self_distillation(inputs: SectionInputs) -> ReportSection:
    """What learning from oneself with the solution in view does, step by step, and what decides how much."""
    arms = inputs.arms.of_recipe(_RECIPE)
    asks = "What does learning from oneself with the solution in view cost, and what decides how much?"
    if not arms:
        return ReportSection(_RECIPE, "Self-distillation", f"{asks} {NOTHING}")
    main = inputs.arms.get(*_MAIN) or arms[:3]
    styled = list(zip(main, ROLES, strict=False))
    sides = [(arm.title, role, inputs.runs(arm), inputs.runs(arm, 0)) for arm, role in styled]
    words = change_bars(inputs, "step-words", "Words, change from the base", sides)
    pictures: list[Picture] = [
        *(_rollouts(inputs, styled, *row) for row in _ROLLOUTS),
        *_accuracies(inputs, "steps", styled, main[0].sets),
        trajectories(inputs, styled),
        *_teachers(inputs),
        *_ablations(inputs, arms),
        *words,
    ]
    tables = (
        _endings(inputs, arms),
        changes(inputs, "step-changes", arms, main[0].sets),
        *change_table("step-words-table", words, WORD_CHANGES),
    )
    return ReportSection(_RECIPE, "Self-distillation", asks, tables, tuple(pictures))


def _rollouts(inputs: SectionInputs, styled: _Styled, measure: str, title: str, y: str, form: Form) -> Curves:
    lines = tuple(rollout_line(arm, measure, inputs.lexicon, role) for arm, role in styled)
    # Only step 0 is before training; where a training has no such row, a later one must not pass for the base.
    first = next((line.points[0] for line in lines if line.points and line.points[0].x == 0), None)
    note = "Each step’s own rollouts, at temperature 1: thin lines are seeds, thick ones their mean."
    return Curves(f"steps-{measure}", title, "step", y, form, lines, first.figure.value if first else None, note=note)


def _accuracies(inputs: SectionInputs, key: str, styled: _Styled, sets: Sequence[str]) -> list[Curves]:
    """Accuracy over steps on every set that was answered on the way."""
    found = []
    for name in sets:
        # A line from the first step to the last alone says no more than the table.
        if any(len(arm.steps(name)) > 2 for arm, _ in styled):
            lines = tuple(evaluation_line(inputs, arm, name, "accuracy", role) for arm, role in styled)
            base = base_level(inputs, [arm for arm, _ in styled], name, "accuracy")
            title = f"Accuracy on {set_title(name)}"
            found.append(Curves(f"{key}-{name}", title, "step", "accuracy", Form.PERCENT, lines, base))
    return found


def trajectories(inputs: SectionInputs, styled: _Styled) -> Curves:
    """Accuracy against length on the held-out set, from step to step."""
    lines = []
    for arm, role in styled:
        pooled = [(step, inputs.pooled(arm, step)) for step in arm.steps(inputs.held_out)]
        points = tuple(
            Point(one.length.value, figure(one.accuracy, Form.PERCENT), f"step {step}")
            for step, one in pooled
            if one and one.length
        )
        lines.append(Line(arm.title, role, points))
    title, note = f"Accuracy against length on {inputs.held_out}", "Each path begins at the base."
    # Without whiskers: both axes have intervals here, and crosses would hide the path.
    return Curves("trajectories", title, "length", "accuracy", Form.PERCENT, tuple(lines), note=note, whiskers=False)


def _teachers(inputs: SectionInputs) -> list[Curves]:
    pair = inputs.arms.get(FIXED_TEACHER[inputs.scale], SLOW_EMA)
    if len(pair) < 2:
        return []
    styled = list(zip(pair, (SeriesRole.FIRST, SeriesRole.SECOND), strict=True))
    found = []
    for measure, y, form in (("accuracy", "accuracy", Form.PERCENT), ("length", "tokens", Form.COUNT)):
        lines = tuple(evaluation_line(inputs, arm, inputs.held_out, measure, role) for arm, role in styled)
        title = f"Fixed and moving teacher: {measure} on {inputs.held_out}"
        base = base_level(inputs, pair, inputs.held_out, measure)
        found.append(Curves(f"teacher-{measure}", title, "step", y, form, lines, base))
    return found


def _ablations(inputs: SectionInputs, arms: Sequence[Arm]) -> list[Curves]:
    """The main setting against those that differ from it in one thing."""
    # "sd-full-..." is the main setting on another model: another base, not another setting.
    others = [
        arm
        for arm in arms
        if arm.key.startswith("sd-") and arm.key not in _MAIN and not arm.key.startswith(f"{SD_FULL}-")
    ]
    chosen = [*inputs.arms.get(SD_FULL), *others]
    if len(chosen) < 2:
        return []
    # A dash as well as a colour, for who can't tell the colours apart.
    lines = tuple(
        evaluation_line(inputs, arm, inputs.held_out, "accuracy", role, dash=dash)
        for arm, role, dash in zip(chosen, ROLES, DASHES, strict=False)
    )
    base = base_level(inputs, chosen, inputs.held_out, "accuracy")
    title = f"Ablations: accuracy on {inputs.held_out}"
    return [Curves("ablations", title, "step", "accuracy", Form.PERCENT, lines, base)]


def _endings(inputs: SectionInputs, arms: Sequence[Arm]) -> Table:
    """Every arm at its last step on the held-out set, the base first."""
    columns = (
        ReportColumn("arm", "Model"),
        ReportColumn("steps", "Steps"),
        ReportColumn("trained", "Seeds"),
        *MEASURED,
        FINISHED,
        PROBLEMS,
    )
    base = inputs.runs(arms[0], 0)
    first: dict[str, Cell] = {"arm": "base", "steps": count(0)}
    rows = [ReportRow(first | measured(inputs.figures.pooled(base)), base)]
    for arm in arms:
        cells: dict[str, Cell] = {"arm": arm.title, "steps": count(arm.last), "trained": count(len(arm.seeds))}
        rows.append(ReportRow(cells | measured(inputs.pooled(arm)), inputs.runs(arm), base[:1]))
    note = "Seeds are averaged by problem."
    return Table("endings", f"Before and after, on {inputs.held_out}", columns, tuple(rows), note)
