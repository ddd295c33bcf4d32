"""Section 5 of the paper from our own runs, and the measures the paper doesn't have: step curves, trajectories, words,
teachers, ablations; pass@k, finished responses, density at equal length.

Owns which tables and figures these sections hold. Knows nothing of how a figure is made or drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.measure.matched import Matched
from backend.report.model import (
    Cell,
    Curves,
    Figure,
    Line,
    Picture,
    Point,
    ReportColumn,
    ReportForm,
    ReportRow,
    ReportSection,
    Role,
    Table,
)
from backend.services.reproduction.recipes.catalogue import FIXED_TEACHER
from backend.services.reproduction.recipes.recipe import GRPO, SD_FULL, SD_NO_THINK, SLOW_EMA
from backend.services.reproduction.sections.arm_figures import PooledFigures
from backend.services.reproduction.sections.arms import Arm, set_title
from backend.services.reproduction.sections.contexts import NOTHING, changes
from backend.services.reproduction.sections.published_values import WORD_CHANGES
from backend.services.reproduction.sections.word_tables import change_bars, change_table
from backend.services.reproduction.sections.workspace import (
    DASHES,
    DENSITY,
    FINISHED,
    GIVEN,
    MEASURED,
    PROBLEMS,
    ROLES,
    ReportWorkspace,
    base_level,
    count,
    evaluation_line,
    figure,
    measured,
    rollout_line,
)

_MAIN = (SD_FULL, SD_NO_THINK, GRPO)
_RECIPE = "self-distillation"
_ROLLOUTS = (
    ("score", "Rollouts that are right", "share", ReportForm.PERCENT),
    ("length", "Length of rollouts", "tokens", ReportForm.COUNT),
    ("density", "Cues of rollouts", "cues per 1,000 tokens", ReportForm.DECIMAL),
)
_MATCHED = (
    "At equal length: responses to the same problem are sorted by length into ten bins, with equal numbers of all "
    "responses in each; a problem’s bin in which both sides have responses weighs as many as the smaller side has "
    "there, and densities are pooled over those bins. Matched: the share of all responses that lie in such bins."
)


def self_distillation(desk: ReportWorkspace) -> ReportSection:
    """What learning from oneself with the solution in view does, step by step, and what decides how much."""
    arms = desk.arms.of_recipe(_RECIPE)
    asks = "What does learning from oneself with the solution in view cost, and what decides how much?"
    if not arms:
        return ReportSection(_RECIPE, "Self-distillation", f"{asks} {NOTHING}")
    main = desk.arms.get(*_MAIN) or arms[:3]
    styled = list(zip(main, ROLES, strict=False))
    words = change_bars(
        desk, "step-words", "Words, change from the base", [_sides(desk, arm, role) for arm, role in styled]
    )
    pictures: list[Picture] = [
        *(_rollouts(desk, styled, *row) for row in _ROLLOUTS),
        *_accuracies(desk, "steps", styled, main[0].sets),
        trajectories(desk, styled),
        *_teachers(desk),
        *_ablations(desk, arms),
        *words,
    ]
    tables = (
        _endings(desk, arms),
        changes(desk, "step-changes", arms, main[0].sets),
        *change_table("step-words-table", words, WORD_CHANGES),
    )
    return ReportSection(_RECIPE, "Self-distillation", asks, tables, tuple(pictures))


def _sides(desk: ReportWorkspace, arm: Arm, role: Role) -> tuple[str, Role, tuple[str, ...], tuple[str, ...]]:
    return arm.title, role, arm.runs(desk.held), arm.runs(desk.held, 0)


def _rollouts(
    desk: ReportWorkspace, styled: Sequence[tuple[Arm, Role]], measure: str, title: str, y: str, form: ReportForm
) -> Curves:
    lines = tuple(rollout_line(arm, measure, desk.lexicon, role) for arm, role in styled)
    first = next((line.points[0] for line in lines if line.points and line.points[0].x == 0), None)
    note = "Each step’s own rollouts, at temperature 1: thin lines are seeds, thick ones their mean."
    return Curves(f"steps-{measure}", title, "step", y, form, lines, first.figure.value if first else None, note=note)


def _accuracies(
    desk: ReportWorkspace, key: str, styled: Sequence[tuple[Arm, Role]], sets: Sequence[str]
) -> list[Curves]:
    """Accuracy over steps on every set that was answered on the way."""
    found = []
    for name in sets:
        if any(len(arm.steps(name)) > 2 for arm, _ in styled):
            lines = tuple(evaluation_line(desk, arm, name, "accuracy", role) for arm, role in styled)
            base = base_level(desk, [arm for arm, _ in styled], name, "accuracy")
            title = f"Accuracy on {set_title(name)}"
            found.append(Curves(f"{key}-{name}", title, "step", "accuracy", ReportForm.PERCENT, lines, base))
    return found


def trajectories(desk: ReportWorkspace, styled: Sequence[tuple[Arm, Role]]) -> Curves:
    """Accuracy against length on the held-out set, from step to step."""
    lines = []
    for arm, role in styled:
        found = [(step, desk.figures.pooled(arm.runs(desk.held, step))) for step in arm.steps(desk.held)]
        points = tuple(
            Point(one.length.value, figure(one.accuracy, ReportForm.PERCENT), f"step {step}")
            for step, one in found
            if one and one.length
        )
        lines.append(Line(arm.title, role, points))
    title = f"Accuracy against length on {desk.held}"
    note = "Each path begins at the base."
    return Curves(
        "trajectories", title, "length", "accuracy", ReportForm.PERCENT, tuple(lines), note=note, whiskers=False
    )


def _teachers(desk: ReportWorkspace) -> list[Curves]:
    """A fixed teacher against a moving one."""
    pair = desk.arms.get(FIXED_TEACHER[desk.scale], SLOW_EMA)
    if len(pair) < 2:
        return []
    styled = list(zip(pair, (Role.FIRST, Role.SECOND), strict=True))
    found = []
    for measure, y, form in (("accuracy", "accuracy", ReportForm.PERCENT), ("length", "tokens", ReportForm.COUNT)):
        lines = tuple(evaluation_line(desk, arm, desk.held, measure, role) for arm, role in styled)
        title = f"Fixed and moving teacher: {measure} on {desk.held}"
        base = base_level(desk, pair, desk.held, measure)
        found.append(Curves(f"teacher-{measure}", title, "step", y, form, lines, base))
    return found


def _ablations(desk: ReportWorkspace, arms: Sequence[Arm]) -> list[Curves]:
    """The main setting against those that differ from it in one thing."""
    others = [
        arm
        for arm in arms
        if arm.key.startswith("sd-") and arm.key not in _MAIN and not arm.key.startswith(f"{SD_FULL}-")
    ]
    chosen = [*desk.arms.get(SD_FULL), *others]
    if len(chosen) < 2:
        return []
    lines = tuple(
        evaluation_line(desk, arm, desk.held, "accuracy", role, dash=dash)
        for arm, role, dash in zip(chosen, ROLES, DASHES, strict=False)
    )
    base = base_level(desk, chosen, desk.held, "accuracy")
    return [
        Curves("ablations", f"Ablations: accuracy on {desk.held}", "step", "accuracy", ReportForm.PERCENT, lines, base)
    ]


def _endings(desk: ReportWorkspace, arms: Sequence[Arm]) -> Table:
    """Every arm at its last step on the held-out set, the base first."""
    columns = (
        ReportColumn("arm", "Model"),
        ReportColumn("steps", "Steps"),
        ReportColumn("trained", "Seeds"),
        *MEASURED,
        FINISHED,
        PROBLEMS,
    )
    base = arms[0].runs(desk.held, 0)
    first: dict[str, Cell] = {"arm": "base", "steps": count(0)}
    rows = [ReportRow(first | measured(desk.figures.pooled(base)), base)]
    for arm in arms:
        cells: dict[str, Cell] = {"arm": arm.title, "steps": count(arm.last), "trained": count(len(arm.seeds))}
        rows.append(
            ReportRow(cells | measured(desk.figures.pooled(arm.runs(desk.held))), arm.runs(desk.held), base[:1])
        )
    return Table("endings", f"Before and after, on {desk.held}", columns, tuple(rows), "Seeds are averaged by problem.")


# -- measures the paper doesn't have ----------------------------------------------------------------


def measures(desk: ReportWorkspace) -> ReportSection:
    """pass@k, right among finished, and density at equal length, for every arm against its base."""
    arms = [arm for arm in desk.arms.by_key.values() if arm.last and desk.held in arm.sets]
    asks = (
        "What the paper’s tables leave open: whether one of several tries is right, what not finishing costs, and "
        "whether responses of equal length hold fewer doubts."
    )
    if not arms:
        return ReportSection("measures", "Beyond the paper", f"{asks} {NOTHING}")
    sides: list[Side] = [("base", arms[0].runs(desk.held, 0), ())]
    sides += [(arm.title, arm.runs(desk.held), arm.runs(desk.held, 0)) for arm in arms]
    tables = (
        tries_table(desk, "tries", f"Tries and endings on {desk.held}", sides),
        matched_table(desk, "matched", sides[1:]),
    )
    return ReportSection("measures", "Beyond the paper", asks, tables, tuple(_passes(desk, arms)))


Side = tuple[str, tuple[str, ...], tuple[str, ...]]


def tries_table(desk: ReportWorkspace, key: str, title: str, sides: Sequence[Side]) -> Table:
    """acc@k, pass@k for the numbers of samples there are, finished, and right among finished."""
    pooled = [(name, runs, desk.figures.pooled(runs)) for name, runs, _ in sides if runs]
    ks = sorted({k for _, _, found in pooled if found for k in found.passes})
    columns = (
        ReportColumn("arm", "Model"),
        ReportColumn("accuracy", "acc@k", help="Share of right samples, averaged over problems"),
        *(ReportColumn(f"pass {k}", f"pass@{k}", help=f"At least one of {k} samples is right") for k in ks),
        FINISHED,
        GIVEN,
        PROBLEMS,
        ReportColumn("traces", "Responses"),
    )
    rows = tuple(ReportRow({"arm": name, **_tries(found)}, runs) for name, runs, found in pooled)
    return Table(key, title, columns, rows, "pass@k by the unbiased estimate of Chen et al. 2021.")


def _tries(found: PooledFigures | None) -> dict[str, Cell]:
    if found is None:
        return {}
    passes: dict[str, Cell] = {f"pass {k}": figure(value, ReportForm.PERCENT) for k, value in found.passes.items()}
    return measured(found) | passes | {"traces": count(found.traces)}


def matched_table(desk: ReportWorkspace, key: str, sides: Sequence[Side]) -> Table:
    """Density of each against its base, raw and at equal length."""
    columns = (
        ReportColumn("arm", "Model"),
        DENSITY,
        ReportColumn("base", "Its base"),
        ReportColumn("equal", "At equal length"),
        ReportColumn("equal base", "Its base, at equal length"),
        ReportColumn("difference", "Difference at equal length"),
        ReportColumn("share", "Matched"),
        PROBLEMS,
    )
    rows = []
    for name, runs, base in sides:
        if runs and base:
            cells: dict[str, Cell] = {"arm": name, **measured(desk.figures.pooled(runs))}
            cells |= {"base": _density(desk.figures.pooled(base))} | _equal(desk.figures.matched(runs, base))
            rows.append(ReportRow(cells, runs[:1], base[:1]))
    return Table(key, "Cues per 1,000 tokens, at equal length", columns, tuple(rows), _MATCHED)


def _density(found: PooledFigures | None) -> Figure:
    return figure(found.density if found else None)


def _equal(found: Matched | None) -> dict[str, Cell]:
    if found is None:
        return {"share": Figure(0.0, form=ReportForm.PERCENT), "n": None}
    return {
        "equal": Figure(found.values),
        "equal base": Figure(found.baseline),
        "difference": figure(found.difference, signed=True),
        "share": Figure(found.share, form=ReportForm.PERCENT),
        "n": count(found.difference.n),
    }


def _passes(desk: ReportWorkspace, arms: Sequence[Arm]) -> list[Curves]:
    """acc@k and pass@k over steps, for the arms answered more than once on the way."""
    found = []
    for arm in arms:
        pooled = [(step, desk.figures.pooled(arm.runs(desk.held, step))) for step in arm.steps(desk.held)]
        ks = sorted(set.intersection(*(set(one.passes) for _, one in pooled if one))) if pooled else []
        if not ks or len(pooled) < 3:
            continue
        accuracies = tuple(Point(step, figure(one.accuracy, ReportForm.PERCENT)) for step, one in pooled if one)
        lines = [Line("acc@k", Role.FIRST, accuracies)]
        for k, dash in zip(ks, DASHES[1:], strict=False):
            points = tuple(Point(step, figure(one.passes[k], ReportForm.PERCENT)) for step, one in pooled if one)
            lines.append(Line(f"pass@{k}", Role.SECOND, points, dash=dash))
        found.append(
            Curves(
                f"pass-{arm.key}", f"{arm.title}: acc@k and pass@k", "step", "share", ReportForm.PERCENT, tuple(lines)
            )
        )
    return found
