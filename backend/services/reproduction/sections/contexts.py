"""Sections 3, 4 and 6 of the paper from our own runs: contexts, fine-tuning, coverage; its own values beside them.

Owns which tables and figures these sections hold. Knows nothing of how a figure is made or drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backend.domain import Context
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
from backend.services.reproduction.recipes.catalogue import COVERAGE as PARTS
from backend.services.reproduction.recipes.recipe import SFT_GUIDED, SFT_UNGUIDED
from backend.services.reproduction.sections.arms import LAST, Arm, set_title
from backend.services.reproduction.sections.published_values import CONDITIONS, COVERAGE, FINE_TUNED, SETS, WORDS
from backend.services.reproduction.sections.word_tables import word_bars, word_table
from backend.services.reproduction.sections.workspace import (
    DENSITY,
    MEASURED,
    PROBLEMS,
    ReportWorkspace,
    accuracy_row,
    base_level,
    counted,
    evaluation_line,
    figure,
    measured,
)
from backend.services.training.training_specs import SEEN

NOTHING = "No part of this experiment is finished here yet."


def contexts(desk: ReportWorkspace) -> ReportSection:
    """Section 3: the base under contexts, and its words without the solution and with it."""
    arm = desk.arms.contexts
    asks = "What does more of the solution in the prompt do to the doubts? The same model answers under each context."
    if arm is None:
        return ReportSection("contexts", "Contexts", f"{asks} {NOTHING}")
    sides = [arm.runs(desk.held, LAST, context) for context in (Context.NONE, Context.SOLUTION)]
    names = ("no context", "full solution")
    pictures = word_bars(desk, "context-words", "Words, without the solution and with it", sides, names)
    tables = [_conditions(desk, arm), *word_table(desk, "context-words-table", sides, names, WORDS)]
    return ReportSection("contexts", "Contexts", asks, tuple(tables), tuple(pictures))


def _conditions(desk: ReportWorkspace, arm: Arm) -> Table:
    """The analogue of table 1, with the paper's values where it has the condition."""
    columns = (
        ReportColumn("context", "Context"),
        ReportColumn("set", "Problems"),
        *MEASURED,
        PROBLEMS,
        *(ReportColumn(f"paper {c.id}", c.label, paper=True) for c in MEASURED),
    )
    rows = []
    for one in arm.parts[0].spec.evaluations:
        runs = arm.runs(one.name, LAST, one.context)
        cells: dict[str, Cell] = {"context": _context_title(one.context), "set": set_title(one.name)}
        paper = CONDITIONS.get(one.context) if one.name == desk.held else None
        if paper:
            cells |= {
                "paper accuracy": Figure(paper.score, form=ReportForm.PERCENT),
                "paper length": Figure(paper.length, form=ReportForm.COUNT),
                "paper cues": Figure(paper.cues),
                "paper density": Figure(paper.density),
            }
        rows.append(ReportRow(cells | measured(desk.figures.pooled(runs)), runs))
    note = (
        "The paper: DeepSeek-R1-Distill-Qwen-7B on 100 problems of DAPO-Math-17k that it solves in 1 to 4 of 8 tries, "
        "which fixes its 30% without a context; its densities are ours, from its two means."
    )
    return Table("contexts", "Conditions", columns, tuple(rows), note)


def fine_tuning(desk: ReportWorkspace) -> ReportSection:
    """Section 4: right responses written without a hint against right responses written with the solution in view."""
    arms = desk.arms.get(SFT_UNGUIDED, SFT_GUIDED)
    asks = "All training responses are right and of the same problems: does it matter how they were written?"
    if not arms:
        return ReportSection("fine-tuning", "Fine-tuning", f"{asks} {NOTHING}")
    sets = arms[0].sets
    columns = (ReportColumn("arm", "Model"), *(ReportColumn(one, set_title(one)) for one in sets))
    rows = [accuracy_row(desk, "base", arms[0], sets, 0)]
    rows += [accuracy_row(desk, arm.title, arm, sets, LAST) for arm in arms]
    main = Table("fine-tuning", "Accuracy", columns, tuple(rows), counted(columns, rows))
    lines = (
        evaluation_line(desk, arm, desk.held, "accuracy", role)
        for arm, role in zip(arms, (Role.SECOND, Role.FIRST), strict=False)
    )
    curve = Curves(
        "fine-tuning-curves",
        f"Accuracy on {desk.held}",
        "step",
        "accuracy",
        ReportForm.PERCENT,
        tuple(lines),
        base_level(desk, arms, desk.held, "accuracy"),
    )
    tables = (main, changes(desk, "fine-tuning-changes", arms, sets), _ends(desk, arms), _paper_fine_tuned())
    return ReportSection("fine-tuning", "Fine-tuning", asks, tables, (curve,))


def changes(desk: ReportWorkspace, key: str, arms: Sequence[Arm], sets: Sequence[str]) -> Table:
    """The change of accuracy from the base, paired by problem."""
    columns = (ReportColumn("arm", "Model"), *(ReportColumn(one, set_title(one)) for one in sets))
    rows = []
    for arm in arms:
        found = {one: desk.figures.change(arm.runs(one), arm.runs(one, 0)) for one in sets}
        cells: dict[str, Cell] = {one: figure(value, ReportForm.PERCENT, signed=True) for one, value in found.items()}
        rows.append(ReportRow({"arm": arm.title} | cells, arm.runs(desk.held)[:1], arm.runs(desk.held, 0)[:1]))
    return Table(
        key, "Change of accuracy from the base", columns, tuple(rows), f"Paired by problem; {counted(columns, rows)}"
    )


def _ends(desk: ReportWorkspace, arms: Sequence[Arm]) -> Table:
    """Length and doubts on the held-out set, before and after."""
    rows = [
        ReportRow(
            {"arm": "base"} | measured(desk.figures.pooled(arms[0].runs(desk.held, 0))), arms[0].runs(desk.held, 0)
        )
    ]
    rows += [
        ReportRow({"arm": arm.title} | measured(desk.figures.pooled(arm.runs(desk.held))), arm.runs(desk.held))
        for arm in arms
    ]
    columns = (ReportColumn("arm", "Model"), *MEASURED, PROBLEMS)
    return Table("fine-tuning-ends", f"Length and doubts on {desk.held}", columns, tuple(rows))


def _paper_fine_tuned() -> Table:
    columns = (ReportColumn("arm", "Model"), *(ReportColumn(name, name) for name in SETS))
    rows = tuple(
        ReportRow({"arm": name} | {s: Figure(v, form=ReportForm.PERCENT) for s, v in zip(SETS, values, strict=True)})
        for name, values in FINE_TUNED.items()
    )
    note = "DeepSeek-R1-Distill-Qwen-7B, mean of 16 samples. The paper gives no intervals."
    return Table("fine-tuning-paper", "Table 2: accuracy", columns, rows, note, paper=True)


# -- section 6 --------------------------------------------------------------------------------------


def coverage(desk: ReportWorkspace) -> ReportSection:
    """Section 6: how many problems it takes before the loss outweighs what is learned of the problems themselves."""
    sizes = [(size, desk.arms.by_key[key]) for size, key in PARTS[desk.scale].items() if key in desk.arms.by_key]
    asks = "How many problems does it take before the loss outweighs what is learned of the problems themselves?"
    if not sizes:
        return ReportSection("coverage", "Coverage", f"{asks} {NOTHING}")
    pictures = (_sweep(desk, sizes), *(_sweep_curves(desk, sizes, where) for where in (desk.held, SEEN)))
    return ReportSection("coverage", "Coverage", asks, (_sizes(desk, sizes),), pictures)


def _sizes(desk: ReportWorkspace, sizes: Sequence[tuple[str, Arm]]) -> Table:
    columns = (
        ReportColumn("size", "|D|"),
        ReportColumn("seen base", "Training problems, base"),
        ReportColumn("seen", "after"),
        ReportColumn("held base", f"{desk.held}, base"),
        ReportColumn("held", "after"),
        ReportColumn("length", "Length there"),
        DENSITY,
        PROBLEMS,
        ReportColumn("paper before", "AIME24, base", paper=True),
        ReportColumn("paper after", "after", paper=True),
    )
    rows = []
    for size, arm in sizes:
        held = desk.figures.pooled(arm.runs(desk.held))
        cells = {name: value for name, value in measured(held).items() if name in ("length", "density", "n")}
        for name, where, step in (
            ("seen base", SEEN, 0),
            ("seen", SEEN, LAST),
            ("held base", desk.held, 0),
            ("held", desk.held, LAST),
        ):
            found = desk.figures.pooled(arm.runs(where, step))
            cells[name] = figure(found.accuracy if found else None, ReportForm.PERCENT)
        if size in COVERAGE:
            before, after = COVERAGE[size]
            cells |= {
                "paper before": Figure(before, form=ReportForm.PERCENT),
                "paper after": Figure(after, form=ReportForm.PERCENT),
            }
        rows.append(ReportRow({"size": size} | cells, arm.runs(desk.held), arm.runs(desk.held, 0)[:1]))
    note = (
        "|D| is the number of training problems; n counts held-out problems. The interval of |D| = 1 would be over one "
        "problem a seed. The paper: Qwen3-8B without thinking, read off the authors’ published curves, 50 steps."
    )
    return Table("coverage", "Accuracy by number of training problems", columns, tuple(rows), note)


def _sweep(desk: ReportWorkspace, sizes: Sequence[tuple[str, Arm]]) -> Curves:
    """Seen and held-out accuracy against |D|."""

    def line(name: str, role: Role, where: str, step: int, dash: str) -> Line:
        found = [(place, desk.figures.pooled(arm.runs(where, step))) for place, (_, arm) in enumerate(sizes)]
        return Line(
            name,
            role,
            tuple(Point(at, figure(one.accuracy, ReportForm.PERCENT)) for at, one in found if one),
            dash=dash,
        )

    lines = (
        line("training problems, after", Role.FIRST, SEEN, LAST, "solid"),
        line("training problems, base", Role.FIRST, SEEN, 0, "dot"),
        line(f"{desk.held}, after", Role.SECOND, desk.held, LAST, "solid"),
        line(f"{desk.held}, base", Role.SECOND, desk.held, 0, "dot"),
    )
    ticks = tuple(size for size, _ in sizes)
    return Curves(
        "coverage-sweep",
        "Accuracy by number of training problems",
        "|D|",
        "accuracy",
        ReportForm.PERCENT,
        lines,
        ticks=ticks,
    )


def _sweep_curves(desk: ReportWorkspace, sizes: Sequence[tuple[str, Arm]], where: str) -> Picture:
    found = (
        evaluation_line(desk, arm, where, "accuracy", Role.FIRST, name=f"|D| = {size}", shade=(at + 1) / len(sizes))
        for at, (size, arm) in enumerate(sizes)
    )
    lines = tuple(replace(line, seeds=()) for line in found)  # so many thin lines can't be told apart
    held = where == desk.held
    base = base_level(desk, [arm for _, arm in sizes], where, "accuracy") if held else None
    title = f"Accuracy on {set_title(where)}"
    return Curves(
        "coverage-held" if held else "coverage-seen", title, "step", "accuracy", ReportForm.PERCENT, lines, base
    )


def _context_title(context: Context) -> str:
    return "no context" if context is Context.NONE else context.value
