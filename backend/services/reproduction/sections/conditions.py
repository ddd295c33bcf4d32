"""Section 3 of the paper from our own runs: the base model under each context, and its words with and without one."""

from backend.domain import Context
from backend.report.model import Cell, Figure, ReportColumn, ReportRow, ReportSection, Table
from backend.report.numbers import Form
from backend.services.reproduction.sections.arms import LAST, Arm, set_title
from backend.services.reproduction.sections.published_values import CONDITIONS, WORDS
from backend.services.reproduction.sections.section_parts import MEASURED, NOTHING, PROBLEMS, SectionInputs, measured
from backend.services.reproduction.sections.word_tables import word_bars, word_table


def contexts(inputs: SectionInputs) -> ReportSection:
    """Section 3: the base under contexts, and its words without the solution and with it."""
    arm = inputs.arms.contexts
    asks = "What does more of the solution in the prompt do to the doubts? The same model answers under each context."
    if arm is None:
        return ReportSection("contexts", "Contexts", f"{asks} {NOTHING}")
    sides = [arm.runs(inputs.held_out, LAST, context) for context in (Context.NONE, Context.SOLUTION)]
    names = ("no context", "full solution")
    pictures = word_bars(inputs, "context-words", "Words, without the solution and with it", sides, names)
    tables = [_conditions(inputs, arm), *word_table(inputs, "context-words-table", sides, names, WORDS)]
    return ReportSection("contexts", "Contexts", asks, tuple(tables), tuple(pictures))


def _conditions(inputs: SectionInputs, arm: Arm) -> Table:
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
        title = "no context" if one.context is Context.NONE else one.context.value
        cells: dict[str, Cell] = {"context": title, "set": set_title(one.name)}
        # The paper has one set a condition; beside our other sets its values would look like theirs.
        paper = CONDITIONS.get(one.context) if one.name == inputs.held_out else None
        if paper:
            cells |= {
                "paper accuracy": Figure(paper.score, form=Form.PERCENT),
                "paper length": Figure(paper.length, form=Form.COUNT),
                "paper cues": Figure(paper.cues),
                "paper density": Figure(paper.density),
            }
        rows.append(ReportRow(cells | measured(inputs.figures.pooled(runs)), runs))
    note = (
        "The paper: DeepSeek-R1-Distill-Qwen-7B on 100 problems of DAPO-Math-17k that it solves in 1 to 4 of 8 tries, "
        "which fixes its 30% without a context; its densities are ours, from its two means."
    )
    return Table("contexts", "Conditions", columns, tuple(rows), note)
