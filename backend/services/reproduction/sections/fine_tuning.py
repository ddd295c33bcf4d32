"""Section 4 of the paper from our own runs: fine-tuning on right responses written without and with the solution."""

from collections.abc import Sequence

from backend.report.model import Cell, Curves, Figure, ReportColumn, ReportRow, ReportSection, SeriesRole, Table
from backend.report.numbers import Form
from backend.services.reproduction.recipes.recipe import SFT_GUIDED, SFT_UNGUIDED
from backend.services.reproduction.sections.arms import LAST, Arm, set_title
from backend.services.reproduction.sections.published_values import FINE_TUNED, SETS
from backend.services.reproduction.sections.section_parts import (
    MEASURED,
    NOTHING,
    PROBLEMS,
    SectionInputs,
    accuracy_row,
    base_level,
    counted,
    evaluation_line,
    figure,
    measured,
)


def fine_tuning(inputs: SectionInputs) -> ReportSection:
    """Section 4: right responses written without a hint against right responses written with the solution in view."""
    arms = inputs.arms.get(SFT_UNGUIDED, SFT_GUIDED)
    asks = "All training responses are right and of the same problems: does it matter how they were written?"
    if not arms:
        return ReportSection("fine-tuning", "Fine-tuning", f"{asks} {NOTHING}")
    sets = arms[0].sets
    columns = (ReportColumn("arm", "Model"), *(ReportColumn(one, set_title(one)) for one in sets))
    rows = [accuracy_row(inputs, "base", arms[0], sets, 0)]
    rows += [accuracy_row(inputs, arm.title, arm, sets, LAST) for arm in arms]
    main = Table("fine-tuning", "Accuracy", columns, tuple(rows), counted(columns, rows))
    tables = (main, changes(inputs, "fine-tuning-changes", arms, sets), _ends(inputs, arms), _paper_fine_tuned())
    return ReportSection("fine-tuning", "Fine-tuning", asks, tables, (_curves(inputs, arms),))


def _curves(inputs: SectionInputs, arms: Sequence[Arm]) -> Curves:
    # The guided arm has the colour of what loses its doubts in the other sections.
    lines = tuple(
        evaluation_line(inputs, arm, inputs.held_out, "accuracy", role)
        for arm, role in zip(arms, (SeriesRole.SECOND, SeriesRole.FIRST), strict=False)
    )
    base = base_level(inputs, arms, inputs.held_out, "accuracy")
    title = f"Accuracy on {inputs.held_out}"
    return Curves("fine-tuning-curves", title, "step", "accuracy", Form.PERCENT, lines, base)


def changes(inputs: SectionInputs, key: str, arms: Sequence[Arm], sets: Sequence[str]) -> Table:
    """The change of accuracy from the base, paired by problem."""
    columns = (ReportColumn("arm", "Model"), *(ReportColumn(one, set_title(one)) for one in sets))
    rows = []
    for arm in arms:
        # Not the difference of the two tables' means: paired by problem its interval is far narrower.
        found = {one: inputs.figures.change(arm.runs(one), arm.runs(one, 0)) for one in sets}
        cells: dict[str, Cell] = {one: figure(value, Form.PERCENT, signed=True) for one, value in found.items()}
        rows.append(ReportRow({"arm": arm.title} | cells, inputs.runs(arm)[:1], inputs.runs(arm, 0)[:1]))
    note = f"Paired by problem; {counted(columns, rows)}"
    return Table(key, "Change of accuracy from the base", columns, tuple(rows), note)


def _ends(inputs: SectionInputs, arms: Sequence[Arm]) -> Table:
    """Length and doubts on the held-out set, before and after."""
    rows = [ReportRow({"arm": "base"} | measured(inputs.pooled(arms[0], 0)), inputs.runs(arms[0], 0))]
    rows += [ReportRow({"arm": arm.title} | measured(inputs.pooled(arm)), inputs.runs(arm)) for arm in arms]
    columns = (ReportColumn("arm", "Model"), *MEASURED, PROBLEMS)
    return Table("fine-tuning-ends", f"Length and doubts on {inputs.held_out}", columns, tuple(rows))


def _paper_fine_tuned() -> Table:
    columns = (ReportColumn("arm", "Model"), *(ReportColumn(name, name) for name in SETS))
    rows = tuple(
        ReportRow({"arm": name} | {s: Figure(v, form=Form.PERCENT) for s, v in zip(SETS, values, strict=True)})
        for name, values in FINE_TUNED.items()
    )
    note = "DeepSeek-R1-Distill-Qwen-7B, mean of 16 samples. The paper gives no intervals."
    return Table("fine-tuning-paper", "Table 2: accuracy", columns, rows, note, paper=True)
