"""The section on any runs of the store, the first as the base: conditions, words, tries, density at equal length."""

from collections.abc import Mapping, Sequence

from backend.domain import Run
from backend.report.model import ReportColumn, ReportRow, ReportSection, Table
from backend.report.numbers import Form
from backend.services.reproduction.sections.further_measures import matched_table, tries_table
from backend.services.reproduction.sections.section_parts import (
    FINISHED,
    GIVEN,
    MEASURED,
    PROBLEMS,
    ROLES,
    SectionInputs,
    count,
    figure,
    measured,
)
from backend.services.reproduction.sections.word_tables import change_bars, word_bars, word_table

MOST_RUNS = 8


def chosen_runs(inputs: SectionInputs, runs: Sequence[Run], labels: Mapping[str, str]) -> ReportSection:
    """The runs, the first of them as the base of the others."""
    first = runs[0]
    sentence = f"The first, {labels[first.id]}, is what the others are held against." if len(runs) > 1 else ""
    sides = [(labels[run.id], (run.id,), () if run is first else (first.id,)) for run in runs]
    changes = [(name, role, own, base) for (name, own, base), role in zip(sides[1:], ROLES, strict=False)]
    pair = [own for _, own, _ in sides[:2]]  # more than two columns of uses side by side can't be read
    tables = [_conditions(inputs, runs, labels), tries_table(inputs, "runs-tries", "Tries and endings", sides)]
    pictures = []
    if len(runs) > 1:
        names = ("first run", "second run")
        tables += [_changes(inputs, sides), matched_table(inputs, "runs-matched", sides[1:])]
        tables += word_table(inputs, "runs-words-table", pair, names, {})
        pictures += word_bars(inputs, "runs-words", "Words, the first two runs", pair, names)
        pictures += change_bars(inputs, "runs-changes", "Words, change from the first run", changes)
    return ReportSection("runs", "Runs", sentence, tuple(tables), tuple(pictures))


def _conditions(inputs: SectionInputs, runs: Sequence[Run], labels: Mapping[str, str]) -> Table:
    columns = (ReportColumn("run", "Run"), ReportColumn("context", "Context"), *MEASURED, FINISHED, GIVEN, PROBLEMS)
    rows = tuple(
        ReportRow(
            {"run": labels[run.id], "context": run.info.context.value} | measured(inputs.figures.pooled((run.id,))),
            (run.id,),
        )
        for run in runs
    )
    # An imported run without token counts is measured in words: a note has to warn of comparing it.
    units = {run.length_unit for run in runs}
    note = f"Lengths in {' and '.join(sorted(units))}, as each run counts." if units != {"tokens"} else ""
    return Table("runs", "Conditions", columns, rows, note)


def _changes(inputs: SectionInputs, sides: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]]) -> Table:
    columns = (ReportColumn("run", "Run"), ReportColumn("change", "Change of accuracy"), PROBLEMS)
    rows = []
    for name, own, base in sides[1:]:
        found = figure(inputs.figures.change(own, base), Form.PERCENT, signed=True)
        rows.append(ReportRow({"run": name, "change": found, "n": count(found.n)}, own, base))
    return Table(
        "runs-change", "Accuracy against the first run", columns, tuple(rows), "Paired by the problems both answered."
    )
